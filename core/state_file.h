/*
 * The state file: what the worker publishes for nginx.
 *
 * Only the worker writes.  Nobody maps the file (a truncated mapping is a SIGBUS
 * that no check prevents): readers use pread.  The file is a fixed layout of
 * blocks; each carries a version and a checksum over its bytes, so one pread of
 * one block is proven whole or is read again, at most SELLIFY_STATE_TRIES times,
 * and then counts as not ready.  A torn, truncated, foreign or half-written file
 * is therefore "not ready", never a wrong answer.  docs/decisions/ tells why this
 * replaces a sequence number read twice.
 *
 *     offset 0      header         512 bytes
 *     +512          hours          4096 bytes, up to 96 UTC intervals
 *     +4608         instances      SELLIFY_STATE_INSTANCES x 320 bytes
 *     + ...         keys           SELLIFY_STATE_KEYS x 192 bytes
 *
 * Integers are native-endian: both programs run on one machine.  The rulesets
 * are immutable sibling files named "<state file>.ruleset-<version>.json".
 */
#ifndef SELLIFY_STATE_FILE_H
#define SELLIFY_STATE_FILE_H

#include "clock.h"
#include "hours.h"
#include "quota.h"
#include "ruleset.h"
#include "str.h"

#include <stdint.h>

#define SELLIFY_STATE_MAGIC "SELLIFY"
#define SELLIFY_STATE_LAYOUT 1u
#define SELLIFY_STATE_INSTANCES 1024
#define SELLIFY_STATE_KEYS 1024
#define SELLIFY_STATE_TRIES 16
#define SELLIFY_STATE_STALE_US (3 * SELLIFY_SECOND)
#define SELLIFY_KEY_INSTANCES 16

typedef enum {
    SELLIFY_LICENSE_NOT_REQUIRED = 0,
    SELLIFY_LICENSE_VALID = 1,
    SELLIFY_LICENSE_GRACE = 2,
    SELLIFY_LICENSE_EXPIRED = 3,
    SELLIFY_LICENSE_MISSING = 4,
    SELLIFY_LICENSE_INVALID = 5
} sellify_license_state_t;
const char *sellify_license_name(sellify_license_state_t state);
int sellify_license_allows(sellify_license_state_t state);

typedef enum {
    SELLIFY_HEALTH_OK = 0,
    SELLIFY_HEALTH_DEGRADED = 1, /* works in part */
    SELLIFY_HEALTH_DOWN = 2,
    SELLIFY_HEALTH_OFF = 3 /* not configured */
} sellify_health_t;
const char *sellify_health_name(sellify_health_t health); /* "ok" ... */

/* Scopes of API keys, one bit each; admin implies all. */
#define SELLIFY_SCOPE_READ 1u
#define SELLIFY_SCOPE_PERSONAL 2u
#define SELLIFY_SCOPE_DECIDE 4u
#define SELLIFY_SCOPE_SEND 8u
#define SELLIFY_SCOPE_WEBHOOK 16u
#define SELLIFY_SCOPE_ADMIN 32u
/* "read", ... -> bit, 0 for an unknown name; bit -> name. */
uint32_t sellify_scope_parse(sellify_str_t name);
const char *sellify_scope_name(uint32_t bit);
int sellify_scope_allows(uint32_t held, uint32_t needed);

typedef struct {
    uint64_t checksum; /* over the rest of the block */
    uint64_t version;  /* of the block; grows with each write */
    char magic[8];
    uint32_t layout;
    uint32_t size; /* of this struct */

    char boot_id[40];
    int64_t heartbeat;  /* sellify_clock_monotonic() of the writer */
    int64_t started_at; /* wall time, microseconds */
    sellify_clock_t clock;

    uint64_t ruleset_version; /* 0: none published */
    uint8_t ruleset_sha256[32];

    uint64_t keys_version, hours_version, instances_version;
    uint32_t key_count, instance_count;

    uint32_t license;                /* sellify_license_state_t */
    uint32_t database, ai, whatsapp; /* sellify_health_t */
    int64_t license_expires_at;      /* UTC seconds, 0 never */
    int32_t worker_pid;
    uint32_t draining;
    char worker_version[24];
} sellify_state_header_t;

typedef struct {
    uint64_t checksum;
    uint64_t version;
    int64_t known_until; /* UTC seconds */
    uint32_t count;
    uint32_t reserved;
    sellify_interval_t intervals[SELLIFY_HOURS_INTERVALS];
} sellify_state_hours_t;

typedef struct {
    uint64_t checksum;
    uint64_t version;
    char name[SELLIFY_INSTANCE_NAME_MAX + 1];
    char reserved[7];
    sellify_quota_counters_t counters; /* sent plus reserved */
    sellify_quota_limits_t limits;     /* in force now, warm-up included */
    int64_t last_reset;                /* UTC seconds */
    int64_t next_day, next_week;       /* the windows' ends */
    uint32_t breaker_open;
    uint32_t automated; /* named by SELLIFY_INSTANCES */
} sellify_state_instance_t;

typedef struct {
    uint64_t checksum;
    uint64_t version;
    uint8_t sha256[32]; /* of the key */
    char id[40];        /* name for logs and limits, not secret */
    uint32_t scopes;
    uint32_t instance_count;                   /* 0: every instance */
    uint32_t instances[SELLIFY_KEY_INSTANCES]; /* indexes in the table */
    int64_t expires_at;                        /* UTC seconds, 0 never */
} sellify_state_key_t;

/* --- writer, worker only ---
 *
 * Writing a block sets its checksum and version and raises the version of its
 * kind in `header`; readers learn of it with the next publish().  Zero the
 * structs before filling them: padding is part of what is written. */

typedef struct {
    int fd;
    char path[512];
    sellify_state_header_t header; /* the caller fills, publish() writes */
} sellify_state_writer_t;

/* Creates the file anew beside `path` (mode 0640) and puts it in place by
 * rename at the first publish.  -1 with errno. */
int sellify_state_writer_open(
    sellify_state_writer_t *w, const char *path) SELLIFY_MUST_CHECK;
int sellify_state_write_hours(
    sellify_state_writer_t *w, sellify_state_hours_t *hours) SELLIFY_MUST_CHECK;
int sellify_state_write_instance(sellify_state_writer_t *w, uint32_t index,
    sellify_state_instance_t *instance) SELLIFY_MUST_CHECK;
int sellify_state_write_key(sellify_state_writer_t *w, uint32_t index,
    sellify_state_key_t *key) SELLIFY_MUST_CHECK;
/* Header with a fresh heartbeat; what the blocks say becomes current. */
int sellify_state_publish(sellify_state_writer_t *w) SELLIFY_MUST_CHECK;
void sellify_state_writer_close(sellify_state_writer_t *w);

/* Writes <path>.ruleset-<version>.json by rename and returns its SHA-256. */
int sellify_state_write_ruleset(const char *path, uint64_t version,
    sellify_str_t document, uint8_t sha256[32]) SELLIFY_MUST_CHECK;
/* The path of a ruleset file. Returns its length or -1 if it does not fit. */
int sellify_state_ruleset_path(
    const char *path, uint64_t version, char *out, size_t size);

/* --- reader; no lock, no allocation, never blocks --- */

typedef enum {
    SELLIFY_STATE_OK = 0,
    SELLIFY_STATE_TORN,    /* no whole copy within the tries */
    SELLIFY_STATE_FOREIGN, /* wrong magic, layout, size or boot */
    SELLIFY_STATE_SHORT,   /* truncated */
    SELLIFY_STATE_ERROR    /* errno */
} sellify_state_result_t;
const char *sellify_state_result_name(sellify_state_result_t result);

sellify_state_result_t
sellify_state_read_header(int fd, sellify_state_header_t *header);
sellify_state_result_t
sellify_state_read_hours(int fd, sellify_state_hours_t *hours);
sellify_state_result_t sellify_state_read_instance(
    int fd, uint32_t index, sellify_state_instance_t *instance);
sellify_state_result_t
sellify_state_read_key(int fd, uint32_t index, sellify_state_key_t *key);
/* Heartbeat older than SELLIFY_STATE_STALE_US, or from the future. */
int sellify_state_is_stale(
    const sellify_state_header_t *header, int64_t monotonic_now);

#endif
