/* Log lines: one JSON object per line, one write per line. */

#include "log.h"
#include "../core/clock.h"
#include "../core/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_DETAIL_MAX 1024
#define LOG_LINE_MAX 2048

static const char *const log_names[] = { "debug", "info", "warn", "error" };
static log_level_t log_threshold = LOG_INFO_;

void
log_setup(log_level_t level)
{
    log_threshold = level;
}

int
log_level_parse(const char *name)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, log_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* Printable ASCII only: a value out of a file may hold anything. */
static void
log_clean(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void
log_line(log_level_t level, const char *subject, const char *event,
    const char *format, ...)
{
    if (level < log_threshold) {
        return;
    }
    char detail[LOG_DETAIL_MAX] = "";
    if (format != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof(detail), format, args);
        va_end(args);
    }
    log_clean(detail);

    char now[SELLIFY_RFC3339_MAX];
    sellify_time_format(sellify_clock_real(), now);

    char line[LOG_LINE_MAX];
    sellify_json_writer_t w;
    sellify_json_writer(&w, line, sizeof(line) - 1);
    sellify_json_object(&w);
    sellify_json_key(&w, "time");
    sellify_json_cstring(&w, now);
    sellify_json_key(&w, "level");
    sellify_json_cstring(&w, log_names[level]);
    sellify_json_key(&w, "subject");
    sellify_json_cstring(&w, subject);
    sellify_json_key(&w, "event");
    sellify_json_cstring(&w, event);
    sellify_json_key(&w, "pid");
    sellify_json_int(&w, getpid());
    if (detail[0] != '\0') {
        sellify_json_key(&w, "detail");
        sellify_json_cstring(&w, detail);
    }
    sellify_json_object_end(&w);

    size_t len = w.len < sizeof(line) - 1 ? w.len : sizeof(line) - 1;
    line[len++] = '\n';
    /* A log that cannot be written has nowhere to be reported. */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void) ignored;
}
