/* The commands: what each asks and how its answer looks. */
#include "cli.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const page_options[] = { "limit", "cursor", "instance",
    "state", "from", "to", NULL };
static const char *const audit_options[] = { "limit", "cursor", "instance",
    "state", "action", "conversation", "from", "to", NULL };
static const char *const audit_query[] = { "limit", "cursor", "instance",
    "state", "action", "from", "to", NULL };
static const char *const instance_option[] = { "instance", NULL };
static const char *const list_options[] = { "limit", "cursor", NULL };
static const char *const key_options[] = { "name", "scope", "scopes",
    "instance", "instances", "expires", NULL };

static const cJSON *
items(const cJSON *page)
{
    return cJSON_GetObjectItemCaseSensitive(page, "items");
}

/* "/keys/" and a word that is safe in a path; free it. */
static char *
path_with(const char *before, const char *word, const char *after)
{
    char *escaped = curl_easy_escape(NULL, word, 0);
    char *out = NULL;

    if (escaped == NULL ||
        asprintf(&out, "%s%s%s", before, escaped, after) < 0) {
        abort();
    }
    curl_free(escaped);
    return out;
}

static int
run_and_free(const cli_args_t *args, const char *method, char *path,
    const char *body, void (*show)(const cJSON *))
{
    int status = cli_run(args, method, path, body, show);

    free(path);
    return status;
}

/* --- status --- */

static void
show_status(const cJSON *answer)
{
    static const cli_column_t members[] = { { "version", "version", 0 },
        { "time", "now", 0 }, { "driver", "whatsapp_driver", 0 },
        { "licence", "license", 0 }, { "ruleset", "ruleset_version", 0 },
        { "products", "products", 0 },
        { "automation", "automation_enabled", 0 },
        { "active hours now", "is_active_hours", 0 },
        { "next active", "next_active", 0 }, { NULL, NULL, 0 } };
    static const cli_column_t columns[] = { { "INSTANCE", "name", 0 },
        { "AUTOMATED", "automated", 0 },
        { "CONNECTION LOST", "connection_lost", 0 },
        { "TODAY", "messages_today", 1 }, { "LEFT", "messages_left_today", 1 },
        { NULL, NULL, 0 } };
    static const cli_column_t problems[] = { { "PROBLEM", "what", 0 },
        { "WHAT TO DO", "do", 0 }, { NULL, NULL, 0 } };
    const cJSON *wrong = cJSON_GetObjectItemCaseSensitive(answer, "problems");

    cli_members(answer, members);
    printf("\n");
    cli_table(cJSON_GetObjectItemCaseSensitive(answer, "instances"), columns);
    if (cJSON_GetArraySize(wrong) > 0) {
        printf("\n");
        cli_table(wrong, problems);
    }
}

static int
run_status(const cli_args_t *args)
{
    return cli_run(args, "GET", "/status", NULL, show_status);
}

/* --- keys --- */

static void
show_key(const cJSON *answer)
{
    static const cli_column_t members[] = { { "id", "id", 0 },
        { "name", "name", 0 }, { "scopes", "scopes", 0 },
        { "instances", "instances", 0 }, { "expires", "expires_at", 0 },
        { "key", "key", 0 }, { NULL, NULL, 0 } };

    cli_members(answer, members);
    printf("The key is shown this once: keep it now.\n");
}

/* "--scope read --scope decide" and "--scopes read,decide" are the same. */
static void
add_all(cJSON *list, const cli_args_t *args, const char *option)
{
    const char *value;

    for (size_t i = 0; (value = cli_option(args, option, i)) != NULL; i++) {
        while (*value != '\0') {
            size_t len = strcspn(value, ",");
            char *one = strndup(value, len);

            cJSON_AddItemToArray(list, cJSON_CreateString(one ? one : ""));
            free(one);
            value += len + (value[len] == ',');
        }
    }
}

static int
run_key_add(const cli_args_t *args)
{
    const char *name = cli_option(args, "name", 0);
    const char *expires = cli_option(args, "expires", 0);
    cJSON *body = cJSON_CreateObject();
    cJSON *scopes, *instances;
    char *text;
    int status;

    cJSON_AddStringToObject(body, "name", name ? name : "");
    scopes = cJSON_AddArrayToObject(body, "scopes");
    add_all(scopes, args, "scope");
    add_all(scopes, args, "scopes");
    instances = cJSON_AddArrayToObject(body, "instances");
    add_all(instances, args, "instance");
    add_all(instances, args, "instances");
    if (expires != NULL) {
        cJSON_AddStringToObject(body, "expires_at", expires);
    }
    text = cJSON_PrintUnformatted(body);
    status = cli_run(args, "POST", "/keys", text, show_key);
    free(text);
    cJSON_Delete(body);
    return status;
}

static void
show_keys(const cJSON *answer)
{
    static const cli_column_t columns[] = { { "ID", "id", 0 },
        { "NAME", "name", 0 }, { "SCOPES", "scopes", 0 },
        { "INSTANCES", "instances", 0 }, { "MADE", "created_at", 0 },
        { "EXPIRES", "expires_at", 0 }, { "LAST USED", "last_used_at", 0 },
        { NULL, NULL, 0 } };

    cli_table(items(answer), columns);
}

static int
run_key_list(const cli_args_t *args)
{
    return cli_run(args, "GET", "/keys", NULL, show_keys);
}

static int
run_key_revoke(const cli_args_t *args)
{
    return run_and_free(
        args, "DELETE", path_with("/keys/", args->words[0], ""), NULL, NULL);
}

/* --- quota --- */

static void
show_quota(const cJSON *answer)
{
    static const char *const names[] = { "hour", "day", "week", "images",
        "videos" };
    static const char *const used[] = { "messages_this_hour", "messages_today",
        "messages_this_week", "images_today", "videos_this_week" };
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(answer, "limits");
    const cJSON *left = cJSON_GetObjectItemCaseSensitive(answer, "remaining");
    static const cli_column_t members[] = { { "instance", "instance", 0 },
        { "last reset", "last_reset", 0 },
        { "next daily reset", "next_daily_reset", 0 },
        { "next weekly reset", "next_weekly_reset", 0 }, { NULL, NULL, 0 } };
    static const cli_column_t columns[] = { { "QUOTA", "name", 0 },
        { "USED", "used", 1 }, { "LIMIT", "limit", 1 }, { "LEFT", "left", 1 },
        { NULL, NULL, 0 } };
    cJSON *rows = cJSON_CreateArray();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddStringToObject(row, "name", names[i]);
        cJSON_AddItemToObject(row, "used",
            cJSON_Duplicate(
                cJSON_GetObjectItemCaseSensitive(answer, used[i]), 1));
        cJSON_AddItemToObject(row, "limit",
            cJSON_Duplicate(
                cJSON_GetObjectItemCaseSensitive(limits, names[i]), 1));
        cJSON_AddItemToObject(row, "left",
            cJSON_Duplicate(
                cJSON_GetObjectItemCaseSensitive(left, names[i]), 1));
        cJSON_AddItemToArray(rows, row);
    }
    cli_members(answer, members);
    printf("\n");
    cli_table(rows, columns);
    cJSON_Delete(rows);
}

static int
run_quota_show(const cli_args_t *args)
{
    return run_and_free(args, "GET", cli_path("/quota", args, instance_option),
        NULL, show_quota);
}

static void
show_reset(const cJSON *answer)
{
    static const cli_column_t members[] = { { "reset", "reset_type", 0 },
        { "at", "timestamp", 0 }, { NULL, NULL, 0 } };

    cli_members(answer, members);
}

static int
run_quota_reset(const cli_args_t *args)
{
    const char *type = args->words[0];
    const char *instance = cli_option(args, "instance", 0);
    cJSON *body = cJSON_CreateObject();
    char *text;
    int status;

    if (strcmp(type, "daily") != 0 && strcmp(type, "weekly") != 0) {
        fprintf(stderr, "sellify: quota reset takes daily or weekly\n");
        cJSON_Delete(body);
        return CLI_USAGE;
    }
    if (instance != NULL) {
        cJSON_AddStringToObject(body, "instance", instance);
    }
    text = cJSON_PrintUnformatted(body);
    status = run_and_free(
        args, "POST", path_with("/quota/reset/", type, ""), text, show_reset);
    free(text);
    cJSON_Delete(body);
    return status;
}

/* --- policy, products --- */

static void
show_policy(const cJSON *answer)
{
    char *text =
        cJSON_Print(cJSON_GetObjectItemCaseSensitive(answer, "policy"));
    const cJSON *author = cJSON_GetObjectItemCaseSensitive(answer, "author");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(answer, "version");

    printf("version %d by %s\n%s\n",
        cJSON_IsNumber(version) ? version->valueint : 0,
        cJSON_IsString(author) ? author->valuestring : "?", text ? text : "");
    free(text);
}

static int
run_policy_show(const cli_args_t *args)
{
    return cli_run(args, "GET", "/config", NULL, show_policy);
}

static void
show_products(const cJSON *answer)
{
    static const cli_column_t columns[] = { { "ID", "id", 0 },
        { "NAME", "name", 0 }, { "PRICE", "price", 1 }, { "", "currency", 0 },
        { "DESCRIPTION", "short_description", 0 }, { NULL, NULL, 0 } };

    cli_table(cJSON_IsArray(answer) ? answer : items(answer), columns);
    cli_more(answer);
}

static int
run_product_list(const cli_args_t *args)
{
    return run_and_free(args, "GET", cli_path("/products", args, list_options),
        NULL, show_products);
}

/* --- conversations --- */

static const cli_column_t chat_columns[] = { { "ID", "id", 0 },
    { "INSTANCE", "instance", 0 }, { "PHONE", "phone", 0 },
    { "NAME", "name", 0 }, { "STATE", "state", 0 },
    { "PAUSED UNTIL", "paused_until", 0 }, { "OPTED OUT", "opted_out", 0 },
    { "LAST MESSAGE", "last_in_at", 0 }, { NULL, NULL, 0 } };

static void
show_chats(const cJSON *answer)
{
    cli_table(items(answer), chat_columns);
    cli_more(answer);
}

static int
run_chat_list(const cli_args_t *args)
{
    return run_and_free(args, "GET",
        cli_path("/conversations", args, page_options), NULL, show_chats);
}

static void
show_chat(const cJSON *answer)
{
    static const cli_column_t members[] = { { "id", "id", 0 },
        { "instance", "instance", 0 }, { "phone", "phone", 0 },
        { "name", "name", 0 }, { "state", "state", 0 },
        { "opted out", "opted_out", 0 }, { "paused until", "paused_until", 0 },
        { "pause reason", "pause_reason", 0 }, { "product", "product_id", 0 },
        { "language", "language", 0 }, { NULL, NULL, 0 } };
    static const cli_column_t columns[] = { { "AT", "at", 0 },
        { "FROM", "origin", 0 }, { "TYPE", "type", 0 }, { "TEXT", "text", 0 },
        { NULL, NULL, 0 } };

    cli_members(answer, members);
    printf("\n");
    cli_table(cJSON_GetObjectItemCaseSensitive(answer, "messages"), columns);
}

static int
run_chat_show(const cli_args_t *args)
{
    return run_and_free(args, "GET",
        path_with("/conversations/", args->words[0], ""), NULL, show_chat);
}

/* --- audit, alerts, licence --- */

static void
show_audit(const cJSON *answer)
{
    static const cli_column_t columns[] = { { "SEQ", "sequence", 1 },
        { "AT", "recorded_at", 0 }, { "KIND", "kind", 0 },
        { "ACTOR", "actor", 0 }, { "INSTANCE", "instance", 0 },
        { "STATE", "state", 0 }, { "ACTION", "action", 0 },
        { "RULE", "rule", 0 }, { "OUTCOME", "outcome", 0 },
        { "MESSAGE", "incoming_message", 0 }, { NULL, NULL, 0 } };

    cli_table(items(answer), columns);
    cli_more(answer);
}

static int
run_audit_list(const cli_args_t *args)
{
    cli_args_t asked = *args;

    for (size_t i = 0; i < asked.count; i++) {
        if (strcmp(asked.names[i], "conversation") == 0) {
            asked.names[i] = "conversation_id";
        }
    }
    char *path = cli_path("/audit", &asked, audit_query);
    const char *chat = cli_option(&asked, "conversation_id", 0);
    if (chat != NULL) {
        char *with = path_with(
            strchr(path, '?') ? "&conversation_id=" : "?conversation_id=", chat,
            "");
        char *both = NULL;

        if (asprintf(&both, "%s%s", path, with) < 0) {
            abort();
        }
        free(path);
        free(with);
        path = both;
    }
    return run_and_free(args, "GET", path, NULL, show_audit);
}

static void
show_alerts(const cJSON *answer)
{
    static const cli_column_t columns[] = { { "ID", "id", 0 },
        { "AT", "last_at", 0 }, { "SEVERITY", "severity", 0 },
        { "REASON", "reason", 0 }, { "TIMES", "occurrences", 1 },
        { "STATE", "state", 0 }, { "INSTANCE", "instance", 0 },
        { "CONVERSATION", "conversation_id", 0 }, { "TEXT", "text", 0 },
        { NULL, NULL, 0 } };

    cli_table(items(answer), columns);
    cli_more(answer);
}

static int
run_alert_list(const cli_args_t *args)
{
    return run_and_free(args, "GET", cli_path("/alerts", args, page_options),
        NULL, show_alerts);
}

static int
run_alert_ack(const cli_args_t *args)
{
    return run_and_free(args, "POST",
        path_with("/alerts/", args->words[0], "/ack"), NULL, NULL);
}

static void
show_license(const cJSON *answer)
{
    static const cli_column_t members[] = { { "state", "state", 0 },
        { "required", "required", 0 }, { "licensee", "licensee", 0 },
        { "expires", "expires_at", 0 }, { NULL, NULL, 0 } };

    cli_members(answer, members);
}

static int
run_license_show(const cli_args_t *args)
{
    return cli_run(args, "GET", "/license", NULL, show_license);
}

/* clang-format off */
#define PAGE "[--limit N] [--cursor C] [--instance I] [--state S]"
const cli_command_t cli_commands[] = {
    { "status", "", "what runs, what is wrong, what to do",
        NULL, 0, 0, run_status },
    { "key add", "--name NAME --scopes S,... [--instances I,...] [--expires T]",
        "make an API key", key_options, 0, 0, run_key_add },
    { "key list", "", "API keys", NULL, 0, 0, run_key_list },
    { "key revoke", "ID", "end an API key", NULL, 1, 1, run_key_revoke },
    { "quota show", "[--instance I]", "counters, limits, resets",
        instance_option, 0, 0, run_quota_show },
    { "quota reset", "daily|weekly [--instance I]", "zero counters",
        instance_option, 1, 1, run_quota_reset },
    { "policy show", "", "the policy in force", NULL, 0, 0, run_policy_show },
    { "product list", "[--limit N] [--cursor C]", "the catalogue",
        list_options, 0, 0, run_product_list },
    { "conversation list", PAGE, "chats",
        page_options, 0, 0, run_chat_list },
    { "conversation show", "ID", "a chat with its messages",
        NULL, 1, 1, run_chat_show },
    { "audit list", "[--limit N] [--conversation ID] [--action A]",
        "what was done and why", audit_options, 0, 0, run_audit_list },
    { "alert list", PAGE, "what a human must look at",
        page_options, 0, 0, run_alert_list },
    { "alert ack", "ID", "say that an alert was seen",
        NULL, 1, 1, run_alert_ack },
    { "license show", "", "the licence", NULL, 0, 0, run_license_show },
    { NULL, NULL, NULL, NULL, 0, 0, NULL },
};
/* clang-format on */
