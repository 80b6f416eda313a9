/* Sagas as users of a service see them: registered before the start, used on the user's own
 * connection. */
#include "base/arena.h"
#include "engine/activity.h"
#include "engine/engine.h"
#include "engine/start.h"
#include "pg/guest.h"
#include "service/service_inside.h"

#include <skald/participant.h>
#include <skald/partition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPOSE_MEMORY_MAX = 4 * 1024 * 1024 };

/* --- registering ----------------------------------------------------------------------------- */

static skald_sagas *sagas_of(skald_service *service)
{
    if (service->sagas == NULL)
        service->sagas = calloc(1, sizeof *service->sagas);
    service->hub.sagas = service->sagas;
    return service->sagas;
}

/* Mistakes of a definition, gathered into one text, the first first. */
static void mistake_told(void *user, const char *sentence)
{
    skald_error *error = user;
    const size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, "%s%s", used > 0 ? "; " : "", sentence);
}

static skald_status options_check(const skald_definition *definition,
                                  const skald_saga_options *options, skald_error *error)
{
    const char *name = definition->name;
    if (options == NULL || options->size != sizeof *options)
        return skald_error_set(error, SKALD_INVALID,
                               "definition \"%s\": skald_saga_options.size is wrong: use "
                               "SKALD_SAGA_OPTIONS_INIT",
                               name);
    if (options->state == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "definition \"%s\": set skald_saga_options.state to the descriptor "
                               "of its state's message",
                               name);
    if (options->threads > SKALD_SAGA_THREADS_MAX ||
        options->activity_threads > SKALD_QUEUE_THREADS_MAX)
        return skald_error_set(error, SKALD_INVALID,
                               "definition \"%s\": at most %d threads step sagas, and %d run "
                               "activities",
                               name, SKALD_SAGA_THREADS_MAX, SKALD_QUEUE_THREADS_MAX);
    if (options->keep_ms > INT64_MAX / 1000000)
        return skald_error_set(error, SKALD_INVALID,
                               "definition \"%s\": skald_saga_options.keep_ms is too long", name);
    if ((unsigned)options->gone > SKALD_GONE_PARKS)
        return skald_error_set(error, SKALD_INVALID,
                               "definition \"%s\": skald_saga_options.gone is %d, which is none of "
                               "SKALD_GONE_...",
                               name, (int)options->gone);
    return SKALD_OK;
}

static skald_status orchestrate(skald_service *service, const skald_definition *definition,
                                const skald_saga_options *options, skald_error *error)
{
    if (service->state != SKALD_SERVICE_OPEN)
        return skald_error_set(error, SKALD_INVALID, "skald_orchestrate comes before the start");
    if (definition == NULL)
        return skald_error_set(error, SKALD_INVALID, "skald_orchestrate needs a definition");
    skald_error mistakes = {0};
    if (skald_definition_check(definition, mistake_told, &mistakes) > 0)
        return skald_error_set(error, SKALD_INVALID, "%s", mistakes.text);
    const skald_status status = options_check(definition, options, error);
    if (status != SKALD_OK)
        return status;
    skald_sagas *sagas = sagas_of(service);
    return sagas == NULL ? skald_error_set(error, SKALD_NO_MEMORY, "no memory for a definition")
                         : skald_saga_kind_add(sagas, definition, options, error);
}

/* Whoever gets commands answers them in its own stream. */
static skald_status participants_follow(skald_service *service, skald_error *error)
{
    const skald_plan *plan = &service->sagas->kinds->plan;
    skald_status status = SKALD_OK;
    for (uint8_t i = 0; i < plan->step_count && status == SKALD_OK; i++) {
        const skald_step *step = plan->steps[i].step;
        if (step->run.participant != NULL)
            status = skald_follow_replies(service, step->run.participant);
        if (step->undo.participant != NULL && status == SKALD_OK)
            status = skald_follow_replies(service, step->undo.participant);
    }
    if (status != SKALD_OK)
        *error = service->mistake;
    return status;
}

skald_status skald_orchestrate(skald_service *service, const skald_definition *definition,
                               const skald_saga_options *options)
{
    if (service == NULL)
        return SKALD_INVALID;
    skald_error error = {0};
    skald_status status = orchestrate(service, definition, options, &error);
    if (status == SKALD_OK)
        status = participants_follow(service, &error);
    return status == SKALD_OK ? SKALD_OK : skald_mistake_keep(service, &error);
}

/* --- events that are signals ------------------------------------------------------------------ */

static skald_status event_add(skald_service *service, const char *stream,
                              const ProtobufCMessageDescriptor *type, const char *definition,
                              const char *field, skald_error *error)
{
    skald_sagas *sagas = sagas_of(service);
    if (sagas == NULL || sagas->event_count == SKALD_SAGA_EVENTS_MAX)
        return skald_error_set(error, SKALD_FULL, "a service has at most %d events for sagas",
                               SKALD_SAGA_EVENTS_MAX);
    skald_saga_event_row *row = &sagas->events[sagas->event_count];
    const skald_status status = skald_field_find(&row->field, type, field, error);
    if (status != SKALD_OK)
        return status;
    row->type = type;
    snprintf(row->definition, sizeof row->definition, "%s", definition);
    snprintf(row->stream, sizeof row->stream, "%s", stream);
    row->handler = (skald_handler){"saga-event", type, skald_saga_event_handle};
    sagas->event_count++;
    return SKALD_OK;
}

/* Is the last one the second for its stream and type? One handler serves all. */
static bool followed_before(const skald_sagas *sagas)
{
    const skald_saga_event_row *last = &sagas->events[sagas->event_count - 1];
    for (const skald_saga_event_row *row = sagas->events; row < last; row++) {
        if (row->type == last->type && strcmp(row->stream, last->stream) == 0)
            return true;
    }
    return false;
}

skald_status skald_saga_follow(skald_service *service, const char *stream,
                               const ProtobufCMessageDescriptor *type, const char *definition,
                               const char *field)
{
    if (service == NULL)
        return SKALD_INVALID;
    skald_error error = {0};
    if (type == NULL || definition == NULL || field == NULL || stream == NULL) {
        skald_error_set(&error, SKALD_INVALID,
                        "skald_saga_follow needs a stream, a type, a definition and a field");
        return skald_mistake_keep(service, &error);
    }
    const skald_status status = event_add(service, stream, type, definition, field, &error);
    if (status != SKALD_OK)
        return skald_mistake_keep(service, &error);
    if (followed_before(service->sagas))
        return SKALD_OK;
    /* A follower of its own, so that the user may have handlers for the same events. */
    char name[SKALD_SERVICE_NAME_MAX + 8];
    snprintf(name, sizeof name, "sagas-%s", stream);
    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;
    options.name = name;
    return skald_follow_with(service, stream,
                             &service->sagas->events[service->sagas->event_count - 1].handler,
                             &options);
}

/* --- starting -------------------------------------------------------------------------------- */

static skald_status child_check(const skald_sagas *sagas, const skald_saga_kind *kind,
                                const skald_work *work, skald_error *error)
{
    if (work->child == NULL || skald_saga_kind_of(sagas, work->child) != NULL)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "definition \"%s\" has children of definition \"%s\" version %u, which "
                           "is not registered: call skald_orchestrate for it too",
                           kind->definition->name, work->child->name, work->child->version);
}

/* Checked at the start, since a child may be registered behind its parent. */
static skald_status children_check(const skald_sagas *sagas, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (const skald_saga_kind *kind = sagas->kinds; kind != NULL; kind = kind->next) {
        for (uint8_t i = 0; i < kind->plan.step_count && status == SKALD_OK; i++) {
            status = child_check(sagas, kind, &kind->plan.steps[i].step->run, error);
            if (status == SKALD_OK)
                status = child_check(sagas, kind, &kind->plan.steps[i].step->undo, error);
        }
    }
    return status;
}

/* Their activities have a queue of their own, which is declared like any other. */
static skald_status queue_add(skald_service *service, skald_error *error)
{
    skald_work_queue **tail = &service->work_queues;
    while (*tail != NULL)
        tail = &(*tail)->next;
    const skald_queue_options options = skald_saga_queue_options(service->sagas);
    const skald_status status =
        skald_work_queue_new(tail, SKALD_SAGAS_NAME, &options, &service->hub.policy, error);
    if (status == SKALD_OK)
        (*tail)->steps = &skald_saga_queue_steps;
    return status;
}

static bool has_sagas(const skald_service *service)
{
    return service->sagas != NULL && service->sagas->kinds != NULL;
}

skald_status skald_service_sagas_check(skald_service *service, skald_error *error)
{
    if (!has_sagas(service))
        return SKALD_OK;
    skald_sagas *sagas = service->sagas;
    if (sagas->threads == 0)
        sagas->threads = SKALD_SAGA_THREADS_DEFAULT;
    if (sagas->activity_threads == 0)
        sagas->activity_threads = SKALD_SAGA_ACTIVITY_THREADS_DEFAULT;
    const skald_status status = children_check(sagas, error);
    return status == SKALD_OK && skald_sagas_have_activities(sagas) ? queue_add(service, error)
                                                                    : status;
}

skald_status skald_service_sagas_register(skald_service *service, skald_pg *pg, skald_error *error)
{
    return has_sagas(service) ? skald_engine_register(&service->hub, pg, error) : SKALD_OK;
}

skald_status skald_service_sagas_ready(skald_service *service, skald_error *error)
{
    if (!has_sagas(service))
        return SKALD_OK;
    const skald_status status = skald_engine_open(&service->engine, &service->hub, error);
    if (status != SKALD_OK)
        return status;
    const skald_duty duty = skald_engine_duty(service->engine);
    skald_leases_add(service->leases, &duty);
    return SKALD_OK;
}

void skald_service_sagas_free(skald_service *service)
{
    if (service->sagas != NULL)
        skald_sagas_done(service->sagas);
    free(service->sagas);
    service->sagas = NULL;
}

/* --- on the user's connection ----------------------------------------------------------------- */

static skald_status started_check(const skald_service *service, skald_error *error)
{
    if (service != NULL && service->hub.partitions != 0)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "the service has not been started: use its sagas after "
                           "skald_service_start");
}

static skald_status other_database(const skald_service *service, skald_error *error)
{
    return skald_error_set(error, SKALD_INVALID,
                           "the connection leads to another database than that of service \"%s\"",
                           service->name);
}

static void told(skald_service *service)
{
    atomic_store(&service->hub.enqueued, true);
}

static skald_status start_send(skald_service *service, struct pg_conn *connection,
                               const skald_new_saga *saga, bool *started, skald_error *error)
{
    skald_param params[SKALD_SAGA_START_PARAMS];
    skald_new_saga_params(saga, service->name, NULL, params);
    skald_rows *rows = NULL;
    skald_status status = skald_pg_guest_query(connection, &rows, SKALD_SAGA_START_SQL,
                                               SKALD_SAGA_START_PARAMS, params, error);
    if (status == SKALD_OK && skald_rows_null(rows, 0, 0))
        status = other_database(service, error);
    if (status == SKALD_OK && started != NULL)
        *started = skald_rows_boolean(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

skald_status skald_saga_start_on(skald_service *service, struct pg_conn *connection,
                                 const skald_definition *definition, const char *id,
                                 const ProtobufCMessage *state, bool *started, skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status != SKALD_OK)
        return status;
    skald_arena arena;
    skald_arena_init(&arena, COMPOSE_MEMORY_MAX);
    skald_new_saga saga;
    status = skald_new_saga_compose(&saga, service->sagas, service->hub.partitions, definition, id,
                                    state, &arena, error);
    if (status == SKALD_OK)
        status = start_send(service, connection, &saga, started, error);
    if (status == SKALD_OK)
        told(service);
    skald_arena_done(&arena);
    return status;
}

static skald_status tell(skald_service *service, struct pg_conn *connection,
                         const skald_saga_telling *telling, skald_error *error)
{
    skald_param params[SKALD_SAGA_TELL_PARAMS];
    skald_saga_telling_params(telling, service->name, service->hub.partitions, params);
    uint64_t inserted = 0;
    const skald_status status = skald_pg_guest_run(connection, &inserted, SKALD_SAGA_TELL_SQL,
                                                   SKALD_SAGA_TELL_PARAMS, params, error);
    if (status == SKALD_OK && inserted != 1)
        return other_database(service, error);
    if (status == SKALD_OK)
        told(service);
    return status;
}

skald_status skald_saga_signal_on(skald_service *service, struct pg_conn *connection,
                                  const char *id, const char *name, const ProtobufCMessage *message,
                                  skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status != SKALD_OK)
        return status;
    skald_arena arena;
    skald_arena_init(&arena, COMPOSE_MEMORY_MAX);
    skald_saga_telling telling;
    status = skald_saga_signal_compose(&telling, id, name, message, &arena, error);
    if (status == SKALD_OK)
        status = tell(service, connection, &telling, error);
    skald_arena_done(&arena);
    return status;
}

skald_status skald_saga_cancel_on(skald_service *service, struct pg_conn *connection,
                                  const char *id, const char *reason, skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status == SKALD_OK)
        status = skald_saga_id_check(id, error);
    if (status != SKALD_OK)
        return status;
    const skald_saga_telling telling = {.id = id, .event = "cancel", .reason = reason};
    return tell(service, connection, &telling, error);
}

/* --- looking --------------------------------------------------------------------------------- */

enum {
    VIEW_DEFINITION,
    VIEW_VERSION,
    VIEW_PHASE,
    VIEW_FUTURE,
    VIEW_WAITS_FOR,
    VIEW_REASON,
    VIEW_ENDED,
    VIEW_TURNS,
    VIEW_TYPE,
    VIEW_STATE
};

static void text_fill(char *out, size_t size, const skald_rows *rows, int column)
{
    snprintf(out, size, "%s", skald_rows_text(rows, 0, column));
}

static void view_fill(skald_saga_view *out, void *state, size_t room, const skald_rows *rows)
{
    *out = (skald_saga_view){
        .version = (uint32_t)skald_rows_integer(rows, 0, VIEW_VERSION),
        .ended = skald_rows_boolean(rows, 0, VIEW_ENDED),
        .turns = (uint32_t)skald_rows_integer(rows, 0, VIEW_TURNS),
    };
    text_fill(out->definition, sizeof out->definition, rows, VIEW_DEFINITION);
    text_fill(out->phase, sizeof out->phase, rows, VIEW_PHASE);
    text_fill(out->future, sizeof out->future, rows, VIEW_FUTURE);
    text_fill(out->waits_for, sizeof out->waits_for, rows, VIEW_WAITS_FOR);
    text_fill(out->reason, sizeof out->reason, rows, VIEW_REASON);
    text_fill(out->state_type, sizeof out->state_type, rows, VIEW_TYPE);
    const skald_bytes bytes = skald_rows_bytes(rows, 0, VIEW_STATE);
    out->state_size = bytes.size;
    if (state != NULL && room > 0 && bytes.size > 0)
        memcpy(state, bytes.data, bytes.size < room ? bytes.size : room);
}

skald_status skald_saga_look_on(skald_service *service, struct pg_conn *connection, const char *id,
                                skald_saga_view *out, void *state, size_t room, skald_error *error)
{
    skald_status status = started_check(service, error);
    if (status == SKALD_OK && (id == NULL || out == NULL))
        status = skald_error_set(error, SKALD_INVALID, "skald_saga_look_on needs an id and a view");
    if (status != SKALD_OK)
        return status;
    const skald_param params[] = {skald_text(service->name), skald_text(id)};
    skald_rows *rows = NULL;
    status = skald_pg_guest_query(
        connection, &rows,
        "SELECT g.definition, g.version, g.phase, g.future, g.waits_for, g.reason,"
        " g.ended_at IS NOT NULL, g.turns, g.state_type, g.state FROM skald.service AS s"
        " LEFT JOIN skald.saga AS g ON g.id = $2 WHERE s.name = $1",
        2, params, error);
    if (status == SKALD_OK && skald_rows_count(rows) == 0)
        status = other_database(service, error);
    else if (status == SKALD_OK && skald_rows_null(rows, 0, VIEW_DEFINITION))
        status =
            skald_error_set(error, SKALD_NOT_FOUND, "there is no saga \"%.160s\" in service \"%s\"",
                            id, service->name);
    if (status == SKALD_OK)
        view_fill(out, state, room, rows);
    skald_rows_free(rows);
    return status;
}
