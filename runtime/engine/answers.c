/* The public calls inside a step. */
#include "codec/decode.h"
#include "codec/encode.h"
#include "engine/call.h"

#include <string.h>

static skald_status misplaced(skald_context *context, const char *call, const char *place)
{
    skald_error error;
    skald_error_set(&error, SKALD_INVALID, "%s is for %s", call, place);
    return skald_context_failed(context, &error);
}

ProtobufCMessage *skald_saga_state(skald_context *context)
{
    return context->saga != NULL ? context->saga->state : NULL;
}

const char *skald_saga_id(const skald_context *context)
{
    return context->saga != NULL ? context->saga->id : "";
}

const char *skald_saga_undoes(const skald_context *context)
{
    return context->saga != NULL ? context->saga->undoes : "";
}

const ProtobufCMessage *skald_saga_answer(skald_context *context,
                                          const ProtobufCMessageDescriptor *descriptor)
{
    const skald_saga_call *call = context->saga;
    if (call == NULL || !call->accepts) {
        misplaced(context, "skald_saga_answer", "the accept of a step");
        return NULL;
    }
    if (call->answer_type == NULL || strcmp(call->answer_type, descriptor->name) != 0)
        return NULL;
    const ProtobufCMessage *message = NULL;
    skald_error error;
    if (skald_decode(&message, descriptor, call->answer, &context->memory, &error) != SKALD_OK)
        skald_context_failed(context, &error);
    return message;
}

skald_status skald_command(skald_context *context, const ProtobufCMessage *message)
{
    skald_saga_call *call = context->saga;
    if (call == NULL || !call->composes)
        return misplaced(context, "skald_command", "the compose of a step");
    skald_error error;
    const skald_status status = skald_encode(&call->command, message, &context->memory, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    call->command_type = message->descriptor->name;
    skald_context_type_note(context, message);
    return SKALD_OK;
}

/* --- locks ---------------------------------------------------------------------------------- */

static skald_status lock_check(skald_context *context, const char *call, const char *name)
{
    if (context->saga == NULL || !context->saga->locks)
        return misplaced(context, call, "local steps");
    if (name != NULL && name[0] != '\0' && strlen(name) < SKALD_LOCK_NAME_SIZE)
        return SKALD_OK;
    skald_error error;
    skald_error_set(&error, SKALD_INVALID, "a lock's name has 1 to %d bytes",
                    SKALD_LOCK_NAME_SIZE - 1);
    return skald_context_failed(context, &error);
}

skald_status skald_lock(skald_context *context, const char *name)
{
    skald_status status = lock_check(context, "skald_lock", name);
    if (status != SKALD_OK)
        return status;
    struct pg_result *rows = NULL;
    status =
        skald_query(context, &rows, "SELECT skald.saga_lock_take($1, $2)", name, context->saga->id);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_boolean(rows, 0, 0))
        return SKALD_OK;
    memcpy(context->saga->lock, name, strlen(name) + 1);
    return SKALD_NOT_YET;
}

skald_status skald_unlock(skald_context *context, const char *name)
{
    const skald_status status = lock_check(context, "skald_unlock", name);
    return status != SKALD_OK
               ? status
               : skald_exec(context, "SELECT skald.saga_lock_free(ARRAY[$1], ARRAY[$2])",
                            context->saga->id, name);
}
