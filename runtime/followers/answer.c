/* What a handler of commands can say besides the answers of every handler, and what is known of the
 * command in hand. */
#include "codec/encode.h"
#include "event/control.h"
#include "followers/context.h"

#include <skald/participant.h>

const char *skald_command_operation(const skald_context *context)
{
    return skald_context_answers(context) ? context->operation : NULL;
}

const char *skald_command_undoes(const skald_context *context)
{
    return context->undoes;
}

void skald_context_command_begin(skald_context *context)
{
    const char *control = context->item->message.control;
    context->operation = skald_control_find(control, SKALD_CONTROL_OPERATION, &context->memory);
    context->undoes = skald_control_find(control, SKALD_CONTROL_UNDOES, &context->memory);
    context->reply_type = NULL;
    context->reply_body = (skald_bytes){0};
    context->later = false;
    context->holds_job = false;
}

static skald_status misuse(skald_context *context, const char *text)
{
    skald_error error;
    skald_error_set(&error, SKALD_INVALID, "%s", text);
    return skald_context_failed(context, &error);
}

bool skald_context_answers(const skald_context *context)
{
    return context->item->message.addressee != NULL;
}

skald_status skald_reply(skald_context *context, const ProtobufCMessage *reply)
{
    if (!skald_context_answers(context))
        return misuse(context, "skald_reply answers a command, and none is in hand");
    if (context->reply_type != NULL)
        return misuse(context, "skald_reply was called twice for one command");
    skald_error error;
    const skald_status status = skald_encode(&context->reply_body, reply, &context->memory, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    context->reply_type = reply->descriptor->name;
    skald_context_type_note(context, reply);
    return SKALD_OK;
}

/* --- answering later ------------------------------------------------------------------------- */

skald_status skald_context_job_flush(skald_context *context, skald_error *error)
{
    if (!context->holds_job)
        return SKALD_OK;
    context->holds_job = false;
    return skald_job_writer_add(context->jobs, &context->held_job) == SKALD_OK
               ? SKALD_OK
               : skald_error_set(error, SKALD_NO_MEMORY, "no memory for a job");
}

skald_status skald_context_job_hold(skald_context *context, const skald_new_job *job,
                                    skald_error *error)
{
    const skald_status status = skald_context_job_flush(context, error);
    if (status != SKALD_OK)
        return status;
    context->held_job = *job;
    context->held_job.queue = skald_arena_text(&context->memory, job->queue);
    context->held_job.unique = skald_arena_text(&context->memory, job->unique);
    if (context->held_job.queue == NULL ||
        (job->unique != NULL && context->held_job.unique == NULL) ||
        !skald_effects_message_copy(&context->held_job.message, &context->memory))
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a job");
    context->holds_job = true;
    return SKALD_OK;
}

skald_status skald_reply_later(skald_context *context)
{
    if (context->item->message.kind != SKALD_KIND_COMMAND)
        return misuse(context, "skald_reply_later is for handlers of commands");
    if (context->later || context->reply_type != NULL)
        return misuse(context, "the command was answered before skald_reply_later");
    if (!context->holds_job)
        return misuse(context, "skald_reply_later comes after the skald_enqueue of the job that "
                               "answers");
    if (context->held_job.unique != NULL)
        return misuse(context, "the job that answers a command may not be unique: it could be left "
                               "out, and nobody would answer");
    skald_message *message = &context->held_job.message;
    message->addressee = context->origin;
    message->control = context->item->message.control;
    context->later = true;
    return SKALD_OK;
}
