/*
 * The state file: what is written is read, and anything torn, cut, foreign or
 * half-written is never a wrong answer.
 */
#include "../../core/rng.h"
#include "../../core/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define HOURS_AT 512
#define INSTANCES_AT 4608
#define KEYS_AT (INSTANCES_AT + 1024 * 320)
#define WHOLE (KEYS_AT + 1024 * 192)

typedef struct {
    char folder[64];
    char path[128];
    sellify_state_writer_t w;
    int fd; /* a reader's */
} place_t;

static int
set_up(void **state)
{
    place_t *p = calloc(1, sizeof(*p));

    strcpy(p->folder, "/tmp/sellify-state-XXXXXX");
    if (!mkdtemp(p->folder)) {
        return -1;
    }
    snprintf(p->path, sizeof(p->path), "%s/state", p->folder);
    if (sellify_state_writer_open(&p->w, p->path) != 0 ||
        sellify_state_publish(&p->w) != 0 ||
        (p->fd = open(p->path, O_RDONLY)) < 0) {
        return -1;
    }
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    place_t *p = *state;
    char command[128];

    sellify_state_writer_close(&p->w);
    close(p->fd);
    snprintf(command, sizeof(command), "rm -rf %s", p->folder);
    if (system(command) != 0) {
        return -1;
    }
    free(p);
    return 0;
}

/* Overwrites bytes behind the writer's back. */
static void
spoil(place_t *p, off_t at, const void *data, size_t size)
{
    int fd = open(p->path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, size, at), size);
    close(fd);
}

static uint64_t
word_at(place_t *p, off_t at)
{
    uint64_t word;

    assert_int_equal(pread(p->fd, &word, sizeof(word), at), sizeof(word));
    return word;
}

/* --- the checksum, by another hand --- */

/* MurmurHash64A for any length, byte by byte as its description goes. */
static uint64_t
murmur64a(const unsigned char *p, size_t len, uint64_t seed)
{
    const uint64_t m = 0xc6a4a7935bd1e995ull;
    uint64_t h = seed ^ (len * m), k;
    size_t i;

    for (; len >= 8; len -= 8, p += 8) {
        for (k = 0, i = 8; i-- > 0;) {
            k = k << 8 | p[i];
        }
        k *= m;
        k = (k ^ (k >> 47)) * m;
        h = (h ^ k) * m;
    }
    if (len > 0) {
        for (k = 0, i = len; i-- > 0;) {
            k = k << 8 | p[i];
        }
        h = (h ^ k) * m;
    }
    h = (h ^ (h >> 47)) * m;
    return h ^ (h >> 47);
}

static void
oracle_has_the_published_value(void **state)
{
    /* SMHasher's VerificationTest: keys of 0..255 bytes, seeds 256 - n, and the
     * hash of all the hashes. */
    unsigned char key[256], hashes[256 * 8];
    uint64_t h;

    (void) state;
    for (unsigned n = 0; n < 256; n++) {
        key[n] = (unsigned char) n;
        h = murmur64a(key, n, 256 - n);
        for (int i = 0; i < 8; i++) {
            hashes[n * 8 + (unsigned) i] = (unsigned char) (h >> (8 * i));
        }
    }
    h = murmur64a(hashes, sizeof(hashes), 0);
    assert_true((uint32_t) h == 0x1F0D3804u);
}

static void
check_block(place_t *p, off_t at, size_t size)
{
    unsigned char block[4096];

    assert_int_equal(pread(p->fd, block, size, at), size);
    assert_true(
        word_at(p, at) == murmur64a(block + 8, size - 8, (uint64_t) at));
}

static void
blocks_carry_that_checksum(void **state)
{
    place_t *p = *state;
    sellify_state_hours_t hours = { .count = 2, .known_until = 77 };
    sellify_state_instance_t instance = { .name = "shop", .automated = 1 };
    sellify_state_key_t key = { .id = "key_1", .scopes = 1 };

    assert_int_equal(sellify_state_write_hours(&p->w, &hours), 0);
    assert_int_equal(sellify_state_write_instance(&p->w, 3, &instance), 0);
    assert_int_equal(sellify_state_write_key(&p->w, 1023, &key), 0);
    check_block(p, 0, sizeof(sellify_state_header_t));
    check_block(p, HOURS_AT, sizeof(hours));
    check_block(p, INSTANCES_AT + 3 * 320, sizeof(instance));
    check_block(p, KEYS_AT + 1023 * 192, sizeof(key));
}

/* --- what is written is read --- */

static void
reads_what_was_written(void **state)
{
    place_t *p = *state;
    sellify_state_header_t h;
    sellify_state_hours_t hours = { .count = 1 }, hours2;
    sellify_state_instance_t instance = { .name = "shop" }, instance2;
    sellify_state_key_t key = { .id = "key_1" }, key2;
    struct stat st;

    hours.intervals[0] = (sellify_interval_t){ 10, 20 };
    instance.counters.used[SELLIFY_QUOTA_DAY] = 7;
    key.scopes = SELLIFY_SCOPE_READ;
    p->w.header.ruleset_version = 12;
    p->w.header.key_count = 1;
    p->w.header.license = SELLIFY_LICENSE_GRACE;
    assert_int_equal(sellify_state_write_hours(&p->w, &hours), 0);
    assert_int_equal(sellify_state_write_instance(&p->w, 1023, &instance), 0);
    assert_int_equal(sellify_state_write_key(&p->w, 0, &key), 0);
    assert_int_equal(sellify_state_publish(&p->w), 0);

    assert_int_equal(sellify_state_read_header(p->fd, &h), SELLIFY_STATE_OK);
    assert_true(h.version == 2 && h.ruleset_version == 12);
    assert_true(h.keys_version == 1 && h.hours_version == 1);
    assert_true(h.instances_version == 1 && h.key_count == 1);
    assert_int_equal(h.license, SELLIFY_LICENSE_GRACE);
    assert_int_equal(h.worker_pid, getpid());
    assert_int_equal(sellify_state_is_stale(&h, sellify_clock_monotonic()), 0);
    assert_int_equal(sellify_state_read_hours(p->fd, &hours2), 0);
    assert_memory_equal(&hours, &hours2, sizeof(hours));
    assert_int_equal(sellify_state_read_instance(p->fd, 1023, &instance2), 0);
    assert_memory_equal(&instance, &instance2, sizeof(instance));
    assert_int_equal(sellify_state_read_key(p->fd, 0, &key2), 0);
    assert_memory_equal(&key, &key2, sizeof(key));

    assert_int_equal(fstat(p->fd, &st), 0);
    assert_int_equal(st.st_size, WHOLE);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void
versions_grow(void **state)
{
    place_t *p = *state;
    sellify_state_key_t key = { .id = "key_1" }, read;
    sellify_state_header_t h;

    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(sellify_state_write_key(&p->w, 0, &key), 0);
        assert_true(key.version == i);
    }
    /* not current before it is published, though the block can be read */
    assert_int_equal(sellify_state_read_header(p->fd, &h), 0);
    assert_true(h.keys_version == 0);
    assert_int_equal(sellify_state_read_key(p->fd, 0, &read), 0);
    assert_true(read.version == 3);
    assert_int_equal(sellify_state_publish(&p->w), 0);
    assert_int_equal(sellify_state_read_header(p->fd, &h), 0);
    assert_true(h.keys_version == 3);
}

static void
appears_at_the_first_publish(void **state)
{
    place_t *p = *state;
    sellify_state_writer_t w;
    struct stat before, now;
    char fresh[160];

    /* the old file stays until then, and its readers keep reading it */
    snprintf(fresh, sizeof(fresh), "%s.new", p->path);
    assert_int_equal(stat(p->path, &before), 0);
    assert_int_equal(sellify_state_writer_open(&w, p->path), 0);
    assert_int_equal(stat(p->path, &now), 0);
    assert_true(now.st_ino == before.st_ino);
    assert_int_equal(access(fresh, F_OK), 0);
    assert_int_equal(sellify_state_publish(&w), 0);
    assert_int_equal(stat(p->path, &now), 0);
    assert_true(now.st_ino != before.st_ino);
    assert_int_equal(access(fresh, F_OK), -1);
    sellify_state_writer_close(&w);
    sellify_state_writer_close(&w); /* twice is harmless */
    assert_int_equal(access(p->path, F_OK), 0);

    /* a writer that never published leaves nothing */
    assert_int_equal(sellify_state_writer_open(&w, p->path), 0);
    sellify_state_writer_close(&w);
    assert_int_equal(access(fresh, F_OK), -1);
    /* and one that was killed does not stop the next */
    assert_int_equal(symlink("/nowhere/at/all", fresh), 0);
    assert_int_equal(sellify_state_writer_open(&w, p->path), 0);
    sellify_state_writer_close(&w);
}

static void
refuses_bad_arguments(void **state)
{
    place_t *p = *state;
    sellify_state_writer_t w;
    sellify_state_instance_t instance = { .name = "a" };
    sellify_state_key_t key = { .id = "a" };
    sellify_state_hours_t hours = { .count = SELLIFY_HOURS_INTERVALS + 1 };
    char path[700];

    assert_int_equal(sellify_state_write_instance(&p->w, 1024, &instance), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(sellify_state_write_key(&p->w, 1024, &key), -1);
    key.instance_count = SELLIFY_KEY_INSTANCES + 1;
    assert_int_equal(sellify_state_write_key(&p->w, 0, &key), -1);
    assert_int_equal(sellify_state_write_hours(&p->w, &hours), -1);
    p->w.header.key_count = SELLIFY_STATE_KEYS + 1;
    assert_int_equal(sellify_state_publish(&p->w), -1);
    assert_int_equal(sellify_state_read_instance(p->fd, 1024, &instance),
        SELLIFY_STATE_ERROR);
    assert_int_equal(
        sellify_state_read_key(p->fd, UINT32_MAX, &key), SELLIFY_STATE_ERROR);
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(sellify_state_writer_open(&w, path), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_int_equal(sellify_state_writer_open(&w, "/nowhere/state"), -1);
    assert_int_equal(errno, ENOENT);
}

/* --- what is not whole is not ready --- */

static void
every_flipped_bit_is_seen(void **state)
{
    place_t *p = *state;
    sellify_state_header_t whole, h;

    assert_int_equal(sellify_state_read_header(p->fd, &whole), 0);
    for (size_t bit = 0; bit < sizeof(whole) * 8; bit++) {
        unsigned char bytes[sizeof(whole)];
        sellify_state_result_t result;

        memcpy(bytes, &whole, sizeof(whole));
        bytes[bit / 8] ^= (unsigned char) (1u << bit % 8);
        spoil(p, 0, bytes, sizeof(bytes));
        result = sellify_state_read_header(p->fd, &h);
        assert_true(
            result == SELLIFY_STATE_TORN || result == SELLIFY_STATE_FOREIGN);
        /* nothing of it is handed out */
        assert_true(h.version == 0 && h.heartbeat == 0);
        assert_false(sellify_license_allows(h.license));
    }
}

/* The first `cut` bytes of the new block over the old one. */
static void
every_torn_write_is_seen(void **state)
{
    place_t *p = *state;
    sellify_state_instance_t was = { .name = "shop" }, is, read;
    off_t at = INSTANCES_AT + 5 * 320;

    was.counters.used[0] = 11;
    assert_int_equal(sellify_state_write_instance(&p->w, 5, &was), 0);
    is = was;
    is.counters.used[0] = 12;
    is.last_reset = 99;
    assert_int_equal(sellify_state_write_instance(&p->w, 5, &is), 0);
    for (size_t cut = 0; cut <= sizeof(is); cut++) {
        sellify_state_result_t result;

        spoil(p, at, &was, sizeof(was));
        if (cut > 0) {
            spoil(p, at, &is, cut);
        }
        result = sellify_state_read_instance(p->fd, 5, &read);
        if (result == SELLIFY_STATE_OK) {
            assert_true(memcmp(&read, &was, sizeof(was)) == 0 ||
                        memcmp(&read, &is, sizeof(is)) == 0);
        } else {
            assert_int_equal(result, SELLIFY_STATE_TORN);
            assert_int_equal(read.limits.max[0], 0);
        }
    }
}

static void
a_block_in_another_place_is_refused(void **state)
{
    place_t *p = *state;
    sellify_state_instance_t one = { .name = "one" }, read;

    assert_int_equal(sellify_state_write_instance(&p->w, 1, &one), 0);
    spoil(p, INSTANCES_AT + 2 * 320, &one, sizeof(one));
    assert_int_equal(
        sellify_state_read_instance(p->fd, 2, &read), SELLIFY_STATE_TORN);
    /* never written: zeros are not whole either */
    assert_int_equal(
        sellify_state_read_instance(p->fd, 7, &read), SELLIFY_STATE_TORN);
}

static void
every_truncation_is_seen(void **state)
{
    place_t *p = *state;
    sellify_state_header_t h;
    sellify_state_hours_t hours = { .count = 0 };
    sellify_state_key_t key = { .id = "k" };

    assert_int_equal(sellify_state_write_hours(&p->w, &hours), 0);
    assert_int_equal(sellify_state_write_key(&p->w, 1023, &key), 0);
    assert_int_equal(truncate(p->path, WHOLE - 192 + 100), 0);
    assert_int_equal(
        sellify_state_read_key(p->fd, 1023, &key), SELLIFY_STATE_SHORT);
    assert_int_equal(truncate(p->path, 600), 0);
    assert_int_equal(
        sellify_state_read_hours(p->fd, &hours), SELLIFY_STATE_SHORT);
    assert_int_equal(sellify_state_read_header(p->fd, &h), SELLIFY_STATE_OK);
    for (size_t n = 0; n < sizeof(h); n += 13) {
        assert_int_equal(truncate(p->path, (off_t) n), 0);
        assert_int_equal(
            sellify_state_read_header(p->fd, &h), SELLIFY_STATE_SHORT);
    }
}

static void
other_files_are_foreign(void **state)
{
    place_t *p = *state;
    sellify_state_header_t h;
    sellify_rng_t rng = sellify_rng(17);
    unsigned char noise[4096];
    int null = open("/dev/null", O_RDONLY);

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(noise); i++) {
            noise[i] = (unsigned char) sellify_rng_next(&rng);
        }
        spoil(p, 0, noise, sizeof(noise));
        assert_int_equal(
            sellify_state_read_header(p->fd, &h), SELLIFY_STATE_FOREIGN);
    }
    /* noise behind the right magic is torn */
    assert_int_equal(sellify_state_publish(&p->w), 0);
    spoil(p, 64, noise, 128);
    assert_int_equal(sellify_state_read_header(p->fd, &h), SELLIFY_STATE_TORN);
    memset(noise, 0, sizeof(noise));
    spoil(p, 0, noise, sizeof(noise));
    assert_int_equal(
        sellify_state_read_header(p->fd, &h), SELLIFY_STATE_FOREIGN);
    assert_int_equal(sellify_state_read_header(null, &h), SELLIFY_STATE_SHORT);
    close(null);
    assert_int_equal(sellify_state_read_header(-1, &h), SELLIFY_STATE_ERROR);
    assert_int_equal(errno, EBADF);
}

static void
another_boot_or_layout_is_foreign(void **state)
{
    place_t *p = *state;
    sellify_state_header_t saved = p->w.header, h;

    p->w.header.boot_id[0] ^= 1;
    assert_int_equal(sellify_state_publish(&p->w), 0);
    assert_int_equal(
        sellify_state_read_header(p->fd, &h), SELLIFY_STATE_FOREIGN);
    p->w.header = saved;
    p->w.header.layout++;
    assert_int_equal(sellify_state_publish(&p->w), 0);
    assert_int_equal(
        sellify_state_read_header(p->fd, &h), SELLIFY_STATE_FOREIGN);
    p->w.header = saved;
    p->w.header.size -= 8;
    assert_int_equal(sellify_state_publish(&p->w), 0);
    assert_int_equal(
        sellify_state_read_header(p->fd, &h), SELLIFY_STATE_FOREIGN);
    p->w.header = saved;
    assert_int_equal(sellify_state_publish(&p->w), 0);
    assert_int_equal(sellify_state_read_header(p->fd, &h), SELLIFY_STATE_OK);
}

static void
staleness_has_its_edges(void **state)
{
    sellify_state_header_t h = { .heartbeat = 10 * SELLIFY_SECOND };

    (void) state;
    assert_int_equal(sellify_state_is_stale(&h, 10 * SELLIFY_SECOND), 0);
    assert_int_equal(sellify_state_is_stale(&h, 13 * SELLIFY_SECOND), 0);
    assert_int_equal(sellify_state_is_stale(&h, 13 * SELLIFY_SECOND + 1), 1);
    assert_int_equal(sellify_state_is_stale(&h, 10 * SELLIFY_SECOND - 1), 1);
}

/* --- writer and readers at once --- */

/* Fills every member from one number, so that a mixture shows. */
static void
stamp(sellify_state_instance_t *i, uint32_t n)
{
    for (int t = 0; t < SELLIFY_QUOTA_TYPES; t++) {
        i->counters.used[t] = i->limits.max[t] = n;
    }
    i->counters.windows = (sellify_quota_windows_t){ n, n, n };
    i->last_reset = i->next_day = i->next_week = n;
    i->breaker_open = i->automated = n;
}

static int
is_stamped(const sellify_state_instance_t *i)
{
    sellify_state_instance_t expected = *i;

    stamp(&expected, i->breaker_open);
    return memcmp(&expected, i, sizeof(expected)) == 0;
}

typedef struct {
    place_t *place;
    int stop;
    uint32_t rounds;
} hammer_t;

static void *
hammer(void *data)
{
    hammer_t *h = data;
    sellify_state_instance_t instance = { .name = "shop" };

    while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
        stamp(&instance, ++h->rounds);
        h->place->w.header.started_at = h->rounds;
        h->place->w.header.license_expires_at = h->rounds;
        if (sellify_state_write_instance(&h->place->w, 0, &instance) != 0 ||
            sellify_state_publish(&h->place->w) != 0) {
            break;
        }
    }
    return NULL;
}

static void
readers_never_see_a_mixture(void **state)
{
    place_t *p = *state;
    hammer_t h = { p, 0, 0 };
    sellify_state_instance_t instance;
    sellify_state_header_t header;
    uint64_t last = 0;
    unsigned torn = 0, good = 0;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, hammer, &h), 0);
    for (int i = 0; i < 100000; i++) {
        sellify_state_result_t r =
            sellify_state_read_instance(p->fd, 0, &instance);

        if (r == SELLIFY_STATE_OK) {
            good++;
            assert_true(is_stamped(&instance));
        } else {
            torn++;
        }
        if (sellify_state_read_header(p->fd, &header) == SELLIFY_STATE_OK) {
            assert_true(header.started_at == header.license_expires_at);
            assert_true(header.version >= last);
            last = header.version;
        }
    }
    __atomic_store_n(&h.stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(good > torn);
    print_message(
        "    %u reads, %u not ready, %u writes\n", good, torn, h.rounds);
}

/* A child writes as fast as it can and is killed wherever it happens to be. */
static void
a_killed_writer_leaves_no_wrong_answer(void **state)
{
    place_t *p = *state;
    sellify_rng_t rng = sellify_rng(97);

    for (int round = 0; round < 40; round++) {
        sellify_state_instance_t instance = { .name = "shop" };
        sellify_state_header_t header;
        sellify_state_result_t r;
        uint64_t reads = sellify_rng_between(&rng, 1, 3000);
        pid_t child;
        int status;

        stamp(&instance, 1);
        assert_int_equal(sellify_state_write_instance(&p->w, 0, &instance), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            hammer_t h = { p, 0, 1 };

            hammer(&h);
            _exit(1);
        }
        while (reads-- > 0) {
            if (sellify_state_read_instance(p->fd, 0, &instance) == 0) {
                assert_true(is_stamped(&instance));
            }
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        r = sellify_state_read_instance(p->fd, 0, &instance);
        assert_true(r == SELLIFY_STATE_TORN ||
                    (r == SELLIFY_STATE_OK && is_stamped(&instance)));
        r = sellify_state_read_header(p->fd, &header);
        assert_true(r == SELLIFY_STATE_TORN || r == SELLIFY_STATE_OK);
        /* with no writer left the heartbeat ages */
        assert_int_equal(
            sellify_state_is_stale(&header,
                sellify_clock_monotonic() + SELLIFY_STATE_STALE_US + 1),
            1);
    }
}

/* Not an assertion, a figure: what nginx pays per request. */
static void
reading_the_header_is_cheap(void **state)
{
    place_t *p = *state;
    sellify_state_header_t header;
    int64_t start = sellify_clock_monotonic();

    for (int i = 0; i < 20000; i++) {
        assert_int_equal(sellify_state_read_header(p->fd, &header), 0);
    }
    print_message("    header: %d bytes, %d ns a read\n", (int) sizeof(header),
        (int) ((sellify_clock_monotonic() - start) * 1000 / 20000));
}

/* --- rulesets and names --- */

static void
rulesets_are_put_in_place_whole(void **state)
{
    place_t *p = *state;
    uint8_t sha[32], expected[32];
    char path[256], text[64] = { 0 };
    sellify_str_t document = sellify_str("{\"version\":12}");
    int fd;

    assert_int_equal(
        sellify_state_write_ruleset(p->path, 12, document, sha), 0);
    SHA256((const unsigned char *) document.data, document.len, expected);
    assert_memory_equal(sha, expected, 32);
    assert_true(
        sellify_state_ruleset_path(p->path, 12, path, sizeof(path)) > 0);
    assert_string_equal(path + strlen(p->path), ".ruleset-12.json");
    fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), document.len);
    assert_string_equal(text, document.data);
    close(fd);
    strcat(path, ".new");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(sellify_state_ruleset_path(p->path, 12, path, 8), -1);
    assert_int_equal(
        sellify_state_write_ruleset("/nowhere/state", 1, document, sha), -1);
    assert_int_equal(errno, ENOENT);
}

static void
names_and_scopes(void **state)
{
    (void) state;
    assert_string_equal(sellify_license_name(SELLIFY_LICENSE_GRACE), "grace");
    assert_string_equal(sellify_license_name(99), "unknown");
    assert_true(sellify_license_allows(SELLIFY_LICENSE_NOT_REQUIRED));
    assert_false(sellify_license_allows(SELLIFY_LICENSE_EXPIRED));
    assert_false(sellify_license_allows(SELLIFY_LICENSE_MISSING));
    assert_false(sellify_license_allows(99));
    assert_string_equal(sellify_health_name(SELLIFY_HEALTH_OFF), "off");
    assert_string_equal(sellify_state_result_name(SELLIFY_STATE_TORN), "torn");
    for (uint32_t bit = 1; bit <= SELLIFY_SCOPE_ADMIN; bit <<= 1) {
        assert_int_equal(
            sellify_scope_parse(sellify_str_of(sellify_scope_name(bit))), bit);
    }
    assert_int_equal(sellify_scope_parse(sellify_str("root")), 0);
    assert_true(sellify_scope_allows(SELLIFY_SCOPE_ADMIN, SELLIFY_SCOPE_SEND));
    assert_true(sellify_scope_allows(5, SELLIFY_SCOPE_READ));
    assert_false(sellify_scope_allows(5, 5 | SELLIFY_SCOPE_SEND));
    assert_false(sellify_scope_allows(0, SELLIFY_SCOPE_READ));
}

#define WITH_PLACE(test)                                                       \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle_has_the_published_value),
        WITH_PLACE(blocks_carry_that_checksum),
        WITH_PLACE(reads_what_was_written),
        WITH_PLACE(versions_grow),
        WITH_PLACE(appears_at_the_first_publish),
        WITH_PLACE(refuses_bad_arguments),
        WITH_PLACE(every_flipped_bit_is_seen),
        WITH_PLACE(every_torn_write_is_seen),
        WITH_PLACE(a_block_in_another_place_is_refused),
        WITH_PLACE(every_truncation_is_seen),
        WITH_PLACE(other_files_are_foreign),
        WITH_PLACE(another_boot_or_layout_is_foreign),
        cmocka_unit_test(staleness_has_its_edges),
        WITH_PLACE(readers_never_see_a_mixture),
        WITH_PLACE(a_killed_writer_leaves_no_wrong_answer),
        WITH_PLACE(reading_the_header_is_cheap),
        WITH_PLACE(rulesets_are_put_in_place_whole),
        cmocka_unit_test(names_and_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
