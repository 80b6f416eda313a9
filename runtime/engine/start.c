/* Starting and telling sagas in a handler, an activity or a step; service/saga.c does it on the
 * user's own connection. */
#include "engine/start.h"
#include "base/utf8.h"
#include "codec/encode.h"
#include "engine/call.h"

#include <skald/partition.h>
#include <string.h>

/* --- checks --------------------------------------------------------------------------------- */

skald_status skald_saga_id_check(const char *id, skald_error *error)
{
    if (id == NULL || id[0] == '\0')
        return skald_error_set(error, SKALD_INVALID, "a saga needs an id");
    const size_t size = strlen(id);
    if (size > SKALD_SAGA_ID_SIZE_MAX)
        return skald_error_set(error, SKALD_INVALID,
                               "the saga id \"%.60s...\" has %zu bytes, at most %u are possible",
                               id, size, SKALD_SAGA_ID_SIZE_MAX);
    if (skald_utf8_valid_size(id, size) != size)
        return skald_error_set(error, SKALD_INVALID, "a saga id is not valid UTF-8");
    for (const unsigned char *c = (const unsigned char *)id; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            return skald_error_set(error, SKALD_INVALID,
                                   "the saga id \"%.60s\" has a control character", id);
    }
    return SKALD_OK;
}

static skald_status kind_check(const skald_saga_kind *kind, const skald_definition *definition,
                               const ProtobufCMessage *state, skald_error *error)
{
    if (kind == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "definition \"%s\" is not registered: call skald_orchestrate before "
                               "the start",
                               definition != NULL ? definition->name : "NULL");
    if (state == NULL || state->descriptor == NULL)
        return skald_error_set(error, SKALD_INVALID, "a saga of \"%s\" is started without a state",
                               kind->definition->name);
    if (state->descriptor != kind->options.state)
        return skald_error_set(error, SKALD_INVALID, "the state of \"%s\" version %u is %s, not %s",
                               kind->definition->name, kind->definition->version,
                               kind->options.state->name, state->descriptor->name);
    return SKALD_OK;
}

static skald_status id_find(const char **out, const skald_saga_kind *kind,
                            const ProtobufCMessage *state, skald_arena *arena, skald_error *error)
{
    if (*out != NULL)
        return SKALD_OK;
    if (kind->id_field.depth == 0)
        return skald_error_set(error, SKALD_INVALID,
                               "a saga of \"%s\" is started without an id: give one, or set "
                               "skald_saga_options.id_field",
                               kind->definition->name);
    char room[SKALD_FIELD_TEXT_SIZE];
    const char *text = skald_field_text(&kind->id_field, state, room);
    if (text == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "a saga of \"%s\" is started with a state whose %s is empty",
                               kind->definition->name, kind->options.id_field);
    *out = skald_arena_text(arena, text);
    return *out != NULL ? SKALD_OK : skald_error_set(error, SKALD_NO_MEMORY, "no memory for an id");
}

skald_status skald_new_saga_compose(skald_new_saga *out, const skald_sagas *sagas,
                                    uint32_t partitions, const skald_definition *definition,
                                    const char *id, const ProtobufCMessage *state,
                                    skald_arena *arena, skald_error *error)
{
    const skald_saga_kind *kind = sagas != NULL && definition != NULL
                                      ? skald_saga_kind_newest(sagas, definition->name)
                                      : NULL;
    skald_new_saga saga = {.kind = kind, .id = id};
    skald_status status = kind_check(kind, definition, state, error);
    if (status == SKALD_OK)
        status = id_find(&saga.id, kind, state, arena, error);
    if (status == SKALD_OK)
        status = skald_saga_id_check(saga.id, error);
    if (status == SKALD_OK)
        status = skald_encode(&saga.state, state, arena, error);
    if (status != SKALD_OK)
        return status;
    saga.partition = skald_partition_of(saga.id, strlen(saga.id), partitions);
    *out = saga;
    return SKALD_OK;
}

skald_status skald_saga_signal_compose(skald_saga_telling *out, const char *id, const char *name,
                                       const ProtobufCMessage *message, skald_arena *arena,
                                       skald_error *error)
{
    skald_saga_telling telling = {.id = id, .event = "signal", .name = name};
    skald_status status = skald_saga_id_check(id, error);
    if (status == SKALD_OK &&
        (name == NULL || name[0] == '\0' || strlen(name) > SKALD_STEP_TYPE_SIZE_MAX ||
         skald_utf8_valid_size(name, strlen(name)) != strlen(name)))
        status = skald_error_set(error, SKALD_INVALID, "a signal's name has 1 to %u bytes",
                                 SKALD_STEP_TYPE_SIZE_MAX);
    if (status == SKALD_OK && message != NULL)
        status = skald_encode(&telling.body, message, arena, error);
    if (status != SKALD_OK)
        return status;
    if (message != NULL)
        telling.type = message->descriptor->name;
    *out = telling;
    return SKALD_OK;
}

/* --- parameters ------------------------------------------------------------------------------ */

void skald_new_saga_params(const skald_new_saga *saga, const char *service,
                           const skald_message *parent, skald_param params[SKALD_SAGA_START_PARAMS])
{
    static const skald_message nobody;
    if (parent == NULL)
        parent = &nobody;
    const char *correlation = parent->correlation_id != NULL ? parent->correlation_id : parent->id;
    params[0] = skald_text(service);
    params[1] = skald_text(saga->id);
    params[2] = skald_integer(saga->partition);
    params[3] = skald_text(saga->kind->definition->name);
    params[4] = skald_integer(saga->kind->definition->version);
    params[5] = skald_integer((int64_t)saga->kind->plan.fingerprint);
    params[6] = skald_text(saga->kind->options.state->name);
    params[7] = skald_bytea(saga->state.data != NULL ? saga->state.data : "", saga->state.size);
    params[8] = skald_text(correlation);
    params[9] = skald_text(parent->id);
    params[10] = skald_text(parent->traceparent);
    params[11] = skald_text(parent->tracestate);
}

void skald_saga_telling_params(const skald_saga_telling *telling, const char *service,
                               uint32_t partitions, skald_param params[SKALD_SAGA_TELL_PARAMS])
{
    params[0] = skald_text(service);
    params[1] = skald_integer(skald_partition_of(telling->id, strlen(telling->id), partitions));
    params[2] = skald_text(telling->id);
    params[3] = skald_text(telling->event);
    params[4] = skald_text(telling->name);
    params[5] = skald_text(telling->type);
    params[6] =
        telling->type != NULL
            ? skald_bytea(telling->body.data != NULL ? telling->body.data : "", telling->body.size)
            : skald_null();
    params[7] = skald_text(telling->reason);
    params[8] = skald_text(NULL);
    params[9] = skald_text(telling->message_id);
}

/* --- in a handler, an activity or a step ------------------------------------------------------ */

/* The commit of the transaction in hand has something for the engine. */
static void tell_later(skald_context *context)
{
    atomic_store(&context->hub->enqueued, true);
    context->tells_sagas = true;
}

skald_status skald_saga_start(skald_context *context, const skald_definition *definition,
                              const char *id, const ProtobufCMessage *state)
{
    skald_error error;
    skald_new_saga saga;
    const skald_status status =
        skald_new_saga_compose(&saga, context->hub->sagas, context->hub->partitions, definition, id,
                               state, &context->memory, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    skald_param params[SKALD_SAGA_START_PARAMS];
    skald_new_saga_params(&saga, context->hub->name, &context->item->message, params);
    tell_later(context);
    return skald_exec_params(context, SKALD_SAGA_START_SQL, SKALD_SAGA_START_PARAMS, params);
}

static skald_status tell(skald_context *context, const skald_saga_telling *telling)
{
    skald_param params[SKALD_SAGA_TELL_PARAMS];
    skald_saga_telling_params(telling, context->hub->name, context->hub->partitions, params);
    tell_later(context);
    return skald_exec_params(context, SKALD_SAGA_TELL_SQL, SKALD_SAGA_TELL_PARAMS, params);
}

skald_status skald_saga_signal(skald_context *context, const char *id, const char *name,
                               const ProtobufCMessage *message)
{
    skald_error error;
    skald_saga_telling telling;
    const skald_status status =
        skald_saga_signal_compose(&telling, id, name, message, &context->memory, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    telling.message_id = context->item->message.id;
    return tell(context, &telling);
}

skald_status skald_saga_cancel(skald_context *context, const char *id, const char *reason)
{
    skald_error error;
    if (skald_saga_id_check(id, &error) != SKALD_OK)
        return skald_context_failed(context, &error);
    const skald_saga_telling telling = {
        .id = id, .event = "cancel", .reason = reason, .message_id = context->item->message.id};
    return tell(context, &telling);
}

/* --- events that are signals ------------------------------------------------------------------ */

/* Whoever waits for the same type may have its id in another field, or the same again. */
static bool told_before(const skald_sagas *sagas, uint32_t row, const ProtobufCMessage *message,
                        const char *id)
{
    char room[SKALD_FIELD_TEXT_SIZE];
    for (uint32_t i = 0; i < row; i++) {
        const char *other = sagas->events[i].type == message->descriptor
                                ? skald_field_text(&sagas->events[i].field, message, room)
                                : NULL;
        if (other != NULL && strcmp(other, id) == 0)
            return true;
    }
    return false;
}

/* The message in hand is the signal, as it came. An event without an id is for nobody. */
static skald_status event_tell(skald_context *context, uint32_t row,
                               const ProtobufCMessage *message)
{
    const skald_sagas *sagas = context->hub->sagas;
    char room[SKALD_FIELD_TEXT_SIZE];
    const char *id = skald_field_text(&sagas->events[row].field, message, room);
    skald_error error;
    if (id == NULL || told_before(sagas, row, message, id))
        return SKALD_OK;
    if (skald_saga_id_check(id, &error) != SKALD_OK)
        return skald_skip(context, "%s", error.text);
    const skald_saga_telling telling = {
        .id = id,
        .event = "signal",
        .name = message->descriptor->name,
        .type = message->descriptor->name,
        .body = context->item->message.body,
        .message_id = context->item->message.id,
    };
    return tell(context, &telling);
}

skald_status skald_saga_event_handle(skald_context *context, const ProtobufCMessage *message)
{
    const skald_sagas *sagas = context->hub->sagas;
    skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < sagas->event_count && status == SKALD_OK; i++) {
        if (sagas->events[i].type == message->descriptor)
            status = event_tell(context, i, message);
    }
    return status;
}
