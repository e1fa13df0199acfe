/*
 * The audit chain.  The MAC of an entry covers its plain columns, the keyed hash
 * of its payload and the MAC before it; the head says where the chain ends.  The
 * hash is of the opened payload, so that re-sealing with a new key does not
 * touch the chain, and an erased payload leaves the chain whole.
 */
#include "audit.h"

#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "store/audit_store.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define HEX(n) ((n) *2 + 1)

static void
hex(const uint8_t *bytes, char out[HEX(STORE_HASH_LEN)])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < STORE_HASH_LEN; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * STORE_HASH_LEN] = '\0';
}

static void
mac_of(store_t *store, const audit_row_t *row, const uint8_t *before,
    uint8_t mac[STORE_HASH_LEN])
{
    char payload[HEX(STORE_HASH_LEN)], previous[HEX(STORE_HASH_LEN)],
        conversation[HEX(STORE_HASH_LEN)], id[HEX(STORE_HASH_LEN)];
    char text[512];
    int len;

    hex(row->payload_hash, payload);
    hex(before, previous);
    hex(row->conversation_hash, conversation);
    hex(row->id_hash, id);
    /* No part can hold the separator: names are [A-Za-z0-9_.-]. */
    len = snprintf(text, sizeof(text),
        "1|%" PRId64 "|%" PRId64 "|%s|%s|%d|%d|%s|%s|%s|%s", row->seq, row->at,
        row->kind, row->instance, row->state, row->action,
        row->has_conversation ? conversation : "", row->has_id ? id : "",
        payload, previous);
    store_hash(store, "audit-mac", (sellify_str_t){ text, (size_t) len }, mac);
}

static void
seal_head(store_t *store, audit_head_t *head)
{
    char mac[HEX(STORE_HASH_LEN)], text[128];
    int len;

    hex(head->mac, mac);
    len = snprintf(text, sizeof(text), "1|%" PRId64 "|%s", head->seq, mac);
    store_hash(
        store, "audit-head", (sellify_str_t){ text, (size_t) len }, head->seal);
}

/* The columns of a record that is about to follow `head`. */
static void
make_row(worker_t *w, const audit_record_t *record, const audit_head_t *head,
    audit_row_t *row)
{
    memset(row, 0, sizeof(*row));
    row->seq = head->seq + 1;
    row->at = worker_now(w);
    snprintf(row->kind, sizeof(row->kind), "%s", record->kind);
    snprintf(row->instance, sizeof(row->instance), "%.*s",
        (int) record->instance.len,
        record->instance.data ? record->instance.data : "");
    row->state = record->state;
    row->action = record->action;
    row->has_conversation = record->conversation_id.len != 0;
    if (row->has_conversation) {
        store_hash(w->store, "audit-conversation", record->conversation_id,
            row->conversation_hash);
    }
    row->has_id = record->id.len != 0;
    if (row->has_id) {
        store_hash(w->store, "audit-id", record->id, row->id_hash);
    }
    store_hash(w->store, "audit-payload", record->payload, row->payload_hash);
    mac_of(w->store, row, head->mac, row->mac);
}

audit_result_t
audit_append(worker_t *w, const audit_record_t *record, int64_t *sequence,
    sellify_time_t *at)
{
    audit_head_t head;
    audit_row_t row, earlier;
    store_result_t result = audit_store_head(w->store, &head);

    if (result == STORE_FAILED) {
        return AUDIT_FAILED;
    }
    make_row(w, record, &head, &row);
    if (row.has_id) {
        result = audit_store_by_id(w->store, row.id_hash, &earlier);
        if (result == STORE_FAILED) {
            return AUDIT_FAILED;
        }
        if (result == STORE_OK) {
            *sequence = earlier.seq;
            *at = earlier.at;
            return CRYPTO_memcmp(earlier.payload_hash, row.payload_hash,
                       STORE_HASH_LEN) == 0
                       ? AUDIT_REPEATED
                       : AUDIT_CONFLICT;
        }
    }
    head.seq = row.seq;
    memcpy(head.mac, row.mac, sizeof(head.mac));
    seal_head(w->store, &head);
    if (audit_store_add(w->store, &row, record->payload) == STORE_FAILED ||
        audit_store_set_head(w->store, &head) == STORE_FAILED) {
        return AUDIT_FAILED;
    }
    metrics_committed(w, METRIC_AUDIT_LOGS, NULL, NULL);
    *sequence = row.seq;
    *at = row.at;
    return AUDIT_ADDED;
}

/* --- verify --- */

static int
row_is_whole(store_t *store, const audit_row_t *row, const uint8_t *before,
    sellify_str_t payload, int opens)
{
    uint8_t mac[STORE_HASH_LEN], hash[STORE_HASH_LEN];

    mac_of(store, row, before, mac);
    if (!opens || CRYPTO_memcmp(mac, row->mac, sizeof(mac)) != 0) {
        return 0;
    }
    if (payload.data == NULL) {
        return 1; /* erased: the chain holds its hash */
    }
    store_hash(store, "audit-payload", payload, hash);
    return CRYPTO_memcmp(hash, row->payload_hash, sizeof(hash)) == 0;
}

static store_result_t
check_head(
    worker_t *w, int64_t last, const uint8_t *mac, audit_verdict_t *verdict)
{
    audit_head_t head, expected;
    store_result_t result = audit_store_head(w->store, &head);

    if (result == STORE_FAILED) {
        return STORE_FAILED;
    }
    if (result == STORE_NONE && last == 0) {
        return STORE_NONE;
    }
    expected = head;
    seal_head(w->store, &expected);
    if (head.seq != last || memcmp(head.mac, mac, sizeof(head.mac)) != 0 ||
        CRYPTO_memcmp(head.seal, expected.seal, sizeof(head.seal)) != 0) {
        verdict->fault = head.seq > last ? "missing" : "head";
        verdict->sequence = last + 1;
    }
    return STORE_NONE;
}

static store_result_t
start_mac(worker_t *w, int64_t from, uint8_t mac[STORE_HASH_LEN])
{
    audit_row_t row;
    store_result_t result;

    memset(mac, 0, STORE_HASH_LEN);
    if (from == 0) {
        return STORE_OK;
    }
    result = audit_store_get(w->store, from, &row, NULL);
    if (result == STORE_OK) {
        memcpy(mac, row.mac, STORE_HASH_LEN);
    }
    return result;
}

store_result_t
audit_verify(worker_t *w, int64_t from, int64_t limit, audit_verdict_t *verdict)
{
    uint8_t before[STORE_HASH_LEN];
    audit_row_t row;
    sellify_str_t payload = { NULL, 0 };
    int opens = 0, whole;
    store_result_t result = start_mac(w, from, before);

    memset(verdict, 0, sizeof(*verdict));
    if (result != STORE_OK) {
        verdict->fault = result == STORE_NONE ? "missing" : NULL;
        verdict->sequence = from;
        return result;
    }
    for (; limit > 0; limit--, from++, verdict->checked++) {
        result = audit_store_next(w->store, from, &row, &payload, &opens);
        if (result == STORE_FAILED) {
            return STORE_FAILED;
        }
        if (result == STORE_NONE) {
            return check_head(w, from, before, verdict);
        }
        whole = row_is_whole(w->store, &row, before, payload, opens);
        store_release(&payload);
        if (row.seq != from + 1 || !whole) {
            verdict->fault = row.seq != from + 1 ? "missing" : "changed";
            verdict->sequence = from + 1;
            return STORE_NONE;
        }
        memcpy(before, row.mac, sizeof(before));
    }
    return STORE_OK;
}

int
audit_setup(worker_t *w)
{
    audit_routes_add(w);
    return 0;
}

void
audit_shutdown(worker_t *w)
{
    (void) w;
}
