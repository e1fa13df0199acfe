/* Who asks, and may they: keys on the worker's socket, peer credentials on the
 * local operator's. */

#include "../../core/state_file.h"
#include "../keys.h"
#include "../log.h"
#include "exchange.h"

#include <event2/bufferevent.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int
http_identity_may_use(const http_identity_t *who, sellify_str_t instance)
{
    if (who->instance_count == 0) {
        return 1;
    }
    for (uint32_t i = 0; i < who->instance_count; i++) {
        if (sellify_str_equal(sellify_str_of(who->instances[i]), instance)) {
            return 1;
        }
    }
    return 0;
}

/* --- admin.sock --- */

static int
http_peer_is_operator(http_exchange_t *x)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(x->ev);
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return 0;
    }
    return peer.uid == 0 || peer.uid == geteuid();
}

static int
http_authenticate_operator(http_exchange_t *x)
{
    http_identity_t *who = &x->request.who;
    if (!http_peer_is_operator(x)) {
        log_warn("http", "refused", "another user on the admin socket");
        http_problem(&x->request, 403, "this socket is the operator's", NULL);
        return -1;
    }
    snprintf(who->key_id, sizeof(who->key_id), "operator");
    who->scopes = SELLIFY_SCOPE_ADMIN;
    return 0;
}

/* --- keys --- */

static sellify_str_t
http_bearer(sellify_str_t value)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;
    if (value.len <= len || strncasecmp(value.data, scheme, len) != 0) {
        return (sellify_str_t){ NULL, 0 };
    }
    return (sellify_str_t){ value.data + len, value.len - len };
}

static int
http_unauthorized(http_exchange_t *x, const char *detail)
{
    http_reply_header(
        &x->request, "WWW-Authenticate", "Bearer realm=\"sellify\"");
    http_problem(&x->request, 401, detail, NULL);
    return -1;
}

static int
http_authenticate_key(http_exchange_t *x)
{
    sellify_str_t key = http_header(&x->request, "X-API-Key");
    if (key.len == 0) {
        key = http_bearer(http_header(&x->request, "Authorization"));
    }
    if (key.len == 0) {
        return http_unauthorized(
            x, "a key is needed: X-API-Key or Authorization: Bearer");
    }
    if (!keys_verify(x->server->worker, key, &x->request.who)) {
        return http_unauthorized(x, "the key is not known");
    }
    return 0;
}

int
http_authenticate(http_exchange_t *x)
{
    if (x->request.local) {
        return http_authenticate_operator(x);
    }
    if (x->route != NULL && (x->route->access == HTTP_ACCESS_PUBLIC ||
                                x->route->access == HTTP_ACCESS_TOKEN)) {
        return 0;
    }
    return http_authenticate_key(x);
}

int
http_authorize(http_exchange_t *x)
{
    const http_route_t *route = x->route;
    if (route == NULL || x->request.local ||
        route->access != HTTP_ACCESS_SCOPE ||
        sellify_scope_allows(x->request.who.scopes, route->scope)) {
        return 0;
    }
    const char *name = sellify_scope_name(route->scope);
    char detail[64];
    snprintf(detail, sizeof(detail), "the key lacks the scope %s",
        name != NULL ? name : "admin");
    http_problem(&x->request, 403, detail, NULL);
    return -1;
}

int
http_is_personal(const http_request_t *request)
{
    return sellify_scope_allows(request->who.scopes, SELLIFY_SCOPE_PERSONAL);
}
