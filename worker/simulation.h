/*
 * Simulated time: only when SELLIFY_CLOCK_START is set.  The mapping is stored,
 * so that a restart goes on where time was; it never goes back.  On the admin
 * socket, POST /clock moves it on or changes its rate.
 */
#ifndef SELLIFY_WORKER_SIMULATION_H
#define SELLIFY_WORKER_SIMULATION_H

#include "worker.h"

int simulation_setup(worker_t *w) __attribute__((warn_unused_result));
void simulation_shutdown(worker_t *w);

#endif
