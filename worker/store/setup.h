/*
 * Opening and closing the database: for worker.c and unit tests.  Nothing is
 * written before machine, secret and keyring have been found right.
 */
#ifndef SELLIFY_STORE_SETUP_H
#define SELLIFY_STORE_SETUP_H

#include "../turn.h"
#include "../worker.h"
#include "store.h"

typedef struct {
    const char *db;          /* path of the database */
    const char *secret_file; /* made at first start */
    const char *hwid_file;   /* holds the machine identity */
} store_options_t;

typedef enum {
    STORE_OPENED = 0,
    STORE_REFUSED, /* wrong machine, secret, keyring, version: say and stop */
    STORE_UNREADY  /* locked, disk full, I/O error: may be better later */
} store_open_t;

/* Every reason is logged. The turn asks the store for transactions from here
 * on. `now` is mapped time, UTC seconds. */
store_open_t store_open(store_t **store, const store_options_t *options,
    turn_t *turn, int64_t now) SELLIFY_MUST_CHECK;
void store_close(store_t *store);

/* Between turns: checkpoints the log when nothing was committed since the last
 * call, or when it has grown past STORE_WAL_FRAMES_MAX. */
#define STORE_WAL_FRAMES_MAX 16384
void store_idle(store_t *store);

int store_setup(worker_t *w) SELLIFY_MUST_CHECK;
void store_shutdown(worker_t *w);

#endif
