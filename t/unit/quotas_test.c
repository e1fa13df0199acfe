/* Quotas against a model that is written differently: a list of units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../core/rng.h"
#include "../../worker/audit.h"
#include "../../worker/policy.h"
#include "../../worker/quotas.h"

#define POLICY                                                                 \
    "{\"timezone\":\"Europe/Paris\",\"limits\":{\"hour\":5,\"day\":8,"         \
    "\"week\":20,\"images\":2,\"videos\":2}}"
#define UNITS 4096
#define SEEDS 8
#define OPERATIONS 220

static worker_fixture_t f;
static char policy_path[64];

static void
open_with(const char *policy, const char *more)
{
    char settings[512];
    FILE *file;

    snprintf(policy_path, sizeof(policy_path),
        "/tmp/sellify-unit-policy-%d.json", (int) getpid());
    file = fopen(policy_path, "w");
    assert_non_null(file);
    fputs(policy, file);
    fclose(file);
    snprintf(settings, sizeof(settings), "SELLIFY_POLICY_FILE=%s\n%s",
        policy_path, more);
    fixture_open(&f, settings);
}

static void
close_all(void)
{
    fixture_close(&f);
    unlink(policy_path);
}

/* --- the model --- */

enum { LIVE, SENT, GONE };

typedef struct {
    char id[40];
    sellify_kind_t kind;
    quota_owner_t owner;
    int state;
    int64_t expires_at, sent_at;
    sellify_quota_windows_t windows;
    int counts[SELLIFY_QUOTA_TYPES];
} unit_t;

static unit_t units[UNITS];
static size_t unit_count;
static const uint32_t limits[SELLIFY_QUOTA_TYPES] = { 5, 8, 20, 2, 2 };

static int
costs(sellify_kind_t kind, int type)
{
    return type < SELLIFY_QUOTA_IMAGES ||
           (type == SELLIFY_QUOTA_IMAGES && kind == SELLIFY_KIND_IMAGE) ||
           (type == SELLIFY_QUOTA_VIDEOS && kind == SELLIFY_KIND_VIDEO);
}

static int64_t
end_of(const sellify_quota_windows_t *w, int type)
{
    return type == SELLIFY_QUOTA_HOUR ? w->hour_end
           : type == SELLIFY_QUOTA_DAY || type == SELLIFY_QUOTA_IMAGES
               ? w->day_end
               : w->week_end;
}

static int64_t
seconds(void)
{
    return f.now / SELLIFY_SECOND;
}

static void
windows_now(sellify_quota_windows_t *windows)
{
    sellify_quota_windows_at(policy_zone(&f.w), seconds(), windows);
}

static uint32_t
model_used(int type)
{
    sellify_quota_windows_t now;
    uint32_t used = 0;

    windows_now(&now);
    for (size_t i = 0; i < unit_count; i++) {
        used += units[i].counts[type] &&
                end_of(&units[i].windows, type) == end_of(&now, type);
    }
    return used;
}

static int
model_can(sellify_kind_t kind, const unit_t *without)
{
    sellify_quota_windows_t now;

    windows_now(&now);
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        uint32_t used = model_used(type);

        if (without != NULL && without->counts[type] &&
            end_of(&without->windows, type) == end_of(&now, type)) {
            used--;
        }
        if (costs(kind, type) && used >= limits[type]) {
            return 0;
        }
    }
    return 1;
}

static void
count_unit(unit_t *u)
{
    windows_now(&u->windows);
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        u->counts[type] = costs(u->kind, type);
    }
}

static void
drop_unit(unit_t *u)
{
    u->state = GONE;
    memset(u->counts, 0, sizeof(u->counts));
}

static void
model_expire(void)
{
    for (size_t i = 0; i < unit_count; i++) {
        unit_t *u = &units[i];

        if (u->state != LIVE || u->owner == QUOTA_OWNER_PIPELINE ||
            u->expires_at > seconds()) {
            continue;
        }
        if (u->owner == QUOTA_OWNER_API) {
            drop_unit(u);
        } else {
            u->state = SENT;
            u->sent_at = seconds();
        }
    }
}

static unit_t *
model_add(sellify_kind_t kind, int state)
{
    unit_t *u = &units[unit_count++];

    assert_true(unit_count < UNITS);
    memset(u, 0, sizeof(*u));
    u->kind = kind;
    u->state = state;
    count_unit(u);
    return u;
}

/* --- one operation in one step --- */

typedef struct {
    int what;
    sellify_kind_t kind;
    quota_owner_t owner;
    char id[40];
    int weekly;
    quota_result_t result;
    quota_reservation_t out;
    sellify_quota_counters_t counters;
    sellify_quota_limits_t limits;
} operation_t;

enum { RESERVE, RELEASE, RENEW, RECORD, RESET, READ };

static void
operate(worker_t *w, void *data)
{
    operation_t *o = data;
    instance_t shop;
    sellify_str_t id = sellify_str_of(o->id);

    assert_int_equal(instances_ensure(w, sellify_str("shop"), &shop), STORE_OK);
    switch (o->what) {
    case RESERVE:
        o->result = quotas_reserve(w, &shop, o->kind, o->owner, 0, 1, &o->out);
        break;
    case RELEASE:
        o->result = quotas_release(w, id);
        break;
    case RENEW:
        o->result = quotas_renew(w, id);
        break;
    case RECORD:
        o->result = quotas_record(w, &shop, o->kind, id);
        break;
    case RESET:
        o->result = quotas_reset(w, &shop, o->weekly, sellify_str("test"));
        break;
    default:
        o->result = quotas_read(w, &shop, &o->counters, &o->limits);
    }
    assert_int_not_equal(o->result, QUOTA_FAILED);
}

static void
compare(void)
{
    operation_t o = { .what = READ };
    sellify_state_instance_t block;
    char path[128];
    int fd;

    assert_true(fixture_step(&f, 1, operate, &o));
    fixture_path(&f, "state", path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(
        sellify_state_read_instance(fd, 1, &block), SELLIFY_STATE_OK);
    close(fd);
    assert_string_equal(block.name, "shop");
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        assert_int_equal(o.counters.used[type], model_used(type));
        assert_int_equal(sellify_quota_used(&block.counters, type, seconds()),
            model_used(type));
    }
}

static unit_t *
some_unit(sellify_rng_t *rng)
{
    return unit_count == 0
               ? NULL
               : &units[sellify_rng_between(rng, 0, unit_count - 1)];
}

static void
model_reserve(const operation_t *o)
{
    unit_t *u;

    assert_int_equal(
        o->result, model_can(o->kind, NULL) ? QUOTA_OK : QUOTA_EXHAUSTED);
    if (o->result == QUOTA_OK) {
        u = model_add(o->kind, LIVE);
        u->owner = o->owner;
        u->expires_at = seconds() + QUOTA_RESERVATION_TTL_S;
        memcpy(u->id, o->out.id, sizeof(u->id));
    } else {
        assert_true(o->out.retry_at > seconds());
    }
}

static void
model_renew(const operation_t *o, unit_t *u)
{
    sellify_quota_windows_t now;

    windows_now(&now);
    if (memcmp(&now, &u->windows, sizeof(now)) == 0) {
        assert_int_equal(o->result, QUOTA_OK);
        return;
    }
    assert_int_equal(
        o->result, model_can(u->kind, u) ? QUOTA_OK : QUOTA_EXHAUSTED);
    if (o->result == QUOTA_OK) {
        count_unit(u);
    }
}

static void
model_record(const operation_t *o, unit_t *u)
{
    assert_int_equal(o->result, QUOTA_OK);
    if (u == NULL || u->state == GONE) {
        model_add(o->kind, SENT);
    } else if (u->state == LIVE) {
        u->kind = o->kind == SELLIFY_KIND_TEXT ? u->kind : o->kind;
        u->state = SENT;
        u->sent_at = seconds();
        count_unit(u);
    }
}

static void
model_reset(int weekly)
{
    for (size_t i = 0; i < unit_count; i++) {
        if (units[i].state == LIVE) {
            continue;
        }
        units[i].counts[weekly ? SELLIFY_QUOTA_WEEK : SELLIFY_QUOTA_DAY] = 0;
        units[i].counts[weekly ? SELLIFY_QUOTA_VIDEOS : SELLIFY_QUOTA_IMAGES] =
            0;
    }
}

static void
model_apply(const operation_t *o, unit_t *u)
{
    switch (o->what) {
    case RESERVE:
        model_reserve(o);
        return;
    case RECORD:
        model_record(o, u);
        return;
    case RESET:
        model_reset(o->weekly);
        return;
    default:
        break;
    }
    if (u == NULL || u->state != LIVE) {
        assert_int_equal(o->result, QUOTA_NOT_FOUND);
    } else if (o->what == RELEASE) {
        assert_int_equal(o->result, QUOTA_OK);
        drop_unit(u);
    } else {
        model_renew(o, u);
    }
}

static void
operate_at_random(sellify_rng_t *rng)
{
    static const int whats[] = { RESERVE, RESERVE, RESERVE, RESERVE, RELEASE,
        RENEW, RECORD, RECORD, RESET };
    operation_t o = {
        .what = whats[sellify_rng_between(rng, 0, 8)],
        .kind = (sellify_kind_t) sellify_rng_between(rng, 0, 2),
        .owner = (quota_owner_t) sellify_rng_between(rng, 0, 2),
        .weekly = (int) sellify_rng_between(rng, 0, 1),
    };
    int commit = sellify_rng_between(rng, 0, 3) != 0;
    unit_t *u = NULL;

    if (o.what == RELEASE || o.what == RENEW ||
        (o.what == RECORD && sellify_rng_between(rng, 0, 1))) {
        u = some_unit(rng);
        /* After a week a settled reservation is forgotten. */
        if (u != NULL && u->state == SENT &&
            seconds() - u->sent_at > 6 * 86400) {
            u = NULL;
        }
        if (u != NULL) {
            memcpy(o.id, u->id, sizeof(o.id));
            /* A unit that was only recorded has no id to name. */
            u = u->id[0] != '\0' ? u : NULL;
        }
    }
    assert_int_equal(fixture_step(&f, commit, operate, &o), commit);
    if (commit) {
        model_apply(&o, u);
    }
}

static void
random_orders_match_the_model(void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sellify_rng_t rng = sellify_rng(seed);

        open_with(POLICY, "SELLIFY_INSTANCES=first,shop\n");
        unit_count = 0;
        for (int i = 0; i < OPERATIONS; i++) {
            static const int64_t leaps[] = { 0, 1, 60, 301, 1800, 7200, 40000,
                90000, 700000 };

            fixture_advance(&f, leaps[sellify_rng_between(&rng, 0, 31) % 9]);
            model_expire();
            operate_at_random(&rng);
            compare();
            if (sellify_rng_between(&rng, 0, 40) == 0) {
                fixture_restart(&f);
                compare();
            }
        }
        close_all();
    }
}

/* --- plain cases --- */

static void
ask(const char *method, const char *path, const char *body)
{
    fixture_ask(&f, FIXTURE_ADMIN, method, path, NULL, body);
}

static void
exactly_the_limit_succeeds(void **state)
{
    (void) state;
    open_with(POLICY, "");
    for (int i = 0; i < 5; i++) {
        ask("POST", "/api/v1/quota/reserve", "{\"message_type\":\"text\"}");
        assert_int_equal(f.status, 200);
    }
    ask("POST", "/api/v1/quota/reserve", "{\"message_type\":\"text\"}");
    assert_int_equal(f.status, 429);
    assert_non_null(strstr(f.headers, "Retry-After: 3600"));
    /* Nobody sent them: after their time they are back. */
    fixture_advance(&f, QUOTA_RESERVATION_TTL_S);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"messages_today\":0"));
    close_all();
}

static void
the_first_api_is_understood(void **state)
{
    (void) state;
    open_with(POLICY, "");
    ask("POST", "/api/v1/quota/record", NULL);
    assert_int_equal(f.status, 200);
    assert_string_equal(f.body, "");
    ask("GET", "/api/v1/quota/status", NULL);
    assert_non_null(strstr(f.body, "\"messages_today\":1"));
    assert_non_null(strstr(f.body, "\"needs_daily_reset\":false"));
    ask("POST", "/api/v1/quota/check", "{\"message_type\":\"text\"}");
    assert_int_equal(f.status, 200);
    assert_non_null(strstr(f.body, "\"can_send\":true"));
    ask("POST", "/api/v1/quota/check", "{}");
    assert_int_equal(f.status, 400);
    assert_non_null(strstr(f.body, "/message_type"));
    ask("POST", "/api/v1/quota/check", "{\"message_type\":\"fax\"}");
    assert_int_equal(f.status, 400);
    ask("POST", "/api/v1/quota/reset/daily", NULL);
    assert_int_equal(f.status, 200);
    assert_non_null(strstr(f.body, "\"reset_type\":\"daily\""));
    ask("GET", "/api/v1/quota/status", NULL);
    assert_non_null(strstr(f.body, "\"messages_today\":0"));
    assert_non_null(strstr(f.body, "\"messages_this_week\":1"));
    close_all();
}

static void
bad_requests_are_named(void **state)
{
    (void) state;
    open_with(POLICY, "");
    ask("POST", "/api/v1/quota/release", "{}");
    assert_int_equal(f.status, 400);
    ask("POST", "/api/v1/quota/release", "{\"reservation_id\":\"rsv_x\"}");
    assert_int_equal(f.status, 404);
    ask("POST", "/api/v1/quota/reserve", "{\"instance\":\"nobody\"}");
    assert_int_equal(f.status, 404);
    assert_non_null(strstr(f.body, "/instance"));
    ask("POST", "/api/v1/quota/reset/daily", "{\"instance\":\"nobody\"}");
    assert_int_equal(f.status, 404);
    close_all();
}

static size_t
count_in(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)) != NULL; text++) {
        n++;
    }
    return n;
}

/* Ten days off: one daily and one weekly reset, noted once each. */
static void
resets_are_noted_once_after_downtime(void **state)
{
    (void) state;
    open_with(POLICY, "");
    ask("POST", "/api/v1/quota/record", NULL);
    f.now += 10 * 86400 * SELLIFY_SECOND;
    fixture_restart(&f);
    fixture_advance(&f, 0);
    fixture_restart(&f);
    fixture_advance(&f, 0);
    ask("GET", "/api/v1/audit", NULL);
    assert_int_equal(count_in(f.body, "\"kind\":\"reset\""), 2);
    assert_int_equal(count_in(f.body, "\"reset_type\":\"daily\""), 1);
    assert_int_equal(count_in(f.body, "\"reset_type\":\"weekly\""), 1);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"messages_this_week\":0"));
    close_all();
}

/* 2027-03-28 02:00 in Paris does not exist; the day still ends once. */
static void
daylight_saving_resets_once(void **state)
{
    (void) state;
    open_with(POLICY, "");
    f.now = (sellify_time_t) 1806184800 * SELLIFY_SECOND; /* 27 March 22:00Z */
    fixture_restart(&f);
    fixture_advance(&f, 0);
    ask("POST", "/api/v1/quota/record", NULL);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(
        strstr(f.body, "\"next_daily_reset\":\"2027-03-27T23:00:00Z\""));
    fixture_advance(&f, 3601);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"messages_today\":0"));
    assert_non_null(
        strstr(f.body, "\"next_daily_reset\":\"2027-03-28T22:00:00Z\""));
    close_all();
}

static void
a_clock_that_steps_back_resets_nothing(void **state)
{
    (void) state;
    open_with(POLICY, "");
    ask("POST", "/api/v1/quota/record", NULL);
    f.now -= 2 * 3600 * SELLIFY_SECOND;
    fixture_restart(&f);
    fixture_advance(&f, 0);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"messages_today\":1"));
    f.now += 2 * 3600 * SELLIFY_SECOND;
    fixture_restart(&f);
    fixture_advance(&f, 0);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"messages_today\":1"));
    ask("GET", "/api/v1/audit", NULL);
    assert_int_equal(count_in(f.body, "\"kind\":\"reset\""), 0);
    close_all();
}

static void
warm_up_lowers_the_day(void **state)
{
    (void) state;
    open_with("{\"limits\":{\"hour\":30,\"day\":200,\"week\":1000,"
              "\"images\":5,\"videos\":5,\"warm_up\":[{\"days\":2,"
              "\"limit\":3}]}}",
        "");
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"limits\":{\"hour\":30,\"day\":3,"));
    fixture_advance(&f, 2 * 86400);
    ask("GET", "/api/v1/quota", NULL);
    assert_non_null(strstr(f.body, "\"limits\":{\"hour\":30,\"day\":200,"));
    close_all();
}

static void
near_the_limit_a_human_is_told_once(void **state)
{
    (void) state;
    open_with(POLICY, "");
    for (int i = 0; i < 5; i++) {
        ask("POST", "/api/v1/quota/record", NULL);
    }
    ask("GET", "/api/v1/alerts", NULL);
    assert_int_equal(count_in(f.body, "\"reason\":\"quota\""), 1);
    assert_non_null(strstr(f.body, "\"state\":\"pending\""));
    close_all();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_orders_match_the_model),
        cmocka_unit_test(exactly_the_limit_succeeds),
        cmocka_unit_test(the_first_api_is_understood),
        cmocka_unit_test(bad_requests_are_named),
        cmocka_unit_test(resets_are_noted_once_after_downtime),
        cmocka_unit_test(daylight_saving_resets_once),
        cmocka_unit_test(a_clock_that_steps_back_resets_nothing),
        cmocka_unit_test(warm_up_lowers_the_day),
        cmocka_unit_test(near_the_limit_a_human_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
