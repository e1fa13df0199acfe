/* The parent's life: keeps one child running.  See main.c for the signals. */
#ifndef SELLIFY_WORKER_SUPERVISOR_H
#define SELLIFY_WORKER_SUPERVISOR_H

#include "listen.h"
#include "settings.h"

typedef struct {
    const char *conf_file;
    settings_t settings;
    listen_t sockets;
} supervisor_t;

/* Returns the exit status of the program. */
int supervisor_run(supervisor_t *supervisor);

#endif
