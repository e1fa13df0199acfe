/*
 * Amounts of money in a folded text: 49,90 EUR with a sign, a code or a word,
 * before or behind; 49E90; 1 299 E; "49 euros 90"; spelled-out numbers before a
 * currency word; a number behind a word such as "prix".  Sizes, volumes, hours,
 * percentages and versions are none.
 */
#ifndef SELLIFY_MONEY_H
#define SELLIFY_MONEY_H

#include "matcher.h"

#define SELLIFY_MONEY_UNIT 10000 /* an amount of 1 */

typedef struct {
    uint32_t start, end; /* folded bytes, [start, end) */
    int64_t minor;       /* in 1/10000; -1: no amount that one can compare */
    char currency[4];    /* "EUR"; empty: the shop's own */
} sellify_amount_t;

typedef struct {
    const sellify_matcher_t *matcher;
    const sellify_folded_t *folded;
    uint32_t number_class, currency_class;
    size_t at;
} sellify_money_t;

/* The text must have been scanned by `matcher`, whose one-word terms of the two
 * classes are the words of numbers (value: the number) and of currencies. */
void sellify_money_start(sellify_money_t *money,
    const sellify_matcher_t *matcher, const sellify_folded_t *folded,
    uint32_t number_class, uint32_t currency_class);

/* 1 and the next amount, or 0. */
int sellify_money_next(sellify_money_t *money, sellify_amount_t *amount);

#endif
