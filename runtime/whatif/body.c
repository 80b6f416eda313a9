/* Types are known from this program's handlers, sagas and activities, from what its code has
 * written just now, or else from what programs have told the database (skald.message_type). */
#include "codec/decode.h"
#include "codec/describe.h"
#include "engine/kinds.h"
#include "whatif/inside.h"
#include "json/print.h"

#include <stdlib.h>
#include <string.h>

static const ProtobufCMessageDescriptor *of_followers(const skald_follower *follower,
                                                      const char *name)
{
    for (; follower != NULL; follower = follower->next) {
        for (uint32_t i = 0; i < follower->handler_count; i++) {
            if (strcmp(follower->handlers[i]->descriptor->name, name) == 0)
                return follower->handlers[i]->descriptor;
        }
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *of_queues(const skald_work_queue *queue, const char *name)
{
    for (; queue != NULL; queue = queue->next) {
        for (uint32_t i = 0; i < queue->activity_count; i++) {
            if (strcmp(queue->activities[i]->descriptor->name, name) == 0)
                return queue->activities[i]->descriptor;
        }
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *of_sagas(const skald_sagas *sagas, const char *name)
{
    for (const skald_saga_kind *kind = sagas != NULL ? sagas->kinds : NULL; kind != NULL;
         kind = kind->next) {
        if (strcmp(kind->options.state->name, name) == 0)
            return kind->options.state;
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *of_code(const skald_types_seen *seen, const char *name)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->types[i]->name, name) == 0)
            return seen->types[i];
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *of_database(skald_whatif *w, const char *name)
{
    const skald_param param = skald_text(name);
    const ProtobufCMessageDescriptor *found = NULL;
    skald_rows *rows = NULL;
    skald_error error;
    if (skald_pg_run_binary(w->past, &rows,
                            "SELECT description FROM skald.message_type WHERE name = $1", 1, &param,
                            &error) != SKALD_OK)
        return NULL;
    if (skald_rows_count(rows) > 0)
        skald_describe_read(&found, skald_rows_bytes(rows, 0, 0), &w->report->memory, &error);
    skald_rows_free(rows);
    return found;
}

static const ProtobufCMessageDescriptor *type_find(skald_whatif *w, const char *name)
{
    const skald_whatif_options *options = w->options;
    const ProtobufCMessageDescriptor *found = of_followers(options->followers, name);
    if (found == NULL)
        found = of_sagas(options->hub->sagas, name);
    if (found == NULL)
        found = of_queues(options->queues, name);
    if (found == NULL)
        found = of_code(&w->seen, name);
    return found != NULL ? found : of_database(w, name);
}

static const char *message_text(skald_whatif *w, const ProtobufCMessage *message)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    skald_json json = {.out = out};
    skald_json_print(&json, message, true);
    const bool written = fclose(out) == 0;
    const char *kept = written ? skald_whatif_keep(w, text) : NULL;
    free(text);
    return kept;
}

const char *skald_whatif_fields(skald_whatif *w, const char *type, skald_bytes body)
{
    const ProtobufCMessageDescriptor *descriptor = type != NULL ? type_find(w, type) : NULL;
    const ProtobufCMessage *message = NULL;
    skald_error error;
    if (descriptor == NULL ||
        skald_decode(&message, descriptor, body, &w->report->memory, &error) != SKALD_OK)
        return NULL;
    return message_text(w, message);
}
