/*
 * libFuzzer: any body through validation.  A text is valid exactly when nothing
 * is wrong with it, violations lie inside it in order, and what was found valid
 * is valid again.
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
check_verdict(const sellify_verdict_t *verdict)
{
    REQUIRE(verdict->valid == (verdict->violations_found == 0));
    REQUIRE(verdict->valid == (verdict->error[0] == '\0'));
    REQUIRE(verdict->violation_count <= SELLIFY_VIOLATIONS_MAX);
    for (size_t i = 0; i < verdict->violation_count; i++) {
        const sellify_violation_t *violation = &verdict->violations[i];

        REQUIRE((unsigned) violation->rule < SELLIFY_VIOLATION_RULES);
        REQUIRE(violation->start <= violation->end);
        REQUIRE(i == 0 || violation[-1].start <= violation->start);
    }
}

static void
validate(const sellify_validate_request_t *request)
{
    static char out[1 << 18];
    const sellify_product_t *product =
        request->product_id.len > 0
            ? sellify_ruleset_product(built_in(), request->product_id)
            : NULL;
    size_t room = sellify_scratch_size(request->text.len);
    void *scratch = malloc(room), *again = malloc(room);
    sellify_verdict_t verdict, repeated;
    sellify_faults_t faults = { .count = 0 };
    sellify_json_writer_t w;

    sellify_validate(built_in(), request->text, product, request->max_length,
        scratch, room, &verdict);
    check_verdict(&verdict);
    sellify_validate(built_in(), request->text, product, request->max_length,
        again, room, &repeated);
    REQUIRE(repeated.valid == verdict.valid);
    REQUIRE(repeated.violations_found == verdict.violations_found);

    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_verdict(&w, &verdict, sellify_str("x"));
    if (!sellify_json_overflowed(&w)) {
        REQUIRE(
            sellify_json_check((sellify_str_t){ out, w.len }, &faults) == 0);
    }
    free(scratch);
    free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_validate_request_t request;
    char *body, *arena;

    if (size > SELLIFY_BODY_MAX) {
        return 0;
    }
    body = malloc(size + 1);
    arena = malloc(size + 1);
    memcpy(body, data, size);
    if (sellify_api_read_validate(
            (sellify_str_t){ body, size }, arena, &request, &faults) == 0) {
        validate(&request);
    } else {
        REQUIRE(faults.count > 0);
    }
    free(body);
    free(arena);
    return 0;
}
