/* Checks of single settings; see settings_check.h. */

#include "settings_check.h"
#include "../core/ruleset.h"
#include "../core/clock.h"
#include "../core/known_keys.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CHECK_PATH_MAX 480 /* sellify_state_writer_t holds 512 */
#define CHECK_URL_MAX 2048
#define CHECK_API_KEY_MIN 16
#define CHECK_API_KEY_MAX 256
#define CHECK_TOKEN_MIN 8
#define CHECK_TOKEN_MAX 128

static int
check_only(const char *value, const char *allowed)
{
    return value[strspn(value, allowed)] == '\0';
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

const char *
check_path(const char *value)
{
    return strlen(value) > CHECK_PATH_MAX ? "the path is too long" : NULL;
}

const char *
check_socket(const char *value)
{
    struct sockaddr_un un;
    if (value[0] != '/') {
        return "is not an absolute path";
    }
    return strlen(value) >= sizeof(un.sun_path)
               ? "the path is too long for a Unix socket (107 bytes)"
               : NULL;
}

const char *
check_readable(const char *value)
{
    struct stat st;
    if (stat(value, &st) != 0 || access(value, R_OK) != 0) {
        return strerror(errno);
    }
    return S_ISREG(st.st_mode) ? NULL : "is not a regular file";
}

const char *
check_secret(const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~') {
            return "holds white space or bytes that are not printable ASCII";
        }
    }
    return NULL;
}

const char *
check_word(const char *value)
{
    return strlen(value) > 256 ? "is too long" : check_secret(value);
}

const char *
check_url(const char *value)
{
    size_t scheme = strncmp(value, "https://", 8) == 0  ? 8
                    : strncmp(value, "http://", 7) == 0 ? 7
                                                        : 0;
    if (scheme == 0) {
        return "is neither http:// nor https://";
    }
    if (strlen(value) > CHECK_URL_MAX) {
        return "is too long";
    }
    size_t host = strcspn(value + scheme, "/?#");
    if (host == 0 || value[scheme] == ':') {
        return "names no host";
    }
    if (memchr(value + scheme, '@', host) != NULL) {
        return "holds a user name or password: secrets have settings of "
               "their own";
    }
    return check_secret(value);
}

const char *
check_digits(const char *value)
{
    return strlen(value) <= 32 && check_only(value, DIGITS)
               ? NULL
               : "is not a number of at most 32 digits";
}

const char *
check_api_key(const char *value)
{
    uint8_t hash[32];
    size_t len = strlen(value);
    if (len < CHECK_API_KEY_MIN || len > CHECK_API_KEY_MAX) {
        return "has not between 16 and 256 characters";
    }
    if (EVP_Digest(value, len, hash, NULL, EVP_sha256(), NULL) != 1 ||
        sellify_key_is_known(hash)) {
        return "is a well-known key";
    }
    if (strspn(value, (char[]){ value[0], '\0' }) == len) {
        return "is one character, repeated";
    }
    return check_secret(value);
}

const char *
check_token(const char *value)
{
    size_t len = strlen(value);
    if (len < CHECK_TOKEN_MIN || len > CHECK_TOKEN_MAX) {
        return "has not between 8 and 128 characters";
    }
    return check_only(value, LETTERS DIGITS "-_")
               ? NULL
               : "holds more than letters, digits, - and _";
}

static const char *
check_one_of(const char *value, const char *const *names, const char *reason)
{
    for (; *names != NULL; names++) {
        if (strcmp(value, *names) == 0) {
            return NULL;
        }
    }
    return reason;
}

const char *
check_driver(const char *value)
{
    static const char *const names[] = { "simulator", "codechat", "evolution",
        "cloud", NULL };
    return check_one_of(
        value, names, "is none of simulator, codechat, evolution, cloud");
}

const char *
check_provider(const char *value)
{
    static const char *const names[] = { "openai", "anthropic", "local",
        "ollama", "catalogue", NULL };
    return check_one_of(value, names,
        "names a provider that is none of openai, anthropic, local, ollama, "
        "catalogue");
}

const char *
check_timezone(const char *value)
{
    char path[256];
    if (strcmp(value, "UTC") == 0) {
        return NULL;
    }
    if (strlen(value) > 64 || value[0] == '/' || strstr(value, "..") != NULL ||
        !check_only(value, LETTERS DIGITS "_/+-")) {
        return "is not the name of a time zone";
    }
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", value);
    return check_readable(path) == NULL
               ? NULL
               : "is not in the system's zone database (/usr/share/zoneinfo)";
}

const char *
check_instance(const char *value)
{
    size_t len = strlen(value);
    return len >= 1 && len <= SELLIFY_INSTANCE_NAME_MAX &&
                   check_only(value, LETTERS DIGITS "_.-")
               ? NULL
               : "names an instance that is not 1 to 64 of letters, digits, _ "
                 ". -";
}

const char *
check_time(const char *value)
{
    sellify_time_t when;
    return sellify_time_parse(value, strlen(value), &when) == 0
               ? NULL
               : "is not an RFC 3339 time such as 2026-11-22T09:00:00Z";
}
