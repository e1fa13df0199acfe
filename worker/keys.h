/*
 * API keys.  A key is shown once, when it is made; only its SHA-256 is stored.
 * The live ones are published in the state file, so that nginx knows them.
 */
#ifndef SELLIFY_WORKER_KEYS_H
#define SELLIFY_WORKER_KEYS_H

#include "http/http.h"
#include "store/store.h"
#include "worker.h"

/* 1 and who it is when the key is known, not revoked and not expired; else 0.
 * Reads memory only. */
int keys_verify(worker_t *w, sellify_str_t key, http_identity_t *who);

size_t keys_count(const worker_t *w); /* live ones */

/* Imports SELLIFY_API_KEY; says how to make a key when there is none. */
int keys_setup(worker_t *w) SELLIFY_MUST_CHECK;
void keys_shutdown(worker_t *w);

#endif
