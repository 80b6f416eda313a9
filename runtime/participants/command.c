/* In: lines of control. Out: a message with such lines. */
#include "participants/command.h"
#include "event/control.h"

#include <skald/partition.h>
#include <string.h>

skald_status skald_command_read(skald_command *out, const skald_message *message,
                                skald_arena *arena, skald_error *error)
{
    const skald_command command = {
        .operation = skald_control_find(message->control, SKALD_CONTROL_OPERATION, arena),
        .undoes = skald_control_find(message->control, SKALD_CONTROL_UNDOES, arena),
    };
    if (command.operation == NULL || command.operation[0] == '\0')
        return skald_error_set(error, SKALD_MALFORMED,
                               "a command needs a header \"" SKALD_CONTROL_OPERATION "\"");
    if (command.undoes != NULL && strcmp(command.operation, command.undoes) == 0)
        return skald_error_set(error, SKALD_MALFORMED,
                               "the command of operation \"%.200s\" is to take itself back",
                               command.operation);
    *out = command;
    return SKALD_OK;
}

skald_status skald_command_reply(skald_message *out, const skald_message *message,
                                 const skald_command *command, const char *addressee,
                                 const skald_command_answer *answer, uint32_t partitions,
                                 skald_arena *arena, skald_error *error)
{
    const skald_control control = {
        .operation = command->operation, .outcome = answer->outcome, .reason = answer->reason};
    const char *lines = skald_control_write(&control, arena);
    char *id = skald_arena_alloc(arena, 37);
    if (lines == NULL || id == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a reply");
    skald_uuid7(id);
    const char *key = message->key != NULL ? message->key : "";
    *out = (skald_message){
        .kind = SKALD_KIND_REPLY,
        .previous = -1,
        .partition = skald_partition_of(key, strlen(key), partitions),
        .id = id,
        .type = answer->type != NULL ? answer->type : SKALD_TYPE_NOTHING,
        .key = key,
        .correlation_id = message->correlation_id,
        .causation_id = message->id,
        .traceparent = message->traceparent,
        .tracestate = message->tracestate,
        .addressee = addressee,
        .control = lines,
        .body = answer->type != NULL ? answer->body : (skald_bytes){"", 0},
    };
    return SKALD_OK;
}
