/*
 * Members of the JSON that the worker answers and records, null where there is
 * nothing to say.  Pure.
 */
#ifndef SELLIFY_WORKER_MEMBERS_H
#define SELLIFY_WORKER_MEMBERS_H

#include "../core/json.h"

/* An empty text is null; so is a NULL name. */
void
member_text(sellify_json_writer_t *w, const char *name, sellify_str_t value);
void member_name(sellify_json_writer_t *w, const char *name, const char *value);
/* UTC seconds as RFC 3339; 0 is null. */
void member_time(sellify_json_writer_t *w, const char *name, int64_t seconds);
void member_flag(sellify_json_writer_t *w, const char *name, int value);
void member_number(sellify_json_writer_t *w, const char *name, int64_t value);

#endif
