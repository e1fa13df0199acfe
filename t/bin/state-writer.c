/*
 * state-writer PATH < description: publishes a state file as the worker would,
 * from lines of words, so that the module's suites run without the worker.
 *
 *     instance NAME used H D W I V limits H D W I V
 *     key ID SHA256-HEX SCOPE[,SCOPE] [INSTANCE-INDEX[,INDEX]]
 *     hours always | never | until SECONDS-FROM-NOW
 *     license NAME        database|ai|whatsapp ok|degraded|down|off
 *     ruleset VERSION FILE         the published form, as written
 *     policy VERSION FILE [PRODUCTS-FILE]   put into the published form first
 *     ruleset-hash VERSION         a version whose file is missing
 *     age SECONDS         of the heartbeat
 *     stay SECONDS        keep the heartbeat fresh until then, in the background
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/clock.h"
#include "../../core/ruleset.h"
#include "../../core/state_file.h"

#define WORDS_MAX 16

typedef struct {
    sellify_state_writer_t writer;
    const char *path;
    sellify_state_hours_t hours;
    int stay;
} state_t;

/* The build wraps the clock, so that a heartbeat can be old when published. */
static int64_t heartbeat_age;

int64_t __real_sellify_clock_monotonic(void);
int64_t __wrap_sellify_clock_monotonic(void);

int64_t
__wrap_sellify_clock_monotonic(void)
{
    return __real_sellify_clock_monotonic() - heartbeat_age;
}

static void
die(const char *what, const char *word)
{
    fprintf(stderr, "state-writer: %s: %s\n", what, word);
    exit(2);
}

static char *
slurp(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY);
    char *data;
    struct stat info;

    if (fd == -1 || fstat(fd, &info) == -1) {
        die(strerror(errno), path);
    }

    data = malloc((size_t) info.st_size + 1);
    if (data == NULL || read(fd, data, (size_t) info.st_size) != info.st_size) {
        die("cannot read", path);
    }

    close(fd);
    *len = (size_t) info.st_size;

    return data;
}

static void
add_instance(state_t *s, char **word, int count)
{
    int i;
    int64_t now = sellify_clock_real() / SELLIFY_SECOND;
    sellify_state_instance_t in;

    if (count != 14) {
        die("instance wants 13 words, got", word[1]);
    }

    memset(&in, 0, sizeof(in));
    snprintf(in.name, sizeof(in.name), "%s", word[1]);

    for (i = 0; i < SELLIFY_QUOTA_TYPES; i++) {
        in.counters.used[i] = (uint32_t) strtoul(word[3 + i], NULL, 10);
        in.limits.max[i] = (uint32_t) strtoul(word[9 + i], NULL, 10);
    }

    in.counters.windows.hour_end = now + 1800;
    in.counters.windows.day_end = now + 7200;
    in.counters.windows.week_end = now + 86400;
    in.last_reset = now - 3600;
    in.next_day = now + 7200;
    in.next_week = now + 86400;
    in.automated = 1;

    if (sellify_state_write_instance(
            &s->writer, s->writer.header.instance_count++, &in) != 0) {
        die("cannot write", word[1]);
    }
}

static uint32_t
scopes_of(char *list)
{
    char *name, *save;
    uint32_t scopes = 0, bit;

    for (name = strtok_r(list, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        bit = sellify_scope_parse(sellify_str_of(name));
        if (bit == 0) {
            die("no such scope", name);
        }
        scopes |= bit;
    }

    return scopes;
}

static void
add_key(state_t *s, char **word, int count)
{
    int i;
    char *index, *save, hex[3] = { 0 };
    sellify_state_key_t key;

    if (count < 4 || strlen(word[2]) != 64) {
        die("key wants an id, 64 hex digits and scopes", word[1]);
    }

    memset(&key, 0, sizeof(key));
    snprintf(key.id, sizeof(key.id), "%s", word[1]);

    for (i = 0; i < 32; i++) {
        memcpy(hex, word[2] + 2 * i, 2);
        key.sha256[i] = (uint8_t) strtoul(hex, NULL, 16);
    }

    key.scopes = scopes_of(word[3]);

    if (count > 4) {
        for (index = strtok_r(word[4], ",", &save); index;
             index = strtok_r(NULL, ",", &save)) {
            key.instances[key.instance_count++] = (uint32_t) atoi(index);
        }
    }

    if (sellify_state_write_key(
            &s->writer, s->writer.header.key_count++, &key) != 0) {
        die("cannot write", word[1]);
    }
}

static void
set_hours(state_t *s, char **word, int count)
{
    int64_t now = sellify_clock_real() / SELLIFY_SECOND;

    s->hours.known_until = now + 86400;
    s->hours.count = 0;

    if (strcmp(word[1], "always") == 0) {
        s->hours.count = 1;
        s->hours.intervals[0].from = now - 86400;
        s->hours.intervals[0].to = now + 86400;

    } else if (strcmp(word[1], "until") == 0 && count == 3) {
        s->hours.known_until = now + atoi(word[2]);

    } else if (strcmp(word[1], "never") != 0) {
        die("hours", word[1]);
    }
}

static void
write_document(state_t *s, uint64_t version, sellify_str_t document)
{
    s->writer.header.ruleset_version = version;

    if (sellify_state_write_ruleset(
            s->path, version, document, s->writer.header.ruleset_sha256) != 0) {
        die("cannot write the ruleset", strerror(errno));
    }
}

static void
set_ruleset(state_t *s, char **word, int count)
{
    size_t len;
    char *data;

    if (count != 3) {
        die("ruleset wants a version and a file", word[1]);
    }

    data = slurp(word[2], &len);
    write_document(s, strtoul(word[1], NULL, 10), (sellify_str_t){ data, len });
    free(data);
}

static void
set_policy(state_t *s, char **word, int count)
{
    size_t len;
    char *policy, *products = NULL, *document;
    sellify_ruleset_source_t source;

    if (count < 3) {
        die("policy wants a version and a file", word[1]);
    }

    memset(&source, 0, sizeof(source));
    source.version = strtoul(word[1], NULL, 10);
    policy = slurp(word[2], &len);
    source.policy = (sellify_str_t){ policy, len };

    if (count > 3) {
        products = slurp(word[3], &len);
        source.products = (sellify_str_t){ products, len };
    }

    len = sellify_ruleset_source_write(&source, NULL, 0);
    document = malloc(len + 1);
    if (document == NULL ||
        sellify_ruleset_source_write(&source, document, len + 1) != len) {
        die("cannot build the ruleset", word[2]);
    }

    write_document(s, source.version, (sellify_str_t){ document, len });
    free(document);
    free(products);
    free(policy);
}

static void
set_health(uint32_t *member, const char *name)
{
    uint32_t h;

    for (h = SELLIFY_HEALTH_OK; h <= SELLIFY_HEALTH_OFF; h++) {
        if (strcmp(sellify_health_name((sellify_health_t) h), name) == 0) {
            *member = h;
            return;
        }
    }

    die("no such health", name);
}

static void
set_license(state_t *s, const char *name)
{
    uint32_t l;

    for (l = 0; l <= SELLIFY_LICENSE_INVALID; l++) {
        if (strcmp(sellify_license_name((sellify_license_state_t) l), name) ==
            0) {
            s->writer.header.license = l;
            return;
        }
    }

    die("no such license state", name);
}

static void
take_line(state_t *s, char **word, int count)
{
    sellify_state_header_t *h = &s->writer.header;

    if (count < 2) {
        die("too few words", word[0]);
    }

    if (strcmp(word[0], "instance") == 0) {
        add_instance(s, word, count);
    } else if (strcmp(word[0], "key") == 0) {
        add_key(s, word, count);
    } else if (strcmp(word[0], "hours") == 0) {
        set_hours(s, word, count);
    } else if (strcmp(word[0], "license") == 0) {
        set_license(s, word[1]);
    } else if (strcmp(word[0], "database") == 0) {
        set_health(&h->database, word[1]);
    } else if (strcmp(word[0], "ai") == 0) {
        set_health(&h->ai, word[1]);
    } else if (strcmp(word[0], "whatsapp") == 0) {
        set_health(&h->whatsapp, word[1]);
    } else if (strcmp(word[0], "ruleset") == 0) {
        set_ruleset(s, word, count);
    } else if (strcmp(word[0], "policy") == 0) {
        set_policy(s, word, count);
    } else if (strcmp(word[0], "ruleset-hash") == 0) {
        h->ruleset_version = strtoul(word[1], NULL, 10);
        memset(h->ruleset_sha256, 0xaa, sizeof(h->ruleset_sha256));
    } else if (strcmp(word[0], "age") == 0) {
        heartbeat_age = atoi(word[1]) * SELLIFY_SECOND;
    } else if (strcmp(word[0], "stay") == 0) {
        s->stay = atoi(word[1]);
    } else {
        die("no such line", word[0]);
    }
}

static void
read_description(state_t *s)
{
    int count;
    char line[4096], *word[WORDS_MAX + 1], *save, *p;

    while (fgets(line, sizeof(line), stdin)) {
        count = 0;

        for (p = strtok_r(line, " \t\n", &save); p && count < WORDS_MAX;
             p = strtok_r(NULL, " \t\n", &save)) {
            word[count++] = p;
        }

        if (count && word[0][0] != '#') {
            take_line(s, word, count);
        }
    }
}

static void
publish(state_t *s)
{
    if (sellify_state_publish(&s->writer) != 0) {
        die("cannot publish", strerror(errno));
    }
}

/* The parent says the process id, for the suite to end it. */
static void
keep_alive(state_t *s)
{
    int tick;
    pid_t pid = fork();

    if (pid == -1) {
        die("cannot fork", strerror(errno));
    }

    if (pid > 0) {
        printf("%d\n", (int) pid);
        return;
    }

    close(0);
    close(1);
    close(2);

    for (tick = 0; tick < 4 * s->stay; tick++) {
        usleep(250000);
        publish(s);
    }
}

int
main(int argc, char **argv)
{
    state_t s;

    if (argc != 2) {
        die("usage", "state-writer PATH < description");
    }

    memset(&s, 0, sizeof(s));
    s.path = argv[1];

    if (sellify_state_writer_open(&s.writer, s.path) != 0) {
        die(strerror(errno), s.path);
    }

    s.writer.header.license = SELLIFY_LICENSE_NOT_REQUIRED;
    s.writer.header.whatsapp = SELLIFY_HEALTH_OFF;
    read_description(&s);

    if (sellify_state_write_hours(&s.writer, &s.hours) != 0) {
        die("cannot write", "hours");
    }

    publish(&s);

    if (s.stay) {
        keep_alive(&s);
    }

    return 0;
}
