/* Making and judging API keys. */
#ifndef SELLIFY_WORKER_KEYS_MAKE_H
#define SELLIFY_WORKER_KEYS_MAKE_H

#include "../core/str.h"
#include "worker.h"

#include <stdint.h>

#define KEYS_TEXT_MAX 48 /* "sk_", 43 characters, NUL */

/* A fresh key: 256 bits. -1 when the system has no entropy. */
int keys_new_text(char out[KEYS_TEXT_MAX]) SELLIFY_MUST_CHECK;
/* "key_" and 24 hex digits: names it in logs and lists, not secret. */
int keys_new_id(char out[40]) SELLIFY_MUST_CHECK;
int keys_hash(sellify_str_t key, uint8_t sha256[32]) SELLIFY_MUST_CHECK;

/* Why a key is not good enough ("is shorter than 16 characters"), or NULL. */
const char *keys_weakness(sellify_str_t key);

/* Registers the routes of keys_http.c. */
void keys_routes_add(worker_t *w);

#endif
