-- The durable resources.  Columns named *_sealed hold AES-256-GCM values whose
-- additional data is (table, id, column); *_hash columns hold keyed hashes.

CREATE TABLE instances (
    id             INTEGER PRIMARY KEY,
    slot           INTEGER NOT NULL UNIQUE, -- place in the state file
    name           TEXT NOT NULL UNIQUE,
    breaker_open   INTEGER NOT NULL DEFAULT 0,
    breaker_reason TEXT,
    first_seen     INTEGER NOT NULL
) STRICT;

CREATE TABLE quota_counters (
    instance_id     INTEGER PRIMARY KEY REFERENCES instances (id),
    counters_sealed BLOB NOT NULL
) STRICT;

-- status: 0 live, 1 sent, 2 released, 3 expired.  Settled ones are kept for a
-- while, so that a repeated record counts once.
CREATE TABLE quota_reservations (
    id             INTEGER PRIMARY KEY,
    public_id      TEXT NOT NULL UNIQUE,
    instance_id    INTEGER NOT NULL REFERENCES instances (id),
    owner          INTEGER NOT NULL,
    status         INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    settled_at     INTEGER,
    content_sealed BLOB NOT NULL
) STRICT;
CREATE INDEX quota_reservations_due ON quota_reservations
    (instance_id, expires_at) WHERE status = 0 AND owner <> 1;
CREATE INDEX quota_reservations_next ON quota_reservations (expires_at)
    WHERE status = 0 AND owner <> 1;
CREATE INDEX quota_reservations_live ON quota_reservations (instance_id, id)
    WHERE status = 0;
CREATE INDEX quota_reservations_settled ON quota_reservations (settled_at)
    WHERE status <> 0;

-- Documents are kept once however many versions use them.
CREATE TABLE ruleset_documents (
    id          INTEGER PRIMARY KEY,
    subject     TEXT NOT NULL, -- policy, products, lexicons
    hash        BLOB NOT NULL,
    body_sealed BLOB NOT NULL,
    UNIQUE (subject, hash)
) STRICT;
CREATE TABLE rulesets (
    version    INTEGER PRIMARY KEY,
    created_at INTEGER NOT NULL,
    author     TEXT NOT NULL,
    policy     INTEGER NOT NULL REFERENCES ruleset_documents (id),
    products   INTEGER NOT NULL REFERENCES ruleset_documents (id),
    lexicons   INTEGER NOT NULL REFERENCES ruleset_documents (id)
) STRICT;

CREATE TABLE api_keys (
    id           INTEGER PRIMARY KEY,
    public_id    TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    sha256       BLOB NOT NULL UNIQUE,
    scopes       INTEGER NOT NULL,
    instances    TEXT NOT NULL, -- names, one space between; empty: all
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL, -- 0: never
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE TABLE audit (
    seq               INTEGER PRIMARY KEY,
    at                INTEGER NOT NULL, -- microseconds
    kind              TEXT NOT NULL,
    instance          TEXT,
    state             INTEGER,
    action            INTEGER,
    conversation_hash BLOB,
    id_hash           BLOB,
    payload_sealed    BLOB,          -- NULL: erased
    payload_hash      BLOB NOT NULL, -- keyed, of the opened payload
    mac               BLOB NOT NULL  -- over this row and the mac before
) STRICT;
CREATE UNIQUE INDEX audit_id ON audit (id_hash) WHERE id_hash IS NOT NULL;
CREATE INDEX audit_conversation ON audit (conversation_hash, seq)
    WHERE conversation_hash IS NOT NULL;
CREATE INDEX audit_instance ON audit (instance, seq);
-- One row: the end of the chain, so that a missing tail shows.
CREATE TABLE audit_head (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    mac BLOB NOT NULL,     -- of the last entry
    seal BLOB NOT NULL     -- keyed hash over both
) STRICT;

CREATE TABLE conversations (
    id                INTEGER PRIMARY KEY,
    public_id         TEXT NOT NULL UNIQUE,
    instance_id       INTEGER NOT NULL REFERENCES instances (id),
    merged_into       INTEGER REFERENCES conversations (id),
    state             INTEGER NOT NULL,
    misunderstandings INTEGER NOT NULL,
    paused_until      INTEGER NOT NULL,
    pause_reason      TEXT NOT NULL,
    opted_out         INTEGER NOT NULL,
    product_id        TEXT NOT NULL,
    language          TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    last_in_at        INTEGER NOT NULL,
    last_out_at       INTEGER NOT NULL,
    last_alert_at     INTEGER NOT NULL,
    jid_sealed        BLOB,
    lid_sealed        BLOB,
    name_sealed       BLOB
) STRICT;
CREATE INDEX conversations_state ON conversations (state, id)
    WHERE merged_into IS NULL;
CREATE INDEX conversations_instance ON conversations (instance_id, id)
    WHERE merged_into IS NULL;

CREATE TABLE chat_addresses (
    hash            BLOB NOT NULL, -- of a JID or a LID
    instance_id     INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id),
    PRIMARY KEY (hash, instance_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_addresses_conversation ON chat_addresses (conversation_id);

-- Survives the erasure of the person's data.
CREATE TABLE opt_outs (
    hash        BLOB NOT NULL,
    instance_id INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (hash, instance_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    id              INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id),
    instance_id     INTEGER NOT NULL,
    message_id      TEXT NOT NULL,
    from_me         INTEGER NOT NULL,
    origin          TEXT NOT NULL,
    type            TEXT NOT NULL,
    at              INTEGER NOT NULL,
    text_sealed     BLOB,
    UNIQUE (instance_id, message_id)
) STRICT;
CREATE INDEX messages_conversation ON messages (conversation_id, id);
CREATE INDEX messages_replies ON messages (conversation_id, at)
    WHERE origin = 'sellify';

-- state: pending, sent, failed, acknowledged
CREATE TABLE alerts (
    id              INTEGER PRIMARY KEY,
    severity        INTEGER NOT NULL,
    reason          TEXT NOT NULL,
    grouping        TEXT NOT NULL,
    instance_id     INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    occurrences     INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    last_at         INTEGER NOT NULL,
    state           TEXT NOT NULL,
    acked_at        INTEGER,
    acked_by        TEXT,
    text_sealed     BLOB
) STRICT;
CREATE INDEX alerts_group ON alerts
    (reason, instance_id, conversation_id, grouping, created_at);
CREATE INDEX alerts_pending ON alerts (id) WHERE state = 'pending';
