/*
 * libFuzzer: any body through the decision, as nginx does it.  What comes out
 * must be one of the closed sets, lie inside the message, be JSON, and be the
 * same a second time.
 */
#include "../../core/api.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "not so: %s\n", #what);                            \
            abort();                                                           \
        }                                                                      \
    } while (0)

static const sellify_ruleset_t *
built_in(void)
{
    static sellify_ruleset_t *ruleset;
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_source_t source = { .version = 1,
        .products = sellify_default_products() };

    if (ruleset == NULL) {
        ruleset = sellify_ruleset_compile(&source, &faults);
        REQUIRE(ruleset != NULL);
    }
    return ruleset;
}

static void
check_decision(
    const sellify_decision_input_t *input, const sellify_decision_t *d)
{
    REQUIRE((unsigned) d->action < SELLIFY_ACTIONS);
    REQUIRE((unsigned) d->rule < SELLIFY_RULES);
    REQUIRE(d->new_state == sellify_transition(input->state, d->event));
    REQUIRE((d->event == SELLIFY_EVENT_THREAT_DETECTED) ==
            (d->trigger == SELLIFY_TRIGGER_THREAT));
    REQUIRE(
        (d->media != NULL) == (d->action == SELLIFY_ACTION_RESPOND_WITH_MEDIA));
    for (size_t i = 0; i < d->match_count; i++) {
        REQUIRE(d->matches[i].kind != NULL);
        REQUIRE(d->matches[i].start < d->matches[i].end);
        REQUIRE(d->matches[i].end <= SELLIFY_MESSAGE_CHARS_MAX);
    }
}

static size_t
write_answer(const sellify_decision_request_t *request, void *scratch,
    size_t scratch_size, char *out, size_t out_size)
{
    sellify_decision_t decision;
    sellify_json_writer_t w;

    REQUIRE(sellify_decide(built_in(), &request->input, scratch, scratch_size,
                &decision) == 0);
    check_decision(&request->input, &decision);
    sellify_json_writer(&w, out, out_size);
    sellify_api_write_decision(&w, &decision);
    REQUIRE(!sellify_json_overflowed(&w));
    return w.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[1 << 16], second[1 << 16];
    sellify_faults_t faults = { .count = 0 };
    sellify_decision_request_t request;
    char *body, *arena;
    void *scratch;
    size_t room, len;

    if (size > SELLIFY_BODY_MAX) {
        return 0;
    }
    body = malloc(size + 1); /* exact sizes: ASan watches the ends */
    arena = malloc(size + 1);
    memcpy(body, data, size);
    if (sellify_api_read_decision(
            (sellify_str_t){ body, size }, arena, &request, &faults) == 0) {
        room = sellify_scratch_size(request.input.message.len);
        scratch = malloc(room);
        len = write_answer(&request, scratch, room, first, sizeof(first));
        REQUIRE(len ==
                write_answer(&request, scratch, room, second, sizeof(second)));
        REQUIRE(memcmp(first, second, len) == 0);
        REQUIRE(
            sellify_json_check((sellify_str_t){ first, len }, &faults) == 0);
        free(scratch);
    } else {
        REQUIRE(faults.count > 0);
    }
    free(body);
    free(arena);
    return 0;
}
