/*
 * The driver `simulator`, the embedded default: nothing leaves, what would be
 * sent is recorded, sealed, and can be read at GET /simulator/outbox.
 */
#ifndef SELLIFY_WHATSAPP_SIMULATOR_H
#define SELLIFY_WHATSAPP_SIMULATOR_H

#include "whatsapp.h"

extern const whatsapp_driver_t simulator_driver;

#endif
