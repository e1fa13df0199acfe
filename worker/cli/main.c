/* sellify: finds the command that was typed and runs it. */
#include "cli.h"

#include "../../core/version.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_help(FILE *out)
{
    fprintf(out, "usage: sellify [--json] COMMAND\n\n");
    for (const cli_command_t *c = cli_commands; c->words != NULL; c++) {
        char line[128];

        snprintf(line, sizeof(line), "%s%s%s", c->words, c->usage[0] ? " " : "",
            c->usage);
        fprintf(out, "  %-62s %s\n", line, c->summary);
    }
    fprintf(out,
        "\nThe worker is found at SELLIFY_ADMIN_SOCKET"
        " (default /run/sellify/admin.sock).\n"
        "Exit status: 0 ok, 1 refused, 2 usage, 3 worker not reachable.\n");
}

/* How many of the words that were typed make up this command; 0: not it. */
static int
match(const cli_command_t *command, int count, char **typed)
{
    const char *words = command->words;
    int used = 0;

    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (used == count || strlen(typed[used]) != len ||
            memcmp(typed[used], words, len) != 0) {
            return 0;
        }
        used++;
        words += len + (words[len] == ' ');
    }
    return used;
}

static int
usage_error(const cli_command_t *command, const char *reason, const char *word)
{
    fprintf(stderr, "sellify: %s%s%s\nusage: sellify %s %s\n", reason,
        word ? ": " : "", word ? word : "", command->words, command->usage);
    return CLI_USAGE;
}

static int
takes(const cli_command_t *command, const char *name, size_t len)
{
    const char *const *option = command->options;

    for (; option != NULL && *option != NULL; option++) {
        if (strlen(*option) == len && memcmp(*option, name, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "--name value" and "--name=value". */
static int
read_option(const cli_command_t *command, cli_args_t *args, int count,
    char **typed, int *at)
{
    char *name = typed[*at] + 2;
    size_t len = strcspn(name, "=");

    if (strcmp(name, "json") == 0) {
        args->json = 1;
        return 0;
    }
    if (!takes(command, name, len)) {
        return usage_error(command, "no such option", typed[*at]);
    }
    if (args->count == CLI_OPTIONS_MAX) {
        return usage_error(command, "too many options", NULL);
    }
    if (name[len] == '=') {
        args->values[args->count] = name + len + 1;
        name[len] = '\0';
    } else if (++*at < count) {
        args->values[args->count] = typed[*at];
    } else {
        return usage_error(command, "a value is missing after", name);
    }
    args->names[args->count++] = name;
    return 0;
}

static int
read_args(
    const cli_command_t *command, cli_args_t *args, int count, char **typed)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(typed[i], "--", 2) == 0) {
            if (read_option(command, args, count, typed, &i) != 0) {
                return CLI_USAGE;
            }
        } else if (args->word_count == command->max_words) {
            return usage_error(command, "too much", typed[i]);
        } else {
            args->words[args->word_count++] = typed[i];
        }
    }
    if (args->word_count < command->min_words) {
        return usage_error(command, "something is missing", NULL);
    }
    return 0;
}

static int
run(int count, char **typed, int json)
{
    for (const cli_command_t *c = cli_commands; c->words != NULL; c++) {
        cli_args_t args = { .json = json };
        int used = match(c, count, typed);

        if (used != 0) {
            int status = read_args(c, &args, count - used, typed + used);

            return status != 0 ? status : c->run(&args);
        }
    }
    fprintf(
        stderr, "sellify: no such command: %s; see sellify --help\n", typed[0]);
    return CLI_USAGE;
}

int
main(int argc, char **argv)
{
    int first = 1, json = 0, status;

    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        json = 1;
        first = 2;
    }
    if (argc == first) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[first], "--help") == 0 ||
        strcmp(argv[first], "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[first], "--version") == 0) {
        puts("sellify " SELLIFY_VERSION);
        return CLI_OK;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    status = run(argc - first, argv + first, json);
    curl_global_cleanup();
    return status;
}
