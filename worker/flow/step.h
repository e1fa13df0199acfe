/*
 * Steps of a job and the one function that moves a job between them.  The
 * numbers are stored in the database and never change; below FLOW_SENT the flow
 * is still under way.
 */
#ifndef SELLIFY_FLOW_STEP_H
#define SELLIFY_FLOW_STEP_H

#include "../store/flow_store.h"

typedef enum {
    FLOW_COLLECTING = 1, /* a burst: more messages may join */
    FLOW_HELD = 2,       /* waits, with a reason and a time; decided again */
    FLOW_DECIDED = 3,    /* an answer is being written */
    FLOW_GENERATED = 4,  /* the text is there and valid */
    FLOW_RESERVED = 5,   /* quota taken; the human-like delay runs */
    FLOW_SENDING = 6,    /* handed to the driver, or about to be */

    FLOW_SENT = 16,
    FLOW_UNSURE = 17,    /* may have been sent: never again */
    FLOW_FAILED = 18,    /* certainly not sent, and given up */
    FLOW_IGNORED = 19,   /* nothing to answer */
    FLOW_ALERTED = 20,   /* a human has it */
    FLOW_STOPPED = 21,   /* automation is not wanted in this chat */
    FLOW_LATE = 22,      /* too old to answer */
    FLOW_CANCELLED = 23, /* a human or a later message overtook it */
    FLOW_SILENT = 24,    /* no text that may be sent */
    FLOW_JOINED = 25     /* its messages are answered by another job */
} flow_step_t;

#define FLOW_STEPS_OPEN 16 /* steps below are under way */
#define FLOW_ACTIVE_FIRST FLOW_DECIDED
#define FLOW_ACTIVE_LAST FLOW_SENDING

const char *flow_step_name(int step); /* "collecting" ... */

/* May a job go from one step to the other? */
int flow_step_allowed(int from, int to);

/* Moves and saves.  A move that the table does not allow is a bug that could
 * send twice: the worker stops, and the stored step decides after the restart. */
store_result_t flow_move(store_t *store, flow_job_t *job, flow_step_t to,
    const char *reason, int64_t due_at) SELLIFY_MUST_CHECK;

#endif
