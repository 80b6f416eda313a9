/* What a service does again and again: declared before the start, written to skald.schedule at it.
 */
#include "codec/encode.h"
#include "cron.h"
#include "keeper/civil.h"
#include "service/service_inside.h"

#include <skald/partition.h>
#include <skald/schedule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 256, SCHEDULES_MAX = 1000 };

struct skald_schedule_row {
    struct skald_schedule_row *next;
    skald_cron cron;
    char name[SKALD_SERVICE_NAME_MAX + 1];
    char cron_text[TEXT_SIZE];
    char zone[TEXT_SIZE];
    char queue[TEXT_SIZE]; /* "": published */
    char key[SKALD_KEY_SIZE_MAX + 1];
    const char *missed;
    const char *type;
    skald_arena memory; /* of the body */
    skald_bytes body;
};

/* --- declaring ------------------------------------------------------------------------------ */

static const char *missed_name(skald_missed missed)
{
    switch (missed) {
    case SKALD_MISSED_ONCE:
        return "once";
    case SKALD_MISSED_ALL:
        return "all";
    case SKALD_MISSED_SKIP:
        return "skip";
    default:
        return NULL;
    }
}

static skald_status options_check(const char *name, const skald_schedule_options *options,
                                  skald_error *error)
{
    if (options->size != sizeof *options)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_schedule_options.size is %zu, not %zu: use "
                               "SKALD_SCHEDULE_OPTIONS_INIT",
                               options->size, sizeof *options);
    if (missed_name(options->missed) == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "schedule \"%s\": missed is %d, which is none of SKALD_MISSED_...",
                               name, (int)options->missed);
    if (options->queue != NULL && !skald_name_valid(options->queue))
        return skald_error_set(error, SKALD_INVALID,
                               "schedule \"%s\": \"%.60s\" is not the name of a queue", name,
                               options->queue);
    if (options->time_zone != NULL &&
        (options->time_zone[0] == '\0' || strlen(options->time_zone) >= TEXT_SIZE))
        return skald_error_set(error, SKALD_INVALID,
                               "schedule \"%s\": the time zone is empty or too long", name);
    if (options->key != NULL && strlen(options->key) > SKALD_KEY_SIZE_MAX)
        return skald_error_set(error, SKALD_FULL,
                               "schedule \"%s\": the key has %zu bytes, at most %u are possible",
                               name, strlen(options->key), SKALD_KEY_SIZE_MAX);
    return SKALD_OK;
}

static skald_status name_check(const skald_service *service, const char *name, skald_error *error)
{
    if (service->state != SKALD_SERVICE_OPEN)
        return skald_error_set(error, SKALD_INVALID, "skald_schedule comes before the start");
    if (!skald_name_valid(name))
        return skald_error_set(error, SKALD_INVALID,
                               "\"%.60s\" is not a schedule's name: lower-case letters, digits "
                               "and \"-\", beginning with a letter, at most %d characters",
                               name == NULL ? "NULL" : name, SKALD_SERVICE_NAME_MAX);
    uint32_t count = 0;
    for (const skald_schedule_row *row = service->schedules; row != NULL; row = row->next) {
        if (strcmp(row->name, name) == 0)
            return skald_error_set(error, SKALD_INVALID, "schedule \"%s\" is declared twice", name);
        count++;
    }
    if (count == SCHEDULES_MAX)
        return skald_error_set(error, SKALD_FULL, "a service has at most %d schedules",
                               SCHEDULES_MAX);
    return SKALD_OK;
}

/* The words about the fields are cron's; which schedule it is, is known here. */
static skald_status cron_take(skald_schedule_row *row, const char *text, skald_error *error)
{
    skald_error wrong = {0};
    if (text == NULL || strlen(text) >= TEXT_SIZE)
        return skald_error_set(error, SKALD_INVALID,
                               "schedule \"%s\": the cron text is missing or too long", row->name);
    const skald_status status = skald_cron_parse(&row->cron, text, &wrong);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "schedule \"%s\": %.400s", row->name, wrong.text);
    snprintf(row->cron_text, sizeof row->cron_text, "%s", text);
    return SKALD_OK;
}

static skald_status message_take(skald_schedule_row *row, const ProtobufCMessage *message,
                                 skald_error *error)
{
    if (message == NULL || message->descriptor == NULL)
        return skald_error_set(error, SKALD_INVALID, "schedule \"%s\" has no message", row->name);
    row->type = message->descriptor->name;
    return skald_encode(&row->body, message, &row->memory, error);
}

static void row_free(skald_schedule_row *row)
{
    skald_arena_done(&row->memory);
    free(row);
}

static skald_status row_new(skald_schedule_row **out, const char *name, const char *cron,
                            const ProtobufCMessage *message, const skald_schedule_options *options,
                            skald_error *error)
{
    skald_schedule_row *row = calloc(1, sizeof *row);
    if (row == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a schedule");
    skald_arena_init(&row->memory, 0);
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->zone, sizeof row->zone, "%s",
             options->time_zone != NULL ? options->time_zone : "UTC");
    snprintf(row->queue, sizeof row->queue, "%s", options->queue != NULL ? options->queue : "");
    snprintf(row->key, sizeof row->key, "%s", options->key != NULL ? options->key : name);
    row->missed = missed_name(options->missed);
    skald_status status = cron_take(row, cron, error);
    if (status == SKALD_OK)
        status = message_take(row, message, error);
    if (status == SKALD_OK)
        *out = row;
    else
        row_free(row);
    return status;
}

skald_status skald_schedule(skald_service *service, const char *name, const char *cron,
                            const ProtobufCMessage *message, const skald_schedule_options *options)
{
    static const skald_schedule_options nothing = SKALD_SCHEDULE_OPTIONS_INIT;
    if (service == NULL)
        return SKALD_INVALID;
    if (options == NULL)
        options = &nothing;
    skald_error error = {0};
    skald_schedule_row *row = NULL;
    skald_status status = name_check(service, name, &error);
    if (status == SKALD_OK)
        status = options_check(name, options, &error);
    if (status == SKALD_OK)
        status = row_new(&row, name, cron, message, options, &error);
    if (status != SKALD_OK) {
        if (service->mistake.status == SKALD_OK)
            service->mistake = error;
        return status;
    }
    row->next = service->schedules;
    service->schedules = row;
    return SKALD_OK;
}

/* --- writing it down ------------------------------------------------------------------------ */

static skald_status now_load(int64_t *now_us, skald_pg *pg, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(pg, &rows, error, "SELECT (extract(epoch FROM skald.now()) * 1000000)::bigint");
    if (status != SKALD_OK)
        return status;
    *now_us = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return SKALD_OK;
}

static skald_status next_find(int64_t *next_us, const skald_schedule_row *row, skald_pg *pg,
                              skald_error *error)
{
    int64_t now_us = 0;
    skald_status status = skald_civil_zone_check(pg, row->name, row->zone, error);
    if (status == SKALD_OK)
        status = now_load(&now_us, pg, error);
    if (status != SKALD_OK)
        return status;
    if (row->cron.every_ms == 0)
        return skald_civil_next(next_us, pg, &row->cron, row->zone, now_us, error);
    *next_us = now_us + (int64_t)row->cron.every_ms * 1000;
    return SKALD_OK;
}

/* What a person has changed stays as long as the program declares the same; and what is due stays
 * due as long as its times are the same. */
static skald_status row_write(const skald_schedule_row *row, uint32_t partition, int64_t next_us,
                              skald_pg *pg, skald_error *error)
{
    const skald_param params[] = {
        skald_text(row->name),
        skald_text(row->cron_text),
        skald_text(row->zone),
        skald_text(row->missed),
        skald_text(row->queue[0] != '\0' ? row->queue : NULL),
        skald_text(row->type),
        skald_text(row->key),
        skald_integer(partition),
        skald_bytea(row->body.data, row->body.size),
        skald_integer(next_us),
    };
    skald_error refused = {0};
    const skald_status status = skald_pg_run(
        pg, NULL,
        "INSERT INTO skald.schedule AS s (name, cron, time_zone, missed, queue, type, key,"
        " partition, body, next_at, declared) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
        " timestamptz 'epoch' + $10::bigint * interval '1 microsecond',"
        " concat_ws(' | ', $2::text, $3::text, $4::text, coalesce($5::text, '(published)'),"
        "  $6::text, $7::text, encode(sha256($9::bytea), 'hex')))"
        " ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, time_zone = excluded.time_zone,"
        " missed = excluded.missed, queue = excluded.queue, type = excluded.type,"
        " key = excluded.key, partition = excluded.partition, body = excluded.body,"
        " declared = excluded.declared, failed_at = NULL, failure = NULL,"
        " next_at = CASE WHEN s.cron = excluded.cron AND s.time_zone = excluded.time_zone"
        "  THEN s.next_at ELSE excluded.next_at END"
        " WHERE s.declared <> excluded.declared",
        sizeof params / sizeof params[0], params, &refused);
    if (status == SKALD_DATABASE && strcmp(refused.sqlstate, "23503") == 0)
        return skald_error_set(error, SKALD_INVALID,
                               "schedule \"%s\" is for queue \"%s\", which nobody has declared: a "
                               "program of this service must call skald_queue for it",
                               row->name, row->queue);
    if (status != SKALD_OK && error != NULL)
        *error = refused;
    return status;
}

skald_status skald_schedules_declare(skald_service *service, skald_pg *pg, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (const skald_schedule_row *row = service->schedules; row != NULL && status == SKALD_OK;
         row = row->next) {
        const uint32_t partition =
            skald_partition_of(row->key, strlen(row->key), service->hub.partitions);
        int64_t next_us = 0;
        status = next_find(&next_us, row, pg, error);
        if (status == SKALD_OK)
            status = row_write(row, partition, next_us, pg, error);
    }
    return status;
}

void skald_schedules_free(skald_service *service)
{
    while (service->schedules != NULL) {
        skald_schedule_row *next = service->schedules->next;
        row_free(service->schedules);
        service->schedules = next;
    }
}
