/* Which webhook dialect belongs to which driver. */
#include "event.h"

#include <stdio.h>

static const flow_dialect_t dialects[] = {
    { "codechat", " simulator codechat ", codechat_webhook_parse },
};

const flow_dialect_t *
flow_dialect(const char *driver)
{
    char word[40];
    size_t i;

    if (snprintf(word, sizeof(word), " %s ", driver) >= (int) sizeof(word)) {
        return NULL;
    }

    for (i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
        if (strstr(dialects[i].drivers, word) != NULL) {
            return &dialects[i];
        }
    }

    return NULL;
}
