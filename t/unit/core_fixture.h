/*
 * A small ruleset for the unit tests of core/, so that their cases do not hang
 * on what the shipped lexicons say.
 */
#ifndef T_CORE_FIXTURE_H
#define T_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/api.h"

#include <stdio.h>
#include <stdlib.h>

static const char fixture_lexicon[] =
    "{\"language\":\"fr\",\"triggers\":{"
    "\"threat\":[\"tuer\",\"menac[e|er|é]\"],"
    "\"legal\":[\"avocat\",\"police\",\"plainte\"],"
    "\"anger\":[\"arnaque[|s]\",\"furieu[x|se]\"],"
    "\"sensitive\":[\"suicide\"],"
    "\"misunderstanding\":[\"rien compris\"]},"
    "\"events\":{\"ProductQuestion\":[\"taille[|s]\"],"
    "\"PriceInterest\":[\"combien\",\"prix\"],"
    "\"PurchaseIntent\":[\"je le prends\"],"
    "\"ObjectionRaised\":[\"trop cher\"],"
    "\"NegativeResponse\":[\"non merci\"]},"
    "\"media\":{\"image\":[\"photo[|s]\"],\"video\":[\"vidéo[|s]\"]},"
    "\"opt_out\":{\"stop\":[\"stop\",\"désabonner\",\"ne m'écrivez plus\"],"
    "\"start\":[\"start\"]},"
    "\"greeting\":[\"bonjour\"],"
    "\"function_words\":[\"le\",\"la\",\"du\",\"je\",\"pour\",\"est\",\"c\"],"
    "\"validation\":{\"forbidden_words\":[\"robot\"]},"
    "\"exceptions\":{\"legal\":[\"police d'assurance\"],"
    "\"*\":[\"tuer le temps\"]}}";

static const char fixture_english[] =
    "{\"events\":{\"PriceInterest\":[\"how much\"]},"
    "\"function_words\":[\"the\",\"is\",\"it\"],\"greeting\":[\"hello\"]}";

static const char fixture_products[] =
    "[{\"id\":\"bag\",\"name\":\"Sac Lina\",\"price\":49.90,"
    "\"keywords\":[\"sac\",\"cuir\"],"
    "\"media\":[{\"id\":\"bag-film\",\"media_type\":\"Video\","
    "\"url\":\"https://m.example/b.mp4\"},"
    "{\"id\":\"bag-photo\",\"media_type\":\"Image\","
    "\"url\":\"https://m.example/b.jpg\"}],"
    "\"media_policy\":{\"allow_images\":true,\"allow_video\":true}},"
    "{\"id\":\"cream\",\"name\":\"Crème Argan\",\"price\":\"19.5\","
    "\"keywords\":[\"crème\",\"cuir\"],"
    "\"media\":[{\"id\":\"cream-photo\",\"media_type\":\"Image\","
    "\"url\":\"https://m.example/c.jpg\"}],"
    "\"media_policy\":{\"allow_images\":false}},"
    "{\"id\":\"shoes\",\"name\":\"Baskets Nora\",\"price\":65,"
    "\"keywords\":[\"chaussures\"]}]";

__attribute__((unused)) static sellify_ruleset_source_t
fixture_source(const char *policy, const char *products)
{
    sellify_ruleset_source_t source = {
        .version = 7,
        .policy = sellify_str_of(policy),
        .products = sellify_str_of(products),
        .lexicons = { { "fr", sellify_str_of(fixture_lexicon) },
            { "en", sellify_str_of(fixture_english) } },
        .lexicon_count = 2,
    };
    return source;
}

/* NULL takes the fixture's products; a fault ends the test. */
__attribute__((unused)) static sellify_ruleset_t *
fixture_compile(const char *policy, const char *products)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_source_t source =
        fixture_source(policy, products ? products : fixture_products);
    sellify_ruleset_t *ruleset = sellify_ruleset_compile(&source, &faults);

    if (ruleset == NULL) {
        fail_msg("%s %s: %s", faults.items[0].document, faults.items[0].pointer,
            faults.items[0].detail);
    }
    return ruleset;
}

#endif
