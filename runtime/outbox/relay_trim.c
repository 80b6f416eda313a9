/* What nobody needs any more: whole ranges of the outbox, and the front of the stream. Nothing here
 * is in a hurry, and everything may be cut short and is taken up again in the next round. */
#include "base/clock.h"
#include "nats/stream.h"
#include "outbox/relay_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TABLE_NAME_SIZE = 64 };

/* DDL takes no parameters. The name is one that skald.outbox_extend made, or it is left alone. */
static bool table_name_ours(const char *name)
{
    static const char prefix[] = "outbox_";
    const size_t size = sizeof prefix - 1;
    return strncmp(name, prefix, size) == 0 && name[size] != '\0' &&
           strspn(name + size, "0123456789") == strlen(name + size);
}

/* The oldest range, if the stream has confirmed all of it, its rows are older than the retention,
 * and every follower, here and elsewhere, has passed them. A lane's position only moves when the
 * lane has messages, so the question is whether a row is left that its lane has not reached. */
static skald_status range_find(int64_t *first, skald_relay *relay, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        relay->keeper.pg, &rows, error,
        "WITH oldest AS (SELECT first_position, end_position, created_at FROM skald.outbox_range"
        " WHERE end_position <= $1 ORDER BY first_position LIMIT 1)"
        " SELECT first_position FROM oldest WHERE"
        " coalesce((SELECT o.created_at FROM skald.outbox AS o WHERE o.position >= first_position"
        " AND o.position < end_position ORDER BY o.position DESC LIMIT 1), oldest.created_at)"
        " < clock_timestamp() - make_interval(secs => $2)"
        " AND NOT EXISTS (SELECT 1 FROM skald.outbox AS o JOIN skald.subscriber AS s"
        " ON s.partition = o.partition AND s.position < o.position"
        " WHERE o.position >= first_position AND o.position < end_position)"
        " AND NOT EXISTS (SELECT 1 FROM skald.outbox AS o"
        " JOIN skald.position AS p ON p.partition = o.partition AND p.position < o.position"
        " JOIN skald.follower AS f ON f.name = p.follower AND f.stream = $3"
        " AND f.name NOT LIKE '@%'"
        " WHERE o.position >= first_position AND o.position < end_position)",
        skald_relay_confirmed(relay), relay->options.retention_seconds, relay->options.service);
    if (status == SKALD_OK && skald_rows_count(rows) > 0)
        *first = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

/* From here on the range counts as gone: its rows are no longer promised to anybody. */
static skald_status range_forget(skald_relay *relay, int64_t first, skald_error *error)
{
    const skald_status status =
        skald_pg_do(relay->keeper.pg, NULL, error,
                    "DELETE FROM skald.outbox_range WHERE first_position = $1", first);
    if (status == SKALD_OK)
        skald_log_say(relay->options.log, SKALD_LOG_INFO, "RELAY-TRIMS-OUTBOX",
                      "the outbox's rows from position %" PRId64 " on are no longer needed", first);
    return status;
}

/* A table whose range is forgotten: still attached, half detached by a round that was cut short, or
 * alone. */
typedef struct orphan {
    char name[TABLE_NAME_SIZE];
    bool attached;
    bool pending;
} orphan;

static skald_status orphan_find(orphan *out, skald_relay *relay, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        relay->keeper.pg, &rows, error,
        "SELECT c.relname, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid"
        " WHERE n.nspname = 'skald' AND c.relkind = 'r' AND c.relname ~ '^outbox_[0-9]+$'"
        " AND c.relname < (SELECT min(table_name) FROM skald.outbox_range)"
        " ORDER BY c.relname LIMIT 1");
    *out = (orphan){0};
    if (status == SKALD_OK && skald_rows_count(rows) > 0) {
        snprintf(out->name, sizeof out->name, "%s", skald_rows_text(rows, 0, 0));
        out->attached = skald_rows_boolean(rows, 0, 1);
        out->pending = skald_rows_boolean(rows, 0, 2);
    }
    skald_rows_free(rows);
    return status;
}

/* CONCURRENTLY waits for transactions that use the outbox and makes none of them wait. */
static skald_status orphan_detach(skald_relay *relay, const orphan *table, skald_error *error)
{
    char sql[2 * TABLE_NAME_SIZE + 64];
    snprintf(sql, sizeof sql, "ALTER TABLE skald.outbox DETACH PARTITION skald.%s %s", table->name,
             table->pending ? "FINALIZE" : "CONCURRENTLY");
    return skald_pg_run(relay->keeper.pg, NULL, sql, 0, NULL, error);
}

static skald_status orphan_drop(skald_relay *relay, const orphan *table, skald_error *error)
{
    char sql[TABLE_NAME_SIZE + 64];
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS skald.%s", table->name);
    return skald_pg_run(relay->keeper.pg, NULL, sql, 0, NULL, error);
}

static skald_status orphan_remove(skald_relay *relay, skald_error *error)
{
    orphan table;
    skald_status status = orphan_find(&table, relay, error);
    if (status != SKALD_OK || !table_name_ours(table.name))
        return status;
    if (table.attached)
        status = orphan_detach(relay, &table, error);
    if (status == SKALD_OK)
        status = orphan_drop(relay, &table, error);
    return status;
}

/* True when a range was forgotten, so that there may be another. */
static skald_status range_trim(skald_relay *relay, bool *trimmed, skald_error *error)
{
    int64_t first = 0;
    skald_status status = range_find(&first, relay, error);
    *trimmed = status == SKALD_OK && first > 0;
    if (*trimmed)
        status = range_forget(relay, first, error);
    if (status == SKALD_OK)
        status = orphan_remove(relay, error);
    return status;
}

skald_status skald_relay_trim_outbox(skald_relay *relay, skald_error *error)
{
    bool trimmed = true;
    skald_status status = SKALD_OK;
    while (status == SKALD_OK && trimmed)
        status = range_trim(relay, &trimmed, error);
    return status;
}

/* Is anybody known who follows? Without, nobody knows who may still come, and nothing is trimmed.
 */
static skald_status followed(bool *out, skald_relay *relay, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(relay->keeper.pg, &rows, error, "SELECT EXISTS (SELECT FROM skald.subscriber)");
    if (status == SKALD_OK)
        *out = skald_rows_boolean(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

static skald_status position_of(int64_t *out, skald_relay *relay, uint64_t sequence,
                                skald_error *error)
{
    skald_arena arena = {0};
    skald_stream_message message;
    const skald_status status = skald_stream_next(&message, relay->options.nats,
                                                  relay->options.service, sequence, &arena, error);
    if (status == SKALD_OK)
        *out = skald_nats_position(&message.view);
    skald_arena_done(&arena);
    return status;
}

/* The first row between two positions that somebody elsewhere has not reached; 0 when all have. */
static skald_status unreached_find(int64_t *out, skald_relay *relay, int64_t from, int64_t to,
                                   skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(relay->keeper.pg, &rows, error,
                    "SELECT o.position FROM skald.outbox AS o WHERE o.position BETWEEN $1 AND $2"
                    " AND EXISTS (SELECT FROM skald.subscriber AS s WHERE s.partition = o.partition"
                    " AND s.position < o.position) ORDER BY o.position LIMIT 1",
                    from, to);
    if (status == SKALD_OK)
        *out = skald_rows_count(rows) == 0 ? 0 : skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

/* The last sequence that is old enough to go, the stream's last, which is the relay's place, never
 * among them; below the first sequence when there is none. */
static skald_status old_bound(uint64_t *out, skald_relay *relay, const skald_stream_state *state,
                              skald_error *error)
{
    const int64_t time_us =
        skald_clock_wall_us() - (int64_t)relay->options.retention_seconds * 1000000;
    uint64_t young = 0;
    const skald_status status =
        skald_stream_find_time(&young, relay->options.nats, relay->options.service, time_us, error);
    if (status == SKALD_OK)
        *out = young <= state->last_sequence ? young - 1 : state->last_sequence - 1;
    return status;
}

/* Lowers *bound to before the first message that somebody still needs. */
static skald_status needed_bound(uint64_t *bound, skald_relay *relay,
                                 const skald_stream_state *state, skald_error *error)
{
    int64_t from = 0;
    int64_t to = 0;
    int64_t unreached = 0;
    uint64_t needed = 0;
    skald_status status = position_of(&from, relay, state->first_sequence, error);
    if (status == SKALD_OK)
        status = position_of(&to, relay, *bound, error);
    if (status == SKALD_OK)
        status = unreached_find(&unreached, relay, from, to, error);
    if (status != SKALD_OK || unreached == 0)
        return status;
    status = skald_stream_find_position(&needed, relay->options.nats, relay->options.service,
                                        unreached - 1, error);
    if (status == SKALD_OK)
        *bound = needed - 1;
    return status;
}

skald_status skald_relay_trim_stream(skald_relay *relay, skald_error *error)
{
    skald_stream_state state;
    bool somebody = false;
    uint64_t bound = 0;
    skald_status status = followed(&somebody, relay, error);
    if (status != SKALD_OK || !somebody)
        return status;
    status = skald_stream_look(&state, relay->options.nats, relay->options.service, error);
    if (status != SKALD_OK || state.message_count < 2)
        return status;
    /* Most rounds end here: the oldest message is still young. */
    status = old_bound(&bound, relay, &state, error);
    if (status != SKALD_OK || bound < state.first_sequence)
        return status;
    status = needed_bound(&bound, relay, &state, error);
    if (status != SKALD_OK || bound < state.first_sequence)
        return status;
    status = skald_stream_trim(relay->options.nats, relay->options.service, bound, error);
    if (status == SKALD_OK)
        skald_log_say(relay->options.log, SKALD_LOG_INFO, "RELAY-TRIMS-STREAM",
                      "removed stream \"%s\" up to sequence %" PRIu64, relay->options.service,
                      bound);
    return status;
}
