/* What all lists share. */
#include "list.h"

#include "../../core/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CURSOR_MAX 24

static void
read_limit(http_request_t *request, http_list_t *list, sellify_faults_t *faults)
{
    sellify_str_t text = http_query(request, "limit");
    int value = 0;

    if (text.data == NULL) {
        return;
    }
    list->has_paging = 1;
    for (size_t i = 0; i < text.len && value <= HTTP_LIST_MAX; i++) {
        value = text.data[i] >= '0' && text.data[i] <= '9'
                    ? value * 10 + (text.data[i] - '0')
                    : HTTP_LIST_MAX + 1;
    }
    if (value < 1 || value > HTTP_LIST_MAX) {
        sellify_fault_add(
            faults, "", "/limit", "is not a number from 1 to 200");
        return;
    }
    list->limit = value;
}

static void
read_cursor(
    http_request_t *request, http_list_t *list, sellify_faults_t *faults)
{
    sellify_str_t text = http_query(request, "cursor");
    char digits[CURSOR_MAX];
    char *end;

    if (text.data == NULL) {
        return;
    }
    list->has_paging = 1;
    if (text.len >= 2 && text.len < CURSOR_MAX && text.data[0] == 'c') {
        memcpy(digits, text.data + 1, text.len - 1);
        digits[text.len - 1] = '\0';
        if (strspn(digits, "0123456789abcdef") == text.len - 1) {
            uint64_t value = strtoull(digits, &end, 16);

            if (value > 0 && value < INT64_MAX) {
                list->before = (int64_t) value;
                return;
            }
        }
    }
    sellify_fault_add(faults, "", "/cursor", "is not one that was given");
}

static void
read_time(http_request_t *request, const char *name, const char *pointer,
    sellify_time_t *when, sellify_faults_t *faults)
{
    sellify_str_t text = http_query(request, name);

    if (text.data != NULL &&
        sellify_time_parse(text.data, text.len, when) != 0) {
        sellify_fault_add(faults, "", pointer, "is no RFC 3339 time");
    }
}

int
http_list_read(http_request_t *request, http_list_t *list)
{
    sellify_faults_t faults = { .count = 0 };

    *list = (http_list_t){ .limit = HTTP_LIST_DEFAULT,
        .before = INT64_MAX,
        .from = INT64_MIN,
        .to = INT64_MAX };
    read_limit(request, list, &faults);
    read_cursor(request, list, &faults);
    read_time(request, "from", "/from", &list->from, &faults);
    read_time(request, "to", "/to", &list->to, &faults);
    list->instance = http_query(request, "instance");
    if (list->instance.data != NULL &&
        !sellify_instance_name_valid(list->instance)) {
        sellify_fault_add(&faults, "", "/instance", "is no instance name");
    }
    if (faults.count != 0) {
        http_problem(request, 400, NULL, &faults);
        return -1;
    }
    if (list->instance.len != 0 &&
        !http_identity_may_use(&request->who, list->instance)) {
        http_problem(request, 403, "the key is not for this instance", NULL);
        return -1;
    }
    return 0;
}

void
http_list_begin(sellify_json_writer_t *w)
{
    sellify_json_object(w);
    sellify_json_key(w, "items");
    sellify_json_array(w);
}

void
http_list_end(sellify_json_writer_t *w, int64_t last)
{
    char cursor[CURSOR_MAX];

    sellify_json_array_end(w);
    sellify_json_key(w, "next_cursor");
    if (last == 0) {
        sellify_json_null(w);
    } else {
        snprintf(cursor, sizeof(cursor), "c%" PRIx64, (uint64_t) last);
        sellify_json_cstring(w, cursor);
    }
    sellify_json_object_end(w);
}
