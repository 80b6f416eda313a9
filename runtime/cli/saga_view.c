/* The bytes of the machine belong to a plan; without it they say nothing. */
#include "cli/saga_view.h"

#include "saga_code.h"

#include <string.h>

enum { MACHINE, STATE, STATE_TYPE, DEFINITION, VERSION, FINGERPRINT, DESCRIPTION, KNOWN };

/* clang-format off */
#define VIEW_SQL \
    "SELECT s.machine, s.state, s.state_type, s.definition, s.version, s.fingerprint, d.description," \
    " d.fingerprint FROM skald.saga AS s LEFT JOIN skald.saga_definition AS d" \
    " ON d.name = s.definition AND d.version = s.version WHERE s.id = $1"
/* clang-format on */

static const char *text_at(cli_session *session, const skald_rows *rows, int column)
{
    const skald_bytes text = skald_rows_bytes(rows, 0, column);
    return skald_arena_text_sized(&session->arena, text.data, text.size);
}

static const char *keep_trouble(cli_session *session)
{
    return skald_arena_text(&session->arena, session->error.text);
}

static const skald_plan *plan_read(cli_session *session, skald_bytes description,
                                   const char **trouble)
{
    skald_described described;
    skald_plan *plan = skald_arena_alloc(&session->arena, sizeof *plan);
    if (plan == NULL) {
        *trouble = "no memory for its definition";
        return NULL;
    }
    if (skald_definition_rebuild(&described, description, &session->arena, &session->error) !=
        SKALD_OK) {
        *trouble = keep_trouble(session);
        return NULL;
    }
    skald_plan_make(plan, described.definition);
    return plan;
}

/* A saga that was never stepped has no bytes yet. */
static void saga_read(cli_session *session, saga_view *out, const skald_rows *rows)
{
    skald_saga *saga = skald_arena_alloc(&session->arena, sizeof *saga);
    const skald_bytes machine = skald_rows_bytes(rows, 0, MACHINE);
    if (saga == NULL)
        return;
    skald_saga_init(saga, out->plan);
    if (!skald_rows_null(rows, 0, MACHINE) &&
        skald_saga_decode(saga, machine.data, machine.size, &session->error) != SKALD_OK)
        out->trouble = keep_trouble(session);
    else if (saga->fingerprint != out->plan->fingerprint ||
             saga->step_count != out->plan->step_count)
        out->trouble = "its state is of another plan of steps than its definition";
    else
        out->saga = saga;
}

static void plan_find(cli_session *session, saga_view *out, const skald_rows *rows)
{
    const char *name = text_at(session, rows, DEFINITION);
    const int64_t version = skald_rows_integer(rows, 0, VERSION);
    if (skald_rows_null(rows, 0, KNOWN) || skald_rows_bytes(rows, 0, DESCRIPTION).size == 0)
        out->trouble = skald_arena_format(
            &session->arena,
            "no program that knows %s version %lld has written its definition down", name,
            (long long)version);
    else if (skald_rows_integer(rows, 0, KNOWN) != skald_rows_integer(rows, 0, FINGERPRINT))
        out->trouble = skald_arena_format(
            &session->arena,
            "%s version %lld is another plan of steps now than when it began: the definition was "
            "changed and its version was not raised",
            name, (long long)version);
    else
        out->plan = plan_read(session, skald_rows_bytes(rows, 0, DESCRIPTION), &out->trouble);
}

bool saga_view_load(cli_session *session, const char *id, saga_view *out)
{
    const skald_param params[] = {skald_text(id)};
    const skald_rows *rows = session_ask_binary(session, VIEW_SQL, 1, params);
    if (rows == NULL)
        return false;
    if (skald_rows_count(rows) == 0) {
        skald_error_set(&session->error, SKALD_NOT_FOUND, "there is no saga \"%s\"", id);
        return false;
    }
    *out = (saga_view){.id = id};
    plan_find(session, out, rows);
    if (out->plan != NULL)
        saga_read(session, out, rows);
    return body_load(session, &out->state, text_at(session, rows, STATE_TYPE), NULL,
                     skald_rows_bytes(rows, 0, STATE));
}

bool saga_plan_load(cli_session *session, const char *name, int64_t version,
                    const skald_plan **plan, const char **trouble)
{
    const skald_param params[] = {skald_text(name),
                                  version > 0 ? skald_integer(version) : skald_null()};
    const skald_rows *rows = session_ask_binary(
        session,
        "SELECT description FROM skald.saga_definition WHERE name = $1"
        " AND ($2::bigint IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
        2, params);
    if (rows == NULL)
        return false;
    if (skald_rows_count(rows) == 0) {
        skald_error_set(&session->error, SKALD_NOT_FOUND,
                        "there is no definition \"%s\"%s; \"skald saga definitions\" lists them",
                        name, version > 0 ? " of that version" : "");
        return false;
    }
    *plan = plan_read(session, skald_rows_bytes(rows, 0, 0), trouble);
    return true;
}
