/*
 * Error answers: application/problem+json (RFC 9457), written the same way by
 * nginx and by the worker.
 */
#ifndef SELLIFY_PROBLEM_H
#define SELLIFY_PROBLEM_H

#include "fault.h"
#include "json.h"

#define SELLIFY_PROBLEM_TYPE "application/problem+json"

/* The title that belongs to an HTTP status ("Bad Request"); "Error" else. */
const char *sellify_problem_title(int status);

/* {"type":"about:blank","title","status","detail","errors":[...]}; `detail` NULL
 * takes the first fault's, or the title; `faults` may be NULL. */
void sellify_problem_write(sellify_json_writer_t *w, int status,
    const char *detail, const sellify_faults_t *faults);

#endif
