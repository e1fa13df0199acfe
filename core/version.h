/* The version of all programs, as GET /health and --version tell it. */
#ifndef SELLIFY_VERSION_H
#define SELLIFY_VERSION_H

#define SELLIFY_VERSION "0.1.0"

#endif
