/* Collecting. */
#include "flows/notes.h"
#include "flow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 64 };

void skald_flow_notes_done(skald_flow_notes *notes)
{
    skald_arena_done(&notes->memory);
    skald_arena_done(&notes->scratch);
    free(notes->list);
    *notes = (skald_flow_notes){0};
}

void skald_flow_notes_clear(skald_flow_notes *notes)
{
    skald_arena_reset(&notes->memory);
    notes->count = 0;
}

static skald_status no_memory(skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY, "no memory for events of flows");
}

static skald_flow_noted *next_new(skald_flow_notes *notes)
{
    if (notes->count == notes->room) {
        const size_t room = notes->room == 0 ? ROOM_FIRST : notes->room * 2;
        skald_flow_noted *list = realloc(notes->list, room * sizeof *list);
        if (list == NULL)
            return NULL;
        notes->list = list;
        notes->room = room;
    }
    skald_flow_noted *noted = &notes->list[notes->count];
    *noted = (skald_flow_noted){.place = notes->count};
    notes->count++;
    return noted;
}

/* A message without an id is known by its place in its stream. */
static const char *id_of(skald_flow_notes *notes, const char *stream, const skald_message *message)
{
    if (message->id != NULL && message->id[0] != '\0')
        return message->id;
    return skald_arena_format(&notes->memory, "%s/%" PRIu32 "/%" PRId64, stream, message->partition,
                              message->position);
}

static skald_status flow_add(skald_flow_notes *notes, skald_flows *flows, size_t flow,
                             const char *stream, const skald_message *message, skald_log *log,
                             bool *noted, skald_error *error)
{
    const skald_flow *watched = flows->list[flow];
    const size_t event = skald_flow_event_find(watched, message->type);
    if (event == SKALD_FLOW_NO_EVENT || strcmp(watched->events.list[event].from, stream) != 0)
        return SKALD_OK;
    const char *key = NULL;
    skald_arena_reset(&notes->scratch);
    const skald_status status =
        skald_flows_key(flows, flow, event, message, &notes->scratch, log, &key, error);
    if (status != SKALD_OK || key == NULL)
        return status;
    key = skald_arena_text(&notes->memory, key);
    const char *id = id_of(notes, stream, message);
    skald_flow_noted *next = key == NULL || id == NULL ? NULL : next_new(notes);
    if (next == NULL)
        return no_memory(error);
    next->flow = watched;
    next->event = event;
    next->key = key;
    next->id = id;
    next->source = stream;
    next->message = message;
    *noted = true;
    return SKALD_OK;
}

skald_status skald_flow_notes_add(skald_flow_notes *notes, skald_flows *flows, const char *stream,
                                  const skald_message *message, skald_log *log, bool *noted,
                                  skald_error *error)
{
    skald_status status = SKALD_OK;
    *noted = false;
    if (message->type == NULL || message->kind != SKALD_KIND_EVENT)
        return SKALD_OK;
    for (size_t i = 0; i < flows->count && status == SKALD_OK; i++)
        status = flow_add(notes, flows, i, stream, message, log, noted, error);
    return status;
}
