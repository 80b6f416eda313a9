/* What a service writes down about its sagas at its start, and what it refuses to start with. */
#include "definitions/describe.h"
#include "engine/engine.h"
#include "engine/inside.h"

#include <stdio.h>
#include <string.h>

static skald_status duty_register(skald_hub *hub, skald_pg *pg, skald_error *error)
{
    return skald_pg_do(pg, NULL, error,
                       "WITH named AS (INSERT INTO skald.follower (name, stream, partitions)"
                       " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING name, partitions)"
                       " INSERT INTO skald.position (follower, partition, position)"
                       " SELECT name, p, 0 FROM named, generate_series(0, partitions - 1) AS p",
                       SKALD_SAGAS_NAME, hub->name, hub->partitions);
}

/* One that cannot be described runs all the same; people see less of it. */
static skald_bytes description_of(const skald_saga_kind *kind, skald_arena *arena)
{
    skald_bytes description = {0};
    (void)skald_definition_describe(kind->definition, kind->options.state->name, arena,
                                    &description, NULL);
    return description.data != NULL ? description : (skald_bytes){"", 0};
}

#define KEEP_MS_DEFAULT (INT64_C(30) * 24 * 60 * 60 * 1000)

/* Two plans under one name and version would be taken for each other by people. */
static skald_status definition_register(const skald_saga_kind *kind, skald_pg *pg,
                                        skald_error *error)
{
    skald_rows *rows = NULL;
    skald_arena arena = {0};
    const skald_bytes description = description_of(kind, &arena);
    skald_status status = skald_pg_do(
        pg, &rows, error,
        "INSERT INTO skald.saga_definition AS d (name, version, fingerprint, state_type,"
        " description, keep_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name, version) DO "
        "UPDATE"
        " SET seen_at = clock_timestamp(), keep_ms = excluded.keep_ms, fingerprint = "
        "excluded.fingerprint,"
        " state_type = excluded.state_type, description = excluded.description"
        " WHERE d.fingerprint = excluded.fingerprint OR NOT EXISTS (SELECT FROM skald.saga AS s"
        "  WHERE s.definition = d.name AND s.version = d.version AND s.ended_at IS NULL)"
        " RETURNING 1",
        kind->definition->name, kind->definition->version, (int64_t)kind->plan.fingerprint,
        kind->options.state->name, skald_bytea(description.data, description.size),
        kind->options.keep_ms > 0 ? (int64_t)kind->options.keep_ms : KEEP_MS_DEFAULT);
    skald_arena_done(&arena);
    if (status == SKALD_OK && skald_rows_count(rows) == 0 &&
        kind->options.gone == SKALD_GONE_REFUSES)
        status =
            skald_error_set(error, SKALD_SCHEMA,
                            "definition \"%s\" version %u was another plan of steps when sagas "
                            "that are still open were started: raise its version, and register "
                            "the old one beside it until they have ended",
                            kind->definition->name, kind->definition->version);
    skald_rows_free(rows);
    return status;
}

/* --- definitions that are gone ---------------------------------------------------------------- */

static bool parks(const skald_hub *hub, const char *name)
{
    const skald_saga_kind *kind = skald_saga_kind_newest(hub->sagas, name);
    return kind != NULL && kind->options.gone == SKALD_GONE_PARKS;
}

static skald_status gone_refuse(const skald_rows *rows, uint32_t row, skald_error *error)
{
    const char *name = skald_rows_text(rows, row, 0);
    return skald_error_set(
        error, SKALD_SCHEMA,
        "%s sagas of definition \"%s\" version %s are open (\"%s\" among them), and this program "
        "does not know it: register that version too, or set skald_saga_options.gone = "
        "SKALD_GONE_PARKS for \"%s\" to start without them",
        skald_rows_text(rows, row, 3), name, skald_rows_text(rows, row, 1),
        skald_rows_text(rows, row, 4), name);
}

/* They are blocked one after another, as the engine meets them: here only the start is decided. */
static skald_status gone_check(skald_hub *hub, skald_pg *pg, skald_error *error)
{
    skald_rows *rows = NULL;
    skald_status status = skald_pg_do(
        pg, &rows, error,
        "SELECT definition, version, fingerprint, count(*), min(id) FROM skald.saga"
        " WHERE ended_at IS NULL GROUP BY definition, version, fingerprint ORDER BY 1, 2");
    if (status != SKALD_OK)
        return status;
    for (uint32_t i = 0; i < skald_rows_count(rows) && status == SKALD_OK; i++) {
        const char *name = skald_rows_text(rows, i, 0);
        const bool known =
            skald_saga_kind_find(hub->sagas, name, (uint32_t)skald_rows_integer(rows, i, 1),
                                 (uint64_t)skald_rows_integer(rows, i, 2)) != NULL;
        if (!known && !parks(hub, name))
            status = gone_refuse(rows, i, error);
        else if (!known)
            status = skald_pg_do(
                pg, NULL, error,
                "UPDATE skald.saga SET blocked = '" SKALD_TURN_GONE "\"' || definition ||"
                " '\" version ' || version || ' is not known to the program that runs here:"
                " start one that knows it', future = 'blocked', due_at = 'infinity'"
                " WHERE ended_at IS NULL AND blocked IS NULL AND definition = $1 AND version = $2"
                " AND fingerprint = $3",
                name, skald_rows_integer(rows, i, 1), skald_rows_integer(rows, i, 2));
    }
    skald_rows_free(rows);
    return status;
}

skald_status skald_engine_register(skald_hub *hub, skald_pg *pg, skald_error *error)
{
    skald_status status = duty_register(hub, pg, error);
    if (status == SKALD_OK)
        status = gone_check(hub, pg, error);
    for (const skald_saga_kind *kind = hub->sagas->kinds; kind != NULL && status == SKALD_OK;
         kind = kind->next)
        status = definition_register(kind, pg, error);
    return status;
}

/* --- crashes ---------------------------------------------------------------------------------- */

enum { CRASHES_MAX = 3 };

#define STAYS_BLOCKED "(s.blocked IS NOT NULL OR s.crashes + 1 >= $3)"

/* It counts also when the process was killed from outside while other threads had something in
 * hand: a step that makes it too large for the kernel is never seen otherwise, and three
 * coincidences with one saga are rarer than that.
 *
 * One that is blocked can only have been running because a person asked for retry: the request is
 * spent, or it would end one process after another. */
skald_status skald_engine_crash_note(skald_pg *pg, const skald_crash *crash, skald_error *error)
{
    char raw[SKALD_REASON_SIZE];
    char reason[SKALD_REASON_SIZE];
    snprintf(raw, sizeof raw, "step \"%s\" ended its process, %d, %s%s", crash->work.code,
             (int)crash->pid, crash->timed_out ? "which was past its time, by " : "by ",
             crash->signal);
    skald_reason_clean(reason, raw);
    return skald_pg_do(pg, NULL, error,
                       "WITH crashed AS (UPDATE skald.saga AS s SET crashes = s.crashes + 1,"
                       " turns = s.turns + 1, reason = $2, changed_at = skald.now(),"
                       " blocked = CASE WHEN " STAYS_BLOCKED " THEN $2 || ', '"
                       "  || s.crashes + 1 || ' times: mend it and ask for retry' END,"
                       " future = CASE WHEN " STAYS_BLOCKED " THEN 'blocked' ELSE s.future END,"
                       " due_at = CASE WHEN " STAYS_BLOCKED " THEN 'infinity' ELSE s.due_at END"
                       " WHERE s.id = $1 RETURNING s.id, s.turns, s.blocked),"
                       " spent AS (DELETE FROM skald.saga_input AS i USING crashed AS c"
                       "  WHERE i.saga = c.id AND i.event = 'retry' AND c.blocked IS NOT NULL)"
                       " INSERT INTO skald.saga_history (saga, number, at, lines)"
                       " SELECT id, turns, skald.now(), '             crashed: ' || $2"
                       "  || coalesce(E'\\n             blocked: ' || blocked, '') FROM crashed",
                       crash->work.saga, reason, (int64_t)CRASHES_MAX);
}
