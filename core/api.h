/*
 * The JSON forms of the engines: request bodies in, answer bodies out, the same
 * in nginx and in the worker.  Source: docs/api.md.
 *
 * The read functions return 0, or the HTTP status to answer (400) with the
 * faults filled in.  `arena` must hold body.len bytes and live as long as the
 * request.  Fields that the caller left out keep the "absent" value told here,
 * and the program fills them from live data before it calls an engine.
 */
#ifndef SELLIFY_API_H
#define SELLIFY_API_H

#include "decision.h"
#include "problem.h"
#include "state_file.h"
#include "validation.h"

#define SELLIFY_BODY_MAX 65536 /* bytes, of the inline endpoints */

/* nginx cuts the webhook's token out of the path, puts "-" in its place
 * (/webhook/whatsapp/-/messages-upsert) and hands it on in this header, which
 * it always overwrites.  Without the header the path holds the token. */
#define SELLIFY_WEBHOOK_TOKEN_HEADER "X-Sellify-Webhook-Token"

typedef struct {
    sellify_decision_input_t input; /* complete but for what is absent below */
    sellify_str_t instance;         /* empty: absent */
    sellify_str_t conversation_id;  /* empty: absent */
    signed char quotas_available;   /* 0, 1, or -1: take the live counters */
    signed char is_active_hours;    /* 0, 1, or -1: take the policy's hours */
} sellify_decision_request_t;

int sellify_api_read_decision(sellify_str_t body, char *arena,
    sellify_decision_request_t *request,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;
void sellify_api_write_decision(
    sellify_json_writer_t *w, const sellify_decision_t *decision);

typedef struct {
    sellify_str_t text;
    sellify_str_t product_id; /* empty: absent; unknown to the ruleset: 400 */
    uint32_t max_length;      /* 0: absent */
} sellify_validate_request_t;

int sellify_api_read_validate(sellify_str_t body, char *arena,
    sellify_validate_request_t *request,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;
void sellify_api_write_verdict(sellify_json_writer_t *w,
    const sellify_verdict_t *verdict, sellify_str_t fallback_text);

typedef struct {
    sellify_state_t current_state;
    sellify_event_t event;
} sellify_transition_request_t;

int sellify_api_read_transition(sellify_str_t body, char *arena,
    sellify_transition_request_t *request,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;
void sellify_api_write_transition(
    sellify_json_writer_t *w, sellify_state_t new_state);

typedef struct {
    sellify_kind_t kind;    /* record and reserve: text when absent */
    int kind_given;         /* 0: message_type absent; check refuses that */
    sellify_str_t instance; /* empty: absent */
    sellify_str_t reservation_id;
} sellify_quota_request_t;

/* `body` may be empty only when `optional` (record): one text. */
int sellify_api_read_quota(sellify_str_t body, char *arena, int optional,
    sellify_quota_request_t *request,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;
/* {"can_send","delay_seconds","remaining"} */
void sellify_api_write_quota_check(sellify_json_writer_t *w,
    const sellify_quota_answer_t *answer, int64_t now, uint32_t delay_seconds);
/* GET /quota; `now` UTC seconds. */
void sellify_api_write_quota_status(sellify_json_writer_t *w,
    const sellify_state_instance_t *instance, int64_t now);

/* Instance names: 1..64 of [A-Za-z0-9_.-]. */
int sellify_instance_name_valid(sellify_str_t name);

#endif
