/*
 * Error answers after RFC 9457; see problem.h.
 */
#include "problem.h"

static const struct {
    int status;
    const char *title;
} titles[] = {
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 411, "Length Required" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 507, "Insufficient Storage" },
};

const char *
sellify_problem_title(int status)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Error";
}

static void
write_errors(sellify_json_writer_t *w, const sellify_faults_t *faults)
{
    size_t count = faults ? faults->count : 0;

    if (count > SELLIFY_FAULTS_MAX) {
        count = SELLIFY_FAULTS_MAX;
    }
    sellify_json_key(w, "errors");
    sellify_json_array(w);
    for (size_t i = 0; i < count; i++) {
        const sellify_fault_t *fault = &faults->items[i];

        sellify_json_object(w);
        if (fault->document[0] != '\0') {
            sellify_json_key(w, "document");
            sellify_json_cstring(w, fault->document);
        }
        sellify_json_key(w, "pointer");
        sellify_json_cstring(w, fault->pointer);
        sellify_json_key(w, "detail");
        sellify_json_cstring(w, fault->detail);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
}

void
sellify_problem_write(sellify_json_writer_t *w, int status, const char *detail,
    const sellify_faults_t *faults)
{
    const char *title = sellify_problem_title(status);

    if (detail == NULL) {
        detail =
            (faults && faults->count > 0) ? faults->items[0].detail : title;
    }
    sellify_json_object(w);
    sellify_json_key(w, "type");
    sellify_json_cstring(w, "about:blank");
    sellify_json_key(w, "title");
    sellify_json_cstring(w, title);
    sellify_json_key(w, "status");
    sellify_json_int(w, status);
    sellify_json_key(w, "detail");
    sellify_json_cstring(w, detail);
    write_errors(w, faults);
    sellify_json_object_end(w);
}
