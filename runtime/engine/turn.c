/* The transaction of a turn, and what happens when something in it fails.
 *
 * It runs without savepoints. What a call of user code said, when something it did must not stay,
 * is remembered as a verdict, the transaction rolled back and run again: those before it together,
 * it alone, where the verdict stands for the call, and the rest. */
#include "engine/turn.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/random.h"
#include "engine/inside.h"
#include "leases/leases.h"

#include <skald/backoff.h>
#include <skald/publish.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONFLICT_DELAY_MS_MIN = 2,
    CONFLICT_DELAY_MS_MAX = 200,
    CONFLICTS_MAX = 10, /* in a row; then it is a failure like others */
    VERDICTS_MAX = 4096,
    OWNER_SAGA = 0xff, /* of an owner: which saga; above it, which call */
};

#define CULPRIT_UNKNOWN SIZE_MAX

skald_status skald_turn_open(skald_turn **out, skald_hub *hub, skald_pg *pg, skald_hand *hand,
                             skald_error *error)
{
    skald_turn *turn = calloc(1, sizeof *turn);
    if (turn == NULL || skald_pipeline_open(&turn->pipeline, pg) != SKALD_OK) {
        free(turn);
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for sagas");
    }
    turn->hub = hub;
    turn->pg = pg;
    turn->hand = hand;
    skald_turn_rows_init(turn);
    skald_context_init(&turn->context, hub, turn->pipeline, &turn->events, &turn->jobs);
    turn->context.saga = &turn->call;
    *out = turn;
    return SKALD_OK;
}

void skald_turn_close(skald_turn *turn)
{
    if (turn == NULL)
        return;
    for (size_t i = 0; i < SKALD_TURN_SAGAS_MAX; i++) {
        free(turn->sagas[i].lines);
        free(turn->sagas[i].pending);
    }
    skald_rows_free(turn->rows);
    skald_context_done(&turn->context);
    skald_turn_rows_done(turn);
    skald_arena_done(&turn->memory);
    skald_pipeline_close(turn->pipeline);
    free(turn->verdicts);
    free(turn);
}

/* --- verdicts -------------------------------------------------------------------------------- */

static bool same_operation(skald_operation one, skald_operation other)
{
    return one.step == other.step && one.direction == other.direction && one.round == other.round;
}

const skald_turn_verdict *skald_turn_verdict_find(const skald_turn *turn,
                                                  const skald_turn_saga *saga,
                                                  skald_operation operation, uint16_t attempt)
{
    for (size_t i = 0; i < turn->verdict_count; i++) {
        const skald_turn_verdict *verdict = &turn->verdicts[i];
        if (verdict->kind != SKALD_VERDICT_BLOCK && verdict->attempt == attempt &&
            same_operation(verdict->operation, operation) && strcmp(verdict->saga, saga->id) == 0)
            return verdict;
    }
    return NULL;
}

const skald_turn_verdict *skald_turn_verdict_block(const skald_turn *turn,
                                                   const skald_turn_saga *saga)
{
    for (size_t i = 0; i < turn->verdict_count; i++) {
        const skald_turn_verdict *verdict = &turn->verdicts[i];
        if (verdict->kind == SKALD_VERDICT_BLOCK && strcmp(verdict->saga, saga->id) == 0)
            return verdict;
    }
    return NULL;
}

skald_status skald_turn_verdict_add(skald_turn *turn, const skald_turn_verdict *verdict,
                                    skald_error *error)
{
    if (turn->verdict_count == turn->verdict_capacity && turn->verdict_count < VERDICTS_MAX) {
        const size_t capacity = turn->verdict_capacity == 0 ? 16 : turn->verdict_capacity * 2;
        skald_turn_verdict *verdicts = realloc(turn->verdicts, capacity * sizeof *verdicts);
        if (verdicts != NULL) {
            turn->verdicts = verdicts;
            turn->verdict_capacity = capacity;
        }
    }
    if (turn->verdict_count == turn->verdict_capacity)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the failures of sagas");
    turn->verdicts[turn->verdict_count++] = *verdict;
    return SKALD_OK;
}

/* A statement of a call failed: that is what the call said. */
static void verdict_of_statement(skald_turn *turn, uint32_t owner, const skald_error *failure)
{
    const skald_turn_saga *saga = &turn->sagas[owner & OWNER_SAGA];
    const skald_turn_call *call = &saga->calls[owner >> 8];
    skald_turn_verdict verdict = {
        .kind = call->answers ? SKALD_VERDICT_ANSWER : SKALD_VERDICT_BLOCK,
        .operation = call->operation,
        .attempt = call->attempt,
        .event = SKALD_EVENT_FAILED,
    };
    snprintf(verdict.saga, sizeof verdict.saga, "%s", saga->id);
    snprintf(verdict.text, sizeof verdict.text, "%s", failure->text);
    skald_turn_verdict_add(turn, &verdict, NULL);
}

/* Alone, and it still fails: the last local step is to blame for what only shows at COMMIT; without
 * one nobody but a person can help. */
void skald_turn_verdict_of_trouble(skald_turn *turn, const char *id, const skald_error *failure)
{
    const skald_turn_saga *saga = turn->saga_count > 0 ? &turn->sagas[0] : NULL;
    const bool called = saga != NULL && saga->call_count > 0;
    const skald_turn_call *call = called ? &saga->calls[saga->call_count] : NULL;
    const bool answers =
        called && call->answers &&
        skald_turn_verdict_find(turn, saga, call->operation, call->attempt) == NULL;
    skald_turn_verdict verdict = {.kind = SKALD_VERDICT_BLOCK, .event = SKALD_EVENT_FAILED};
    if (answers) {
        verdict.kind = SKALD_VERDICT_ANSWER;
        verdict.operation = call->operation;
        verdict.attempt = call->attempt;
    }
    snprintf(verdict.saga, sizeof verdict.saga, "%s", id);
    snprintf(verdict.text, sizeof verdict.text, "%s", failure->text);
    skald_turn_verdict_add(turn, &verdict, NULL);
}

/* --- the transaction ------------------------------------------------------------------------- */

static void ids_note(skald_turn *turn)
{
    for (size_t i = 0; i < turn->saga_count; i++) {
        snprintf(turn->ids[i], sizeof turn->ids[i], "%s", turn->sagas[i].id);
        turn->alone[i] = turn->sagas[i].crashes > 0;
    }
    turn->id_count = turn->saga_count;
}

static skald_status turn_fill(skald_turn *turn, size_t *culprit, skald_error *error)
{
    skald_status status = turn->strangers ? skald_turn_strangers(turn, error) : SKALD_OK;
    for (size_t i = 0; i < turn->saga_count && status == SKALD_OK; i++) {
        status = skald_turn_step(turn, i, error);
        if (status == SKALD_OK)
            status = skald_turn_write(turn, &turn->sagas[i], error);
        if (status != SKALD_OK)
            *culprit = i;
    }
    skald_crash_here(SKALD_CRASH_ENGINE_STEPPED);
    return status == SKALD_OK ? skald_turn_send(turn, error) : status;
}

/* Wakes whoever has something to do now, and other processes. */
static void committed_tell(skald_turn *turn)
{
    skald_hub *hub = turn->hub;
    const bool others = turn->context.tells_sagas || skald_table_rows(&turn->children) > 0 ||
                        skald_table_rows(&turn->told) > 0 || turn->ended.count > 0;
    const bool jobs =
        skald_table_rows(&turn->activities) > 0 || skald_job_writer_count(&turn->jobs) > 0;
    if (others || jobs)
        atomic_store(&hub->enqueued, true);
    if (others || jobs || skald_outbox_writer_count(&turn->events) > 0)
        skald_ring(hub->service);
}

static bool blameless(skald_status status)
{
    return status == SKALD_FENCED || status == SKALD_UNAVAILABLE || status == SKALD_NO_MEMORY;
}

/* It met another transaction, and may not the next time. */
static bool passing(const skald_turn *turn, skald_status status)
{
    return (status == SKALD_CONFLICT || status == SKALD_TIMEOUT) && turn->conflicts < CONFLICTS_MAX;
}

static void culprit_correct(skald_turn *turn, size_t *culprit, const skald_error *failure)
{
    const uint32_t owner = skald_pipeline_failed_owner(turn->pipeline);
    if (owner == SKALD_PIPELINE_NOBODY)
        return;
    *culprit = owner & OWNER_SAGA;
    if (!passing(turn, failure->status) && !blameless(failure->status))
        verdict_of_statement(turn, owner, failure);
}

/* What is rehearsed begins with what is assumed, and what is known of time. */
static skald_status rehearsal_begin(skald_turn *turn, skald_error *error)
{
    skald_rehearsal *rehearsal = turn->rehearsal;
    const skald_status status =
        rehearsal != NULL ? rehearsal->begin(rehearsal->user, turn->pipeline, error) : SKALD_OK;
    turn->rehearsed = status != SKALD_OK;
    return status;
}

/* All that would only fail at COMMIT fails now. */
static skald_status rehearsal_fill(skald_turn *turn, size_t *culprit, skald_error *error)
{
    if (turn->rehearsal->now_ms > turn->now_ms)
        turn->now_ms = turn->rehearsal->now_ms;
    const skald_status status = turn_fill(turn, culprit, error);
    return status != SKALD_OK
               ? status
               : skald_pipeline_send(turn->pipeline, SKALD_PIPELINE_NOBODY,
                                     "SET CONSTRAINTS ALL IMMEDIATE", 0, NULL, error);
}

static skald_status rehearsal_look(skald_turn *turn, skald_error *error)
{
    turn->rehearsed = true;
    return turn->rehearsal->look(turn->rehearsal->user, turn, error);
}

skald_status skald_turn_try(skald_turn *turn, const size_t *ids, size_t count, size_t *culprit,
                            skald_error *error)
{
    *culprit = CULPRIT_UNKNOWN;
    skald_turn_rows_clear(turn);
    turn->context.tells_sagas = false;
    skald_arena_reset(&turn->memory);
    skald_status status =
        skald_pipeline_begin(turn->pipeline, turn->hub->handler_ms + SKALD_HANDLER_SLACK_MS, error);
    if (status != SKALD_OK)
        return status;
    skald_crash_here(SKALD_CRASH_ENGINE_BEGUN);
    status = rehearsal_begin(turn, error);
    if (status == SKALD_OK)
        status = skald_turn_load(turn, ids, count, error);
    if (status == SKALD_OK && count == 0)
        ids_note(turn);
    bool apart = false; /* some of them must run alone: nothing is done yet */
    for (size_t i = 0; i < turn->id_count && count == 0; i++)
        apart = apart || (turn->alone[i] && turn->id_count > 1);
    const bool idle = turn->saga_count == 0 && !turn->strangers;
    if (status == SKALD_OK && (idle || apart))
        return skald_pipeline_rollback(turn->pipeline, error);
    if (status == SKALD_OK)
        status = turn->rehearsal != NULL ? rehearsal_fill(turn, culprit, error)
                                         : turn_fill(turn, culprit, error);
    if (status == SKALD_OK) {
        skald_crash_here(SKALD_CRASH_ENGINE_SENT);
        status = turn->rehearsal != NULL ? skald_pipeline_leave_open(turn->pipeline, error)
                                         : skald_pipeline_commit(turn->pipeline, error);
        if (status != SKALD_OK)
            culprit_correct(turn, culprit, error);
    } else {
        skald_error trouble = *error;
        skald_pipeline_failure(turn->pipeline, &trouble);
        culprit_correct(turn, culprit, &trouble);
        skald_error lost;
        if (skald_pipeline_rollback(turn->pipeline, &lost) != SKALD_OK) {
            *error = lost;
            status = lost.status;
        }
    }
    if (status != SKALD_OK)
        return status;
    if (turn->rehearsal != NULL)
        return rehearsal_look(turn, error);
    skald_crash_here(SKALD_CRASH_ENGINE_COMMITTED);
    turn->conflicts = 0;
    committed_tell(turn);
    return SKALD_OK;
}

/* --- running --------------------------------------------------------------------------------- */

static void conflict_pause(skald_turn *turn)
{
    const skald_backoff policy = {CONFLICT_DELAY_MS_MIN, CONFLICT_DELAY_MS_MAX};
    turn->conflicts++;
    skald_clock_sleep_ms(skald_backoff_delay_ms(&policy, turn->conflicts, skald_random_bits()));
}

static skald_status ids_run(skald_turn *turn, const size_t *ids, size_t count, skald_error *error);

/* Those before the one that failed, it alone, those behind it. */
static skald_status around(skald_turn *turn, const size_t *ids, size_t count, size_t culprit,
                           skald_error *error)
{
    skald_status status = ids_run(turn, ids, culprit, error);
    if (status == SKALD_OK)
        status = ids_run(turn, ids + culprit, 1, error);
    return status != SKALD_OK ? status
                              : ids_run(turn, ids + culprit + 1, count - culprit - 1, error);
}

static skald_status halves(skald_turn *turn, const size_t *ids, size_t count, skald_error *error)
{
    const size_t half = (count + 1) / 2;
    const skald_status status = ids_run(turn, ids, half, error);
    return status != SKALD_OK ? status : ids_run(turn, ids + half, count - half, error);
}

/* Not even that it is blocked could be written. */
static bool is_given_up(const skald_turn *turn, const char *id)
{
    for (size_t i = 0; i < turn->verdict_count; i++) {
        const skald_turn_verdict *verdict = &turn->verdicts[i];
        if (verdict->kind == SKALD_VERDICT_BLOCK && strcmp(verdict->saga, id) == 0)
            return true;
    }
    return false;
}

/* What follows a failure of those that were loaded. The loaded are among `ids`, in their order; a
 * culprit is counted among the loaded. */
static skald_status failed(skald_turn *turn, const size_t *ids, size_t count, size_t culprit,
                           size_t verdicts_before, const skald_error *failure, skald_error *error)
{
    if (passing(turn, failure->status))
        conflict_pause(turn);
    else if (count == 1 && turn->verdict_count == verdicts_before) {
        if (is_given_up(turn, turn->ids[ids[0]])) {
            *error = *failure;
            return failure->status;
        }
        skald_turn_verdict_of_trouble(turn, turn->ids[ids[0]], failure);
    }
    if (count == 1)
        return ids_run(turn, ids, 1, error);
    if (culprit == CULPRIT_UNKNOWN)
        return halves(turn, ids, count, error);
    size_t at = 0;
    while (at < count && strcmp(turn->ids[ids[at]], turn->sagas[culprit].id) != 0)
        at++;
    return at < count ? around(turn, ids, count, at, error) : halves(turn, ids, count, error);
}

static skald_status ids_run(skald_turn *turn, const size_t *ids, size_t count, skald_error *error)
{
    if (count == 0)
        return SKALD_OK;
    size_t culprit;
    skald_error failure = {0};
    const size_t verdicts_before = turn->verdict_count;
    const skald_status status = skald_turn_try(turn, ids, count, &culprit, &failure);
    if (status == SKALD_OK)
        return SKALD_OK;
    if (blameless(status) || turn->verdict_count >= VERDICTS_MAX) {
        *error = failure;
        return status;
    }
    return failed(turn, ids, count, culprit, verdicts_before, &failure, error);
}

/* Those that may end the process, one after another, behind the others. */
static skald_status apart_run(skald_turn *turn, skald_error *error)
{
    size_t ids[SKALD_TURN_SAGAS_MAX];
    size_t together = 0;
    for (size_t i = 0; i < turn->id_count; i++) {
        if (!turn->alone[i])
            ids[together++] = i;
    }
    const size_t count = turn->id_count;
    skald_status status = ids_run(turn, ids, together, error);
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        if (turn->alone[i])
            status = ids_run(turn, &i, 1, error);
    }
    return status;
}

static bool any_alone(const skald_turn *turn)
{
    for (size_t i = 0; i < turn->id_count; i++) {
        if (turn->alone[i])
            return true;
    }
    return false;
}

skald_status skald_turn_run(skald_turn *turn, const skald_turn_partition *partitions, size_t count,
                            size_t *stepped, skald_error *error)
{
    turn->partitions = partitions;
    turn->partition_count = count;
    turn->verdict_count = 0;
    turn->id_count = 0;
    size_t culprit;
    skald_error failure = {0};
    skald_status status = skald_turn_try(turn, NULL, 0, &culprit, &failure);
    *stepped = turn->id_count;
    if (status == SKALD_OK)
        return turn->id_count > 1 && any_alone(turn) ? apart_run(turn, error) : SKALD_OK;
    if (blameless(status) || turn->id_count == 0) {
        *error = failure;
        return status;
    }
    size_t ids[SKALD_TURN_SAGAS_MAX];
    for (size_t i = 0; i < turn->id_count; i++)
        ids[i] = i;
    return failed(turn, ids, turn->id_count, culprit, 0, &failure, error);
}
