/* The catalogue over HTTP: read from the ruleset in force. */
#ifndef SELLIFY_WORKER_PRODUCTS_H
#define SELLIFY_WORKER_PRODUCTS_H

#include "worker.h"

int products_setup(worker_t *w) SELLIFY_MUST_CHECK;
void products_shutdown(worker_t *w);

#endif
