/* GET /status: what runs, what is wrong, and what to do about it. */
#ifndef SELLIFY_WORKER_STATUS_H
#define SELLIFY_WORKER_STATUS_H

#include "worker.h"

int status_setup(worker_t *w) SELLIFY_MUST_CHECK;
void status_shutdown(worker_t *w);

#endif
