/* Examines a flow before it is watched. Every mistake is a sentence with the cause and the remedy;
 * all of them are told, not only the first. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "definition_check.h"
#include "flow.h"

enum { SERVICE_SIZE_MAX = 32 };

typedef struct flow_check {
    const skald_flow *flow;
    skald_mistake_told *tell;
    void *context;
    size_t mistake_count;
} flow_check;

static void SKALD_PRINTF(2, 3) mistake(flow_check *check, const char *format, ...)
{
    char sentence[SKALD_MISTAKE_SIZE];
    const char *name = check->flow->name != NULL ? check->flow->name : "(no name)";
    const int start = snprintf(sentence, sizeof sentence, "flow \"%.63s\": ", name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence + start, sizeof sentence - (size_t)start, format, arguments);
    va_end(arguments);
    check->mistake_count++;
    if (check->tell != NULL)
        check->tell(check->context, sentence);
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters, digits and marks; NULL is none. */
static bool is_made_of(const char *text, const char *marks, size_t size_max)
{
    if (text == NULL || text[0] == '\0' || strlen(text) > size_max)
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        if (!is_letter_or_digit(*c) && memchr(marks, *c, strlen(marks)) == NULL)
            return false;
    }
    return true;
}

static bool is_type(const char *type)
{
    return is_made_of(type, "._", SKALD_STEP_TYPE_SIZE_MAX);
}

static bool is_same(const char *left, const char *right)
{
    return strlen(left) == strlen(right) && memcmp(left, right, strlen(left)) == 0;
}

/* Tables with mistakes are searched, too. */
static const skald_flow_event *event_find(const skald_flow *flow, const char *type)
{
    for (size_t i = 0; i < flow->events.count; i++) {
        const char *other = flow->events.list[i].type;
        if (other != NULL && is_same(other, type))
            return &flow->events.list[i];
    }
    return NULL;
}

/* --- events ----------------------------------------------------------------------------------- */

static void event_check(flow_check *check, const skald_flow_event *event, size_t number)
{
    if (!is_type(event->type)) {
        mistake(check,
                "event %zu has the type \"%.80s\": give it the full name of its message, as in "
                "\"shop.v1.OrderCreated\", no longer than %u",
                number, event->type != NULL ? event->type : "(none)", SKALD_STEP_TYPE_SIZE_MAX);
        return;
    }
    if (event_find(check->flow, event->type) != event)
        mistake(check, "%s is listed twice among its events: remove one", event->type);
    if (!skald_check_is_name(event->from) || strlen(event->from) > SERVICE_SIZE_MAX)
        mistake(check,
                "%s comes from \"%.60s\", which is not the name of a service: say in .from who "
                "publishes it",
                event->type, event->from != NULL ? event->from : "(nobody)");
    if ((unsigned)event->ends > SKALD_FLOW_ENDS_BADLY)
        mistake(check, "%s has %d in .ends, which is none of SKALD_FLOW_ENDS_...", event->type,
                (int)event->ends);
    if (event->begins && event->ends != SKALD_FLOW_GOES_ON)
        mistake(check, "%s both begins and ends it: there would be nothing to watch", event->type);
    if (event->key_field != NULL && !is_made_of(event->key_field, "._", SKALD_STEP_TYPE_SIZE_MAX))
        mistake(check,
                "%s has the key field \"%.80s\": name a field, or fields inside each other as in "
                "\"order.order_id\"",
                event->type, event->key_field);
    if (event->key_field != NULL && event->descriptor == NULL)
        mistake(check, "%s has a key field and no .descriptor to find it by: add one", event->type);
}

static void events_check(flow_check *check)
{
    const skald_flow_events events = check->flow->events;
    size_t beginnings = 0;
    size_t ends = 0;
    for (size_t i = 0; i < events.count; i++) {
        event_check(check, &events.list[i], i + 1);
        beginnings += events.list[i].begins ? 1 : 0;
        ends += events.list[i].ends != SKALD_FLOW_GOES_ON ? 1 : 0;
    }
    if (beginnings == 0)
        mistake(check, "no event begins it: mark one with .begins = true");
    if (ends == 0)
        mistake(check, "no event ends it, so its instances would stay open for ever: mark one with "
                       ".ends = SKALD_FLOW_ENDS_WELL");
}

/* --- expectations ----------------------------------------------------------------------------- */

static bool is_followed(const skald_flow *flow, const char *type,
                        const skald_flow_expectation *except)
{
    for (size_t i = 0; i < flow->expectations.count; i++) {
        const skald_flow_expectation *other = &flow->expectations.list[i];
        if (other != except && other->after != NULL && is_same(other->after, type))
            return true;
    }
    return false;
}

/* What ends nothing, is followed by nothing and has nothing beside it is where an instance would
 * get stuck without anybody being told. */
static void alternative_check(flow_check *check, const skald_flow_expectation *expectation,
                              const char *type)
{
    const skald_flow_event *event = event_find(check->flow, type);
    if (event == NULL)
        mistake(check,
                "after %s it expects \"%.80s\", which is not among its events: add it, with "
                "the service that it comes from",
                expectation->after, type);
    else if (is_same(type, expectation->after))
        mistake(check, "after %s it expects the same event again, which would never end", type);
    else if (event->ends == SKALD_FLOW_GOES_ON && !is_followed(check->flow, type, NULL) &&
             !is_followed(check->flow, expectation->after, expectation))
        mistake(check,
                "%s ends nothing and nothing is expected after it, so an instance would stay open "
                "for ever: say what follows it, or mark it with .ends",
                type);
}

static void alternatives_check(flow_check *check, const skald_flow_expectation *expectation)
{
    if (expectation->expect[0] == NULL)
        mistake(check, "after %s it expects nothing: name an event in .expect", expectation->after);
    for (size_t i = 0; i < SKALD_FLOW_ALTERNATIVES_MAX && expectation->expect[i] != NULL; i++)
        alternative_check(check, expectation, expectation->expect[i]);
}

static void expectation_check(flow_check *check, const skald_flow_expectation *expectation,
                              size_t number)
{
    if (expectation->after == NULL) {
        mistake(check, "expectation %zu does not say after which event: fill in .after", number);
        return;
    }
    const skald_flow_event *after = event_find(check->flow, expectation->after);
    if (after == NULL)
        mistake(check, "expectation %zu is after \"%.80s\", which is not among its events: add it",
                number, expectation->after);
    else if (after->ends != SKALD_FLOW_GOES_ON)
        mistake(check, "it expects something after %s, which ends it: nothing is awaited then",
                expectation->after);
    if (expectation->within_ms == 0 || expectation->within_ms > SKALD_DURATION_MS_MAX)
        mistake(check,
                "after %s it waits for no time or for more than ten years: set .within_ms, which "
                "is in milliseconds",
                expectation->after);
    alternatives_check(check, expectation);
}

static bool is_same_expectation(const skald_flow_expectation *left,
                                const skald_flow_expectation *right)
{
    if (left->after == NULL || right->after == NULL || !is_same(left->after, right->after))
        return false;
    for (size_t i = 0; i < SKALD_FLOW_ALTERNATIVES_MAX; i++) {
        if (left->expect[i] == NULL || right->expect[i] == NULL)
            return left->expect[i] == right->expect[i];
        if (!is_same(left->expect[i], right->expect[i]))
            return false;
    }
    return true;
}

static void expectations_check(flow_check *check)
{
    const skald_flow_expectations expectations = check->flow->expectations;
    if (expectations.count == 0)
        mistake(check, "it expects nothing: give it .expectations = "
                       "SKALD_FLOW_EXPECTATIONS(your_expectations)");
    for (size_t i = 0; i < expectations.count; i++) {
        expectation_check(check, &expectations.list[i], i + 1);
        for (size_t j = 0; j < i; j++) {
            if (is_same_expectation(&expectations.list[i], &expectations.list[j]))
                mistake(check, "expectations %zu and %zu are the same: remove one", j + 1, i + 1);
        }
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Tables that are larger than they may be are not looked into. */
static bool sizes_check(flow_check *check)
{
    const skald_flow *flow = check->flow;
    const size_t before = check->mistake_count;
    if (flow->events.list == NULL || flow->events.count == 0)
        mistake(check, "it has no events: give it .events = SKALD_FLOW_EVENTS(your_events)");
    if (flow->events.count > SKALD_FLOW_EVENTS_MAX)
        mistake(check, "it has %zu events and the most is %u: make two flows of it",
                flow->events.count, SKALD_FLOW_EVENTS_MAX);
    if (flow->expectations.count > SKALD_FLOW_EXPECTATIONS_MAX)
        mistake(check, "it has %zu expectations and the most is %u: make two flows of it",
                flow->expectations.count, SKALD_FLOW_EXPECTATIONS_MAX);
    return check->mistake_count == before;
}

size_t skald_flow_check(const skald_flow *flow, skald_mistake_told *tell, void *context)
{
    flow_check check = {.flow = flow, .tell = tell, .context = context};
    if (!skald_check_is_name(flow->name))
        mistake(&check,
                "its name is missing, longer than %u or has other characters than a-z, 0-9 and '-' "
                "behind a letter: choose another one",
                SKALD_NAME_SIZE_MAX);
    if (flow->keep_ms > SKALD_DURATION_MS_MAX)
        mistake(&check, "its instances are kept for more than ten years: shorten .keep_ms, which "
                        "is in milliseconds");
    if (sizes_check(&check)) {
        events_check(&check);
        expectations_check(&check);
    }
    return check.mistake_count;
}
