-- The inbound pipeline and the simulator.  Columns named *_sealed hold
-- AES-256-GCM values whose additional data is (table, id, column); *_hash
-- columns hold keyed hashes.  Times ending in _at of jobs are microseconds.

-- One row per message flow: the messages of one burst, its decision and at most
-- one send.  step: worker/flow/step.h; below 16 the flow is still under way.
CREATE TABLE jobs (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    driver          TEXT NOT NULL, -- only that driver may send it
    step            INTEGER NOT NULL,
    reason          TEXT NOT NULL,
    first_at        INTEGER NOT NULL, -- first and last message received
    last_at         INTEGER NOT NULL,
    due_at          INTEGER,          -- NULL: waits for an event
    sending_at      INTEGER NOT NULL, -- 0: never
    ended_at        INTEGER,
    attempts        INTEGER NOT NULL,
    seed            INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    product_id      TEXT NOT NULL,
    media_id        TEXT NOT NULL,
    provider        TEXT NOT NULL,
    reservation_id  TEXT NOT NULL,
    message_id      TEXT, -- ours, from the step "sending" on
    ruleset_version INTEGER NOT NULL,
    reply_hash      BLOB,
    record_sealed   BLOB, -- what was asked and decided
    reply_sealed    BLOB,
    prompt_sealed   BLOB,
    response_sealed BLOB
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_open ON jobs (conversation_id, step) WHERE step < 16;
CREATE INDEX jobs_breaker ON jobs (instance_id, reason) WHERE step = 2;
CREATE UNIQUE INDEX jobs_message ON jobs (instance_id, message_id)
    WHERE message_id IS NOT NULL;
CREATE INDEX jobs_reply ON jobs (conversation_id, reply_hash)
    WHERE reply_hash IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

-- What a job answers; gone when the job has ended.
CREATE TABLE job_messages (
    id          INTEGER PRIMARY KEY,
    job_id      INTEGER NOT NULL,
    at          INTEGER NOT NULL, -- sender's time, seconds
    type        INTEGER NOT NULL,
    text_sealed BLOB
) STRICT;
CREATE INDEX job_messages_job ON job_messages (job_id, at, id);

-- Every message event, also those that are ignored: the second one is a
-- duplicate.
CREATE TABLE inbound_seen (
    instance_id INTEGER NOT NULL,
    message_id  TEXT NOT NULL,
    at          INTEGER NOT NULL, -- received, microseconds
    PRIMARY KEY (instance_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_seen_at ON inbound_seen (at);

-- Own messages that came while a send of ours to the chat was under way: which
-- of the two they are is known when the send is settled.
CREATE TABLE own_waiting (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    message_id      TEXT NOT NULL
) STRICT;
CREATE INDEX own_waiting_chat ON own_waiting (conversation_id, id);

-- Was the chat there before Sellify?  (audience new_chats)
CREATE TABLE chat_origins (
    conversation_id INTEGER PRIMARY KEY,
    known           INTEGER NOT NULL
) STRICT;

-- What the simulator would have sent.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    job_id          INTEGER NOT NULL UNIQUE,
    instance        TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    kind            INTEGER NOT NULL,
    at              INTEGER NOT NULL, -- microseconds
    address_sealed  BLOB NOT NULL,
    text_sealed     BLOB NOT NULL,
    media_url       TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_at ON outbox (at);
