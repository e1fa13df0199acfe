/*
 * The worker's subsystems in one place, in the order in which they are set up;
 * shutdown runs the other way round.  One thread; nothing here is locked.
 */
#ifndef SELLIFY_WORKER_H
#define SELLIFY_WORKER_H

#include "../core/clock.h"
#include "../core/ruleset.h"
#include "../core/state_file.h"
#include "settings.h"
#include "timers.h"
#include "turn.h"

struct event_base;

typedef struct worker worker_t;

struct worker {
    settings_t         settings;
    struct event_base *base;
    sellify_clock_t    clock;
    timers_t          *timers;
    turn_t            *turn;

    struct store       *store;       /* store/store.h: the database and its seal */
    struct publisher   *publisher;   /* publisher.h: the state file */
    struct policy      *policy;      /* policy.h: current and stored rulesets */
    struct license     *license;     /* license.h */
    struct quotas      *quotas;      /* quotas.h */
    struct keys        *keys;        /* keys.h */
    struct alerts      *alerts;      /* alerts.h */
    struct audit       *audit;       /* audit.h */
    struct products    *products;    /* products.h */
    struct conversations *conversations; /* conversations.h */
    struct http_client *http_client; /* http/client.h: libcurl multi */
    struct ai          *ai;          /* ai/ai.h */
    struct whatsapp    *whatsapp;    /* whatsapp/whatsapp.h */
    struct flow        *flow;        /* flow/flow.h: the inbound pipeline */
    struct metrics     *metrics;     /* metrics.h */
    struct http_server *http;        /* http/server.h: made first, so that each
                                        set-up adds its routes; listens last */

    int draining; /* SIGTERM seen: no new connections, no new sends */
};

/* What the parent (main.c) hands to the child. The parent keeps the listening
 * sockets open, so that nothing is refused while a child is replaced. */
typedef struct {
    settings_t *settings;
    int         listen_fd; /* worker.sock, listening, not blocking */
    int         admin_fd;  /* admin.sock, the same */
    int         ready_fd;  /* one byte once the first state is published */
} worker_start_t;

#define WORKER_EXIT_REFUSED 78 /* settings, key ring, documents: no restart */
#define WORKER_EXIT_UNREADY 75 /* disk, lock: the parent tries again */

/* The child's whole life; returns its exit status. SIGTERM drains, a second
 * one ends at once. */
int worker_run(const worker_start_t *start);

/* Mapped wall time of this turn: read once per loop pass, so that one turn sees
 * one time. */
sellify_time_t worker_now(const worker_t *worker);

static inline int64_t
worker_seconds(const worker_t *worker)
{
    return worker_now(worker) / SELLIFY_SECOND;
}

#endif
