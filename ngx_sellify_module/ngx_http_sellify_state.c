/*
 * The state file, read with pread and never mapped.  A timer looks at it five
 * times a second: for a new inode, the heartbeat, keys, hours, instances and
 * the ruleset's version.  Counters are read when a request needs them.
 */
#include "ngx_http_sellify_module.h"

/* What was last said in the log. */
#define NGX_HTTP_SELLIFY_SAID_NOTHING 0
#define NGX_HTTP_SELLIFY_SAID_FRESH 1
#define NGX_HTTP_SELLIFY_SAID_MISSING 2
#define NGX_HTTP_SELLIFY_SAID_BAD 3
#define NGX_HTTP_SELLIFY_SAID_STALE 4

static void
ngx_http_sellify_state_close(ngx_http_sellify_live_t *live)
{
    if (live->fd != NGX_INVALID_FILE) {
        (void) close(live->fd);
        live->fd = NGX_INVALID_FILE;
    }
}

/* Opens the file that stands at the path now, if it is another one. */
static ngx_int_t
ngx_http_sellify_state_open(ngx_http_sellify_main_conf_t *smcf)
{
    ngx_fd_t fd;
    struct stat info;
    ngx_http_sellify_live_t *live = smcf->live;

    if (stat((char *) smcf->state.data, &info) == -1) {
        return NGX_ERROR;
    }

    if (live->fd != NGX_INVALID_FILE && live->ino == info.st_ino &&
        live->dev == info.st_dev) {
        return NGX_OK;
    }

    fd = open((char *) smcf->state.data, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    if (fstat(fd, &info) == -1 || !S_ISREG(info.st_mode)) {
        (void) close(fd);
        return NGX_ERROR;
    }

    ngx_http_sellify_state_close(live);

    live->fd = fd;
    live->ino = info.st_ino;
    live->dev = info.st_dev;

    /* another file: its versions compare with nothing we know */

    live->hours_seen = 0;
    live->keys_seen = 0;
    live->instances_seen = 0;

    return NGX_OK;
}

static void
ngx_http_sellify_state_instances(ngx_http_sellify_live_t *live)
{
    uint32_t i, count;
    sellify_state_instance_t instance;

    if (live->instances_seen &&
        live->instances_version == live->header.instances_version) {
        return;
    }

    count = ngx_min(live->header.instance_count, SELLIFY_STATE_INSTANCES);

    for (i = 0; i < count; i++) {
        if (sellify_state_read_instance(live->fd, i, &instance) !=
            SELLIFY_STATE_OK) {
            return; /* the next tick tries again */
        }

        ngx_memcpy(live->names[i], instance.name, sizeof(live->names[i]));
        live->names[i][SELLIFY_INSTANCE_NAME_MAX] = '\0';
    }

    live->instance_count = count;
    live->instances_seen = 1;
    live->instances_version = live->header.instances_version;
}

static ngx_int_t
ngx_http_sellify_state_add_key(ngx_http_sellify_live_t *live,
    ngx_http_sellify_keyset_t *set, sellify_state_key_t *record)
{
    uint32_t i, index;
    ngx_str_t *name;
    ngx_http_sellify_key_t key;

    if (record->scopes == 0) {
        return NGX_OK;
    }

    ngx_memzero(&key, sizeof(key));
    ngx_memcpy(key.hash, record->sha256, sizeof(key.hash));
    key.scopes = record->scopes;
    key.expires_at = record->expires_at;
    key.instance_count = ngx_min(record->instance_count, SELLIFY_KEY_INSTANCES);

    key.id.len = ngx_strnlen((u_char *) record->id, sizeof(record->id));
    key.id.data = ngx_pnalloc(set->pool, key.id.len + 1);
    key.instances =
        ngx_pcalloc(set->pool, (key.instance_count + 1) * sizeof(ngx_str_t));

    if (key.id.data == NULL || key.instances == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(key.id.data, (u_char *) record->id, key.id.len + 1);

    /* an index that means nothing leaves an empty name, which no instance has:
     * the limit stays a limit */

    for (i = 0; i < key.instance_count; i++) {
        index = record->instances[i];
        name = &key.instances[i];

        if (index >= live->instance_count) {
            continue;
        }

        name->len = ngx_strlen(live->names[index]);
        name->data = ngx_pnalloc(set->pool, name->len + 1);
        if (name->data == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(
            name->data, (u_char *) live->names[index], name->len + 1);
    }

    return ngx_http_sellify_keyset_add(set, &key) == NGX_ERROR ? NGX_ERROR
                                                               : NGX_OK;
}

static void
ngx_http_sellify_state_keys(ngx_http_sellify_main_conf_t *smcf, ngx_log_t *log)
{
    uint32_t i, count;
    sellify_state_key_t record;
    ngx_http_sellify_live_t *live = smcf->live;
    ngx_http_sellify_keyset_t *set;

    if (live->keys_seen && live->keys_version == live->header.keys_version) {
        return;
    }

    count = ngx_min(live->header.key_count, SELLIFY_STATE_KEYS);

    set = ngx_http_sellify_keyset_create(log, count);
    if (set == NULL) {
        return;
    }

    for (i = 0; i < count; i++) {
        if (sellify_state_read_key(live->fd, i, &record) != SELLIFY_STATE_OK ||
            ngx_http_sellify_state_add_key(live, set, &record) != NGX_OK) {
            ngx_http_sellify_keyset_release(set);
            return;
        }
    }

    live->keys_seen = 1;
    live->keys_version = live->header.keys_version;
    ngx_http_sellify_keys_replace(smcf, set);
}

static void
ngx_http_sellify_state_hours(ngx_http_sellify_live_t *live)
{
    sellify_state_hours_t hours;

    if ((live->hours_seen &&
            live->hours_version == live->header.hours_version) ||
        sellify_state_read_hours(live->fd, &hours) != SELLIFY_STATE_OK ||
        hours.count > SELLIFY_HOURS_INTERVALS) {
        return;
    }

    live->hours = hours;
    live->hours_seen = 1;
    live->hours_version = live->header.hours_version;
}

static ngx_int_t
ngx_http_sellify_state_look(ngx_http_sellify_main_conf_t *smcf)
{
    sellify_state_header_t header;
    ngx_http_sellify_live_t *live = smcf->live;

    if (ngx_http_sellify_state_open(smcf) != NGX_OK) {
        live->result = SELLIFY_STATE_ERROR;
        return NGX_DECLINED;
    }

    live->result = sellify_state_read_header(live->fd, &header);
    if (live->result != SELLIFY_STATE_OK) {
        return NGX_DECLINED;
    }

    live->header = header;
    live->seen = 1;

    return NGX_OK;
}

/* Says each change once. */
static void
ngx_http_sellify_state_say(
    ngx_http_sellify_main_conf_t *smcf, ngx_log_t *log, ngx_err_t err)
{
    ngx_uint_t now;
    ngx_http_sellify_live_t *live = smcf->live;

    now = live->result == SELLIFY_STATE_ERROR  ? NGX_HTTP_SELLIFY_SAID_MISSING
          : live->result != SELLIFY_STATE_OK   ? NGX_HTTP_SELLIFY_SAID_BAD
          : ngx_http_sellify_state_fresh(smcf) ? NGX_HTTP_SELLIFY_SAID_FRESH
                                               : NGX_HTTP_SELLIFY_SAID_STALE;

    if (now == live->logged) {
        return;
    }

    live->logged = now;

    switch (now) {

    case NGX_HTTP_SELLIFY_SAID_MISSING:
        ngx_log_error(NGX_LOG_WARN, log, err,
            "sellify: state file \"%V\" cannot be read", &smcf->state);
        break;

    case NGX_HTTP_SELLIFY_SAID_BAD:
        ngx_log_error(NGX_LOG_WARN, log, 0,
            "sellify: state file \"%V\" is not usable: %s", &smcf->state,
            sellify_state_result_name(live->result));
        break;

    case NGX_HTTP_SELLIFY_SAID_STALE:
        ngx_log_error(NGX_LOG_WARN, log, 0,
            "sellify: no sign of life from the worker for 3 seconds");
        break;

    default:
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "sellify: the worker is there");
    }
}

static void
ngx_http_sellify_state_refresh(
    ngx_http_sellify_main_conf_t *smcf, ngx_cycle_t *cycle)
{
    ngx_set_errno(0);

    if (ngx_http_sellify_state_look(smcf) == NGX_OK) {
        ngx_http_sellify_state_instances(smcf->live);
        ngx_http_sellify_state_keys(smcf, cycle->log);
        ngx_http_sellify_state_hours(smcf->live);
        ngx_http_sellify_ruleset_refresh(smcf, cycle);
    }

    ngx_http_sellify_state_say(smcf, cycle->log, ngx_errno);
}

static void
ngx_http_sellify_state_tick(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    ngx_http_sellify_main_conf_t *smcf = c->data;

    ngx_http_sellify_state_refresh(smcf, (ngx_cycle_t *) ngx_cycle);
    ngx_add_timer(ev, NGX_HTTP_SELLIFY_STATE_TICK);
}

/* --- for the rest of the module --- */

ngx_int_t
ngx_http_sellify_state_configure(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf)
{
    ngx_http_sellify_live_t *live;

    if (smcf->state.len == 0) {
        return NGX_OK;
    }

    live = ngx_pcalloc(cf->pool, sizeof(ngx_http_sellify_live_t));
    if (live == NULL) {
        return NGX_ERROR;
    }

    live->names =
        ngx_pcalloc(cf->pool, SELLIFY_STATE_INSTANCES * sizeof(live->names[0]));
    if (live->names == NULL) {
        return NGX_ERROR;
    }

    live->fd = NGX_INVALID_FILE;
    smcf->live = live;

    /* only the header, for the ruleset; a missing file is no error */

    (void) ngx_http_sellify_state_look(smcf);
    ngx_http_sellify_state_close(live);

    return NGX_OK;
}

ngx_int_t
ngx_http_sellify_state_init(
    ngx_cycle_t *cycle, ngx_http_sellify_main_conf_t *smcf)
{
    ngx_http_sellify_live_t *live = smcf->live;

    if (live == NULL) {
        return NGX_OK;
    }

    live->dummy.fd = (ngx_socket_t) -1;
    live->dummy.data = smcf;
    live->timer.handler = ngx_http_sellify_state_tick;
    live->timer.data = &live->dummy;
    live->timer.log = cycle->log;
    live->timer.cancelable = 1;

    ngx_http_sellify_state_refresh(smcf, cycle);
    ngx_add_timer(&live->timer, NGX_HTTP_SELLIFY_STATE_TICK);

    return NGX_OK;
}

void
ngx_http_sellify_state_exit(ngx_http_sellify_main_conf_t *smcf)
{
    if (smcf->live) {
        ngx_http_sellify_state_close(smcf->live);
    }
}

ngx_uint_t
ngx_http_sellify_state_fresh(ngx_http_sellify_main_conf_t *smcf)
{
    return smcf->live && smcf->live->seen &&
           !sellify_state_is_stale(
               &smcf->live->header, sellify_clock_monotonic());
}

ngx_int_t
ngx_http_sellify_state_instance(
    ngx_http_sellify_main_conf_t *smcf, sellify_str_t name)
{
    uint32_t i;
    ngx_http_sellify_live_t *live = smcf->live;

    if (name.len == 0) {
        if (live->instance_count == 1) {
            return 0;
        }

        name = sellify_str("default");
    }

    for (i = 0; i < live->instance_count; i++) {
        if (sellify_str_equal(sellify_str_of(live->names[i]), name)) {
            return i;
        }
    }

    return -1;
}

ngx_int_t
ngx_http_sellify_state_read_instance(ngx_http_sellify_main_conf_t *smcf,
    ngx_uint_t index, sellify_state_instance_t *instance)
{
    ngx_http_sellify_live_t *live = smcf->live;

    if (live->fd == NGX_INVALID_FILE ||
        sellify_state_read_instance(live->fd, index, instance) !=
            SELLIFY_STATE_OK) {
        return NGX_ERROR;
    }

    /* the table moved under us: the next tick reads it again */

    instance->name[SELLIFY_INSTANCE_NAME_MAX] = '\0';

    return ngx_strcmp(instance->name, live->names[index]) == 0 ? NGX_OK
                                                               : NGX_ERROR;
}
