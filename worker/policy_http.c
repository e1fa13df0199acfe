/* The policy over HTTP. */
#include "../core/api.h"
#include "http/http.h"
#include "policy.h"
#include "policy_seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const policy_documents_t *documents;
    sellify_str_t policy;
} config_view_t;

static void
write_config(sellify_json_writer_t *w, void *data)
{
    const config_view_t *view = data;
    char at[SELLIFY_RFC3339_MAX];

    sellify_time_format(view->documents->created_at * SELLIFY_SECOND, at);
    sellify_json_object(w);
    sellify_json_key(w, "version");
    sellify_json_int(w, view->documents->version);
    sellify_json_key(w, "created_at");
    sellify_json_cstring(w, at);
    sellify_json_key(w, "author");
    sellify_json_cstring(w, view->documents->author);
    sellify_json_key(w, "policy");
    sellify_json_raw(w, view->policy);
    sellify_json_object_end(w);
}

static void
get_config(http_request_t *request)
{
    policy_documents_t documents;
    config_view_t view = { .documents = &documents };
    char etag[32];
    char *masked = NULL;

    if (policy_documents(request->worker, &documents) != STORE_OK) {
        http_not_ready(request);
        return;
    }
    view.policy = documents.policy;
    if (!http_is_personal(request)) {
        view.policy = policy_seed_masked(documents.policy, &masked);
    }
    snprintf(etag, sizeof(etag), "\"%" PRId64 "\"", documents.version);
    http_reply_header(request, "ETag", etag);
    http_reply_built(request, 200, write_config, &view);
    free(masked);
    policy_documents_release(&documents);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/config", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_config },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

void
policy_routes_add(worker_t *w)
{
    http_routes_add(w->http, routes);
}
