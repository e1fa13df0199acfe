/*
 * The inbound pipeline: every message is a stored job that moves through stored
 * steps, so that a crash resumes where it was.
 *
 *   collecting -> decided -> generated -> reserved -> sending -> sent
 *        \            \-> ignored | held | alerted | stopped    \-> failed | unsure
 *         \-> late                    \-> cancelled
 */
#ifndef SELLIFY_FLOW_H
#define SELLIFY_FLOW_H

#include "../worker.h"

/* Set-up order: resumes every unfinished job. */
int flow_setup(worker_t *w) __attribute__((warn_unused_result));
void flow_shutdown(worker_t *w);

#endif
