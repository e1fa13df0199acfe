/*
 * Names of actions, rules, triggers and message types, as in the API.
 */
#include "decision.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const actions[SELLIFY_ACTIONS] = {
    [SELLIFY_ACTION_RESPOND_TEXT] = "RespondText",
    [SELLIFY_ACTION_RESPOND_WITH_MEDIA] = "RespondWithMedia",
    [SELLIFY_ACTION_IGNORE] = "Ignore",
    [SELLIFY_ACTION_DELAY] = "Delay",
    [SELLIFY_ACTION_ALERT_HUMAN] = "AlertHuman",
    [SELLIFY_ACTION_STOP_AUTOMATION] = "StopAutomation",
};

static const char *const rules[SELLIFY_RULES] = {
    [SELLIFY_RULE_LICENSE] = "license",
    [SELLIFY_RULE_AUTOMATION_OFF] = "automation-off",
    [SELLIFY_RULE_TERMINAL_STATE] = "terminal-state",
    [SELLIFY_RULE_OPTED_OUT] = "opted-out",
    [SELLIFY_RULE_ALERT] = "alert",
    [SELLIFY_RULE_PAUSED] = "paused",
    [SELLIFY_RULE_CHAT_LIMIT] = "chat-limit",
    [SELLIFY_RULE_OUTSIDE_HOURS] = "outside-hours",
    [SELLIFY_RULE_QUOTA] = "quota",
    [SELLIFY_RULE_NOT_UNDERSTOOD] = "not-understood",
    [SELLIFY_RULE_RESPOND_MEDIA] = "respond-media",
    [SELLIFY_RULE_RESPOND_TEXT] = "respond-text",
};

static const char *const triggers[] = {
    [SELLIFY_TRIGGER_NONE] = NULL,
    [SELLIFY_TRIGGER_THREAT] = "threat",
    [SELLIFY_TRIGGER_LEGAL] = "legal",
    [SELLIFY_TRIGGER_ANGER] = "anger",
    [SELLIFY_TRIGGER_SENSITIVE] = "sensitive",
    [SELLIFY_TRIGGER_MISUNDERSTANDING] = "misunderstanding",
};

static const char *const message_types[] = {
    [SELLIFY_MESSAGE_TEXT] = "text",
    [SELLIFY_MESSAGE_IMAGE] = "image",
    [SELLIFY_MESSAGE_VIDEO] = "video",
    [SELLIFY_MESSAGE_AUDIO] = "audio",
    [SELLIFY_MESSAGE_DOCUMENT] = "document",
    [SELLIFY_MESSAGE_STICKER] = "sticker",
    [SELLIFY_MESSAGE_LOCATION] = "location",
    [SELLIFY_MESSAGE_CONTACT] = "contact",
    [SELLIFY_MESSAGE_UNKNOWN] = "unknown",
};

static const char *
name_of(const char *const *names, size_t count, size_t value)
{
    return value < count ? names[value] : NULL;
}

const char *
sellify_action_name(sellify_action_t action)
{
    return name_of(actions, COUNT(actions), action);
}

const char *
sellify_rule_name(sellify_rule_t rule)
{
    return name_of(rules, COUNT(rules), rule);
}

const char *
sellify_trigger_name(sellify_trigger_t trigger)
{
    return name_of(triggers, COUNT(triggers), trigger);
}

const char *
sellify_message_type_name(sellify_message_type_t type)
{
    return name_of(message_types, COUNT(message_types), type);
}

int
sellify_message_type_parse(sellify_str_t name)
{
    for (size_t i = 0; i < COUNT(message_types); i++) {
        if (sellify_str_equal(name, sellify_str_of(message_types[i]))) {
            return (int) i;
        }
    }
    return -1;
}

/* Capitals do not hide a threat: an unknown name means no trigger, so what is
 * meant to be one must be recognised. */
static int
same_ignoring_case(sellify_str_t text, const char *name)
{
    size_t i = 0;

    for (; i < text.len && name[i] != '\0'; i++) {
        char c = text.data[i];

        c = (c >= 'A' && c <= 'Z') ? (char) (c + ('a' - 'A')) : c;
        if (c != name[i]) {
            return 0;
        }
    }
    return i == text.len && name[i] == '\0';
}

sellify_trigger_t
sellify_trigger_parse(sellify_str_t name)
{
    for (size_t i = SELLIFY_TRIGGER_THREAT; i < COUNT(triggers); i++) {
        if (same_ignoring_case(name, triggers[i])) {
            return i;
        }
    }
    return SELLIFY_TRIGGER_NONE;
}
