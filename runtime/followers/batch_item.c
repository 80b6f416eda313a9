/* One message inside a batch's transaction. */
#include "codec/decode.h"
#include "followers/batch_parts.h"
#include "followers/follower.h"
#include "followers/jobs.h"

#include <stdio.h>

/* Ends a job. Its key is free at once when nothing is parked behind it, so that later messages of
 * the same batch do not queue behind a job that is no more; batch_failed takes that back. */
static skald_status job_finish(skald_batch *batch, skald_item *item, uint32_t owner,
                               const char *dead_reason, skald_error *error)
{
    bool more = false;
    const skald_status status =
        skald_jobs_finish(batch->pipeline, owner, item, dead_reason, &more, error);
    if (status == SKALD_OK && !more) {
        item->key_freed = true;
        skald_key_set_remove(&item->lane->parked, item->message.key);
    }
    return status;
}

/* A fresh message that cannot be decoded is kept beside; a job that cannot be (its handler's type
 * has changed) stays as a dead one. */
static skald_status item_set_aside(skald_batch *batch, skald_item *item, uint32_t owner,
                                   const char *reason, skald_error *error)
{
    item->fate = SKALD_ITEM_SET_ASIDE;
    return item->job_id == 0 ? skald_jobs_set_aside(batch->pipeline, owner, item, reason, error)
                             : job_finish(batch, item, owner, reason, error);
}

/* Runs user code. Whatever status it answers is its own business and counts as FAILED, unless the
 * transaction itself is in trouble. A call of the context that failed fails the message, also when
 * the handler goes on regardless: half of an effect must not commit. */
static skald_status handler_run(skald_batch *batch, const skald_handler *handler,
                                const ProtobufCMessage *message, skald_error *error)
{
    skald_context *context = &batch->context;
    const skald_status answer = handler->run(context, message);
    const skald_status trouble = skald_pipeline_failure(batch->pipeline, error);
    if (trouble != SKALD_OK)
        return trouble;
    if (answer == SKALD_OK && context->failure.status == SKALD_OK)
        return SKALD_OK;
    if (context->failure.status == SKALD_OK)
        return skald_error_set(error, SKALD_FAILED, "handler \"%s\" answered %s", handler->name,
                               skald_status_name(answer));
    *error = context->failure;
    error->status = SKALD_FAILED;
    return SKALD_FAILED;
}

static skald_status item_handle(skald_batch *batch, skald_item *item, uint32_t owner,
                                const skald_handler *handler, skald_error *error)
{
    skald_context *context = &batch->context;
    skald_context_begin(context, item, owner);
    const ProtobufCMessage *message = NULL;
    skald_status status =
        skald_decode(&message, handler->descriptor, item->message.body, &context->memory, error);
    if (status == SKALD_OK) {
        item->fate = SKALD_ITEM_HANDLED;
        status = handler_run(batch, handler, message, error);
    } else if (status == SKALD_MALFORMED || status == SKALD_FULL) {
        const skald_error reason = *error;
        status = item_set_aside(batch, item, owner, reason.text, error);
    }
    skald_context_end(context);
    return status;
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

skald_status skald_batch_item(skald_batch *batch, skald_item *item, uint32_t owner,
                              skald_error *error)
{
    const skald_lane *lane = item->lane;
    if (item->trouble != NULL)
        return item_set_aside(batch, item, owner, item->trouble, error);
    if (foreign_repeated(batch, item)) {
        item->fate = SKALD_ITEM_REPEATED;
        return SKALD_OK;
    }
    const skald_handler *handler = skald_follower_handler(lane->follower, item->message.type);
    if (handler == NULL && item->job_id == 0) {
        item->fate = SKALD_ITEM_SKIPPED;
        return SKALD_OK;
    }
    /* Order per key: what comes behind a failure waits behind it. */
    if (item->job_id == 0 && skald_key_set_has(&lane->parked, item->message.key)) {
        item->fate = SKALD_ITEM_PARKED;
        return skald_jobs_queue(batch->pipeline, owner, item, error);
    }
    if (handler == NULL)
        return skald_error_set(error, SKALD_FAILED, "no handler for type \"%s\" in this program",
                               item->message.type);
    skald_status status = item_handle(batch, item, owner, handler, error);
    if (status == SKALD_OK && item->job_id != 0 && item->fate == SKALD_ITEM_HANDLED)
        status = job_finish(batch, item, owner, NULL, error);
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
