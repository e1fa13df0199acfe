/*
 * What a value of a setting may be.  Each returns NULL when it is good, else the
 * reason, to be read after "NAME=VALUE: ".
 */
#ifndef SELLIFY_WORKER_SETTINGS_CHECK_H
#define SELLIFY_WORKER_SETTINGS_CHECK_H

const char *check_path(const char *value);
const char *check_socket(const char *value);
const char *check_readable(const char *value);
const char *check_url(const char *value);
const char *check_secret(const char *value); /* printable, no white space */
const char *check_word(const char *value);
const char *check_digits(const char *value);
const char *check_api_key(const char *value);
const char *check_token(const char *value);
const char *check_driver(const char *value);
const char *check_provider(const char *value);
const char *check_timezone(const char *value);
const char *check_instance(const char *value);
const char *check_time(const char *value);

#endif
