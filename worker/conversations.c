/* Conversations: find, add, learn aliases, merge, save. */
#include "conversations.h"

#include "../core/rng.h"
#include "log.h"
#include "metrics.h"
#include "store/conversations_store.h"

#include <inttypes.h>
#include <stdio.h>

#define HOUR_S 3600
#define NAME_MAX_BYTES 256

static void
to_chat(const chat_row_t *row, conversation_t *c)
{
    memset(c, 0, sizeof(*c));
    c->id = row->id;
    c->instance_id = row->instance_id;
    memcpy(c->public_id, row->public_id, sizeof(c->public_id));
    c->state = (sellify_state_t) row->state;
    c->misunderstandings = row->misunderstandings;
    c->paused_until = row->paused_until;
    memcpy(c->pause_reason, row->pause_reason, sizeof(c->pause_reason));
    c->opted_out = row->opted_out;
    memcpy(c->product_id, row->product_id, sizeof(c->product_id));
    memcpy(c->language, row->language, sizeof(c->language));
    c->last_in_at = row->last_in_at;
    c->last_out_at = row->last_out_at;
    c->last_alert_at = row->last_alert_at;
}

static void
to_row(const conversation_t *c, chat_row_t *row)
{
    memset(row, 0, sizeof(*row));
    row->id = c->id;
    row->instance_id = c->instance_id;
    row->state = (int) c->state;
    row->misunderstandings = c->misunderstandings;
    row->paused_until = c->paused_until;
    memcpy(row->pause_reason, c->pause_reason, sizeof(row->pause_reason));
    row->opted_out = c->opted_out;
    memcpy(row->product_id, c->product_id, sizeof(row->product_id));
    memcpy(row->language, c->language, sizeof(row->language));
    row->last_in_at = c->last_in_at;
    row->last_out_at = c->last_out_at;
    row->last_alert_at = c->last_alert_at;
}

/* A merged chat leads to the one that took it in. */
store_result_t
conversations_by_id(worker_t *w, int64_t id, conversation_t *out)
{
    chat_row_t row;
    store_result_t result = chats_store_by_id(w->store, id, &row);

    if (result == STORE_OK && row.merged_into != 0) {
        result = chats_store_by_id(w->store, row.merged_into, &row);
    }
    if (result == STORE_OK) {
        to_chat(&row, out);
    }
    return result;
}

store_result_t
conversations_by_public_id(
    worker_t *w, sellify_str_t public_id, conversation_t *out)
{
    chat_row_t row;
    store_result_t result = chats_store_by_public_id(w->store, public_id, &row);

    return result == STORE_OK ? conversations_by_id(w, row.id, out) : result;
}

/* --- addresses --- */

static store_result_t
find_address(
    worker_t *w, const instance_t *instance, sellify_str_t address, int64_t *id)
{
    *id = 0;
    if (address.len == 0) {
        return STORE_NONE;
    }
    return chats_store_find(w->store, instance->id, address, id);
}

store_result_t
conversations_find(worker_t *w, const instance_t *instance,
    const chat_address_t *address, conversation_t *out)
{
    int64_t id;
    store_result_t result = find_address(w, instance, address->jid, &id);

    if (result == STORE_NONE) {
        result = find_address(w, instance, address->lid, &id);
    }
    return result == STORE_OK ? conversations_by_id(w, id, out) : result;
}

static int
new_public_id(char id[40])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[16];

    if (sellify_rng_secret(raw, sizeof(raw)) != 0) {
        return -1;
    }
    memcpy(id, "cnv_", 4);
    for (size_t i = 0; i < sizeof(raw); i++) {
        id[4 + 2 * i] = digits[raw[i] >> 4];
        id[5 + 2 * i] = digits[raw[i] & 15];
    }
    id[36] = '\0';
    return 0;
}

/* Somebody who said STOP stays opted out, also when the chat is a new one. */
static store_result_t
is_opted_out(worker_t *w, const instance_t *instance,
    const chat_address_t *address, int *out)
{
    const sellify_str_t both[2] = { address->jid, address->lid };

    *out = 0;
    for (int i = 0; i < 2; i++) {
        store_result_t result =
            both[i].len == 0
                ? STORE_NONE
                : chats_store_opted_out(w->store, instance->id, both[i]);

        if (result == STORE_FAILED) {
            return STORE_FAILED;
        }
        *out |= result == STORE_OK;
    }
    return STORE_OK;
}

static sellify_str_t
known(sellify_str_t value)
{
    return value.len != 0 ? value : (sellify_str_t){ NULL, 0 };
}

static store_result_t
set_addresses(worker_t *w, const instance_t *instance,
    const chat_address_t *address, int64_t id)
{
    if (address->jid.len != 0 && chats_store_set_address(w->store, instance->id,
                                     address->jid, id) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return address->lid.len == 0 ? STORE_OK
                                 : chats_store_set_address(w->store,
                                       instance->id, address->lid, id);
}

static store_result_t
add(worker_t *w, const instance_t *instance, const chat_address_t *address,
    sellify_str_t name, conversation_t *out)
{
    chat_person_t person = { known(address->jid), known(address->lid),
        known(name) };
    chat_row_t row = {
        .instance_id = instance->id,
        .state = SELLIFY_STATE_DISCOVERY,
        .created_at = worker_seconds(w),
    };

    if (new_public_id(row.public_id) != 0 ||
        is_opted_out(w, instance, address, &row.opted_out) == STORE_FAILED ||
        chats_store_add(w->store, &row, &person) == STORE_FAILED ||
        set_addresses(w, instance, address, row.id) == STORE_FAILED) {
        return STORE_FAILED;
    }
    to_chat(&row, out);
    return STORE_OK;
}

/* --- aliases --- */

/* The stricter of both: a person who opted out, or whose chat is with a human,
 * must not be written to because an alias was learnt. */
static void
join(chat_row_t *into, const chat_row_t *from)
{
    if (sellify_state_is_terminal((sellify_state_t) from->state) &&
        from->state > into->state) {
        into->state = from->state;
    }
    if (from->paused_until > into->paused_until) {
        into->paused_until = from->paused_until;
        memcpy(
            into->pause_reason, from->pause_reason, sizeof(into->pause_reason));
    }
    into->opted_out |= from->opted_out;
#define LATEST(member)                                                         \
    into->member = from->member > into->member ? from->member : into->member
    LATEST(last_in_at);
    LATEST(last_out_at);
    LATEST(last_alert_at);
    LATEST(misunderstandings);
#undef LATEST
    if (into->product_id[0] == '\0') {
        memcpy(into->product_id, from->product_id, sizeof(into->product_id));
    }
}

/* Two chats turn out to be one person's: the older one stays. */
static store_result_t
merge(worker_t *w, int64_t a, int64_t b, int64_t *kept)
{
    int64_t into = a < b ? a : b, from = a < b ? b : a;
    chat_row_t older, newer;

    *kept = into;
    if (chats_store_by_id(w->store, into, &older) != STORE_OK ||
        chats_store_by_id(w->store, from, &newer) != STORE_OK) {
        return STORE_FAILED;
    }
    join(&older, &newer);
    if (chats_store_save(w->store, &older) == STORE_FAILED ||
        chats_store_merge(w->store, from, into) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return STORE_OK;
}

/* A known chat that is met under another address, or with another name. */
static store_result_t
learn(worker_t *w, const instance_t *instance, const chat_address_t *address,
    sellify_str_t name, int64_t id)
{
    chat_person_t present, news = { .jid = { NULL, 0 } };

    if (chats_store_person(w->store, id, &present) != STORE_OK) {
        return STORE_FAILED;
    }
    if (address->jid.len && !sellify_str_equal(address->jid, present.jid)) {
        news.jid = address->jid;
    }
    if (address->lid.len && !sellify_str_equal(address->lid, present.lid)) {
        news.lid = address->lid;
    }
    if (name.len && !sellify_str_equal(name, present.name)) {
        news.name = name;
    }
    chat_person_release(&present);
    if (set_addresses(w, instance, address, id) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return chats_store_set_person(w->store, id, &news);
}

store_result_t
conversations_ensure(worker_t *w, const instance_t *instance,
    const chat_address_t *address, sellify_str_t name, conversation_t *out)
{
    int64_t by_jid, by_lid, id;
    store_result_t jid = find_address(w, instance, address->jid, &by_jid);
    store_result_t lid = find_address(w, instance, address->lid, &by_lid);

    if (jid == STORE_FAILED || lid == STORE_FAILED) {
        return STORE_FAILED;
    }
    if (address->jid.len == 0 && address->lid.len == 0) {
        return STORE_NONE;
    }
    if (name.len > NAME_MAX_BYTES) {
        name.len = 0; /* nobody is called that */
    }
    if (by_jid == 0 && by_lid == 0) {
        return add(w, instance, address, name, out);
    }
    id = by_jid != 0 ? by_jid : by_lid;
    if (by_jid != 0 && by_lid != 0 && by_jid != by_lid &&
        merge(w, by_jid, by_lid, &id) != STORE_OK) {
        return STORE_FAILED;
    }
    if (learn(w, instance, address, name, id) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return conversations_by_id(w, id, out);
}

store_result_t
conversations_save(worker_t *w, const conversation_t *c)
{
    chat_row_t row;

    to_row(c, &row);
    return chats_store_save(w->store, &row);
}

/* A JID is preferred: a LID is the address only of who hides the number. */
store_result_t
conversations_address(worker_t *w, int64_t id, sellify_str_t *jid)
{
    chat_person_t person;
    store_result_t result = chats_store_person(w->store, id, &person);

    *jid = (sellify_str_t){ NULL, 0 };
    if (result != STORE_OK) {
        return result;
    }
    if (person.jid.data != NULL) {
        *jid = person.jid;
        person.jid = (sellify_str_t){ NULL, 0 };
    } else {
        *jid = person.lid;
        person.lid = (sellify_str_t){ NULL, 0 };
    }
    chat_person_release(&person);
    return jid->data != NULL ? STORE_OK : STORE_NONE;
}

static store_result_t
remember_opt_out(
    worker_t *w, const conversation_t *c, sellify_str_t address, int out)
{
    if (address.data == NULL) {
        return STORE_OK;
    }
    return out ? chats_store_opt_out(
                     w->store, c->instance_id, address, worker_seconds(w))
               : chats_store_opt_in(w->store, c->instance_id, address);
}

store_result_t
conversations_opt_out(worker_t *w, conversation_t *c, int out)
{
    chat_person_t person;
    store_result_t jid, lid;

    if (chats_store_person(w->store, c->id, &person) != STORE_OK) {
        return STORE_FAILED;
    }
    jid = remember_opt_out(w, c, person.jid, out);
    lid = remember_opt_out(w, c, person.lid, out);
    chat_person_release(&person);
    c->opted_out = out;
    if (jid == STORE_FAILED || lid == STORE_FAILED) {
        return STORE_FAILED;
    }
    return conversations_save(w, c);
}

store_result_t
conversations_replies_last_hour(worker_t *w, int64_t id, uint32_t *count)
{
    return messages_store_replies(
        w->store, id, worker_seconds(w) - HOUR_S, count);
}

store_result_t
conversations_add_message(worker_t *w, const message_row_t *m, int64_t *id)
{
    chat_message_t row = {
        .conversation_id = m->conversation_id,
        .instance_id = m->instance_id,
        .at = m->at,
        .from_me = m->from_me,
        .message_id = m->message_id,
        .text = m->text,
    };
    store_result_t result;

    snprintf(row.origin, sizeof(row.origin), "%s", m->origin);
    snprintf(row.type, sizeof(row.type), "%s", m->type);
    result = messages_store_add(w->store, &row);
    if (result == STORE_OK && id != NULL) {
        *id = row.id;
    }
    return result;
}

/* --- set-up --- */

static void
scrape(worker_t *w)
{
    int64_t count;

    for (int state = 0; state < SELLIFY_STATES; state++) {
        if (chats_store_count(w->store, state, &count) == STORE_OK) {
            metrics_set(w, METRIC_CONVERSATION_STATE,
                sellify_state_name((sellify_state_t) state), NULL,
                (double) count);
        }
    }
}

int
conversations_setup(worker_t *w)
{
    metrics_on_scrape(w, scrape);
    conversations_routes_add(w);
    return 0;
}

void
conversations_shutdown(worker_t *w)
{
    (void) w;
}
