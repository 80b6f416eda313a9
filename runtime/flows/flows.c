/* The list of flows, and the keys of their events. */
#include "flows/flows.h"
#include "codec/decode.h"
#include "codec/text_at.h"

#include <stdio.h>
#include <string.h>

/* --- declaring -------------------------------------------------------------------------------- */

typedef struct mistakes {
    skald_log *log;
    skald_error *error;
    size_t count;
} mistakes;

/* The first one is the reason why the service does not start. */
static void mistake_tell(void *user, const char *sentence)
{
    mistakes *all = user;
    skald_log_say(all->log, SKALD_LOG_ERROR, "FLOW-MISTAKE", "%s", sentence);
    if (all->count++ == 0)
        skald_error_set(all->error, SKALD_INVALID, "%s", sentence);
}

/* What the checker cannot look into: the messages. */
static void event_check(mistakes *all, const skald_flow *flow, const skald_flow_event *event)
{
    char sentence[SKALD_ERROR_TEXT_SIZE];
    skald_error wrong = {0};
    if (event->descriptor == NULL)
        return;
    if (strcmp(event->descriptor->name, event->type) != 0) {
        snprintf(sentence, sizeof sentence, "flow \"%s\": %s has the descriptor of %s", flow->name,
                 event->type, event->descriptor->name);
        mistake_tell(all, sentence);
        return;
    }
    if (event->key_field == NULL ||
        skald_text_at_check(event->descriptor, event->key_field, &wrong) == SKALD_OK)
        return;
    snprintf(sentence, sizeof sentence, "flow \"%s\": the key of %s cannot be found: %.300s",
             flow->name, event->type, wrong.text);
    mistake_tell(all, sentence);
}

static skald_status place_check(const skald_flows *flows, const skald_flow *flow,
                                skald_error *error)
{
    for (size_t i = 0; i < flows->count; i++) {
        if (strcmp(flows->list[i]->name, flow->name) == 0)
            return skald_error_set(error, SKALD_INVALID, "flow \"%s\" is watched twice",
                                   flow->name);
    }
    if (flows->count == SKALD_FLOWS_MAX)
        return skald_error_set(error, SKALD_FULL, "a service watches at most %d flows",
                               SKALD_FLOWS_MAX);
    return SKALD_OK;
}

skald_status skald_flows_add(skald_flows *flows, const skald_flow *flow, skald_log *log,
                             skald_error *error)
{
    mistakes all = {.log = log, .error = error};
    skald_flow_check(flow, mistake_tell, &all);
    for (size_t i = 0; i < flow->events.count && all.count == 0; i++)
        event_check(&all, flow, &flow->events.list[i]);
    if (all.count > 0)
        return SKALD_INVALID;
    const skald_status status = place_check(flows, flow, error);
    if (status == SKALD_OK)
        flows->list[flows->count++] = flow;
    return status;
}

/* --- keys ------------------------------------------------------------------------------------- */

static void keyless_say(skald_flows *flows, size_t flow, size_t event, const skald_message *message,
                        skald_log *log, const char *reason)
{
    if (atomic_exchange(&flows->said[flow][event], true))
        return;
    skald_log_say(log, SKALD_LOG_WARNING, "FLOW-NO-KEY",
                  "flow \"%s\" cannot place %s %s (nor, maybe, others of its type): %s",
                  flows->list[flow]->name, message->type, message->id != NULL ? message->id : "",
                  reason);
}

skald_status skald_flows_key(skald_flows *flows, size_t flow, size_t event,
                             const skald_message *message, skald_arena *arena, skald_log *log,
                             const char **key, skald_error *error)
{
    const skald_flow_event *declared = &flows->list[flow]->events.list[event];
    const ProtobufCMessage *decoded = NULL;
    skald_error wrong = {0};
    *key = message->key;
    if (declared->key_field != NULL) {
        const skald_status status =
            skald_decode(&decoded, declared->descriptor, message->body, arena, &wrong);
        if (status == SKALD_NO_MEMORY)
            return skald_error_set(error, status, "no memory to find the key of an event");
        *key = status == SKALD_OK ? skald_text_at(decoded, declared->key_field) : NULL;
    }
    if (*key != NULL && **key != '\0' && strlen(*key) <= SKALD_KEY_SIZE_MAX)
        return SKALD_OK;
    keyless_say(flows, flow, event, message, log,
                wrong.status != SKALD_OK ? wrong.text
                                         : "its key is empty, or longer than keys may be");
    *key = NULL;
    return SKALD_OK;
}
