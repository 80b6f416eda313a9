/* One message inside a batch's transaction. */
#include "base/clock.h"
#include "codec/decode.h"
#include "followers/batch_parts.h"
#include "followers/commands.h"
#include "followers/follower.h"
#include "followers/jobs.h"

#include <stdio.h>
#include <string.h>

/* The key is free at once when nothing is parked behind this job, so that later messages of the
 * same batch do not queue behind a job that is no more; batch_failed takes that back. */
static void key_free(skald_item *item, bool more)
{
    if (more)
        return;
    item->key_freed = skald_key_set_has(&item->lane->parked, item->message.key);
    skald_key_set_remove(&item->lane->parked, item->message.key);
}

static skald_status job_finish(skald_batch *batch, skald_item *item, uint32_t owner,
                               skald_error *error)
{
    bool more = false;
    const skald_status status = skald_jobs_finish(batch->pipeline, owner, item, &more, error);
    item->gone = status == SKALD_NOT_FOUND;
    if (status == SKALD_OK)
        key_free(item, more);
    return status;
}

/* It becomes a row that is over, and its key goes on. */
static skald_status item_end(skald_batch *batch, skald_item *item, uint32_t owner,
                             const skald_job_end *end, skald_attempts *attempts, skald_error *error)
{
    if (item->job_id == 0)
        return skald_jobs_insert(batch->pipeline, owner, item, end, attempts, error);
    bool more = false;
    skald_status status = skald_jobs_change(batch->pipeline, owner, item, end, attempts, error);
    if (status == SKALD_OK)
        status = skald_jobs_release(batch->pipeline, owner, item, &more, error);
    if (status == SKALD_OK)
        key_free(item, more);
    return status;
}

/* The same, with what its one attempt came to. */
static skald_status item_end_tried(skald_batch *batch, skald_item *item, uint32_t owner,
                                   const skald_job_end *end, const char *outcome,
                                   const skald_attempt *attempt, skald_error *error)
{
    skald_attempts attempts;
    skald_attempts_init(&attempts);
    skald_attempts_add_outcome(&attempts, outcome, attempt);
    const skald_status status = item_end(batch, item, owner, end, &attempts, error);
    skald_attempts_done(&attempts);
    return status;
}

/* Older than its follower wants messages: kept without being handled. */
static skald_status item_expire(skald_batch *batch, skald_item *item, uint32_t owner,
                                skald_error *error)
{
    const skald_job_end end = {
        .state = "expired", .delay_ms = -1, .over = true, .reason = "it was too old to be handled"};
    skald_attempts none;
    skald_attempts_init(&none);
    item->fate = SKALD_ITEM_EXPIRED;
    const skald_status status = item_end(batch, item, owner, &end, &none, error);
    skald_attempts_done(&none);
    return status;
}

/* What can never be decoded is kept for a person, and its key goes on, in the transaction of its
 * neighbours. */
static skald_status item_set_aside(skald_batch *batch, skald_item *item, uint32_t owner,
                                   const char *reason, skald_error *error)
{
    char clean[SKALD_REASON_SIZE];
    skald_reason_clean(clean, reason);
    skald_job_end end = {.state = "dead", .delay_ms = -1, .over = true, .reason = clean};
    skald_fingerprint(end.fingerprint, item->lane->follower->name, item->message.type, NULL, NULL,
                      clean);
    const uint64_t now_ms = skald_clock_ms();
    skald_attempt attempt = {.started_ms = now_ms, .ended_ms = now_ms};
    skald_error_set(&attempt.error, SKALD_MALFORMED, "%s", reason);
    item->attempts++;
    item->failing_since_ms = now_ms;
    item->fate = SKALD_ITEM_SET_ASIDE;
    const skald_status status = item_end_tried(batch, item, owner, &end, "failed", &attempt, error);
    item->attempts--;
    return status == SKALD_OK ? skald_command_fail(batch, item, clean, error) : status;
}

/* A body that cannot be decoded: where the policy wants nothing else, it is set aside at once. */
static skald_status item_undecodable(skald_batch *batch, skald_item *item, uint32_t owner,
                                     const skald_error *reason, skald_error *error)
{
    const skald_failure failure = {.kind = SKALD_FAILURE_UNDECODABLE,
                                   .attempts = item->attempts + 1};
    const skald_verdict verdict = skald_policy_decide(item->lane->follower->policy, &failure, 0);
    if (verdict.dead && !verdict.holds)
        return item_set_aside(batch, item, owner, reason->text, error);
    batch->answered = item;
    batch->answer = (skald_attempt){.kind = SKALD_FAILURE_UNDECODABLE, .error = *reason};
    *error = *reason;
    error->status = SKALD_FAILED;
    return SKALD_FAILED;
}

/* Cut to `size` with its NUL; called for every message, so without a format. */
static void text_put(char *out, size_t size, const char *text)
{
    const size_t length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

/* What this thread has in hand, for whoever looks after it when the process has crashed. */
static void hand_take(skald_batch *batch, const skald_item *item, const skald_handler *handler)
{
    skald_hand_work work;
    text_put(work.subscription, sizeof work.subscription, item->lane->follower->name);
    text_put(work.code, sizeof work.code, handler->name != NULL ? handler->name : "");
    text_put(work.type, sizeof work.type, item->message.type);
    work.partition = item->lane->partition;
    work.position = item->message.position != 0 ? item->message.position : -1;
    work.job_id = item->job_id;
    work.starts = 0;
    work.saga[0] = '\0';
    skald_hand_take(batch->hand, &work, batch->hub->handler_ms);
}

/* Is the transaction in trouble that is not this item's own doing, or not to be blamed on it? */
static bool trouble_is_foreign(const skald_batch *batch, uint32_t owner, skald_status trouble)
{
    return skald_batch_blameless(trouble) || trouble == SKALD_CONFLICT ||
           skald_pipeline_failed_owner(batch->pipeline) != owner;
}

/* Runs user code. Whatever status it answers is its own business and counts as FAILED, unless the
 * transaction itself is in trouble. */
static skald_status handler_run(skald_batch *batch, skald_item *item, uint32_t owner,
                                const skald_handler *handler, const ProtobufCMessage *message,
                                skald_error *error)
{
    skald_context *context = &batch->context;
    item->started_ms = skald_clock_ms();
    hand_take(batch, item, handler);
    const skald_status answer = handler->run(context, message);
    skald_hand_put(batch->hand);
    skald_error trouble;
    if (skald_pipeline_failure(batch->pipeline, &trouble) != SKALD_OK) {
        if (trouble_is_foreign(batch, owner, trouble.status)) {
            *error = trouble;
            return trouble.status;
        }
        if (context->failure.status == SKALD_OK)
            context->failure = trouble;
    }
    const skald_status status =
        skald_context_outcome(context, answer, handler->name, &batch->answer);
    if (status == SKALD_OK)
        return SKALD_OK;
    batch->answered = item;
    *error = batch->answer.error;
    return status;
}

/* What it did in the database stays, and the message is kept with the reason. */
static skald_status item_skip(skald_batch *batch, skald_item *item, uint32_t owner,
                              skald_error *error)
{
    skald_attempt *attempt = &batch->answer;
    attempt->started_ms = item->started_ms;
    attempt->ended_ms = skald_clock_ms();
    char reason[SKALD_REASON_SIZE];
    skald_reason_clean(reason, attempt->error.text);
    const skald_job_end end = {.state = "skipped", .delay_ms = -1, .over = true, .reason = reason};
    item->fate = SKALD_ITEM_SKIPPED;
    batch->answered = NULL;
    return item_end_tried(batch, item, owner, &end, "skipped", attempt, error);
}

/* What it has left in the transaction so far. */
static uint64_t traces(const skald_batch *batch)
{
    return (uint64_t)batch->context.statements + skald_outbox_writer_count(&batch->writer) +
           skald_job_writer_count(&batch->jobs) + batch->context.holds_job;
}

/* Business says no, and of what the handler did nothing may stay: where it did nothing, nothing
 * need be rolled back. */
static skald_status command_refused(skald_batch *batch, const skald_item *item,
                                    const skald_command *command, bool traceless,
                                    skald_error *error)
{
    if (traceless) {
        batch->answered = NULL;
        return skald_command_end(batch, item, command, batch->answer.error.text, error);
    }
    batch->answer.refused = true;
    error->status = SKALD_FAILED;
    return SKALD_FAILED;
}

/* What the handler of a command has said. */
static skald_status command_answered(skald_batch *batch, const skald_item *item,
                                     const skald_command *command, skald_status said,
                                     bool traceless, skald_error *error)
{
    if (said == SKALD_REFUSED)
        return command_refused(batch, item, command, traceless, error);
    if (said != SKALD_OK && said != SKALD_SKIPPED)
        return said;
    batch->answered = NULL; /* what need not be done is done */
    const skald_status status = skald_context_job_flush(&batch->context, error);
    return status == SKALD_OK ? skald_command_end(batch, item, command, NULL, error) : status;
}

/* `command`: NULL for an event. */
static skald_status item_handle(skald_batch *batch, skald_item *item, uint32_t owner,
                                const skald_handler *handler, const skald_command *command,
                                skald_error *error)
{
    skald_context *context = &batch->context;
    skald_context_begin(context, item, owner);
    const uint64_t before = traces(batch);
    const ProtobufCMessage *message = NULL;
    skald_status status =
        skald_decode(&message, handler->descriptor, item->message.body, &context->memory, error);
    if (status == SKALD_OK) {
        item->fate = SKALD_ITEM_HANDLED;
        status = handler_run(batch, item, owner, handler, message, error);
        if (command != NULL)
            status = command_answered(batch, item, command, status, traces(batch) == before, error);
        else if (status == SKALD_SKIPPED)
            status = item_skip(batch, item, owner, error);
    } else if (status == SKALD_MALFORMED || status == SKALD_FULL) {
        const skald_error reason = *error;
        status = item_undecodable(batch, item, owner, &reason, error);
    }
    skald_context_end(context);
    return status;
}

/* Older than its follower wants messages, by the database's clock. */
static bool item_expired(const skald_item *item)
{
    const skald_follower *follower = item->lane->follower;
    const uint64_t expire_ms = follower->options.expire_ms;
    if (item->job_id != 0 || expire_ms == 0)
        return item->expired;
    const int64_t now_us = skald_clock_wall_us() + atomic_load(&follower->ahead_us);
    const int64_t age_us = now_us - item->message.time_us;
    return age_us > 0 && (uint64_t)age_us / 1000 > expire_ms;
}

enum { SEEN_KEY_SIZE = SKALD_FOLLOWER_NAME_SIZE + SKALD_ID_SIZE_MAX + 2 };

/* An id is new or seen for each follower by itself. */
static void seen_key(char out[SEEN_KEY_SIZE], const char *follower, const char *id)
{
    snprintf(out, SEEN_KEY_SIZE, "%s\n%s", follower, id);
}

/* Could this message have come before under another sequence? */
static bool repeatable(const skald_item *item)
{
    return item->lane->follower->options.foreign && item->message.id != NULL && item->job_id == 0 &&
           item->trouble == NULL;
}

/* Ids already applied stand in skald.seen since an earlier transaction, or were met in this one. */
static bool foreign_repeated(skald_batch *batch, const skald_item *item)
{
    if (!repeatable(item))
        return false;
    char key[SEEN_KEY_SIZE];
    seen_key(key, item->lane->follower->name, item->message.id);
    if (!skald_key_set_has(&batch->seen, key))
        return true;
    skald_key_set_remove(&batch->seen, key);
    return false;
}

/* A command that is not answered yet: refused or failed as was decided, or by its handler. */
static skald_status command_run(skald_batch *batch, skald_item *item, uint32_t owner,
                                const skald_handler *handler, const skald_command *command,
                                skald_error *error)
{
    if (item->told == SKALD_ITEM_TOLD_FAILED)
        return skald_command_fail(batch, item, item->told_reason, error);
    if (item->told == SKALD_ITEM_TOLD_REFUSED)
        return skald_command_end(batch, item, command, item->told_reason, error);
    if (handler != NULL)
        return item_handle(batch, item, owner, handler, command, error);
    char reason[SKALD_TYPE_SIZE_MAX + 128];
    snprintf(reason, sizeof reason, "service \"%s\" has no handler for command \"%s\"",
             batch->hub->name, item->message.type);
    return skald_command_fail(batch, item, reason, error);
}

static skald_status item_command(skald_batch *batch, skald_item *item, uint32_t owner,
                                 const skald_handler *handler, skald_error *error)
{
    skald_command command;
    skald_arena_reset(&batch->scratch);
    skald_status status = skald_command_read(&command, &item->message, &batch->scratch, error);
    if (status == SKALD_MALFORMED) {
        const skald_error reason = *error;
        return item_set_aside(batch, item, owner, reason.text, error);
    }
    if (status != SKALD_OK)
        return status;
    item->fate = SKALD_ITEM_HANDLED;
    const skald_fence_verdict verdict = skald_command_decide(batch, &command);
    status = verdict == SKALD_FENCE_VERDICT_RUN || item->told == SKALD_ITEM_TOLD_FAILED
                 ? command_run(batch, item, owner, handler, &command, error)
                 : skald_command_settle(batch, item, &command, verdict, error);
    if (status == SKALD_OK && item->job_id != 0 && item->fate == SKALD_ITEM_HANDLED)
        status = job_finish(batch, item, owner, error);
    return status;
}

/* What is only watched needs no order and holds up nothing: it is noted, whatever waits before it.
 * What cannot be read is for those who handle it. */
static skald_status item_watch(skald_batch *batch, skald_item *item, uint32_t owner,
                               skald_error *error)
{
    const skald_follower *follower = item->lane->follower;
    bool noted = false;
    skald_status status = SKALD_OK;
    if (item->trouble == NULL && item->message.kind == SKALD_KIND_EVENT)
        status = skald_flow_notes_add(&batch->notes, follower->flows, follower->stream,
                                      &item->message, batch->hub->log, &noted, error);
    item->fate = noted ? SKALD_ITEM_HANDLED : SKALD_ITEM_SKIPPED;
    if (status == SKALD_OK && item->job_id != 0)
        status = job_finish(batch, item, owner, error);
    return status;
}

/* A reply waits behind nothing: its saga takes answers in any order. */
static skald_status item_reply(skald_batch *batch, skald_item *item, uint32_t owner,
                               skald_error *error)
{
    item->fate = item->lane->follower->replies ? SKALD_ITEM_HANDLED : SKALD_ITEM_SKIPPED;
    if (!item->lane->follower->replies)
        return SKALD_OK;
    skald_arena_reset(&batch->scratch);
    const skald_status status = skald_replies_add(&batch->replies, &item->message, batch->hub->name,
                                                  item->lane->follower->stream,
                                                  batch->hub->partitions, &batch->scratch, error);
    if (status != SKALD_MALFORMED)
        return status;
    const skald_error reason = *error;
    return item_set_aside(batch, item, owner, reason.text, error);
}

/* Is there something to do with a message that came from the stream just now? */
static bool wanted(const skald_item *item, const skald_handler *handler)
{
    return handler != NULL ||
           (item->message.kind == SKALD_KIND_COMMAND && item->lane->follower->commands);
}

/* Commands and replies go past all followers of a stream; each belongs to one service. */
static bool for_others(const skald_batch *batch, const skald_message *message)
{
    return message->addressee != NULL && strcmp(message->addressee, batch->hub->name) != 0;
}

skald_status skald_batch_item(skald_batch *batch, skald_item *item, uint32_t owner,
                              skald_error *error)
{
    const skald_lane *lane = item->lane;
    if (for_others(batch, &item->message)) {
        item->fate = SKALD_ITEM_SKIPPED;
        return SKALD_OK;
    }
    if (lane->follower->flows != NULL)
        return item_watch(batch, item, owner, error);
    if (item->trouble != NULL)
        return item_set_aside(batch, item, owner, item->trouble, error);
    if (item->message.kind == SKALD_KIND_REPLY)
        return item_reply(batch, item, owner, error);
    if (foreign_repeated(batch, item)) {
        item->fate = SKALD_ITEM_REPEATED;
        return SKALD_OK;
    }
    const skald_handler *handler =
        skald_follower_handler(lane->follower, item->message.kind, item->message.type);
    if (!wanted(item, handler) && item->job_id == 0) {
        item->fate = SKALD_ITEM_SKIPPED;
        return SKALD_OK;
    }
    const bool command = item->message.kind == SKALD_KIND_COMMAND;
    if (!command && item_expired(item))
        return item_expire(batch, item, owner, error);
    /* Order per key: what comes behind a failure waits behind it. */
    if (item->job_id == 0 && skald_key_set_has(&lane->parked, item->message.key)) {
        item->fate = SKALD_ITEM_PARKED;
        return skald_jobs_queue(batch->pipeline, owner, item, error);
    }
    if (command)
        return item_command(batch, item, owner, handler, error);
    if (handler == NULL)
        return skald_error_set(error, SKALD_FAILED, "no handler for type \"%s\" in this program",
                               item->message.type);
    skald_status status = item_handle(batch, item, owner, handler, NULL, error);
    if (status == SKALD_OK && item->job_id != 0 && item->fate == SKALD_ITEM_HANDLED)
        status = job_finish(batch, item, owner, error);
    return status;
}

static skald_status seen_note(skald_batch *batch, const skald_rows *rows, skald_error *error)
{
    for (uint32_t i = 0; i < skald_rows_count(rows); i++) {
        char key[SEEN_KEY_SIZE];
        seen_key(key, skald_rows_text(rows, i, 0), skald_rows_text(rows, i, 1));
        if (!skald_key_set_add(&batch->seen, key))
            return skald_error_set(error, SKALD_NO_MEMORY, "no memory for message ids");
    }
    return SKALD_OK;
}

skald_status skald_batch_seen(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error)
{
    skald_key_set_done(&batch->seen);
    skald_array followers, ids;
    skald_array_init(&followers, SKALD_ARRAY_TEXT);
    skald_array_init(&ids, SKALD_ARRAY_TEXT);
    for (size_t i = 0; i < count; i++) {
        if (!repeatable(items[i]))
            continue;
        skald_array_text(&followers, items[i]->lane->follower->name);
        skald_array_text(&ids, items[i]->message.id);
    }
    skald_status status = SKALD_OK;
    if (ids.count > 0) {
        const skald_param params[] = {skald_array_param(&followers), skald_array_param(&ids)};
        skald_rows *rows = NULL;
        status = skald_pipeline_query(batch->pipeline, SKALD_PIPELINE_NOBODY, &rows,
                                      "INSERT INTO skald.seen (follower, message_id)"
                                      " SELECT DISTINCT * FROM unnest($1, $2) AS m(f, id)"
                                      " ORDER BY 1, 2 ON CONFLICT DO NOTHING"
                                      " RETURNING follower, message_id",
                                      2, params, error);
        if (status == SKALD_OK)
            status = seen_note(batch, rows, error);
        skald_rows_free(rows);
    }
    skald_array_done(&followers);
    skald_array_done(&ids);
    return status;
}
