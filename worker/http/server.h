/*
 * The HTTP server's life, for worker.c: made before the subsystems (they add
 * their routes), listening after them, drained before the end.
 *
 * evhttp reads a whole request before anybody sees it: its own cap is the
 * largest body that a route takes; the route's own limit is enforced before
 * anything looks at the body.  What evhttp itself refuses (a malformed request
 * line, headers past HTTP_HEADERS_MAX, a body past the largest route's) gets
 * evhttp's plain answer; nginx refuses those before they come here.
 */
#ifndef SELLIFY_WORKER_HTTP_SERVER_H
#define SELLIFY_WORKER_HTTP_SERVER_H

#include "http.h"

#define HTTP_HEADERS_MAX 16384
#define HTTP_BODY_MAX 65536 /* of a route that names no limit */
#define HTTP_BODY_SLACK 65536
#define HTTP_PENDING_MAX 4096 /* requests at a time; more are answered 503 */
#define HTTP_TIMEOUT_S 75     /* of a silent connection; nginx keeps 60 */

int http_setup(worker_t *w) SELLIFY_MUST_CHECK;
void http_shutdown(worker_t *w);

/* Accepts on the sockets of w->options. */
int http_listen(worker_t *w) SELLIFY_MUST_CHECK;
/* Stops accepting; answers close their connection. */
void http_drain(struct http_server *server);
/* Requests that wait for their answer, and answers not yet written. */
size_t http_pending(const struct http_server *server);

#endif
