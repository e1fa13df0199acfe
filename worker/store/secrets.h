/*
 * The two secrets that open the keyring: the machine's identity and the secret
 * file.  The identity is readable by everybody on the machine, so that the file
 * is always mixed in; the file travels, so that the identity is.
 */
#ifndef SELLIFY_STORE_SECRETS_H
#define SELLIFY_STORE_SECRETS_H

#include "../../core/str.h"

#include <stdint.h>

#define SECRETS_MACHINE_MAX 1024
#define SECRETS_SECRET_MIN 32
#define SECRETS_SECRET_MAX 4096

typedef struct {
    uint8_t machine[SECRETS_MACHINE_MAX];
    size_t machine_len; /* white space around it does not count */
    uint8_t secret[SECRETS_SECRET_MAX];
    size_t secret_len;
    const char *machine_file, *secret_file; /* the caller's */
} secrets_t;

/* Reads both. `make`: a missing secret file is made (0600, 64 random hex digits).
 * -1: refused, logged with the file's name. */
int secrets_read(secrets_t *secrets, const char *machine_file,
    const char *secret_file, int make) SELLIFY_MUST_CHECK;
void secrets_wipe(secrets_t *secrets);

#endif
