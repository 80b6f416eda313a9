/* Asks the stream (or the outbox) where to begin, and writes it down once. */
#include "followers/register.h"
#include "nats/stream.h"

#include <string.h>

/* --- what was written at the first start ---------------------------------------------------- */

static skald_status known_load(const skald_follower *follower, skald_pg *pg, uint32_t *partitions,
                               skald_error *error)
{
    skald_rows *rows = NULL;
    skald_status status = skald_pg_do(
        pg, &rows, error, "SELECT stream, partitions FROM skald.follower WHERE name = $1",
        follower->name);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_count(rows) == 0) {
        status = SKALD_NOT_FOUND;
    } else if (strcmp(skald_rows_text(rows, 0, 0), follower->stream) != 0) {
        status =
            skald_error_set(error, SKALD_INVALID,
                            "follower \"%s\" has followed stream \"%s\" so far, not \"%s\": give "
                            "the new one another name",
                            follower->name, skald_rows_text(rows, 0, 0), follower->stream);
    } else {
        *partitions = (uint32_t)skald_rows_integer(rows, 0, 1);
    }
    skald_rows_free(rows);
    return status;
}

static skald_status partitions_check(const skald_follower *follower, uint32_t known, uint32_t found,
                                     skald_error *error)
{
    if (known == found)
        return SKALD_OK;
    return skald_error_set(
        error, SKALD_INVALID,
        "stream \"%s\" has %u partitions, but follower \"%s\" began with %u: give "
        "the follower a new name to begin anew",
        follower->stream, found, follower->name, known);
}

/* --- where to begin ------------------------------------------------------------------------- */

/* The position of the message at `sequence`, or of the one behind it where that is gone; for a
 * foreign stream the sequence. 0 when there is none. */
static skald_status position_at(const skald_follower *follower, uint64_t sequence,
                                int64_t *position, skald_error *error)
{
    *position = (int64_t)sequence;
    if (follower->options.foreign)
        return SKALD_OK;
    skald_arena arena;
    skald_arena_init(&arena, 0);
    skald_stream_message message;
    const skald_status status =
        skald_stream_next(&message, follower->hub->nats, follower->stream, sequence, &arena, error);
    *position = status == SKALD_OK ? skald_nats_position(&message.view) : 0;
    skald_arena_done(&arena);
    return status == SKALD_NOT_FOUND ? SKALD_OK : status;
}

/* Everything up to the answer counts as handled. The beginning is 0 even where the stream begins
 * later: what the mirror has lost at its front may still be had from the outbox. */
static skald_status stream_begin(const skald_follower *follower, const skald_stream_state *state,
                                 int64_t *position, skald_error *error)
{
    *position = 0;
    if (follower->options.from == SKALD_FROM_BEGINNING || state->last_sequence == 0)
        return SKALD_OK;
    if (follower->options.from == SKALD_FROM_NOW)
        return position_at(follower, state->last_sequence, position, error);
    uint64_t sequence = 0;
    skald_status status = skald_stream_find_time(&sequence, follower->hub->nats, follower->stream,
                                                 follower->options.from_time_us, error);
    if (status != SKALD_OK)
        return status;
    if (sequence > state->last_sequence)
        return position_at(follower, state->last_sequence, position, error);
    status = position_at(follower, sequence, position, error);
    if (status == SKALD_OK && *position > 0)
        *position -= 1;
    return status;
}

static skald_status outbox_begin(const skald_follower *follower, skald_pg *pg, int64_t *position,
                                 skald_error *error)
{
    *position = 0;
    if (follower->options.from == SKALD_FROM_BEGINNING)
        return SKALD_OK;
    skald_rows *rows = NULL;
    const skald_status status =
        follower->options.from == SKALD_FROM_NOW
            ? skald_pg_do(pg, &rows, error, "SELECT coalesce(max(position), 0) FROM skald.outbox")
            : skald_pg_do(pg, &rows, error,
                          "SELECT coalesce((SELECT min(position) - 1 FROM skald.outbox"
                          "  WHERE created_at >= to_timestamp($1::bigint / 1e6)),"
                          " (SELECT max(position) FROM skald.outbox), 0)",
                          follower->options.from_time_us);
    if (status != SKALD_OK)
        return status;
    *position = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return SKALD_OK;
}

/* --- writing it down ------------------------------------------------------------------------ */

/* In one statement: of several processes that start at once, the first one decides for all. */
static skald_status rows_write(const skald_follower *follower, skald_pg *pg, uint32_t partitions,
                               int64_t position, skald_error *error)
{
    return skald_pg_do(
        pg, NULL, error,
        "WITH named AS (INSERT INTO skald.follower (name, stream, partitions)"
        " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING name, partitions)"
        " INSERT INTO skald.position (follower, partition, position)"
        " SELECT name, p, $4::bigint FROM named, generate_series(0, partitions - 1) AS p",
        follower->name, follower->stream, partitions, position);
}

/* How the stream is divided, and what it holds; SKALD_NOT_FOUND while it does not exist. */
static skald_status stream_look(const skald_follower *follower, skald_stream_state *state,
                                skald_error *error)
{
    const skald_status status =
        skald_stream_look(state, follower->hub->nats, follower->stream, error);
    if (status != SKALD_OK)
        return status;
    if (follower->options.foreign) {
        state->partitions = follower->options.foreign_partitions;
        return SKALD_OK;
    }
    if (state->written_by_skald)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "stream \"%s\" is not written by Skald: follow it with "
                           "skald_follow_options.foreign",
                           follower->stream);
}

skald_status skald_follower_register(skald_follower *follower, skald_pg *pg, uint32_t *partitions,
                                     skald_error *error)
{
    skald_stream_state state = {.partitions = follower->hub->partitions};
    skald_status status = SKALD_OK;
    if (!follower->direct)
        status = stream_look(follower, &state, error);
    if (status != SKALD_OK)
        return status;
    uint32_t known = 0;
    status = known_load(follower, pg, &known, error);
    if (status == SKALD_NOT_FOUND) {
        int64_t position = 0;
        status = follower->direct ? outbox_begin(follower, pg, &position, error)
                                  : stream_begin(follower, &state, &position, error);
        if (status == SKALD_OK)
            status = rows_write(follower, pg, state.partitions, position, error);
        if (status == SKALD_OK)
            status = known_load(follower, pg, &known, error);
    }
    if (status == SKALD_OK)
        status = partitions_check(follower, known, state.partitions, error);
    if (status == SKALD_OK)
        *partitions = known;
    return status;
}
