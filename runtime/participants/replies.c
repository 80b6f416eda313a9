/* A reply names its operation, and the operation its saga. */
#include "participants/replies.h"
#include "event/control.h"
#include "participants/command.h"

#include <skald/partition.h>
#include <string.h>

enum { COLUMNS = 9, SAGA_ID_SIZE_MAX = 160 };

static void columns_list(skald_replies *replies, skald_array *columns[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = &replies->columns[i];
}

void skald_replies_init(skald_replies *replies)
{
    static const skald_array_of kinds[COLUMNS] = {
        SKALD_ARRAY_INT2,  SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,
        SKALD_ARRAY_BYTEA, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT};
    for (int i = 0; i < COLUMNS; i++)
        skald_array_init(&replies->columns[i], kinds[i]);
}

void skald_replies_done(skald_replies *replies)
{
    skald_array *columns[COLUMNS];
    columns_list(replies, columns);
    skald_arrays_done(columns, COLUMNS);
}

void skald_replies_clear(skald_replies *replies)
{
    skald_array *columns[COLUMNS];
    columns_list(replies, columns);
    skald_arrays_clear(columns, COLUMNS);
}

uint32_t skald_replies_count(const skald_replies *replies)
{
    return replies->columns[0].count;
}

/* The key as our engine knows it, without our name before it; NULL: it is not ours. */
static const char *own_key(const char *operation, const char *service)
{
    const size_t size = strlen(service);
    return operation != NULL && strncmp(operation, service, size) == 0 && operation[size] == '/'
               ? operation + size + 1
               : NULL;
}

/* What stands before the last two parts of an operation's key; 0: it is none. */
static size_t saga_size(const char *operation)
{
    const char *last = strrchr(operation, '/');
    if (last == NULL)
        return 0;
    const char *before = memrchr(operation, '/', (size_t)(last - operation));
    return before == NULL ? 0 : (size_t)(before - operation);
}

static bool outcome_known(const char *outcome)
{
    return outcome != NULL && (strcmp(outcome, SKALD_OUTCOME_DONE) == 0 ||
                               strcmp(outcome, SKALD_OUTCOME_REFUSED) == 0 ||
                               strcmp(outcome, SKALD_OUTCOME_FAILED) == 0);
}

skald_status skald_replies_add(skald_replies *replies, const skald_message *message,
                               const char *service, const char *stream, uint32_t partitions,
                               skald_arena *scratch, skald_error *error)
{
    const char *operation =
        own_key(skald_control_find(message->control, SKALD_CONTROL_OPERATION, scratch), service);
    const char *outcome = skald_control_find(message->control, SKALD_CONTROL_OUTCOME, scratch);
    const size_t size = operation != NULL ? saga_size(operation) : 0;
    if (size == 0 || size > SAGA_ID_SIZE_MAX || !outcome_known(outcome))
        return skald_error_set(
            error, SKALD_MALFORMED,
            "a reply needs headers \"" SKALD_CONTROL_OPERATION
            "\", with the key of an operation of ours, and \"" SKALD_CONTROL_OUTCOME
            "\", which is done, refused or failed");
    const char *saga = skald_arena_text_sized(scratch, operation, size);
    const bool body = message->type != NULL && strcmp(message->type, SKALD_TYPE_NOTHING) != 0;
    skald_array *columns = replies->columns;
    skald_array_integer(&columns[0], skald_partition_of(operation, size, partitions));
    skald_array_text(&columns[1], saga);
    skald_array_text(&columns[2], outcome);
    skald_array_text(&columns[3], operation);
    skald_array_text(&columns[4], body ? message->type : NULL);
    if (body)
        skald_array_bytes(&columns[5], message->body);
    else
        skald_array_null(&columns[5]);
    skald_array_text(&columns[6],
                     skald_control_find(message->control, SKALD_CONTROL_REASON, scratch));
    skald_array_text(&columns[7], message->id);
    skald_array_text(&columns[8], stream);
    skald_array *list[COLUMNS];
    columns_list(replies, list);
    return saga != NULL && skald_arrays_ok(list, COLUMNS)
               ? SKALD_OK
               : skald_error_set(error, SKALD_NO_MEMORY, "no memory for a reply");
}

skald_status skald_replies_send(skald_replies *replies, skald_pipeline *pipeline,
                                skald_error *error)
{
    if (skald_replies_count(replies) == 0)
        return SKALD_OK;
    skald_array *columns[COLUMNS];
    columns_list(replies, columns);
    skald_param params[COLUMNS];
    skald_arrays_params(columns, COLUMNS, params);
    return skald_pipeline_send(
        pipeline, SKALD_PIPELINE_NOBODY,
        "INSERT INTO skald.saga_input (partition, saga, event, operation, type, body, reason,"
        " message_id, name) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        COLUMNS, params, error);
}
