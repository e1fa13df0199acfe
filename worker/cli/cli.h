/*
 * The `sellify` command line: a table of commands over the admin socket.
 *
 * Exit status: 0 ok, 1 refused, 2 usage, 3 worker not reachable.
 */
#ifndef SELLIFY_CLI_H
#define SELLIFY_CLI_H

#include <cjson/cJSON.h>
#include <stddef.h>

enum { CLI_OK = 0, CLI_REFUSED = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };

#define CLI_OPTIONS_MAX 32

/* What was typed after the command's words. */
typedef struct {
    const char *names[CLI_OPTIONS_MAX], *values[CLI_OPTIONS_MAX];
    size_t count;
    const char *words[8]; /* arguments that are no options */
    size_t word_count;
    int json; /* --json: print the answer as it came */
} cli_args_t;

/* The value of --name, or NULL. Several: the index-th. */
const char *cli_option(const cli_args_t *args, const char *name, size_t index);

typedef struct {
    int status; /* of HTTP; 0: not reachable */
    char *body;
    size_t len;
} cli_answer_t;

/* Asks the worker. `body` NULL: none. Free the answer. */
void cli_ask(const char *method, const char *path, const char *body,
    cli_answer_t *answer);
void cli_answer_free(cli_answer_t *answer);

/* "/alerts" with the given options that are set as query parameters; free it. */
char *
cli_path(const char *path, const cli_args_t *args, const char *const *options);

/* Asks, prints the answer as JSON or through `show`, returns the exit status. */
int cli_run(const cli_args_t *args, const char *method, const char *path,
    const char *body, void (*show)(const cJSON *answer));

/* --- tables --- */

typedef struct {
    const char *title;
    const char *member; /* of each object; "a.b" goes deeper */
    int right;          /* align to the right */
} cli_column_t;

/* Prints an array of objects; columns end with a title NULL. */
void cli_table(const cJSON *rows, const cli_column_t *columns);
/* Prints the members of one object, one a line. */
void cli_members(const cJSON *object, const cli_column_t *members);
/* "and more: --cursor C" after a page. */
void cli_more(const cJSON *page);

typedef struct {
    const char *words;          /* "key add" */
    const char *usage;          /* what follows the words */
    const char *summary;        /* one line */
    const char *const *options; /* with a value, NULL at the end */
    size_t min_words, max_words;
    int (*run)(const cli_args_t *args);
} cli_command_t;

/* The table; ends with words NULL. */
extern const cli_command_t cli_commands[];

#endif
