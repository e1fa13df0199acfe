/* Settings: where they come from, what is refused, what a reload takes over. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/log.h"
#include "../../worker/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], conf[96];
static settings_t s;

static void
clear_environment(void)
{
    extern char **environ;
    char **e = environ;
    while (*e != NULL) {
        char name[128];
        if (strncmp(*e, "SELLIFY_", 8) == 0 &&
            sscanf(*e, "%127[^=]", name) == 1) {
            unsetenv(name);
        } else {
            e++;
        }
    }
}

static int
setup(void **state)
{
    (void) state;
    clear_environment();
    /* A container may have no /etc/machine-id, the default. */
    setenv("SELLIFY_HWID_FILE", "/etc/passwd", 1);
    log_setup((log_level_t) 4);
    strcpy(folder, "/tmp/sellify-settings-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(conf, sizeof(conf), "%s/worker.conf", folder);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    clear_environment();
    unlink(conf);
    rmdir(folder);
    return 0;
}

static int
load(const char *text)
{
    FILE *file = fopen(conf, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return settings_load(&s, conf);
}

static void
assert_good(const char *text)
{
    if (load(text) != 0) {
        fail_msg("refused: %s", text);
    }
    settings_free(&s);
}

static void
assert_bad(const char *text)
{
    if (load(text) == 0) {
        fail_msg("taken: %s", text);
    }
}

static void
test_defaults(void **state)
{
    (void) state;
    unsetenv("SELLIFY_HWID_FILE");
    if (access("/etc/machine-id", R_OK) != 0) {
        assert_int_equal(-1, load("")); /* no identity: no start */
        return;
    }
    assert_int_equal(0, load(""));
    assert_string_equal("/run/sellify/worker.sock", s.socket);
    assert_string_equal("/run/sellify/admin.sock", s.admin_socket);
    assert_string_equal("/run/sellify/state", s.state_file);
    assert_string_equal("/var/lib/sellify/sellify.db", s.db);
    assert_string_equal(
        "/var/lib/sellify/sellify.db.secret", s.master_secret_file);
    assert_string_equal("/etc/machine-id", s.hwid_file);
    assert_string_equal("simulator", s.whatsapp_driver);
    assert_string_equal("", s.timezone);
    assert_string_equal("", s.api_key);
    assert_int_equal(1, s.ai_providers.count);
    assert_string_equal("catalogue", s.ai_providers.items[0]);
    assert_int_equal(20000, s.ai_deadline_ms);
    assert_int_equal(1, s.clock_rate);
    assert_int_equal(0, s.instances.count);
    settings_free(&s);
}

static void
test_file_and_environment(void **state)
{
    (void) state;
    setenv("SELLIFY_DB", "/env/db", 1);
    setenv("SELLIFY_TIMEZONE", "", 1); /* set, and empty: the default */
    assert_int_equal(0, load("# comment\n\n  SELLIFY_DB = /file/db\r\n"
                             "SELLIFY_STATE_FILE=\"/file/state file\"\n"
                             "SELLIFY_INSTANCES=shop, other\tthird\n"
                             "SELLIFY_LOG_LEVEL=debug"));
    assert_string_equal("/env/db", s.db);
    assert_string_equal("/file/state file", s.state_file);
    assert_int_equal(3, s.instances.count);
    assert_string_equal("third", s.instances.items[2]);
    assert_int_equal(LOG_DEBUG_, s.log_level);
    settings_free(&s);
}

static void
test_missing_file(void **state)
{
    (void) state;
    assert_int_equal(-1, settings_load(&s, "/nonexistent/worker.conf"));
}

static void
test_names(void **state)
{
    (void) state;
    assert_bad("SELLIFY_SOKET=/x\n");
    assert_bad("OTHER=1\n");
    assert_bad("no equal sign\n");
    assert_bad("SELLIFY_DB=/a\nSELLIFY_DB=/b\n");
    setenv("SELLIFY_TYPO", "1", 1);
    assert_bad("");
    unsetenv("SELLIFY_TYPO");
    assert_good("");
    setenv("SELLIFY_HWID_FILE", "/nonexistent", 1);
    assert_bad("");
}

static void
test_values(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "SELLIFY_LOG_LEVEL=loud",
        "SELLIFY_CLOCK_RATE=2", /* without a start */
        "SELLIFY_CLOCK_START=2026-11-22\n",
        "SELLIFY_CLOCK_START=2026-11-22T09:00:00Z\nSELLIFY_CLOCK_RATE=0",
        "SELLIFY_CLOCK_START=2026-11-22T09:00:00Z\nSELLIFY_CLOCK_RATE=86401",
        "SELLIFY_AI_DEADLINE_MS=20s",
        "SELLIFY_AI_DEADLINE_MS=-1",
        "SELLIFY_AI_DEADLINE_MS=99999999999999999999",
        "SELLIFY_AI_PROVIDERS=gpt",
        "SELLIFY_AI_PROVIDERS=local,local",
        "SELLIFY_AI_PROVIDERS=openai",
        "SELLIFY_AI_PROVIDERS=anthropic",
        "SELLIFY_OPENAI_URL=ftp://host/",
        "SELLIFY_OPENAI_URL=https://",
        "SELLIFY_OPENAI_URL=https://user:pass@host/",
        "SELLIFY_OPENAI_KEY=with space",
        "SELLIFY_OPENAI_KEY_FILE=/nonexistent",
        "SELLIFY_OPENAI_RPM=0",
        "SELLIFY_WHATSAPP_DRIVER=whatsapp",
        "SELLIFY_WHATSAPP_DRIVER=codechat",
        "SELLIFY_WHATSAPP_DRIVER=cloud\nSELLIFY_WHATSAPP_KEY=k",
        "SELLIFY_WHATSAPP_PHONE_ID=+33",
        "SELLIFY_TIMEZONE=Europe/Nowhere",
        "SELLIFY_TIMEZONE=../../etc/passwd",
        "SELLIFY_INSTANCES=sh op!",
        "SELLIFY_POLICY_FILE=/nonexistent/policy.json",
        "SELLIFY_PRODUCTS_FILE=/tmp",
        "SELLIFY_WEBHOOK_TOKEN=short",
        "SELLIFY_WEBHOOK_TOKEN=with/slash",
        "SELLIFY_WEBHOOK_TOKEN_NEXT=longenough1",
        "SELLIFY_API_KEY=changeme",
        "SELLIFY_API_KEY=aaaaaaaaaaaaaaaaaaaaaaaa",
        "SELLIFY_API_KEY=tooshort",
        "SELLIFY_API_KEY=",
        "SELLIFY_SOCKET=relative.sock",
        "SELLIFY_SOCKET=/a\nSELLIFY_ADMIN_SOCKET=/a",
        "SELLIFY_ALERT_URL=mailto:x@y",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_bad(bad[i]);
    }
    char long_socket[256] = "SELLIFY_SOCKET=/";
    memset(long_socket + 16, 'a', 120);
    assert_bad(long_socket);

    assert_good("SELLIFY_CLOCK_START=2026-11-22T09:00:00Z\n"
                "SELLIFY_CLOCK_RATE=86400");
    assert_good("SELLIFY_TIMEZONE=Europe/Paris");
    assert_good("SELLIFY_API_KEY=0123456789abcdef");
    assert_good("SELLIFY_WHATSAPP_DRIVER=codechat\n"
                "SELLIFY_WHATSAPP_URL=http://127.0.0.1:8084\n"
                "SELLIFY_WHATSAPP_KEY=k");
    assert_good("SELLIFY_AI_PROVIDERS=local,ollama");
}

static void
test_providers(void **state)
{
    (void) state;
    char key_file[96], text[512];
    snprintf(key_file, sizeof(key_file), "%s/key", folder);
    FILE *file = fopen(key_file, "w");
    fputs("sk-from-file\n", file);
    fclose(file);

    snprintf(text, sizeof(text),
        "SELLIFY_AI_PROVIDERS=catalogue,openai,anthropic\n"
        "SELLIFY_OPENAI_KEY_FILE=%s\nSELLIFY_ANTHROPIC_KEY=sk-ant\n"
        "SELLIFY_OPENAI_RPM=60\n",
        key_file);
    assert_int_equal(0, load(text));
    assert_int_equal(3, s.ai_providers.count);
    assert_string_equal("openai", s.ai_providers.items[0]);
    assert_string_equal("catalogue", s.ai_providers.items[2]);
    const settings_provider_t *openai = settings_provider(&s, "openai");
    assert_string_equal("sk-from-file", openai->key);
    assert_int_equal(60, openai->rpm);
    assert_int_equal(0, openai->tpm);
    assert_string_equal("", openai->url);
    assert_string_equal("sk-ant", settings_provider(&s, "anthropic")->key);
    assert_null(settings_provider(&s, "catalogue"));
    settings_free(&s);

    strcat(text, "SELLIFY_OPENAI_KEY=both\n");
    assert_bad(text);
    unlink(key_file);
}

/* A refused secret must not show: stderr goes to a file and is searched. */
static void
test_secrets_do_not_show(void **state)
{
    (void) state;
    char path[96], log[4096] = { 0 };
    FILE *file;
    snprintf(path, sizeof(path), "%s/log", folder);
    file = fopen(path, "w");
    int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_setup(LOG_ERROR_);
    assert_bad("SELLIFY_API_KEY=password\nSELLIFY_OPENAI_KEY=mark er\n"
               "SELLIFY_LOG_LEVEL=visible\n");
    log_setup((log_level_t) 4);
    dup2(kept, STDERR_FILENO);
    close(kept);
    fclose(file);
    file = fopen(path, "r");
    assert_true(fread(log, 1, sizeof(log) - 1, file) > 0);
    fclose(file);
    unlink(path);
    assert_non_null(strstr(log, "SELLIFY_API_KEY"));
    assert_non_null(strstr(log, "worker.conf line 1"));
    assert_non_null(strstr(log, "SELLIFY_LOG_LEVEL=visible"));
    assert_null(strstr(log, "password"));
    assert_null(strstr(log, "mark er"));
}

static void
test_reload(void **state)
{
    (void) state;
    settings_t fresh;
    assert_int_equal(0, load("SELLIFY_WEBHOOK_TOKEN=first-token\n"
                             "SELLIFY_DB=/one\nSELLIFY_INSTANCES=a b\n"));
    settings_t kept = s;
    assert_int_equal(0, load("SELLIFY_WEBHOOK_TOKEN=second-token\n"
                             "SELLIFY_DB=/two\nSELLIFY_INSTANCES=c\n"
                             "SELLIFY_LOG_LEVEL=warn\n"));
    fresh = s;
    settings_reload(&kept, &fresh);
    assert_string_equal("second-token", kept.webhook_token);
    assert_string_equal("/one", kept.db);
    assert_int_equal(1, kept.instances.count);
    assert_string_equal("c", kept.instances.items[0]);
    assert_int_equal(LOG_WARN_, kept.log_level);
    settings_free(&kept);
}

/* docs/settings.md names every setting and no other. */
static void
test_documented(void **state)
{
    (void) state;
    static char text[131072];
    FILE *file = fopen("docs/settings.md", "r");
    if (file == NULL) {
        skip(); /* not run from the top of the tree */
    }
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_true(len > 0);
    for (size_t i = 0; settings_name(i) != NULL; i++) {
        char quoted[96];
        snprintf(quoted, sizeof(quoted), "`%s`", settings_name(i));
        if (strstr(text, quoted) == NULL) {
            fail_msg("docs/settings.md lacks %s", quoted);
        }
    }
    for (char *p = text; (p = strstr(p, "`SELLIFY_")) != NULL; p++) {
        size_t n = strcspn(p + 1, "`");
        int known = n == strlen("SELLIFY_");
        for (size_t i = 0; settings_name(i) != NULL; i++) {
            known |= strlen(settings_name(i)) == n &&
                     memcmp(settings_name(i), p + 1, n) == 0;
        }
        if (!known) {
            fail_msg("docs/settings.md: %.*s is no setting", (int) n, p + 1);
        }
        p += n;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_file_and_environment),
        TEST(test_missing_file),
        TEST(test_names),
        TEST(test_values),
        TEST(test_providers),
        TEST(test_secrets_do_not_show),
        TEST(test_reload),
        TEST(test_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
