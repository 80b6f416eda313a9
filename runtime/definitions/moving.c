/* Batches go by the ids, so that a saga that cannot be moved is passed and not met again. What is
 * moved while an old program still runs waits, blocked, for one that knows the new version. */
#include "definitions/moving.h"

#include "base/arena.h"
#include "pg/array.h"
#include "saga_code.h"

#include <stdio.h>
#include <string.h>

enum { ID, MACHINE, STATE_TYPE };

typedef struct mover {
    const skald_move *move;
    skald_pg *pg;
    skald_error *error;
    skald_arena arena; /* of one batch */
    const char *after; /* the last id that was looked at */
    char last[256];
    uint64_t moved; /* in this batch */
    skald_saga saga;
    skald_upgrade upgrade;
} mover;

/* --- one saga ------------------------------------------------------------------------------ */

static void say(const mover *in, const char *id, skald_upgrade_kind kind, const char *why)
{
    in->move->told(in->move->user, id, kind, why);
}

/* False when its bytes are no saga of the old plan, which is told. */
static bool saga_read(mover *in, const char *id, const skald_rows *rows, uint32_t row)
{
    const skald_bytes machine = skald_rows_bytes(rows, row, MACHINE);
    skald_error error = {0};
    skald_saga_init(&in->saga, in->move->from);
    if (!skald_rows_null(rows, row, MACHINE) &&
        skald_saga_decode(&in->saga, machine.data, machine.size, &error) != SKALD_OK) {
        say(in, id, SKALD_UPGRADE_UNSAFE, error.text);
        return false;
    }
    if (in->saga.fingerprint != in->move->from->fingerprint ||
        in->saga.step_count != in->move->from->step_count) {
        say(in, id, SKALD_UPGRADE_UNSAFE, "its state is of another plan than its definition");
        return false;
    }
    return true;
}

static bool state_fits(const mover *in, const char *id, skald_bytes type)
{
    char why[400];
    const char *wanted = in->move->state_type;
    if (strlen(wanted) == type.size && memcmp(wanted, type.data, type.size) == 0)
        return true;
    snprintf(why, sizeof why, "its state is a %.*s and the new definition's is a %s",
             (int)type.size, (const char *)type.data, wanted);
    say(in, id, SKALD_UPGRADE_UNSAFE, why);
    return false;
}

/* What is kept for a step is found by its place. In two moves, because the places of some are those
 * of others before. */
static skald_status kept_move(mover *in, const char *id)
{
    skald_array places;
    skald_array_init(&places, SKALD_ARRAY_INT2);
    for (uint8_t i = 0; i < in->move->from->step_count; i++)
        skald_array_integer(&places, in->upgrade.places[i]);
    skald_status status =
        skald_array_ok(&places)
            ? skald_pg_do(in->pg, NULL, in->error,
                          "UPDATE skald.saga_kept SET step = -1 - ($2::int2[])[step + 1]"
                          " WHERE saga = $1",
                          id, skald_array_param(&places))
            : skald_error_set(in->error, SKALD_NO_MEMORY, "no memory to move a saga");
    skald_array_done(&places);
    if (status == SKALD_OK)
        status = skald_pg_do(
            in->pg, NULL, in->error,
            "UPDATE skald.saga_kept SET step = -1 - step WHERE saga = $1 AND step < 0", id);
    return status;
}

static skald_status row_move(mover *in, const char *id, bool begun)
{
    unsigned char machine[SKALD_SAGA_CODE_SIZE_MAX];
    const size_t size = skald_saga_encode(&in->upgrade.saga, machine);
    char line[128];
    snprintf(line, sizeof line, "moved from version %u of the definition to version %u",
             in->move->from_version, in->move->to_version);
    return skald_pg_do(
        in->pg, NULL, in->error,
        "WITH moved AS (UPDATE skald.saga SET version = $2, fingerprint = $3, machine = $4,"
        "  due_at = CASE WHEN blocked IS NULL THEN skald.now() ELSE due_at END, turns = turns + 1,"
        "  changed_at = skald.now() WHERE id = $1 RETURNING id, turns)"
        " INSERT INTO skald.saga_history (saga, number, at, lines, actor)"
        " SELECT id, turns, skald.now(), $5, $6 FROM moved",
        id, in->move->to_version, (int64_t)in->move->to->fingerprint,
        begun ? skald_bytea(machine, size) : skald_null(), (const char *)line, in->move->actor);
}

static skald_status saga_look(mover *in, const skald_rows *rows, uint32_t row)
{
    const skald_bytes id_bytes = skald_rows_bytes(rows, row, ID);
    const char *id = skald_arena_text_sized(&in->arena, id_bytes.data, id_bytes.size);
    if (id == NULL)
        return skald_error_set(in->error, SKALD_NO_MEMORY, "no memory to look at a saga");
    snprintf(in->last, sizeof in->last, "%s", id);
    in->after = in->last;
    if (!saga_read(in, id, rows, row) ||
        !state_fits(in, id, skald_rows_bytes(rows, row, STATE_TYPE)))
        return SKALD_OK;
    skald_upgrade_decide(in->move->from, in->move->to, &in->saga, in->move->renames, &in->upgrade);
    say(in, id, in->upgrade.kind, in->upgrade.why);
    if (in->move->actor == NULL || in->upgrade.kind != SKALD_UPGRADE_SAFE)
        return SKALD_OK;
    in->moved++;
    const skald_status status = row_move(in, id, !skald_rows_null(rows, row, MACHINE));
    return status == SKALD_OK ? kept_move(in, id) : status;
}

/* --- a batch ------------------------------------------------------------------------------- */

/* clang-format off */
#define BATCH_SQL \
    "SELECT id, machine, state_type FROM skald.saga WHERE definition = $1 AND version = $2" \
    " AND fingerprint = $3 AND ended_at IS NULL AND ($4::text IS NULL OR id > $4)" \
    " ORDER BY id LIMIT $5"
/* clang-format on */

static skald_status batch_load(mover *in, skald_rows **rows)
{
    const skald_param params[] = {
        skald_text(in->move->definition),
        skald_integer(in->move->from_version),
        skald_integer((int64_t)in->move->from->fingerprint),
        skald_text(in->after),
        skald_integer(SKALD_MOVE_BATCH),
    };
    return skald_pg_run_binary(in->pg, rows,
                               in->move->actor != NULL ? BATCH_SQL " FOR UPDATE" : BATCH_SQL,
                               sizeof params / sizeof *params, params, in->error);
}

static skald_status audit(mover *in)
{
    if (in->moved == 0)
        return SKALD_OK;
    char detail[128];
    char object[128];
    snprintf(object, sizeof object, "definition %s", in->move->definition);
    snprintf(detail, sizeof detail, "%llu sagas from version %u to version %u",
             (unsigned long long)in->moved, in->move->from_version, in->move->to_version);
    return skald_pg_do(in->pg, NULL, in->error,
                       "INSERT INTO skald.audit (actor, action, object, reason, detail)"
                       " VALUES ($1, 'move', $2, 'plan --apply', $3)",
                       in->move->actor, (const char *)object, (const char *)detail);
}

/* `count` receives how many there were. */
static skald_status batch_look(mover *in, uint32_t *count)
{
    skald_rows *rows = NULL;
    in->moved = 0;
    skald_arena_reset(&in->arena);
    skald_status status = batch_load(in, &rows);
    *count = status == SKALD_OK ? skald_rows_count(rows) : 0;
    for (uint32_t i = 0; i < *count && status == SKALD_OK; i++)
        status = saga_look(in, rows, i);
    skald_rows_free(rows);
    return status == SKALD_OK ? audit(in) : status;
}

static skald_status batch_run(mover *in, uint32_t *count)
{
    skald_status status = skald_pg_script(in->pg, "BEGIN", in->error);
    if (status != SKALD_OK)
        return status;
    status = batch_look(in, count);
    if (status == SKALD_OK)
        return skald_pg_script(in->pg, "COMMIT", in->error);
    (void)skald_pg_script(in->pg, "ROLLBACK", NULL);
    return status;
}

skald_status skald_move_sagas(const skald_move *move, skald_pg *pg, skald_error *error)
{
    mover in = {.move = move, .pg = pg, .error = error};
    uint32_t count = SKALD_MOVE_BATCH;
    skald_status status = SKALD_OK;
    skald_arena_init(&in.arena, 0);
    while (status == SKALD_OK && count == SKALD_MOVE_BATCH)
        status = batch_run(&in, &count);
    skald_arena_done(&in.arena);
    return status;
}
