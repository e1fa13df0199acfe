-- What the platform itself keeps: small named values, row ids, the keyring, and
-- the answers to repeated requests.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The next free row id of each table: never goes back, so that an id (and with
-- it the place that a sealed value names) is never used twice.
CREATE TABLE next_id (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ways to the key-encryption key. 'machine' derives it from the machine identity
-- and the secret file; a 'recovery' slot would hold it in `wrapped`, sealed under
-- a passphrase. The checks tell a wrong machine from a wrong secret.
CREATE TABLE key_slot (
    name          TEXT PRIMARY KEY,
    version       INTEGER NOT NULL,
    salt          BLOB NOT NULL,
    machine_check BLOB,
    secret_check  BLOB,
    wrapped       BLOB,
    parameters    TEXT
) STRICT, WITHOUT ROWID;

-- Keys wrapped under the key-encryption key. `uses` is an upper bound: it is
-- raised in blocks before they are used. The current sealing key is the one
-- with the highest id that is not retired.
CREATE TABLE data_key (
    id         INTEGER PRIMARY KEY,
    purpose    TEXT NOT NULL CHECK (purpose IN ('seal', 'lookup')),
    wrapped    BLOB NOT NULL,
    uses       INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;

-- First answers of requests that carried an Idempotency-Key. Both hashes are
-- keyed; the answer is sealed.
CREATE TABLE idempotency (
    id          INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE,
    fingerprint BLOB NOT NULL,
    status      INTEGER NOT NULL,
    answer      BLOB NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);
