/*
 * The publisher writes the state file after each COMMIT that changed what nginx
 * sees, and the heartbeat once a second.  Subsystems fill their part through the
 * hooks below; it compares and writes only the blocks that moved.
 */
#ifndef SELLIFY_WORKER_PUBLISHER_H
#define SELLIFY_WORKER_PUBLISHER_H

#include "../core/state_file.h"
#include "worker.h"

/* Mark what changed; cheap, any number of times a turn. The publisher asks the
 * owner again after COMMIT (reads run in a read transaction of its own, outside
 * any step). The header is written with every publish; several parts may fill
 * it, each its own members. */
#define PUBLISH_HEADER 1u
#define PUBLISH_HOURS 2u
#define PUBLISH_INSTANCES 4u
#define PUBLISH_KEYS 8u
#define PUBLISH_RULESET 16u
void publisher_touch(worker_t *w, unsigned what);

/* A provider of one part, registered at set-up. Returns -1 on failure: the old
 * block stays and the touch is kept for the next turn. */
typedef int (*publish_fn)(worker_t *w, sellify_state_writer_t *writer);
void publisher_provide(worker_t *w, unsigned what, publish_fn fn);

/* For the provider of PUBLISH_RULESET: writes the ruleset's file, names it in the
 * header, and deletes all but the last PUBLISHER_RULESETS_KEPT. */
#define PUBLISHER_RULESETS_KEPT 4
int publisher_put_ruleset(
    worker_t *w, uint64_t version, sellify_str_t document) SELLIFY_MUST_CHECK;

int publisher_setup(worker_t *w) SELLIFY_MUST_CHECK;
void publisher_shutdown(worker_t *w);

/* From the first call on the state file is in place: called when everything has
 * been set up, and then once a real second. */
void publisher_heartbeat(worker_t *w);

#endif
