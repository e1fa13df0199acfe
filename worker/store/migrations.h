/*
 * Numbered migrations, built in from worker/store/migrations/NNNN_subject.sql.
 * Each runs once, in ascending order, in a transaction of its own; a database
 * that knows a migration that this program does not, or another text of one, is
 * refused.
 */
#ifndef SELLIFY_STORE_MIGRATIONS_H
#define SELLIFY_STORE_MIGRATIONS_H

#include "store.h"

/* One embedded file; scripts/embed writes the table. */
struct sellify_embedded {
    const char *file; /* "worker/store/migrations/0001_platform.sql" */
    const unsigned char *data;
    size_t len;
};
extern const struct sellify_embedded store_migrations[]; /* ends with NULL */

/* 1 when the database has been made already, 0 when it is new, -1 on errors. */
int migrations_begun(store_t *store) SELLIFY_MUST_CHECK;
/* Before anything is written: does the database fit this program?
 * 0, or -1 (logged). */
int migrations_check(
    store_t *store, const struct sellify_embedded *table) SELLIFY_MUST_CHECK;
/* Applies what is missing. `first` runs in the transaction of the very first
 * one, so that there is never a database without a keyring. */
int migrations_run(store_t *store, const struct sellify_embedded *table,
    int (*first)(store_t *store, void *data), void *data,
    int64_t now) SELLIFY_MUST_CHECK;

#endif
