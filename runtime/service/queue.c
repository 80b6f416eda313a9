/* Queues as users of a service see them: declared before the start, used by enqueueing, looking and
 * cancelling on the user's own connection. */
#include "base/arena.h"
#include "effects/enqueue.h"
#include "pg/guest.h"
#include "service/service_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPOSE_MEMORY_MAX = 4 * 1024 * 1024 };

/* --- declaring ------------------------------------------------------------------------------ */

static skald_status declaration_check(const skald_service *service, const char *name,
                                      const skald_activity *activity, skald_error *error)
{
    if (service->state != SKALD_SERVICE_OPEN)
        return skald_error_set(error, SKALD_INVALID, "skald_queue comes before the start");
    if (!skald_name_valid(name))
        return skald_error_set(error, SKALD_INVALID,
                               "\"%.60s\" is not a queue's name: lower-case letters, digits and "
                               "\"-\", beginning with a letter, at most %d characters",
                               name == NULL ? "NULL" : name, SKALD_SERVICE_NAME_MAX);
    if (activity == NULL || activity->name == NULL || activity->descriptor == NULL ||
        activity->run == NULL)
        return skald_error_set(error, SKALD_INVALID, "queue \"%s\" needs an activity", name);
    return SKALD_OK;
}

static skald_status queue_new(skald_service *service, const char *name,
                              const skald_queue_options *options, skald_work_queue **out,
                              skald_error *error)
{
    skald_work_queue **tail = &service->work_queues;
    uint32_t count = 0;
    for (; *tail != NULL; tail = &(*tail)->next)
        count++;
    if (count == SKALD_QUEUES_MAX)
        return skald_error_set(error, SKALD_FULL, "a service has at most %d queues",
                               SKALD_QUEUES_MAX);
    const skald_status status =
        skald_work_queue_new(tail, name, options, &service->hub.policy, error);
    if (status == SKALD_OK)
        *out = *tail;
    return status;
}

skald_status skald_queue(skald_service *service, const char *queue, const skald_activity *activity,
                         const skald_queue_options *options)
{
    if (service == NULL)
        return SKALD_INVALID;
    skald_error error = {0};
    skald_status status = declaration_check(service, queue, activity, &error);
    if (status != SKALD_OK)
        return skald_mistake_keep(service, &error);
    skald_work_queue *found = service->work_queues;
    while (found != NULL && strcmp(found->name, queue) != 0)
        found = found->next;
    if (found == NULL)
        status = queue_new(service, queue, options, &found, &error);
    else if (!skald_work_queue_same(found, options))
        status = skald_error_set(&error, SKALD_INVALID,
                                 "queue \"%s\" is declared twice with different options: give them "
                                 "with the first activity, and NULL with the others",
                                 queue);
    if (status == SKALD_OK)
        status = skald_work_queue_add(found, activity, &error);
    return status == SKALD_OK ? SKALD_OK : skald_mistake_keep(service, &error);
}

/* --- starting ------------------------------------------------------------------------------- */

static skald_status rows_make(skald_service *service, skald_error *error)
{
    skald_pg *pg = NULL;
    skald_status status =
        skald_pg_open(&pg, service->options.database, service->application, error);
    for (skald_work_queue *queue = service->work_queues; queue != NULL && status == SKALD_OK;
         queue = queue->next)
        status = skald_work_queue_register(queue, pg, error);
    skald_pg_close(pg);
    return status;
}

skald_status skald_service_queues_ready(skald_service *service, skald_error *error)
{
    if (service->work_queues == NULL)
        return SKALD_OK;
    const skald_status status = rows_make(service, error);
    return status != SKALD_OK
               ? status
               : skald_queues_open(&service->queues, &service->hub, service->work_queues, error);
}

void skald_service_queues_free(skald_service *service)
{
    while (service->work_queues != NULL) {
        skald_work_queue *next = service->work_queues->next;
        free(service->work_queues);
        service->work_queues = next;
    }
    skald_key_set_done(&service->hub.queue_names);
}

/* --- on the user's connection ---------------------------------------------------------------- */

static skald_status started_check(const skald_service *service, skald_error *error)
{
    if (service != NULL && service->hub.partitions != 0)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "the service has not been started: use its queues after "
                           "skald_service_start");
}

skald_status skald_enqueue_on(skald_service *service, struct pg_conn *connection, const char *queue,
                              const ProtobufCMessage *input, const skald_enqueue_options *options,
                              char id[37], skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status != SKALD_OK)
        return status;
    skald_arena arena;
    skald_arena_init(&arena, COMPOSE_MEMORY_MAX);
    skald_new_job job;
    status = skald_new_job_compose(&job, queue, input, options, NULL, service->hub.partitions,
                                   &arena, error);
    if (status == SKALD_OK)
        status = skald_new_job_write_on(connection, service->name, &job, id, error);
    if (status == SKALD_OK)
        atomic_store(&service->hub.enqueued, true);
    skald_arena_done(&arena);
    return status;
}

static skald_job_state state_of(const char *text)
{
    static const struct {
        const char *text;
        skald_job_state state;
    } states[] = {
        {"waiting", SKALD_JOB_WAITING},     {"running", SKALD_JOB_RUNNING},
        {"done", SKALD_JOB_DONE},           {"dead", SKALD_JOB_DEAD},
        {"cancelled", SKALD_JOB_CANCELLED},
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(states[i].text, text) == 0)
            return states[i].state;
    }
    return SKALD_JOB_OVER;
}

/* The columns of the question in skald_job_look_on. */
enum {
    VIEW_ID,
    VIEW_STATE,
    VIEW_PROGRESS,
    VIEW_NOTE,
    VIEW_ATTEMPTS,
    VIEW_REASON,
    VIEW_TYPE,
    VIEW_RESULT
};

static void text_fill(char *out, size_t size, const skald_rows *rows, int column)
{
    snprintf(out, size, "%s",
             skald_rows_null(rows, 0, column) ? "" : skald_rows_text(rows, 0, column));
}

static void view_fill(skald_job_view *out, void *result, size_t result_room, const skald_rows *rows)
{
    *out = (skald_job_view){
        .state = state_of(skald_rows_text(rows, 0, VIEW_STATE)),
        .progress = (double)skald_rows_integer(rows, 0, VIEW_PROGRESS) / 1e6,
        .attempts = (uint32_t)skald_rows_integer(rows, 0, VIEW_ATTEMPTS),
    };
    text_fill(out->note, sizeof out->note, rows, VIEW_NOTE);
    text_fill(out->reason, sizeof out->reason, rows, VIEW_REASON);
    text_fill(out->result_type, sizeof out->result_type, rows, VIEW_TYPE);
    if (skald_rows_null(rows, 0, VIEW_RESULT))
        return;
    const skald_bytes bytes = skald_rows_bytes(rows, 0, VIEW_RESULT);
    out->result_size = bytes.size;
    if (result != NULL && result_room > 0)
        memcpy(result, bytes.data, bytes.size < result_room ? bytes.size : result_room);
}

static skald_status look_judge(const skald_service *service, const char *id, const skald_rows *rows,
                               skald_error *error)
{
    if (skald_rows_count(rows) == 0)
        return skald_error_set(error, SKALD_INVALID,
                               "the connection leads to another database than that of service "
                               "\"%s\"",
                               service->name);
    if (skald_rows_null(rows, 0, VIEW_ID))
        return skald_error_set(error, SKALD_NOT_FOUND,
                               "there is no job \"%.60s\" in a queue of service \"%s\", or it "
                               "ended longer ago than its queue keeps it",
                               id, service->name);
    return SKALD_OK;
}

skald_status skald_job_look_on(skald_service *service, struct pg_conn *connection, const char *id,
                               skald_job_view *out, void *result, size_t result_room,
                               skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status == SKALD_OK && (id == NULL || out == NULL))
        status = skald_error_set(error, SKALD_INVALID, "skald_job_look_on needs an id and a view");
    if (status != SKALD_OK)
        return status;
    const skald_param params[] = {skald_text(service->name), skald_text(id)};
    skald_rows *rows = NULL;
    status = skald_pg_guest_query(
        connection, &rows,
        "SELECT j.id, j.state, (j.progress * 1e6)::bigint, j.progress_note, j.attempts, j.reason,"
        " j.result_type, j.result FROM skald.service AS s LEFT JOIN skald.job AS j"
        " ON j.message_id = lower($2) AND j.queue IS NOT NULL WHERE s.name = $1",
        2, params, error);
    if (status == SKALD_OK)
        status = look_judge(service, id, rows, error);
    if (status == SKALD_OK)
        view_fill(out, result, result_room, rows);
    skald_rows_free(rows);
    return status;
}

skald_status skald_cancel_on(skald_service *service, struct pg_conn *connection, const char *id,
                             const char *reason, skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status == SKALD_OK && id == NULL)
        status = skald_error_set(error, SKALD_INVALID, "skald_cancel_on needs an id");
    if (status != SKALD_OK)
        return status;
    const skald_param params[] = {skald_text(service->name), skald_text(id),
                                  skald_text(reason != NULL ? reason : "")};
    skald_rows *rows = NULL;
    status = skald_pg_guest_query(connection, &rows,
                                  "SELECT skald.job_cancel(lower($2), $1, $3) FROM skald.service"
                                  " WHERE name = $1",
                                  sizeof params / sizeof params[0], params, error);
    if (status == SKALD_OK && skald_rows_count(rows) == 0)
        status = skald_error_set(error, SKALD_INVALID,
                                 "the connection leads to another database than that of service "
                                 "\"%s\"",
                                 service->name);
    else if (status == SKALD_OK && strcmp(skald_rows_text(rows, 0, 0), "ok") != 0)
        status = skald_error_set(error, SKALD_NOT_FOUND, "%s", skald_rows_text(rows, 0, 0));
    skald_rows_free(rows);
    return status;
}
