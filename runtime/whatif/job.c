/* The handler of a message that is parked or dead, as the program at hand has it. */
#include "codec/decode.h"
#include "event/control.h"
#include "followers/context.h"
#include "followers/jobs.h"
#include "whatif/inside.h"

#include <stdlib.h>
#include <string.h>

enum { OWNER = 0 }; /* of all statements of the handler */

typedef struct rehearsal {
    skald_whatif *w;
    const skald_handler *handler;
    skald_item *item;
    skald_pipeline *pipeline;
    skald_outbox_writer writer;
    skald_job_writer jobs;
    skald_context context;
} rehearsal;

/* --- which one ------------------------------------------------------------------------------- */

static bool is_number(const char *word)
{
    const size_t size = strlen(word);
    return size > 0 && size <= 18 && strspn(word, "0123456789") == size;
}

/* By number or by the id of its message. */
static skald_status job_find(skald_whatif *w, int64_t *id, skald_error *error)
{
    const char *word = w->options->job;
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(w->pg, &rows, error,
                    "SELECT id, state, coalesce(follower, queue), reason FROM skald.job"
                    " WHERE id::text = $1 OR message_id = $1 ORDER BY id::text = $1 DESC, id"
                    " LIMIT 2",
                    word);
    if (status != SKALD_OK)
        return status;
    const uint32_t count = skald_rows_count(rows);
    if (count == 0 || (count > 1 && !is_number(word))) {
        skald_rows_free(rows);
        return count == 0
                   ? skald_error_set(error, SKALD_NOT_FOUND,
                                     "there is no job \"%.60s\"; \"skald job list\" lists them",
                                     word)
                   : skald_error_set(error, SKALD_INVALID,
                                     "\"%.60s\" is a job of several followers: give its number",
                                     word);
    }
    *id = skald_rows_integer(rows, 0, 0);
    w->report->job = skald_arena_format(&w->report->memory, "%lld", (long long)*id);
    w->report->job_state = skald_whatif_keep(w, skald_rows_text(rows, 0, 1));
    w->report->job_of = skald_whatif_keep(w, skald_rows_text(rows, 0, 2));
    w->report->job_reason = skald_whatif_keep(w, skald_rows_text(rows, 0, 3));
    skald_rows_free(rows);
    return SKALD_OK;
}

static void input_show(skald_whatif *w, const skald_message *message)
{
    w->report->input = (skald_whatif_message){
        .what = message->kind == SKALD_KIND_COMMAND ? "command" : "event",
        .type = skald_whatif_keep(w, message->type),
        .key = skald_whatif_keep(w, message->key),
        .body = skald_arena_bytes(&w->report->memory, message->body),
        .fields = skald_whatif_fields(w, message->type, message->body),
    };
}

static skald_follower *follower_find(const skald_whatif *w)
{
    skald_follower *follower = w->options->followers;
    while (follower != NULL && strcmp(follower->name, w->report->job_of) != 0)
        follower = follower->next;
    return follower;
}

static skald_status is_queued(skald_whatif *w, int64_t id, bool *queued, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        w->pg, &rows, error, "SELECT queue IS NOT NULL FROM skald.job WHERE id = $1", id);
    if (status != SKALD_OK)
        return status;
    *queued = skald_rows_count(rows) > 0 && skald_rows_boolean(rows, 0, 0);
    skald_rows_free(rows);
    return SKALD_OK;
}

/* --- the call -------------------------------------------------------------------------------- */

static const char *word_of(const skald_context *context, skald_status answer)
{
    const skald_status said = context->answer.status != SKALD_OK ? context->answer.status : answer;
    switch (said) {
    case SKALD_NOT_YET:
        return "not yet";
    case SKALD_DEAD:
        return "dead";
    case SKALD_REFUSED:
        return "refused";
    default:
        return "failed";
    }
}

static void outcome_tell(skald_whatif *w, const char *outcome, const skald_error *said)
{
    w->report->outcome = outcome;
    w->report->good = strcmp(outcome, "done") == 0 || strcmp(outcome, "skipped") == 0;
    w->report->text = said != NULL ? skald_whatif_keep(w, said->text) : NULL;
    if (said != NULL && said->sqlstate[0] != '\0')
        w->report->sqlstate = skald_whatif_keep(w, said->sqlstate);
}

/* What it said of itself. */
static void answer_tell(rehearsal *r, skald_status answer)
{
    skald_attempt attempt;
    const skald_status outcome =
        skald_context_outcome(&r->context, answer, r->handler->name, &attempt);
    if (outcome == SKALD_OK)
        outcome_tell(r->w, "done", NULL);
    else if (outcome == SKALD_SKIPPED)
        outcome_tell(r->w, "skipped", &attempt.error);
    else
        outcome_tell(r->w, word_of(&r->context, answer), &attempt.error);
}

/* The answer to a command is written by the fence, which is not asked here. */
static skald_status reply_show(rehearsal *r, skald_error *error)
{
    const skald_context *context = &r->context;
    if (context->later) {
        r->w->report->text = "a job of it answers the command later";
        return SKALD_OK;
    }
    skald_whatif_message *reply = skald_arena_alloc(&r->w->report->memory, sizeof *reply);
    if (reply == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a reply");
    *reply = (skald_whatif_message){
        .what = "reply",
        .type = context->reply_type != NULL ? context->reply_type : "without a body",
        .key = skald_whatif_keep(r->w, r->item->message.key),
        .operation = skald_whatif_keep(r->w, context->operation),
        .body = skald_arena_bytes(&r->w->report->memory, context->reply_body),
    };
    reply->fields = skald_whatif_fields(r->w, context->reply_type, reply->body);
    r->w->report->messages = reply;
    return SKALD_OK;
}

/* Runs it, and everything that would go out with its commit. A failure is the handler's. */
static skald_status handler_run(rehearsal *r, skald_error *error)
{
    const ProtobufCMessage *message = NULL;
    skald_status status = skald_decode(&message, r->handler->descriptor, r->item->message.body,
                                       &r->context.memory, error);
    if (status != SKALD_OK) {
        outcome_tell(r->w, "cannot be decoded", error);
        return SKALD_FAILED;
    }
    answer_tell(r, r->handler->run(&r->context, message));
    status = skald_pipeline_failure(r->pipeline, error);
    if (status == SKALD_OK && !r->w->report->good)
        return SKALD_FAILED;
    if (status == SKALD_OK)
        status = skald_context_job_flush(&r->context, error);
    if (status == SKALD_OK && skald_context_answers(&r->context))
        status = reply_show(r, error);
    if (status == SKALD_OK)
        status = skald_outbox_writer_send(&r->writer, r->pipeline, error);
    if (status == SKALD_OK)
        status = skald_job_writer_send(&r->jobs, r->pipeline, error);
    return status;
}

/* Nothing of it would be kept. `failure` is what PostgreSQL said, if that was it. */
static skald_status failure_tell(rehearsal *r, const skald_error *failure, skald_error *error)
{
    if (failure->status == SKALD_UNAVAILABLE || failure->status == SKALD_NO_MEMORY) {
        *error = *failure;
        return failure->status;
    }
    if (failure->status == SKALD_TIMEOUT || failure->status == SKALD_CONFLICT)
        return skald_whatif_gave_up(error);
    if (r->w->report->outcome == NULL || r->w->report->good)
        outcome_tell(r->w, "failed", failure);
    return SKALD_OK;
}

static skald_status transaction_run(rehearsal *r, skald_error *error)
{
    skald_error failure = {0};
    skald_status status = skald_pipeline_begin(r->pipeline, SKALD_WHATIF_IDLE_MS, error);
    if (status == SKALD_OK)
        status = skald_whatif_mark(r->w, r->pipeline, error);
    if (status != SKALD_OK)
        return status;
    skald_context_begin(&r->context, r->item, OWNER);
    status = handler_run(r, &failure);
    if (status == SKALD_OK) {
        status = skald_whatif_settle(r->pipeline, OWNER, &failure);
        return status == SKALD_OK ? skald_whatif_look(r->w, error)
                                  : failure_tell(r, &failure, error);
    }
    /* What PostgreSQL refused may be known only now. */
    skald_error refused;
    const skald_status ended = skald_pipeline_rollback(r->pipeline, &refused);
    if (ended != SKALD_OK)
        failure = refused;
    else if (skald_pipeline_failure(r->pipeline, &refused) != SKALD_OK)
        failure = refused;
    return failure_tell(r, &failure, error);
}

static skald_status handler_rehearse(rehearsal *r, skald_error *error)
{
    if (skald_pipeline_open(&r->pipeline, r->w->pg) != SKALD_OK)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a handler");
    skald_hub *hub = r->w->options->hub;
    skald_outbox_writer_init(&r->writer);
    skald_job_writer_init(&r->jobs, hub->name);
    skald_context_init(&r->context, hub, r->pipeline, &r->writer, &r->jobs);
    r->w->report->code = r->handler->name;
    const skald_status status = transaction_run(r, error);
    skald_context_done(&r->context);
    skald_job_writer_done(&r->jobs);
    skald_outbox_writer_done(&r->writer);
    skald_pipeline_close(r->pipeline);
    return status;
}

/* --- the job --------------------------------------------------------------------------------- */

/* The outside would notice. */
static void activity_tell(skald_whatif *w)
{
    w->report->outcome = "held back";
    w->report->good = true;
    w->report->text =
        "it is an activity, which may touch the world outside: what-if never calls one";
}

/* A command that was answered is answered again from what is remembered, without its handler. */
static skald_status fence_look(skald_whatif *w, const skald_message *message, skald_error *error)
{
    if (message->kind != SKALD_KIND_COMMAND)
        return SKALD_OK;
    const char *operation =
        skald_control_find(message->control, SKALD_CONTROL_OPERATION, &w->report->memory);
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(w->past, &rows, error, "SELECT state FROM skald.fence WHERE key = $1",
                    operation != NULL ? operation : "");
    if (status == SKALD_OK && skald_rows_count(rows) > 0)
        w->report->pretended =
            skald_arena_format(&w->report->memory,
                               "it was not seen before (it was, and is remembered as \"%s\": the "
                               "service would not run its handler)",
                               skald_rows_text(rows, 0, 0));
    skald_rows_free(rows);
    return status;
}

static skald_status message_rehearse(skald_whatif *w, skald_item *item, skald_error *error)
{
    skald_follower *follower = follower_find(w);
    if (follower == NULL)
        return skald_error_set(error, SKALD_INVALID, "this program has no follower \"%s\"",
                               w->report->job_of);
    const skald_handler *handler =
        skald_follower_handler(follower, item->message.kind, item->message.type);
    if (handler == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "follower \"%s\" of this program has no handler for \"%s\"",
                               w->report->job_of, item->message.type);
    rehearsal *r = calloc(1, sizeof *r);
    if (r == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a handler");
    skald_lane lane = {.follower = follower, .partition = item->message.partition};
    item->lane = &lane;
    r->w = w;
    r->handler = handler;
    r->item = item;
    skald_status status = fence_look(w, &item->message, error);
    if (status == SKALD_OK)
        status = handler_rehearse(r, error);
    free(r);
    return status;
}

skald_status skald_whatif_job(skald_whatif *w, skald_error *error)
{
    int64_t id = 0;
    bool queued = false;
    skald_item *item = NULL;
    skald_status status = job_find(w, &id, error);
    if (status == SKALD_OK)
        status = is_queued(w, id, &queued, error);
    if (status == SKALD_OK)
        status = skald_jobs_find(w->pg, id, &item, error);
    if (status == SKALD_OK && item == NULL)
        status =
            skald_error_set(error, SKALD_NOT_FOUND, "job %lld has just been done", (long long)id);
    if (status == SKALD_OK) {
        input_show(w, &item->message);
        if (queued)
            activity_tell(w);
        else
            status = message_rehearse(w, item, error);
    }
    skald_item_free(item);
    return status;
}
