/* Small named values and the row ids of all tables. */

#include "../memory.h"
#include "internal.h"

int64_t
store_next_id(store_t *store, const char *table)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO next_id (name, next) VALUES (?1, 2)"
        " ON CONFLICT (name) DO UPDATE SET next = next + 1"
        " RETURNING next - 1");
    store_bind_text(s, 1, sellify_str_of(table));
    int64_t id = 0;
    if (store_step(store, s) == STORE_OK) {
        id = sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return id;
}

store_result_t
store_meta_get(store_t *store, const char *name, sellify_str_t *value)
{
    *value = (sellify_str_t){ NULL, 0 };
    sqlite3_stmt *s =
        store_statement(store, "SELECT value FROM meta WHERE name = ?1");
    store_bind_text(s, 1, sellify_str_of(name));
    store_result_t result = store_step(store, s);
    if (result == STORE_OK) {
        const char *data = sqlite3_column_blob(s, 0);
        sellify_str_t found = { data, (size_t) sqlite3_column_bytes(s, 0) };
        *value = (sellify_str_t){ memory_copy(found), found.len };
    }
    store_done(s);
    return result;
}

store_result_t
store_meta_set(store_t *store, const char *name, sellify_str_t value)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO meta (name, value) VALUES (?1, ?2)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    store_bind_text(s, 1, sellify_str_of(name));
    store_bind_blob(s, 2, value.data, value.len);
    return store_run(store, s);
}
