/*
 * conf/policy.schema.json, docs/policy.md and the code say the same: every
 * property of the schema is read with exactly its range, told in the document,
 * and every member that the code reads is in the schema.  Runs in the
 * repository's root.
 */
#include "core_fixture.h"

#include <cjson/cJSON.h>

static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    if (file == NULL) {
        fail_msg("cannot open %s: run in the repository's root", path);
    }
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

/* Compiles {"a":{"b":VALUE}} for the path /a/b; is there a fault at it? */
static int
is_refused(const char *path, const char *value)
{
    sellify_faults_t faults = { .count = 0 };
    char *text = calloc(1, strlen(path) + strlen(value) + 64), *p = text;
    sellify_ruleset_source_t source;
    sellify_ruleset_t *ruleset;
    int depth = 0, refused = 0;

    for (const char *at = path; *at != '\0'; depth++) {
        size_t len = strcspn(at + 1, "/");

        p += sprintf(p, "{\"%.*s\":", (int) len, at + 1);
        at += len + 1;
    }
    p += sprintf(p, "%s", value);
    memset(p, '}', (size_t) depth);
    source = fixture_source(text, "[]");
    ruleset = sellify_ruleset_compile(&source, &faults);
    for (size_t i = 0; i < faults.count && i < SELLIFY_FAULTS_MAX; i++) {
        refused |= strcmp(faults.items[i].pointer, path) == 0 &&
                   strstr(faults.items[i].detail, "must not be less") == NULL;
    }
    sellify_ruleset_free(ruleset);
    free(text);
    return refused;
}

static double
number_of(const cJSON *property, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(property, name);

    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static void
check_integer(const char *path, const cJSON *property)
{
    double low = number_of(property, "minimum");
    double high = number_of(property, "maximum");
    double values[] = { low - 1, low, high, high + 1 };

    for (int i = 0; i < 4; i++) {
        char value[32];

        snprintf(value, sizeof(value), "%.0f", values[i]);
        if (is_refused(path, value) != (i == 0 || i == 3)) {
            fail_msg("%s: %s is %s", path, value,
                i == 0 || i == 3 ? "accepted" : "refused");
        }
    }
}

/* One element or character more than allowed, or a value of another type. */
static void
check_other(const char *path, const char *type, const cJSON *property)
{
    int items = (int) number_of(property, "maxItems");
    int length = (int) number_of(property, "maxLength");
    int most = items > length ? items : length;
    char *value = calloc(1, 2 * ((size_t) most + 8)), *p = value;

    assert_true(is_refused(path, strcmp(type, "boolean") == 0 ? "1" : "true"));
    if (most > 0) {
        *p++ = items > 0 ? '[' : '"';
        for (int i = 0; i <= most; i++) {
            p += sprintf(p, "%s", items > 0 ? (i ? ",1" : "1") : "a");
        }
        *p++ = items > 0 ? ']' : '"';
        assert_true(is_refused(path, value));
    }
    free(value);
}

static void
check_properties(const cJSON *schema, const char *path, const char *document)
{
    const cJSON *property;

    cJSON_ArrayForEach(
        property, cJSON_GetObjectItemCaseSensitive(schema, "properties"))
    {
        const cJSON *type = cJSON_GetObjectItemCaseSensitive(property, "type");
        char at[160], told[170];

        snprintf(at, sizeof(at), "%s/%s", path, property->string);
        snprintf(told, sizeof(told), "| `%s` |", at + 1);
        for (char *p = told; (p = strchr(p, '/')) != NULL;) {
            *p = '.';
        }
        if (strstr(document, told) == NULL) {
            fail_msg("docs/policy.md has no row %s", told);
        }
        if (type == NULL) {
            assert_true(is_refused(at, "3")); /* $ref and enum */
        } else if (strcmp(type->valuestring, "object") == 0) {
            check_properties(property, at, document);
            assert_true(is_refused(at, "3"));
        } else if (strcmp(type->valuestring, "integer") == 0) {
            check_integer(at, property);
        } else {
            check_other(at, type->valuestring, property);
        }
    }
}

static void
schema_code_and_document_agree(void **state)
{
    char *text = read_file("conf/policy.schema.json");
    char *document = read_file("docs/policy.md");
    cJSON *schema = cJSON_Parse(text);

    (void) state;
    assert_non_null(schema);
    check_properties(schema, "", document);
    cJSON_Delete(schema);
    free(text);
    free(document);
}

static void
every_member_read_is_in_the_schema(void **state)
{
    static const char *const rows[] = { "BOOLEAN(\"", "NUMBER(\"", "TEXT(\"",
        "AS_WRITTEN(\"", "READ(\"", "OVERRIDE(\"", "{ \"" };
    char *schema = read_file("conf/policy.schema.json");
    char *code = read_file("core/policy_document.c");
    size_t found = 0;

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (char *p = code; (p = strstr(p, rows[i])) != NULL;) {
            char name[80];

            p += strlen(rows[i]);
            snprintf(name, sizeof(name), "\"%.*s\"", (int) strcspn(p, "\""), p);
            if (strstr(schema, name) == NULL) {
                fail_msg("conf/policy.schema.json does not know %s", name);
            }
            found++;
        }
    }
    assert_true(found > 60);
    free(schema);
    free(code);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_code_and_document_agree),
        cmocka_unit_test(every_member_read_is_in_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
