/*
 * Faults of documents and request bodies; see fault.h.
 */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

/* Replaces control bytes and cuts a UTF-8 sequence that the end split. */
static void
clean(char *text, int was_cut)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) text[i];
        if (c < 0x20 || c == 0x7f) {
            text[i] = '?';
        }
    }
    if (!was_cut) {
        return;
    }
    while (len > 0 && ((unsigned char) text[len - 1] & 0xc0) == 0x80) {
        len--;
    }
    if (len > 0 && (unsigned char) text[len - 1] >= 0xc0) {
        len--;
    }
    text[len] = '\0';
}

static void
put(char *out, size_t size, const char *text)
{
    int n = snprintf(out, size, "%s", text ? text : "");

    clean(out, n >= (int) size);
}

void
sellify_fault_add(sellify_faults_t *faults, const char *document,
    const char *pointer, const char *format, ...)
{
    sellify_fault_t *fault;
    va_list args;
    int n;

    if (faults->count++ >= SELLIFY_FAULTS_MAX) {
        return;
    }
    fault = &faults->items[faults->count - 1];
    put(fault->document, sizeof(fault->document), document);
    put(fault->pointer, sizeof(fault->pointer), pointer);

    va_start(args, format);
    n = vsnprintf(fault->detail, sizeof(fault->detail), format, args);
    va_end(args);
    if (n < 0) {
        fault->detail[0] = '\0';
    }
    clean(fault->detail, n >= (int) sizeof(fault->detail));
}
