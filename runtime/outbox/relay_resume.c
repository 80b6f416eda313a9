/* Where does the stream end, does the database agree, and where does each lane stand? */
#include "nats/stream.h"
#include "outbox/relay_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANE_UNKNOWN = -1,
    RECENT_MAX = 20000, /* rows, read in some 20 ms */
};

static const char *event_id_of(const skald_nats_view *view)
{
    for (size_t i = 0; i < view->header_count; i++) {
        if (strcmp(view->headers[i].name, "ce-id") == 0)
            return view->headers[i].value;
    }
    return "";
}

/* The last message with a position at `message` or before it. */
static skald_status foreign_skip(skald_relay_place *place, skald_relay *relay,
                                 skald_stream_message *message, skald_arena *arena,
                                 skald_error *error)
{
    skald_status status = SKALD_OK;
    while (skald_nats_position(&message->view) == 0) {
        if (status == SKALD_OK)
            place->foreign_count++;
        if (message->sequence <= place->first_sequence)
            return SKALD_OK; /* nothing in it is Skald's */
        const uint64_t before = message->sequence - 1;
        *message = (skald_stream_message){.sequence = before};
        skald_arena_reset(arena);
        status = skald_stream_load(message, relay->options.nats, relay->options.service, before,
                                   arena, error);
        if (status != SKALD_OK && status != SKALD_NOT_FOUND)
            return status;
    }
    place->position = skald_nats_position(&message->view);
    place->found = true;
    snprintf(place->event_id, sizeof place->event_id, "%s", event_id_of(&message->view));
    return SKALD_OK;
}

static skald_status tail_find(skald_relay_place *place, skald_relay *relay, skald_error *error)
{
    skald_arena arena = {0};
    skald_stream_message message;
    skald_status status = skald_stream_last(&message, relay->options.nats, relay->options.service,
                                            ">", &arena, error);
    if (status == SKALD_OK)
        status = foreign_skip(place, relay, &message, &arena, error);
    skald_arena_done(&arena);
    return status;
}

static skald_status stream_look(skald_relay_place *place, skald_relay *relay, skald_error *error)
{
    const skald_relay_options *options = &relay->options;
    skald_stream_state state;
    skald_status status =
        skald_stream_ensure(options->nats, options->service, options->partitions, 0, error);
    if (status == SKALD_OK)
        status = skald_stream_look(&state, options->nats, options->service, error);
    if (status != SKALD_OK)
        return status;
    *place = (skald_relay_place){
        .last_sequence = state.last_sequence,
        .first_sequence = state.first_sequence,
        .dense = state.message_count == state.last_sequence + 1 - state.first_sequence,
    };
    if (state.message_count > 0)
        status = tail_find(place, relay, error);
    if (status == SKALD_OK && place->foreign_count > 0)
        skald_log_say(options->log, SKALD_LOG_WARNING, "RELAY-FOREIGN",
                      "somebody else wrote to stream \"%s\": %" PRIu64
                      " messages at its end are not Skald's",
                      options->service, place->foreign_count);
    return status;
}

/* The stream's last event must be the database's event at that position; else the database was set
 * back, and positions would be given out twice with different meanings. */
static skald_status history_judge(const skald_relay_place *place, const char *service,
                                  const char *event_id, skald_error *error)
{
    if (!place->found || place->position <= place->trimmed_position ||
        (event_id != NULL && strcmp(event_id, place->event_id) == 0))
        return SKALD_OK;
    return skald_error_set(error, SKALD_HISTORY_LOST,
                           "stream \"%s\" ends with position %" PRId64 ", event %s, and the outbox "
                           "has %s there: the database lost history that was already sent "
                           "(restored from an older backup?); nothing is published until it agrees",
                           service, place->position, place->event_id,
                           event_id != NULL ? event_id : "nothing");
}

static skald_status history_check(skald_relay_place *place, skald_relay *relay, skald_error *error)
{
    skald_rows *rows = NULL;
    skald_status status =
        skald_pg_do(relay->pg, &rows, error,
                    "SELECT (SELECT event_id FROM skald.outbox WHERE position = $1),"
                    " (SELECT coalesce(min(first_position), 1) - 1 FROM skald.outbox_range)",
                    place->position);
    if (status != SKALD_OK)
        return status;
    place->trimmed_position = skald_rows_integer(rows, 0, 1);
    /* An empty stream is filled again with all that the outbox still holds: too much does no harm.
     */
    if (!place->found)
        place->position = place->trimmed_position;
    status = history_judge(place, relay->options.service, skald_rows_text(rows, 0, 0), error);
    skald_rows_free(rows);
    return status;
}

/* The last message of the lane and one kind. */
static skald_status lane_from_kind(int64_t *previous, skald_relay *relay, const char *kind,
                                   uint32_t partition, skald_arena *arena, skald_error *error)
{
    char subject[128];
    snprintf(subject, sizeof subject, "%s.%s.%02" PRIu32 ".>", relay->options.service, kind,
             partition);
    skald_stream_message message;
    skald_arena_reset(arena);
    const skald_status status = skald_stream_last(&message, relay->options.nats,
                                                  relay->options.service, subject, arena, error);
    if (status == SKALD_OK && skald_nats_position(&message.view) > *previous)
        *previous = skald_nats_position(&message.view);
    return status == SKALD_NOT_FOUND ? SKALD_OK : status;
}

/* A lane holds messages of all kinds. */
static skald_status lane_from_stream(int64_t *previous, skald_relay *relay, uint32_t partition,
                                     skald_arena *arena, skald_error *error)
{
    static const char *const kinds[] = {"event", "command.*", "reply.*"};
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && status == SKALD_OK; i++)
        status = lane_from_kind(previous, relay, kinds[i], partition, arena, error);
    return status;
}

/* The position of the stream's first message. */
static skald_status first_position_find(int64_t *out, const skald_relay_place *place,
                                        skald_relay *relay, skald_arena *arena, skald_error *error)
{
    skald_stream_message message;
    skald_arena_reset(arena);
    const skald_status status = skald_stream_next(
        &message, relay->options.nats, relay->options.service, place->first_sequence, arena, error);
    if (status == SKALD_OK)
        *out = skald_nats_position(&message.view);
    return status;
}

/* A stream without holes shows every lane's end, but for lanes silent since its first message,
 * whose position is *bound. */
static skald_status lanes_from_stream(skald_relay *relay, const skald_relay_place *place,
                                      int64_t *bound, skald_error *error)
{
    skald_arena arena = {0};
    int64_t first = 0;
    skald_status status = first_position_find(&first, place, relay, &arena, error);
    if (status == SKALD_OK && first > 0) {
        *bound = first;
        for (uint32_t i = 0; i < relay->options.partitions && status == SKALD_OK; i++) {
            if (relay->previous[i] == LANE_UNKNOWN)
                status = lane_from_stream(&relay->previous[i], relay, i, &arena, error);
        }
    }
    skald_arena_done(&arena);
    return status;
}

static void lanes_take(skald_relay *relay, const skald_rows *rows)
{
    for (uint32_t i = 0; i < skald_rows_count(rows); i++) {
        const int64_t partition = skald_rows_integer(rows, i, 0);
        if (partition >= 0 && partition < SKALD_PARTITIONS_MAX &&
            relay->previous[partition] == LANE_UNKNOWN)
            relay->previous[partition] = skald_rows_integer(rows, i, 1);
    }
}

static bool lanes_known(const skald_relay *relay)
{
    uint32_t known = 0;
    while (known < relay->options.partitions && relay->previous[known] != LANE_UNKNOWN)
        known++;
    return known == relay->options.partitions;
}

/* Fills the lanes still unknown from all rows before `bound`. */
static skald_status lanes_from_outbox(skald_relay *relay, int64_t bound, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(relay->pg, &rows, error,
                    "SELECT partition, max(position) FROM skald.outbox WHERE position < $1"
                    " GROUP BY partition",
                    bound);
    if (status == SKALD_OK)
        lanes_take(relay, rows);
    skald_rows_free(rows);
    return status;
}

/* Fills the lanes that have a row among the last before `bound`. *all: there are no others. */
static skald_status lanes_from_recent(skald_relay *relay, int64_t bound, bool *all,
                                      skald_error *error)
{
    skald_rows *rows = NULL;
    int64_t seen = 0;
    const skald_status status =
        skald_pg_do(relay->pg, &rows, error,
                    "SELECT partition, max(position), count(*) FROM (SELECT partition, position"
                    " FROM skald.outbox WHERE position < $1 ORDER BY position DESC LIMIT $2)"
                    " AS recent GROUP BY partition",
                    bound, RECENT_MAX);
    if (status == SKALD_OK)
        lanes_take(relay, rows);
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++)
        seen += skald_rows_integer(rows, i, 2);
    *all = seen < RECENT_MAX;
    skald_rows_free(rows);
    return status;
}

/* The truth about a lane is in the outbox, and what the stream lost must not be covered up by
 * naming the last message that is left as the one before. But reading the whole outbox takes long:
 * for lanes that have been silent for long, a stream that is visibly whole is believed. */
static skald_status lanes_find(skald_relay *relay, const skald_relay_place *place,
                               skald_error *error)
{
    int64_t bound = place->position + 1;
    bool all = false;
    for (uint32_t i = 0; i < SKALD_PARTITIONS_MAX; i++)
        relay->previous[i] = LANE_UNKNOWN;
    skald_status status = lanes_from_recent(relay, bound, &all, error);
    all = all || lanes_known(relay);
    if (status == SKALD_OK && !all && place->dense && place->found && place->foreign_count == 0)
        status = lanes_from_stream(relay, place, &bound, error);
    if (status == SKALD_OK && !all && !lanes_known(relay))
        status = lanes_from_outbox(relay, bound, error);
    for (uint32_t i = 0; i < SKALD_PARTITIONS_MAX; i++) {
        if (relay->previous[i] == LANE_UNKNOWN)
            relay->previous[i] = place->trimmed_position;
    }
    return status;
}

static skald_status way_open(skald_relay *relay, skald_error *error)
{
    const skald_relay_place *place = &relay->place;
    skald_status status =
        skald_chain_open(&relay->chain, relay->options.nats, relay->options.service,
                         place->last_sequence, place->position, error);
    if (status == SKALD_OK)
        status =
            skald_outbox_reader_open(&relay->reader, relay->pg, relay->source, place->position);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "no memory for the relay");
    atomic_store(&relay->confirmed, place->position);
    return SKALD_OK;
}

skald_status skald_relay_connect(skald_pg **pg, const skald_relay *relay, skald_error *error)
{
    if (*pg != NULL && !skald_pg_alive(*pg)) {
        skald_pg_close(*pg);
        *pg = NULL;
    }
    if (*pg != NULL)
        return SKALD_OK;
    return skald_pg_open(pg, relay->options.database, relay->options.application, error);
}

/* Everything before the lanes: what decides whether anything may be published at all. */
static skald_status place_find(skald_relay *relay, skald_error *error)
{
    skald_status status = stream_look(&relay->place, relay, error);
    if (status == SKALD_OK)
        status = skald_relay_connect(&relay->pg, relay, error);
    if (status == SKALD_OK)
        status = history_check(&relay->place, relay, error);
    return status;
}

skald_status skald_relay_check(const skald_relay_options *options, skald_error *error)
{
    skald_relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the relay");
    relay->options = *options;
    const skald_status status = place_find(relay, error);
    skald_pg_close(relay->pg);
    free(relay);
    return status;
}

skald_status skald_relay_resume(skald_relay *relay, skald_error *error)
{
    assert(relay->chain == NULL && relay->reader == NULL);
    skald_status status = place_find(relay, error);
    if (status == SKALD_OK)
        status = lanes_find(relay, &relay->place, error);
    if (status == SKALD_OK)
        status = way_open(relay, error);
    return status;
}
