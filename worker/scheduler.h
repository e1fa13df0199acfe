/*
 * Work that time brings: ends of quota windows, expired reservations, the daily
 * refresh of the active hours.  What fell due while the worker was down is done
 * at set-up.
 */
#ifndef SELLIFY_WORKER_SCHEDULER_H
#define SELLIFY_WORKER_SCHEDULER_H

#include "worker.h"

/* Something falls due at `when` (UTC seconds): wake up then at the latest. */
void scheduler_wake(worker_t *w, int64_t when);

int scheduler_setup(worker_t *w) SELLIFY_MUST_CHECK;
void scheduler_shutdown(worker_t *w);

#endif
