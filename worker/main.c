/*
 * sellify-worker: a small parent that owns the listening sockets and keeps one
 * child running.  The child does all the work (worker.h: worker_run); when it
 * dies the sockets stay open, connections wait in their backlog, and the next
 * child takes them.
 *
 * Signals to the parent: TERM and INT drain and end, a second one ends at once;
 * HUP reads the settings again and replaces the child; USR1 is passed on; USR2
 * toggles whether a child that ends is started again (kill tests).
 *
 * Beside worker.sock lie worker.pid (the child) and worker-parent.pid, which is
 * locked as long as the parent lives: a second parent refuses to start.
 */
#include "listen.h"
#include "log.h"
#include "settings.h"
#include "supervisor.h"
#include "worker.h"

#include "../core/version.h"

#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_USAGE 2

extern char **environ;

static void
usage(FILE *out)
{
    fputs("usage: sellify-worker [-c FILE] [-t] [-v] [-h]\n"
          "  -c, --conf FILE  settings file (default "
          "/etc/sellify/worker.conf)\n"
          "  -t, --test       check the settings and end\n"
          "  -v, --version    print the version and end\n"
          "  -h, --help       print this help and end\n"
          "Settings: environment SELLIFY_*, then the file; see "
          "docs/settings.md.\n",
        out);
}

/* The environment holds secrets, and /proc shows it to the same user: move the
 * SELLIFY_ part to the heap, where a later SIGHUP finds it, and cleanse the
 * original. */
static void
hide_environment(void)
{
    for (char **p = environ; *p != NULL; p++) {
        char *original = *p;

        if (strncmp(original, "SELLIFY_", 8) != 0) {
            continue;
        }
        *p = strdup(original);
        if (*p == NULL) {
            abort();
        }
        OPENSSL_cleanse(original, strlen(original));
    }
}

/* Secrets live in this process: no core dump, no ptrace by the same user. */
static void
keep_memory_private(void)
{
    struct rlimit none = { 0, 0 };

    (void) setrlimit(RLIMIT_CORE, &none);
    (void) prctl(PR_SET_DUMPABLE, 0);
}

static int
check_settings(const char *conf_file)
{
    settings_t settings;

    if (settings_load(&settings, conf_file) != 0) {
        return WORKER_REFUSED;
    }
    settings_free(&settings);
    puts("sellify-worker: settings are valid");
    return 0;
}

int
main(int argc, char **argv)
{
    supervisor_t supervisor = { 0 };
    static const struct option options[] = {
        { "conf", required_argument, NULL, 'c' },
        { "test", no_argument, NULL, 't' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:tvh", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            supervisor.conf_file = optarg;
            break;
        case 't':
            return check_settings(supervisor.conf_file);
        case 'v':
            puts("sellify-worker " SELLIFY_VERSION);
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return EXIT_USAGE;
    }

    keep_memory_private();
    hide_environment();
    if (settings_load(&supervisor.settings, supervisor.conf_file) != 0) {
        return WORKER_REFUSED;
    }
    log_setup((log_level_t) supervisor.settings.log_level);
    if (listen_open(&supervisor.sockets, supervisor.settings.socket,
            supervisor.settings.admin_socket) != 0) {
        return WORKER_REFUSED;
    }
    return supervisor_run(&supervisor);
}
