/*
 * The decision: a message in its context -> one action of a closed set, with
 * the rule that chose it.  Source of the rules and of their order: the table of
 * docs/api.md.  Pure and deterministic; any thread; no allocation.
 *
 * - A trigger is named, and raises its alert, whatever rule wins.  Its event is
 *   ThreatDetected for a threat and none for the others.
 * - Misunderstanding becomes the trigger only when it fills the policy's
 *   threshold: misunderstandings so far, plus this message when the lexicon
 *   finds one in it, the caller says so, or there is nothing to read.
 * - Of several events the first of PurchaseIntent, NegativeResponse,
 *   ObjectionRaised, PriceInterest, ProductQuestion is taken.
 * - A message that asks for STOP sets opt_out and is itself answered by nothing
 *   (rule opted-out, StopAutomation).  START sets -1 and is answered even when
 *   `opted_out` is given.  When both are said, STOP counts.
 * - The product is the one the message names, else the one talked about so far,
 *   else the only one there is; none when two are as likely.
 */
#ifndef SELLIFY_DECISION_H
#define SELLIFY_DECISION_H

#include "conversation.h"
#include "ruleset.h"

#include <stdint.h>

#define SELLIFY_MESSAGE_CHARS_MAX 4096

typedef enum {
    SELLIFY_ACTION_RESPOND_TEXT,
    SELLIFY_ACTION_RESPOND_WITH_MEDIA,
    SELLIFY_ACTION_IGNORE,
    SELLIFY_ACTION_DELAY,
    SELLIFY_ACTION_ALERT_HUMAN,
    SELLIFY_ACTION_STOP_AUTOMATION
} sellify_action_t;
#define SELLIFY_ACTIONS 6

typedef enum {
    SELLIFY_RULE_LICENSE,
    SELLIFY_RULE_AUTOMATION_OFF,
    SELLIFY_RULE_TERMINAL_STATE,
    SELLIFY_RULE_OPTED_OUT,
    SELLIFY_RULE_ALERT,
    SELLIFY_RULE_PAUSED,
    SELLIFY_RULE_CHAT_LIMIT,
    SELLIFY_RULE_OUTSIDE_HOURS,
    SELLIFY_RULE_QUOTA,
    SELLIFY_RULE_NOT_UNDERSTOOD,
    SELLIFY_RULE_RESPOND_MEDIA,
    SELLIFY_RULE_RESPOND_TEXT
} sellify_rule_t;
#define SELLIFY_RULES 12

/* Ascending priority is descending number: the first of threat, legal, anger,
 * sensitive, misunderstanding is named. */
typedef enum {
    SELLIFY_TRIGGER_NONE = 0,
    SELLIFY_TRIGGER_THREAT = 1,
    SELLIFY_TRIGGER_LEGAL = 2,
    SELLIFY_TRIGGER_ANGER = 3,
    SELLIFY_TRIGGER_SENSITIVE = 4,
    SELLIFY_TRIGGER_MISUNDERSTANDING = 5
} sellify_trigger_t;

typedef enum {
    SELLIFY_MESSAGE_TEXT,
    SELLIFY_MESSAGE_IMAGE,
    SELLIFY_MESSAGE_VIDEO,
    SELLIFY_MESSAGE_AUDIO,
    SELLIFY_MESSAGE_DOCUMENT,
    SELLIFY_MESSAGE_STICKER,
    SELLIFY_MESSAGE_LOCATION,
    SELLIFY_MESSAGE_CONTACT,
    SELLIFY_MESSAGE_UNKNOWN
} sellify_message_type_t;

const char *sellify_action_name(sellify_action_t action); /* "RespondText" */
const char *sellify_rule_name(sellify_rule_t rule);       /* "respond-text" */
const char *sellify_trigger_name(sellify_trigger_t t);    /* NULL for NONE */
const char *sellify_message_type_name(sellify_message_type_t type);
int sellify_message_type_parse(sellify_str_t name); /* or -1 */
/* Unknown names are TRIGGER_NONE, as the contract says. */
sellify_trigger_t sellify_trigger_parse(sellify_str_t name);

typedef struct {
    sellify_str_t message; /* <= 4096 characters; the caption of a medium */
    sellify_message_type_t message_type;
    sellify_state_t state;

    int license_ok; /* 0 only when one is required and not valid */
    int active_hours;
    int quotas_available;
    int media_quota_available; /* images of the day left */
    int video_quota_available; /* videos of the week left */
    uint32_t next_window_s;    /* until quotas return; 0 unknown -> 3600 */
    uint32_t quota_pressure;   /* sellify_quota_pressure() */

    int sentiment_given; /* 1: `sentiment` replaces the detector */
    sellify_trigger_t sentiment;

    int paused, opted_out, accepts_media;
    uint32_t misunderstandings; /* consecutive, before this message */
    uint32_t replies_last_hour; /* pipeline only; 0 elsewhere */
    int known_languages_only;   /* pipeline only: a message in no language of
                                   the policy is not understood */
    sellify_str_t product_id;   /* product talked about so far, or empty */
    uint64_t seed;              /* sellify_rng_seed_of(instance/message id) */
} sellify_decision_input_t;

#define SELLIFY_MATCHES_MAX 16

typedef struct {
    sellify_str_t term;  /* as listed; lives with the ruleset */
    const char *kind;    /* "PriceInterest", "threat", "opt-out", "media",
                            "opt-in", "product", "greeting" ...; static */
    uint32_t start, end; /* Unicode characters of the message, [start, end) */
} sellify_match_t;

typedef struct {
    sellify_action_t action;
    sellify_rule_t rule;
    sellify_event_t event;
    sellify_state_t new_state;
    sellify_trigger_t trigger;
    char details[64]; /* "" is null */
    int wants_media;
    int opt_out;        /* the message asks for STOP (1) or START (-1) */
    int not_understood; /* counts as a misunderstanding */
    const sellify_product_t *product; /* or NULL; lives with the ruleset */
    const sellify_media_t *media;     /* RespondWithMedia: what to send */
    uint32_t delay_seconds;           /* Delay: to the next window; else the
                                         human-like delay; 0 for the others */
    int delay_known;                  /* delay_seconds is not null */
    char language[8];                 /* "fr", "" unknown */
    sellify_match_t matches[SELLIFY_MATCHES_MAX];
    size_t match_count;
    uint64_t ruleset_version;
} sellify_decision_t;

/* Scratch memory for a text of `bytes`; the same for decide and validate. */
size_t sellify_scratch_size(size_t bytes);

/* Decides.  Returns 0, or -1 when the message is not valid UTF-8, is longer
 * than SELLIFY_MESSAGE_CHARS_MAX characters, or the scratch is too small. */
int sellify_decide(const sellify_ruleset_t *ruleset,
    const sellify_decision_input_t *input, void *scratch, size_t scratch_size,
    sellify_decision_t *decision) SELLIFY_MUST_CHECK;

#endif
