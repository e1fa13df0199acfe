/* The drivers, and the one that SELLIFY_WHATSAPP_DRIVER names. */
#include "codechat.h"
#include "simulator.h"
#include "whatsapp.h"

#include "../log.h"
#include "../memory.h"

#include <stdio.h>
#include <stdlib.h>

static const whatsapp_driver_t *const drivers[] = { &simulator_driver,
    &codechat_driver };

struct whatsapp {
    const whatsapp_driver_t *driver;
};

const whatsapp_driver_t *
whatsapp_driver(const worker_t *w)
{
    return w->whatsapp->driver;
}

int
whatsapp_setup(worker_t *w)
{
    const char *name = w->settings.whatsapp_driver;
    size_t i;

    for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcmp(drivers[i]->name, name) != 0) {
            continue;
        }

        w->whatsapp = memory_get(sizeof(*w->whatsapp));
        w->whatsapp->driver = drivers[i];
        log_info("whatsapp", "driver", "%s, %s", name,
            drivers[i]->real ? "reaches people" : "reaches nobody");

        return drivers[i]->setup != NULL ? drivers[i]->setup(w) : 0;
    }

    fprintf(stderr,
        "sellify-worker: SELLIFY_WHATSAPP_DRIVER: \"%s\": no such driver in "
        "this version\n",
        name);

    return -1;
}

void
whatsapp_shutdown(worker_t *w)
{
    if (w->whatsapp == NULL) {
        return;
    }

    if (w->whatsapp->driver->shutdown != NULL) {
        w->whatsapp->driver->shutdown(w);
    }
    free(w->whatsapp);
    w->whatsapp = NULL;
}
