/*
 * Senders.  One driver is configured; a job is sent only by the driver under
 * which it was created.  Only this folder knows the dialects of whatsapp-api.
 */
#ifndef SELLIFY_WHATSAPP_H
#define SELLIFY_WHATSAPP_H

#include "../worker.h"

typedef enum {
    SEND_SENT,    /* accepted; message_id is set */
    SEND_REFUSED, /* certainly not sent, and never will be */
    SEND_RETRY,   /* certainly not sent; try later */
    SEND_UNSURE   /* may have been sent: never again, tell a human */
} send_outcome_t;

typedef struct {
    int64_t job_id;
    sellify_str_t instance;   /* name */
    sellify_str_t address;    /* full JID */
    sellify_str_t message_id; /* ours, so that the echo is recognised */
    sellify_kind_t kind;
    sellify_str_t text;      /* or the caption */
    sellify_str_t media_url; /* image and video */
} send_request_t;

typedef struct {
    send_outcome_t outcome;
    sellify_str_t message_id; /* as WhatsApp named it */
    const char *reason;       /* short constant for logs and audit */
} send_result_t;

/* Called in a later turn, outside any step: begin one. */
typedef void (*send_done_fn)(
    worker_t *w, int64_t job_id, const send_result_t *result);

typedef struct {
    const char *name; /* "simulator", "codechat" */
    int real;         /* 1: reaches real people; automation starts off */
    /* Called as an effect, after the "sending" step is durable. Copies what it
     * keeps. Answers exactly once through done. */
    void (*send)(worker_t *w, const send_request_t *request, send_done_fn done);
    /* After a crash: did this job leave? 1 yes, 0 certainly not, -1 unknown.
     * Inside a step. */
    int (*was_sent)(worker_t *w, int64_t job_id);
    /* Both may be NULL. setup: 0, or -1 after a line on stderr. */
    int (*setup)(worker_t *w);
    void (*shutdown)(worker_t *w);
} whatsapp_driver_t;

const whatsapp_driver_t *whatsapp_driver(const worker_t *w);

int whatsapp_setup(worker_t *w) SELLIFY_MUST_CHECK;
void whatsapp_shutdown(worker_t *w);

#endif
