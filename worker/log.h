/*
 * Logs: one JSON object per line on stderr.  No customer text, no phone number
 * and no secret ever goes into a line: fields are names, ids, counts, statuses.
 */
#ifndef SELLIFY_WORKER_LOG_H
#define SELLIFY_WORKER_LOG_H

typedef enum { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ } log_level_t;

void log_setup(log_level_t level);
int log_level_parse(const char *name); /* debug info warn error, or -1 */

/* `event` is a short constant ("listening", "turn poisoned"); `format` makes the
 * "detail" member, lower case, one line; NULL leaves it out. */
void log_line(log_level_t level, const char *subject, const char *event,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_debug(...) log_line(LOG_DEBUG_, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO_, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN_, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR_, __VA_ARGS__)

#endif
