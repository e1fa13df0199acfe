/*
 * The codechat driver against the imitation of whatsapp-api (t/bin): each row of
 * its table of meanings, and that what it says agrees with what was really sent.
 */
#include "../../worker/http/client.h"
#include "../../worker/whatsapp/codechat.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define JID "33612345678@s.whatsapp.net"

typedef struct {
    worker_t w; /* first: the driver's callback finds us by it */
    pid_t stub;
    char url[64], log[64];

    int done, in_send;
    int64_t job_id;
    send_outcome_t outcome;
    char reason[128], message_id[256];

    int answered; /* calls to the stub's control */
    char answer[1024];
} fixture_t;

/* --- the imitation --- */

static int
start_stub(fixture_t *f)
{
    int out[2], port;
    FILE *in;

    if (pipe(out) != 0 || (f->stub = fork()) < 0) {
        return -1;
    }
    if (f->stub == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execlp("perl", "perl", "t/bin/whatsapp-stub", "--log", f->log, "--key",
            "the-key", "--instances", "shop", "--parent", (char *) NULL);
        _exit(127);
    }
    close(out[1]);
    in = fdopen(out[0], "r");
    if (in == NULL || fscanf(in, "port %d", &port) != 1) {
        return -1;
    }
    fclose(in);
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/", port);
    return 0;
}

static int
set_up(void **state)
{
    fixture_t *f = calloc(1, sizeof(*f));
    int fd;

    strcpy(f->log, "/tmp/sellify-stub-XXXXXX");
    fd = mkstemp(f->log);
    if (fd < 0 || close(fd) != 0 || start_stub(f) != 0) {
        return -1;
    }
    f->w.base = event_base_new();
    f->w.settings.whatsapp_url = f->url;
    f->w.settings.whatsapp_key = strdup("the-key");
    *state = f;
    return http_client_setup(&f->w);
}

static int
tear_down(void **state)
{
    fixture_t *f = *state;
    int status;

    http_client_shutdown(&f->w);
    event_base_free(f->w.base);
    kill(f->stub, SIGTERM);
    waitpid(f->stub, &status, 0);
    unlink(f->log);
    free(f->w.settings.whatsapp_key);
    free(f);
    return 0;
}

static void
loop_until(fixture_t *f, const int *counter, int value)
{
    struct timeval limit = { 20, 0 };

    event_base_loopexit(f->w.base, &limit);
    while (*counter < value && !event_base_got_exit(f->w.base)) {
        event_base_loop(f->w.base, EVLOOP_ONCE);
    }
    assert_int_equal(*counter, value);
}

static void
on_answer(void *data, const http_call_result_t *result)
{
    fixture_t *f = data;

    assert_int_equal(result->outcome, HTTP_CALL_ANSWERED);
    assert_int_equal(result->status, 200);
    snprintf(f->answer, sizeof(f->answer), "%s", result->body.data);
    f->answered++;
}

static void
control(fixture_t *f, const char *body)
{
    char url[96];
    http_call_request_t r = { .method = body ? "POST" : "GET",
        .url = url,
        .body = sellify_str_of(body),
        .connect_timeout_ms = 5000,
        .timeout_ms = 5000,
        .response_max = 1000 };

    snprintf(url, sizeof(url), "%s_stub", f->url);
    http_client_call(f->w.http_client, &r, on_answer, NULL, f);
    loop_until(f, &f->answered, f->answered + 1);
}

static int
counter(fixture_t *f, const char *name)
{
    char quoted[64];
    const char *at;

    control(f, NULL);
    snprintf(quoted, sizeof(quoted), "\"%s\":", name);
    at = strstr(f->answer, quoted);
    assert_non_null(at);
    return atoi(at + strlen(quoted));
}

/* --- the driver's caller --- */

static void
on_done(worker_t *w, int64_t job_id, const send_result_t *result)
{
    fixture_t *f = (fixture_t *) w;

    assert_false(f->in_send); /* in a later turn */
    f->done++;
    f->job_id = job_id;
    f->outcome = result->outcome;
    snprintf(f->reason, sizeof(f->reason), "%s", result->reason);
    snprintf(f->message_id, sizeof(f->message_id), "%.*s",
        (int) result->message_id.len, result->message_id.data);
}

static send_request_t
a_text(void)
{
    return (send_request_t){
        .job_id = 42,
        .instance = SELLIFY_STR("shop"),
        .address = SELLIFY_STR(JID),
        .message_id = SELLIFY_STR("3EB0AAAABBBBCCCC0001"),
        .kind = SELLIFY_KIND_TEXT,
        .text = SELLIFY_STR("C'est 49,90 \xe2\x82\xac \"tout compris\"\nMerci"),
    };
}

static void
send_it(fixture_t *f, const send_request_t *request)
{
    int before = f->done;

    f->in_send = 1;
    codechat_driver.send(&f->w, request, on_done);
    f->in_send = 0;
    loop_until(f, &f->done, before + 1);
    assert_int_equal(f->job_id, request->job_id);
}

static void
last_sent(fixture_t *f, char *line, int size)
{
    FILE *in = fopen(f->log, "r");

    line[0] = '\0';
    while (fgets(line, size, in)) {
    }
    fclose(in);
}

/* --- the table --- */

static const struct {
    const char *mode;
    send_outcome_t outcome;
    const char *reason;
    int sent; /* what the server really did */
} rows[] = {
    { "ok", SEND_SENT, "sent", 1 },
    { "no_key_id", SEND_REFUSED, "nothing was sent", 0 },
    { "exists_false", SEND_REFUSED, "not on whatsapp", 0 },
    { "closed", SEND_RETRY, "whatsapp not connected", 0 },
    { "media_gone", SEND_REFUSED, "media not available", 0 },
    { "error400", SEND_UNSURE, "error while sending", 0 },
    { "error400_after_send", SEND_UNSURE, "error while sending", 1 },
    { "http500", SEND_UNSURE, "server error", 0 },
    { "http500_after_send", SEND_UNSURE, "server error", 1 },
    { "http503", SEND_UNSURE, "server error", 0 },
    { "close_before_reply", SEND_UNSURE, "no whole answer", 1 },
    { "cut_reply", SEND_UNSURE, "no whole answer", 1 },
    { "garbled", SEND_UNSURE, "unexpected answer", 1 },
    { "http401", SEND_RETRY, "bad key", 0 },
    { "http403", SEND_RETRY, "forbidden", 0 },
    { "http404", SEND_RETRY, "no such route", 0 },
    { "http413", SEND_REFUSED, "too large", 0 },
    { "http429", SEND_RETRY, "rate limited", 0 },
    { "redirect", SEND_RETRY, "redirected", 0 },
    { "http200", SEND_UNSURE, "unexpected answer", 0 },
    { "http418", SEND_UNSURE, "unexpected answer", 0 },
};

static void
each_answer_has_its_meaning(void **state)
{
    fixture_t *f = *state;
    send_request_t request = a_text();
    int sent = 0, attempts = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[64];

        snprintf(body, sizeof(body), "{\"mode\":\"%s\"}", rows[i].mode);
        control(f, body);
        send_it(f, &request);
        if (f->outcome != rows[i].outcome ||
            strcmp(f->reason, rows[i].reason) != 0) {
            fail_msg("%s: outcome %d, %s", rows[i].mode, (int) f->outcome,
                f->reason);
        }
        sent += rows[i].sent;
        attempts++;
        assert_int_equal(counter(f, "sent"), sent);
        assert_int_equal(counter(f, "attempts"), attempts); /* never again */
        /* "certainly not sent" is certain, "sent" too */
        assert_true(f->outcome != SEND_SENT || rows[i].sent == 1);
        assert_true((f->outcome != SEND_REFUSED && f->outcome != SEND_RETRY) ||
                    rows[i].sent == 0);
    }
}

static void
a_text_arrives_as_it_is(void **state)
{
    fixture_t *f = *state;
    send_request_t request = a_text();
    char line[2048];

    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_SENT);
    assert_string_equal(f->message_id, "3EB0AAAABBBBCCCC0001");
    last_sent(f, line, sizeof(line));
    assert_non_null(strstr(line,
        "\"text\":\"C'est 49,90 \xe2\x82\xac \\\"tout compris\\\"\\nMerci\""));
    assert_non_null(strstr(line, "\"jid\":\"" JID "\""));
    assert_non_null(strstr(line, "\"messageId\":\"3EB0AAAABBBBCCCC0001\""));
    /* to a sender known only by its LID */
    request.address = sellify_str("22990123456789@lid");
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_SENT);
    last_sent(f, line, sizeof(line));
    assert_non_null(strstr(line, "\"jid\":\"22990123456789@lid\""));
    /* without an id of ours the server's counts */
    request.message_id = (sellify_str_t){ NULL, 0 };
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_SENT);
    assert_memory_equal(f->message_id, "01STUB", 6);
}

static void
media_arrive_with_their_caption(void **state)
{
    fixture_t *f = *state;
    send_request_t request = a_text();
    char line[2048];

    request.kind = SELLIFY_KIND_IMAGE;
    request.media_url = sellify_str("https://shop.example/p/1.jpg");
    request.text = sellify_str("Le voici");
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_SENT);
    last_sent(f, line, sizeof(line));
    assert_non_null(strstr(line, "\"kind\":\"image\""));
    assert_non_null(strstr(line, "\"text\":\"Le voici\""));
    assert_non_null(strstr(line, "\"media\":\"https://shop.example/p/1.jpg\""));
    request.kind = SELLIFY_KIND_VIDEO;
    request.text = (sellify_str_t){ NULL, 0 };
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_SENT);
    last_sent(f, line, sizeof(line));
    assert_non_null(strstr(line, "\"kind\":\"video\""));
    /* the server answers 201 to what it does not take for a URL */
    request.media_url = sellify_str("http://localhost/1.mp4");
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_REFUSED);
    assert_string_equal(f->reason, "nothing was sent");
}

static void
keys_and_instances(void **state)
{
    fixture_t *f = *state;
    send_request_t request = a_text();

    f->w.settings.whatsapp_key[0] = 'T';
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_RETRY);
    assert_string_equal(f->reason, "bad key");
    f->w.settings.whatsapp_key[0] = 't';
    request.instance = sellify_str("other");
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_RETRY);
    assert_string_equal(f->reason, "unknown instance");
    /* no header can carry it: no call is made */
    f->w.settings.whatsapp_key[3] = '\n';
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_RETRY);
    assert_int_equal(counter(f, "attempts"), 0);
}

static void
what_is_never_tried(void **state)
{
    static const char *const addresses[] = { "", "33612345678", "@lid",
        "+33612345678@s.whatsapp.net", "33612345678:12@s.whatsapp.net",
        "120363012345678901@g.us", "status@broadcast",
        "33612345678@s.whatsapp.net ", "33612345678@s.whatsapp.net.evil" };
    static const char *const instances[] = { "", ".", "..", "a/b", "a?b",
        "a%2fb", "\xc3\xa9" };
    fixture_t *f = *state;
    send_request_t request;

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        request = a_text();
        request.address = sellify_str_of(addresses[i]);
        send_it(f, &request);
        assert_int_equal(f->outcome, SEND_REFUSED);
        assert_string_equal(f->reason, "address is not a full jid");
    }
    for (size_t i = 0; i < sizeof(instances) / sizeof(instances[0]); i++) {
        request = a_text();
        request.instance = sellify_str_of(instances[i]);
        send_it(f, &request);
        assert_int_equal(f->outcome, SEND_REFUSED);
        assert_string_equal(f->reason, "bad instance name");
    }
    request = a_text();
    request.text = sellify_str("");
    send_it(f, &request);
    assert_string_equal(f->reason, "empty text");
    request.kind = SELLIFY_KIND_IMAGE;
    send_it(f, &request);
    assert_string_equal(f->reason, "no media url");
    assert_int_equal(counter(f, "requests"), 0);
}

static void
a_server_that_is_down(void **state)
{
    fixture_t *f = *state;
    send_request_t request = a_text();
    int status;

    kill(f->stub, SIGTERM);
    assert_int_equal(waitpid(f->stub, &status, 0), f->stub);
    send_it(f, &request);
    assert_int_equal(f->outcome, SEND_RETRY);
    assert_string_equal(f->reason, "whatsapp-api not reached");
    assert_int_equal(start_stub(f), 0); /* tear_down() ends it */
}

static void
a_crash_is_never_certain(void **state)
{
    fixture_t *f = *state;

    assert_int_equal(codechat_driver.was_sent(&f->w, 42), -1);
    assert_int_equal(codechat_driver.real, 1);
    assert_string_equal(codechat_driver.name, "codechat");
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_answer_has_its_meaning),
        T(a_text_arrives_as_it_is),
        T(media_arrive_with_their_caption),
        T(keys_and_instances),
        T(what_is_never_tried),
        T(a_server_that_is_down),
        T(a_crash_is_never_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
