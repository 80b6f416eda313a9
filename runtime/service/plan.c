/* The old plans come from what programs have written down; this program has the new ones. */
#include "service/plan.h"

#include "definitions/describe.h"
#include "definitions/moving.h"
#include "engine/kinds.h"
#include "schema/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { RENAMES_MAX = 64, REASONS_MAX = 10, REASON_SIZE = 448, SAGA_SIZE = 164 };

/* Sagas that cannot be moved for the same reason, one of them by name. */
typedef struct plan_reason {
    skald_upgrade_kind kind;
    char why[REASON_SIZE];
    char saga[SAGA_SIZE];
    uint64_t count;
} plan_reason;

typedef struct planner {
    skald_service *service;
    skald_pg *pg;
    FILE *out;
    skald_error *error;
    const char *actor; /* NULL: nothing is moved */
    skald_rename renames[RENAMES_MAX];
    size_t rename_count;
    bool rows_printed;
    bool some_stay;
    /* Of the version in hand. */
    uint64_t counts[3]; /* by skald_upgrade_kind */
    plan_reason reasons[REASONS_MAX];
    size_t reason_count;
} planner;

/* --- words --------------------------------------------------------------------------------- */

static const char *actor_find(void)
{
    const char *names[] = {getenv("SUDO_USER"), getenv("USER"), "plan"};
    size_t i = 0;
    while (names[i] == NULL || *names[i] == '\0')
        i++;
    return names[i];
}

/* "OLD=NEW", which is divided where it stands. */
static bool rename_read(planner *in, char *word)
{
    char *equals = strchr(word, '=');
    if (equals == NULL || equals == word || equals[1] == '\0' || in->rename_count == RENAMES_MAX)
        return false;
    *equals = '\0';
    in->renames[in->rename_count++] = (skald_rename){word, equals + 1};
    return true;
}

static bool words_read(planner *in, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--apply") == 0)
            in->actor = actor_find();
        else if (strcmp(argv[i], "--rename") != 0 || i + 1 == argc || !rename_read(in, argv[++i]))
            return false;
    }
    return true;
}

/* --- what is told of each saga ------------------------------------------------------------- */

static void reason_keep(planner *in, skald_upgrade_kind kind, const char *why, const char *saga,
                        uint64_t count)
{
    for (size_t i = 0; i < in->reason_count; i++) {
        if (strcmp(in->reasons[i].why, why) == 0) {
            in->reasons[i].count += count;
            return;
        }
    }
    if (in->reason_count == REASONS_MAX)
        return;
    plan_reason *reason = &in->reasons[in->reason_count++];
    reason->kind = kind;
    reason->count = count;
    snprintf(reason->why, sizeof reason->why, "%s", why);
    snprintf(reason->saga, sizeof reason->saga, "%s", saga);
}

static void saga_told(void *user, const char *saga, skald_upgrade_kind kind, const char *why)
{
    planner *in = user;
    in->counts[kind]++;
    if (kind != SKALD_UPGRADE_SAFE)
        reason_keep(in, kind, why, saga, 1);
}

/* --- printing ------------------------------------------------------------------------------ */

static void version_print(planner *in, const char *definition, uint32_t from, uint32_t to)
{
    if (!in->rows_printed)
        fprintf(in->out, "%-24s %7s %7s %8s %10s %8s\n", "DEFINITION", "FROM", "TO",
                in->actor != NULL ? "MOVED" : "SAFE", "NEEDS MAP", "UNSAFE");
    in->rows_printed = true;
    fprintf(in->out, "%-24s %7" PRIu32 " %7" PRIu32 " %8" PRIu64 " %10" PRIu64 " %8" PRIu64 "\n",
            definition, from, to, in->counts[SKALD_UPGRADE_SAFE],
            in->counts[SKALD_UPGRADE_NEEDS_MAP], in->counts[SKALD_UPGRADE_UNSAFE]);
    for (size_t i = 0; i < in->reason_count; i++) {
        const plan_reason *reason = &in->reasons[i];
        fprintf(in->out, "    %" PRIu64 " %s, %s among them: %s\n", reason->count,
                skald_upgrade_words(reason->kind), reason->saga, reason->why);
    }
    if (in->reason_count > 0)
        in->some_stay = true;
}

/* --- one version --------------------------------------------------------------------------- */

/* One row of those that sagas are on. */
typedef struct old_version {
    const char *definition;
    uint32_t version;
    uint64_t fingerprint;
    uint64_t sagas;
    const char *saga; /* one of them */
} old_version;

/* The plan as this program knows it, or as one before it wrote it down; NULL when nobody did, and
 * `*status` is what went wrong, if anything. */
static const skald_plan *old_plan(const planner *in, const old_version *of, skald_arena *arena,
                                  skald_status *status)
{
    skald_rows *rows = NULL;
    skald_described described;
    const skald_param params[] = {skald_text(of->definition), skald_integer(of->version),
                                  skald_integer((int64_t)of->fingerprint)};
    const skald_saga_kind *known =
        skald_saga_kind_find(in->service->sagas, of->definition, of->version, of->fingerprint);
    if (known != NULL)
        return &known->plan;
    *status = skald_pg_run_binary(in->pg, &rows,
                                  "SELECT description FROM skald.saga_definition"
                                  " WHERE name = $1 AND version = $2 AND fingerprint = $3",
                                  3, params, in->error);
    skald_plan *plan = skald_arena_alloc(arena, sizeof *plan);
    const bool found =
        *status == SKALD_OK && plan != NULL && skald_rows_count(rows) > 0 &&
        skald_definition_rebuild(&described, skald_arena_bytes(arena, skald_rows_bytes(rows, 0, 0)),
                                 arena, NULL) == SKALD_OK;
    skald_rows_free(rows);
    if (found)
        skald_plan_make(plan, described.definition);
    return found ? plan : NULL;
}

static skald_status sagas_look(planner *in, const old_version *of, const skald_saga_kind *to,
                               skald_arena *arena)
{
    skald_status status = SKALD_OK;
    const skald_plan *from = old_plan(in, of, arena, &status);
    if (status != SKALD_OK)
        return status;
    if (from == NULL) {
        in->counts[SKALD_UPGRADE_UNSAFE] = of->sagas;
        reason_keep(in, SKALD_UPGRADE_UNSAFE,
                    "no program has written down the plan of steps that they are on", of->saga,
                    of->sagas);
        return SKALD_OK;
    }
    const skald_move move = {
        .definition = of->definition,
        .from_version = of->version,
        .from = from,
        .to_version = to->definition->version,
        .to = &to->plan,
        .state_type = to->options.state->name,
        .renames = {in->renames, in->rename_count},
        .actor = in->actor,
        .told = saga_told,
        .user = in,
    };
    return skald_move_sagas(&move, in->pg, in->error);
}

static skald_status version_look(planner *in, const old_version *of)
{
    const skald_saga_kind *to = in->service->sagas != NULL
                                    ? skald_saga_kind_newest(in->service->sagas, of->definition)
                                    : NULL;
    memset(in->counts, 0, sizeof in->counts);
    in->reason_count = 0;
    if (to != NULL && to->definition->version == of->version &&
        to->plan.fingerprint == of->fingerprint)
        return SKALD_OK;
    skald_arena arena = {0};
    skald_status status = SKALD_OK;
    if (to != NULL) {
        status = sagas_look(in, of, to, &arena);
    } else {
        in->counts[SKALD_UPGRADE_UNSAFE] = of->sagas;
        reason_keep(in, SKALD_UPGRADE_UNSAFE, "this program does not know the definition", of->saga,
                    of->sagas);
    }
    skald_arena_done(&arena);
    if (status == SKALD_OK)
        version_print(in, of->definition, of->version,
                      to != NULL ? to->definition->version : of->version);
    return status;
}

/* --- all ----------------------------------------------------------------------------------- */

static skald_status versions_look(planner *in)
{
    skald_rows *rows = NULL;
    skald_status status =
        skald_pg_do(in->pg, &rows, in->error,
                    "SELECT definition, version, fingerprint, count(*), min(id) FROM skald.saga"
                    " WHERE ended_at IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++) {
        const old_version of = {
            .definition = skald_rows_text(rows, i, 0),
            .version = (uint32_t)skald_rows_integer(rows, i, 1),
            .fingerprint = (uint64_t)skald_rows_integer(rows, i, 2),
            .sagas = (uint64_t)skald_rows_integer(rows, i, 3),
            .saga = skald_rows_text(rows, i, 4),
        };
        status = version_look(in, &of);
    }
    skald_rows_free(rows);
    if (status == SKALD_OK && !in->rows_printed)
        fputs("Every open saga is on the newest version of its definition.\n", in->out);
    return status;
}

skald_status skald_plan_sagas(skald_service *service, int argc, char **argv, FILE *out, int *code,
                              skald_error *error)
{
    planner *in = calloc(1, sizeof *in);
    if (in == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory to compare sagas");
    in->service = service;
    in->out = out;
    in->error = error;
    *code = EX_USAGE;
    skald_status status = SKALD_OK;
    if (words_read(in, argc, argv)) {
        status = skald_pg_open(&in->pg, service->options.database, service->name, error);
        if (status == SKALD_OK)
            status = skald_schema_verify(in->pg, &skald_migrations, error);
        if (status == SKALD_OK)
            status = versions_look(in);
        *code = in->some_stay ? 1 : EX_OK;
    }
    skald_pg_close(in->pg);
    free(in);
    return status;
}
