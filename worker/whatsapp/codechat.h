/*
 * The `codechat` driver: sends through CodeChat whatsapp-api 1.3.
 *
 * A send leaves at most once: on a connection of its own, never repeated here.
 * What its answer means is a table in codechat.c; whatever the table does not
 * know counts as unsure.
 */
#ifndef SELLIFY_WHATSAPP_CODECHAT_H
#define SELLIFY_WHATSAPP_CODECHAT_H

#include "whatsapp.h"

extern const whatsapp_driver_t codechat_driver;

#endif
