/*
 * What all lists share: ?limit=, ?cursor=, the filters by time, and the frame
 * {"items":[],"next_cursor":null}.  Cursors are opaque to clients; inside they
 * are the number of the last row seen.
 */
#ifndef SELLIFY_WORKER_HTTP_LIST_H
#define SELLIFY_WORKER_HTTP_LIST_H

#include "http.h"

#define HTTP_LIST_DEFAULT 50
#define HTTP_LIST_MAX 200

typedef struct {
    int limit;
    int64_t before;          /* rows below this one; INT64_MAX from the top */
    sellify_time_t from, to; /* [from, to), microseconds */
    sellify_str_t instance;  /* empty: any that the key may use */
    int has_paging;          /* limit or cursor was given */
} http_list_t;

/* 0, or -1 after having answered 400 or 403. */
int http_list_read(http_request_t *request, http_list_t *list);

/* Ends the items and the frame; `last` 0: there is no more. */
void http_list_begin(sellify_json_writer_t *w);
void http_list_end(sellify_json_writer_t *w, int64_t last);

#endif
