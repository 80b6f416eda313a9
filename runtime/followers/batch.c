/* The batch transaction.
 *
 * A batch runs without savepoints. When it fails, the pipeline knows whose statement it was: the
 * items before it run again together, it is settled by itself (failures.c), and the rest goes on.
 */
#include "followers/batch.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/random.h"
#include "followers/batch_parts.h"
#include "followers/commands.h"
#include "followers/failures.h"
#include "followers/follower.h"
#include "followers/suspects.h"

#include <assert.h>
#include <skald/backoff.h>
#include <skald/publish.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICT_DELAY_MS_MIN = 2, CONFLICT_DELAY_MS_MAX = 200 };

skald_status skald_batch_open(skald_batch **out, skald_hub *hub, skald_pg *pg, skald_hand *hand,
                              skald_error *error)
{
    skald_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL || skald_pipeline_open(&batch->pipeline, pg) != SKALD_OK) {
        free(batch);
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a worker");
    }
    batch->hub = hub;
    batch->pg = pg;
    batch->hand = hand;
    skald_attempts_init(&batch->tried);
    skald_outbox_writer_init(&batch->writer);
    skald_job_writer_init(&batch->jobs, hub->name);
    skald_fence_init(&batch->fence);
    skald_replies_init(&batch->replies);
    skald_context_init(&batch->context, hub, batch->pipeline, &batch->writer, &batch->jobs);
    skald_array_init(&batch->followers, SKALD_ARRAY_TEXT);
    skald_array_init(&batch->partitions, SKALD_ARRAY_INT2);
    skald_array_init(&batch->epochs, SKALD_ARRAY_INT8);
    skald_array_init(&batch->reached, SKALD_ARRAY_INT8);
    skald_array_init(&batch->next, SKALD_ARRAY_INT8);
    skald_array_init(&batch->handled, SKALD_ARRAY_INT4);
    skald_array_init(&batch->skipped, SKALD_ARRAY_INT4);
    *out = batch;
    return SKALD_OK;
}

/* The arguments of skald.advance, in its order. */
enum { ADVANCE_COLUMNS = 7 };
static void columns_list(skald_batch *batch, skald_array *columns[ADVANCE_COLUMNS])
{
    skald_array *list[ADVANCE_COLUMNS] = {&batch->followers, &batch->partitions, &batch->epochs,
                                          &batch->reached,   &batch->next,       &batch->handled,
                                          &batch->skipped};
    memcpy(columns, list, sizeof list);
}

void skald_batch_close(skald_batch *batch)
{
    if (batch == NULL)
        return;
    skald_array *columns[ADVANCE_COLUMNS];
    columns_list(batch, columns);
    skald_arrays_done(columns, ADVANCE_COLUMNS);
    skald_attempts_done(&batch->tried);
    skald_key_set_done(&batch->seen);
    skald_fence_done(&batch->fence);
    skald_replies_done(&batch->replies);
    skald_arena_done(&batch->scratch);
    skald_context_done(&batch->context);
    skald_flow_notes_done(&batch->notes);
    skald_job_writer_done(&batch->jobs);
    skald_outbox_writer_done(&batch->writer);
    skald_pipeline_close(batch->pipeline);
    free(batch);
}

/* --- the transaction ----------------------------------------------------------------------- */

static skald_batch_lane *lane_find(skald_batch *batch, const skald_lane *lane)
{
    for (size_t i = 0; i < batch->lane_count; i++) {
        if (batch->lanes[i].lane == lane)
            return &batch->lanes[i];
    }
    assert(false && "every item's lane is part of the run");
    return NULL;
}

int64_t skald_batch_epoch(skald_batch *batch, const skald_item *item)
{
    return lane_find(batch, item->lane)->epoch;
}

/* Where this lane stands after the items; false when none of them is its own. */
static bool lane_move(const skald_lane *lane, skald_item *const *items, size_t count, int64_t *next,
                      uint32_t *handled, uint32_t *skipped)
{
    bool touched = false;
    for (size_t i = 0; i < count; i++) {
        if (items[i]->lane != lane)
            continue;
        touched = true;
        if (items[i]->job_id == 0 && items[i]->message.position > *next)
            *next = items[i]->message.position;
        *handled += items[i]->fate == SKALD_ITEM_HANDLED;
        *skipped += items[i]->fate == SKALD_ITEM_SKIPPED || items[i]->fate == SKALD_ITEM_EXPIRED;
    }
    return touched;
}

skald_status skald_batch_move(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error)
{
    skald_array *columns[ADVANCE_COLUMNS];
    columns_list(batch, columns);
    skald_arrays_clear(columns, ADVANCE_COLUMNS);
    for (size_t i = 0; i < batch->lane_count; i++) {
        const skald_batch_lane *lane = &batch->lanes[i];
        int64_t next = lane->position;
        uint32_t handled = 0;
        uint32_t skipped = 0;
        if (!lane_move(lane->lane, items, count, &next, &handled, &skipped))
            continue;
        skald_array_text(&batch->followers, lane->lane->follower->name);
        skald_array_integer(&batch->partitions, lane->lane->partition);
        skald_array_integer(&batch->epochs, lane->epoch);
        skald_array_integer(&batch->reached, lane->position);
        skald_array_integer(&batch->next, next);
        skald_array_integer(&batch->handled, handled);
        skald_array_integer(&batch->skipped, skipped);
    }
    skald_param params[ADVANCE_COLUMNS];
    if (!skald_arrays_ok(columns, ADVANCE_COLUMNS))
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for positions");
    skald_arrays_params(columns, ADVANCE_COLUMNS, params);
    return skald_pipeline_send(batch->pipeline, SKALD_PIPELINE_NOBODY,
                               "SELECT skald.advance($1, $2, $3, $4, $5, $6, $7)", ADVANCE_COLUMNS,
                               params, error);
}

/* Everything of the transaction but BEGIN and COMMIT. */
static skald_status batch_fill(skald_batch *batch, skald_item *const *items, size_t count,
                               size_t *culprit, skald_error *error)
{
    skald_status status = skald_batch_seen(batch, items, count, error);
    if (status == SKALD_OK)
        status = skald_commands_load(batch, items, count, error);
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        status = skald_batch_item(batch, items[i], (uint32_t)i, error);
        if (status == SKALD_OK && items[i]->suspect)
            status = skald_suspects_pass(batch->pipeline, items[i], error);
        if (status != SKALD_OK)
            *culprit = i;
    }
    if (status == SKALD_OK)
        status = skald_fence_send(&batch->fence, batch->pipeline, error);
    if (status == SKALD_OK)
        status = skald_replies_send(&batch->replies, batch->pipeline, error);
    if (status == SKALD_OK)
        status = skald_outbox_writer_send(&batch->writer, batch->pipeline, error);
    if (status == SKALD_OK)
        status = skald_job_writer_send(&batch->jobs, batch->pipeline, error);
    if (status == SKALD_OK)
        status = skald_flow_notes_send(&batch->notes, batch->pipeline, error);
    if (status == SKALD_OK)
        status = skald_batch_move(batch, items, count, error);
    return status;
}

/* An earlier item's statement may have failed while a later one was in hand: the pipeline knows. */
static void culprit_correct(const skald_batch *batch, size_t *culprit)
{
    const uint32_t owner = skald_pipeline_failed_owner(batch->pipeline);
    if (owner != SKALD_PIPELINE_NOBODY)
        *culprit = owner;
}

void skald_batch_committed(skald_batch *batch, skald_item *const *items, size_t count)
{
    skald_tally *tally = &batch->hub->tally;
    uint64_t fates[SKALD_ITEM_FATES] = {0};
    for (size_t i = 0; i < count; i++) {
        skald_batch_lane *lane = lane_find(batch, items[i]->lane);
        if (items[i]->job_id == 0 && items[i]->message.position > lane->position)
            lane->position = items[i]->message.position;
        fates[items[i]->fate]++;
    }
    atomic_fetch_add(&tally->handled, fates[SKALD_ITEM_HANDLED]);
    atomic_fetch_add(&tally->skipped, fates[SKALD_ITEM_SKIPPED] + fates[SKALD_ITEM_EXPIRED]);
    atomic_fetch_add(&tally->repeated, fates[SKALD_ITEM_REPEATED]);
    atomic_fetch_add(&tally->set_aside, fates[SKALD_ITEM_SET_ASIDE]);
    atomic_fetch_add(&tally->dead, fates[SKALD_ITEM_DEAD] + fates[SKALD_ITEM_SET_ASIDE]);
    atomic_fetch_add(&tally->batches, 1);
    batch->conflicts = 0;
}

static bool has_job(skald_item *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i]->job_id != 0)
            return true;
    }
    return false;
}

/* Nothing happened: keys that seemed free are parked still. */
static skald_status batch_failed(skald_item *const *items, size_t count, skald_status status,
                                 skald_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i]->key_freed &&
            !skald_key_set_add(&items[i]->lane->parked, items[i]->message.key))
            status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for a parked key");
        items[i]->key_freed = false;
    }
    return status;
}

skald_status skald_batch_try(skald_batch *batch, skald_item *const *items, size_t count,
                             size_t *culprit, skald_error *error)
{
    *culprit = SKALD_CULPRIT_UNKNOWN;
    batch->answered = NULL;
    batch->context.tells_sagas = false;
    skald_outbox_writer_clear(&batch->writer);
    skald_job_writer_clear(&batch->jobs);
    skald_replies_clear(&batch->replies);
    skald_flow_notes_clear(&batch->notes);
    skald_status status = skald_pipeline_begin(
        batch->pipeline, batch->hub->handler_ms + SKALD_HANDLER_SLACK_MS, error);
    if (status != SKALD_OK)
        return status;
    skald_crash_here(SKALD_CRASH_BATCH_BEGUN);
    status = batch_fill(batch, items, count, culprit, error);
    skald_crash_here(SKALD_CRASH_BATCH_HANDLED);
    if (status == SKALD_OK) {
        status = skald_pipeline_commit(batch->pipeline, error);
        culprit_correct(batch, culprit);
    } else {
        skald_error lost;
        culprit_correct(batch, culprit);
        if (skald_pipeline_rollback(batch->pipeline, &lost) != SKALD_OK) {
            *error = lost;
            status = lost.status;
        }
        skald_crash_here(SKALD_CRASH_BATCH_ROLLED_BACK);
    }
    if (status != SKALD_OK)
        return batch_failed(items, count, status, error);
    skald_crash_here(SKALD_CRASH_BATCH_COMMITTED);
    if (has_job(items, count))
        skald_crash_here(SKALD_CRASH_JOB_DONE);
    if (skald_job_writer_count(&batch->jobs) > 0)
        atomic_store(&batch->hub->enqueued, true);
    if (batch->context.tells_sagas || skald_outbox_writer_count(&batch->writer) > 0 ||
        skald_job_writer_count(&batch->jobs) > 0 || skald_replies_count(&batch->replies) > 0)
        skald_ring(batch->hub->service);
    skald_batch_committed(batch, items, count);
    return SKALD_OK;
}

/* --- running ------------------------------------------------------------------------------- */

bool skald_batch_blameless(skald_status status)
{
    return status == SKALD_FENCED || status == SKALD_UNAVAILABLE || status == SKALD_NO_MEMORY;
}

void skald_batch_conflict_pause(skald_batch *batch)
{
    const skald_backoff policy = {CONFLICT_DELAY_MS_MIN, CONFLICT_DELAY_MS_MAX};
    batch->conflicts++;
    skald_clock_sleep_ms(skald_backoff_delay_ms(&policy, batch->conflicts, skald_random_bits()));
}

static skald_status items_run(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error);

/* Those before the one that failed run again, then it is settled. */
static skald_status culprit_settle(skald_batch *batch, skald_item *const *items, size_t culprit,
                                   const skald_error *failure, skald_error *error)
{
    skald_attempt attempt;
    skald_failure_describe(batch, items[culprit], failure, &attempt);
    /* A job that a person has taken away is nobody's business any more. */
    const bool gone = items[culprit]->gone;
    const skald_status status = items_run(batch, items, culprit, error);
    return status != SKALD_OK || gone
               ? status
               : skald_failure_settle(batch, items[culprit], &attempt, error);
}

/* Items that may share a transaction. */
static skald_status items_run(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error)
{
    while (count > 0) {
        size_t culprit;
        skald_error failure = {0};
        skald_status status = skald_batch_try(batch, items, count, &culprit, &failure);
        if (status == SKALD_OK)
            return SKALD_OK;
        if (skald_batch_blameless(status)) {
            *error = failure;
            return status;
        }
        size_t done = 0;
        if (status == SKALD_CONFLICT || (culprit == SKALD_CULPRIT_UNKNOWN && count > 1)) {
            /* Smaller transactions meet fewer others, and show who is to blame. */
            if (status == SKALD_CONFLICT)
                skald_batch_conflict_pause(batch);
            done = count > 1 ? count / 2 : 0;
            status = done == 0 ? SKALD_OK : items_run(batch, items, done, error);
        } else {
            if (culprit == SKALD_CULPRIT_UNKNOWN)
                culprit = 0;
            status = culprit_settle(batch, items, culprit, &failure, error);
            done = culprit + 1;
        }
        if (status != SKALD_OK)
            return status;
        items += done;
        count -= done;
    }
    return SKALD_OK;
}

/* How many items from the front may share a transaction. */
static size_t company(skald_item *const *items, size_t count)
{
    size_t together = 0;
    while (together < count && !items[together]->alone)
        together++;
    return together;
}

skald_status skald_batch_run(skald_batch *batch, skald_item *const *items, size_t count,
                             skald_batch_lane *lanes, size_t lane_count, skald_error *error)
{
    batch->lanes = lanes;
    batch->lane_count = lane_count;
    skald_status status = SKALD_OK;
    while (count > 0 && status == SKALD_OK) {
        size_t done = company(items, count);
        if (done > 0) {
            status = items_run(batch, items, done, error);
        } else {
            status = skald_failure_run_suspect(batch, items[0], error);
            done = 1;
        }
        items += done;
        count -= done;
    }
    return status;
}
