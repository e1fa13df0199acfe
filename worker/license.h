/* The licence: required only when SELLIFY_LICENSE_PUBLIC_KEY is set. */
#ifndef SELLIFY_WORKER_LICENSE_H
#define SELLIFY_WORKER_LICENSE_H

#include "../core/state_file.h"
#include "worker.h"

sellify_license_state_t license_state(const worker_t *w, int64_t *expires_at);

int license_setup(worker_t *w) SELLIFY_MUST_CHECK;
void license_shutdown(worker_t *w);

#endif
