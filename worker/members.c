/* Members of JSON objects; see members.h. */
#include "members.h"

#include "../core/clock.h"

void
member_text(sellify_json_writer_t *w, const char *name, sellify_str_t value)
{
    sellify_json_key(w, name);
    if (value.len == 0) {
        sellify_json_null(w);
    } else {
        sellify_json_string(w, value);
    }
}

void
member_name(sellify_json_writer_t *w, const char *name, const char *value)
{
    member_text(w, name, sellify_str_of(value));
}

void
member_time(sellify_json_writer_t *w, const char *name, int64_t seconds)
{
    char text[SELLIFY_RFC3339_MAX] = "";

    if (seconds != 0) {
        sellify_time_format(seconds * SELLIFY_SECOND, text);
    }
    member_name(w, name, text);
}

void
member_flag(sellify_json_writer_t *w, const char *name, int value)
{
    sellify_json_key(w, name);
    sellify_json_bool(w, value != 0);
}

void
member_number(sellify_json_writer_t *w, const char *name, int64_t value)
{
    sellify_json_key(w, name);
    sellify_json_int(w, value);
}
