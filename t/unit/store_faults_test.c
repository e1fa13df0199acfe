/*
 * Writes that fail under a worker that serves requests: seeded faults in the log
 * and in syncs, one after the other.  Whatever was answered 2xx is in the
 * database, then and after a restart; the worker serves again by itself.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../core/rng.h"
#include "../../worker/store/internal.h"
#include "../../worker/store/setup.h"
#include "faulty_vfs.h"
#include "worker_fixture.h"

#define FAULTS 150
#define REQUESTS 5

static worker_fixture_t f;
static int reloads;

/* What memory believes: moved by effects, read back after a lost turn. */
static int64_t memory_count;

static int64_t
read_count(worker_t *w)
{
    sellify_str_t value;
    int64_t count = 0;
    if (store_meta_get(w->store, "count", &value) == STORE_OK) {
        count = strtoll(value.data, NULL, 10);
    }
    store_release(&value);
    return count;
}

static void
on_counted(void *data, int committed)
{
    (void) data;
    memory_count += committed;
}

static void
on_reload(void *data)
{
    memory_count = read_count(data);
    reloads++;
}

/* Stores a value of some size under a name, and counts. */
static void
put(http_request_t *r)
{
    char text[32];
    store_t *store = r->worker->store;
    int64_t count = read_count(r->worker) + 1;
    int n = snprintf(text, sizeof(text), "%lld", (long long) count);
    turn_effect(r->worker->turn, on_counted, NULL);
    if (store_meta_set(store, http_param(r, 0).data, r->body) != STORE_OK ||
        store_meta_set(store, "count", (sellify_str_t){ text, (size_t) n }) !=
            STORE_OK) {
        http_problem_retry(r, 503, 1, "not stored");
        return;
    }
    http_reply_empty(r, 201);
}

static const http_route_t routes[] = {
    { HTTP_POST, "/u/put/{name}", HTTP_ACCESS_PUBLIC, 0, 0,
        HTTP_ROUTE_IDEMPOTENT, put },
    { 0, NULL, HTTP_ACCESS_PUBLIC, 0, 0, 0, NULL },
};

static int
setup(void **state)
{
    (void) state;
    if (faulty_default == NULL) {
        faulty_register();
    }
    fixture_open(&f, "");
    http_routes_add(f.w.http, routes);
    turn_on_reload(f.w.turn, on_reload, &f.w);
    log_setup((log_level_t) 4);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    faulty.armed = 0;
    fixture_close(&f);
    return 0;
}

static int
begin_put(const char *name, size_t size)
{
    static char request[65536], body[65536];
    memset(body, 'x', size);
    body[size] = '\0';
    int n = snprintf(request, sizeof(request),
        "POST /api/v1/u/put/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Idempotency-Key: %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        name, name, size, body);
    int fd = fixture_connect(&f, FIXTURE_WORKER);
    assert_int_equal(n, send(fd, request, (size_t) n, MSG_NOSIGNAL));
    return fd;
}

static int
stored(const char *name)
{
    sellify_str_t value;
    store_result_t result = store_meta_get(f.w.store, name, &value);
    store_release(&value);
    assert_int_not_equal(STORE_FAILED, result);
    return result == STORE_OK;
}

static void
arm(sellify_rng_t *rng)
{
    static const int kinds[] = { SQLITE_FULL, SQLITE_IOERR_WRITE,
        SQLITE_IOERR_FSYNC };
    faulty = (faulty_vfs_t){ .armed = 1,
        .kind = kinds[sellify_rng_between(rng, 0, 2)],
        .lasts = (int) sellify_rng_between(rng, 1, 3),
        .torn = (int) sellify_rng_between(rng, 0, 1) };
    faulty.after = (int) sellify_rng_between(
        rng, 0, faulty.kind == SQLITE_IOERR_FSYNC ? 1 : 12);
}

static char acknowledged[FAULTS * REQUESTS + FAULTS][24];
static int acknowledged_count;

static void
note_acknowledged(const char *name)
{
    strcpy(acknowledged[acknowledged_count++], name);
}

static void
test_faults(void **state)
{
    (void) state;
    sellify_rng_t rng = sellify_rng(20261122);
    int refused = 0, failed = 0, torn_turns = 0;
    for (int round = 0; round < FAULTS; round++) {
        int fds[REQUESTS];
        char name[REQUESTS][24];
        for (int i = 0; i < REQUESTS; i++) {
            snprintf(name[i], sizeof(name[i]), "n%d-%d", round, i);
            fds[i] = begin_put(name[i], sellify_rng_between(&rng, 2, 20000));
        }
        arm(&rng);
        for (int i = 0; i < REQUESTS; i++) {
            fixture_read(&f, fds[i]);
            close(fds[i]);
            assert_true(f.status == 201 || f.status == 503);
            if (f.status == 201) {
                note_acknowledged(name[i]);
            } else {
                refused++;
            }
            assert_int_equal(f.status == 201, stored(name[i]));
        }
        failed += faulty.failed;
        torn_turns += faulty.failed && faulty.torn;
        if (round % 7 == 0) {
            store_idle(f.w.store); /* a checkpoint may fail too */
            store_idle(f.w.store);
        }
        faulty.armed = 0;

        /* And by itself it works again. */
        snprintf(name[0], sizeof(name[0]), "r%d", round);
        fds[0] = begin_put(name[0], 10);
        fixture_read(&f, fds[0]);
        close(fds[0]);
        assert_int_equal(201, f.status);
        note_acknowledged(name[0]);
        assert_int_equal(read_count(&f.w), memory_count);
        assert_int_equal(acknowledged_count, memory_count);
    }
    print_message("%d faults, %d refused, %d reloads, %d acknowledged\n",
        failed, refused, reloads, acknowledged_count);
    assert_true(failed > FAULTS / 2);
    assert_true(refused > FAULTS / 2);
    assert_true(reloads > FAULTS / 4);
    assert_true(torn_turns > FAULTS / 8);

    fixture_restart(&f);
    for (int i = 0; i < acknowledged_count; i++) {
        assert_true(stored(acknowledged[i]));
    }
}

/* While writes fail, reads are answered, and the state file says so. */
static void
test_reads_go_on(void **state)
{
    (void) state;
    faulty = (faulty_vfs_t){ .armed = 1, .kind = SQLITE_FULL, .lasts = -1 };
    for (int i = 0; i < 3; i++) {
        fixture_ask(&f, FIXTURE_WORKER, "POST", "/api/v1/u/put/a", NULL, "{}");
        assert_int_equal(503, f.status);
        assert_non_null(strstr(f.headers, "Retry-After: 1\r\n"));
        fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/alerts", NULL, NULL);
        assert_int_equal(200, f.status);
    }
    assert_true(turn_stats(f.w.turn)->failing);
    faulty.armed = 0;
    fixture_ask(&f, FIXTURE_WORKER, "POST", "/api/v1/u/put/a", NULL, "{}");
    assert_int_equal(201, f.status);
    assert_false(turn_stats(f.w.turn)->failing);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads_go_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
