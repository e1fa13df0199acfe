/* Asking the worker over its admin socket. */
#include "cli.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/sellify/admin.sock"
#define ANSWER_MAX ((size_t) 64 << 20)
#define TIMEOUT_S 60L
#define CONNECT_TIMEOUT_S 5L

const char *
cli_option(const cli_args_t *args, const char *name, size_t index)
{
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->names[i], name) == 0 && index-- == 0) {
            return args->values[i];
        }
    }
    return NULL;
}

static size_t
collect(char *data, size_t size, size_t count, void *user)
{
    cli_answer_t *answer = user;
    size_t len = size * count;
    char *grown;

    if (len > ANSWER_MAX - answer->len) {
        return 0;
    }
    grown = realloc(answer->body, answer->len + len + 1);
    if (grown == NULL) {
        return 0;
    }
    answer->body = grown;
    memcpy(answer->body + answer->len, data, len);
    answer->len += len;
    answer->body[answer->len] = '\0';
    return len;
}

static const char *
socket_path(void)
{
    const char *path = getenv("SELLIFY_ADMIN_SOCKET");

    return path != NULL && path[0] != '\0' ? path : DEFAULT_SOCKET;
}

static void
prepare(CURL *curl, const char *method, const char *body,
    struct curl_slist *headers, cli_answer_t *answer)
{
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path());
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    } else if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }
}

void
cli_ask(const char *method, const char *path, const char *body,
    cli_answer_t *answer)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: application/json");
    char url[2048];
    long status = 0;
    CURLcode code = CURLE_FAILED_INIT;

    memset(answer, 0, sizeof(*answer));
    snprintf(url, sizeof(url), "http://worker/api/v1%s", path);
    if (curl != NULL && headers != NULL) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        prepare(curl, method, body, headers, answer);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    if (code == CURLE_OK) {
        answer->status = (int) status;
    } else {
        fprintf(stderr, "sellify: no answer from the worker at %s: %s\n",
            socket_path(), curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

void
cli_answer_free(cli_answer_t *answer)
{
    free(answer->body);
    memset(answer, 0, sizeof(*answer));
}

char *
cli_path(const char *path, const cli_args_t *args, const char *const *options)
{
    size_t size = 1024, len;
    char *out = malloc(size);
    char separator = '?';

    if (out == NULL) {
        abort();
    }
    len = (size_t) snprintf(out, size, "%s", path);
    for (; options != NULL && *options != NULL; options++) {
        const char *value = cli_option(args, *options, 0);
        char *escaped;

        if (value == NULL) {
            continue;
        }
        escaped = curl_easy_escape(NULL, value, 0);
        len += (size_t) snprintf(out + len, size - len, "%c%s=%s", separator,
            *options, escaped ? escaped : "");
        curl_free(escaped);
        separator = '&';
        if (len >= size) {
            fprintf(stderr, "sellify: the options are too long\n");
            exit(CLI_USAGE);
        }
    }
    return out;
}

/* A refusal is problem+json: its detail, then each fault with its place. */
static void
print_refusal(const cli_answer_t *answer, const cJSON *problem)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(problem, "detail");
    const cJSON *title = cJSON_GetObjectItemCaseSensitive(problem, "title");
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(problem, "errors");
    const cJSON *error;

    fprintf(stderr, "sellify: refused (%d): %s\n", answer->status,
        cJSON_IsString(detail)  ? detail->valuestring
        : cJSON_IsString(title) ? title->valuestring
                                : "");
    cJSON_ArrayForEach(error, errors)
    {
        const cJSON *at = cJSON_GetObjectItemCaseSensitive(error, "pointer");
        const cJSON *why = cJSON_GetObjectItemCaseSensitive(error, "detail");

        fprintf(stderr, "  %s: %s\n",
            cJSON_IsString(at) && at->valuestring[0] ? at->valuestring : "/",
            cJSON_IsString(why) ? why->valuestring : "");
    }
}

int
cli_run(const cli_args_t *args, const char *method, const char *path,
    const char *body, void (*show)(const cJSON *answer))
{
    cli_answer_t answer;
    cJSON *json;
    int status = CLI_OK;

    cli_ask(method, path, body, &answer);
    if (answer.status == 0) {
        cli_answer_free(&answer);
        return CLI_UNREACHABLE;
    }
    json = cJSON_ParseWithLength(answer.body ? answer.body : "", answer.len);
    if (answer.status >= 400) {
        print_refusal(&answer, json);
        status = CLI_REFUSED;
    } else if (args->json) {
        printf("%s\n", answer.len ? answer.body : "{}");
    } else if (show != NULL) {
        show(json);
    }
    cJSON_Delete(json);
    cli_answer_free(&answer);
    return status;
}
