/* What the machine decided, carried out in its order. Everything becomes a row, but for what user
 * code does in this very transaction. */
#include "engine/inside.h"
#include "event/control.h"
#include "operation.h"
#include "words.h"

#include <skald/partition.h>
#include <stdio.h>
#include <string.h>

typedef struct act {
    skald_turn *turn;
    size_t index;
    skald_turn_saga *saga;
    const skald_turn_input *input; /* in hand; NULL: none */
} act;

static skald_status no_memory(const act *a, skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY, "no memory for saga \"%s\"", a->saga->id);
}

static const char *key_of(const act *a, skald_operation operation)
{
    return skald_turn_key(a->turn, a->saga, operation);
}

static const char *public_key_of(const act *a, skald_operation operation)
{
    return skald_turn_public_key(a->turn, a->saga, operation);
}

static skald_status pend(const act *a, const skald_saga_action *action, skald_error *error)
{
    const skald_turn_pending pending = {
        .kind = action->kind,
        .operation = action->operation,
        .undoes = action->undoes,
        .attempt = action->attempt,
    };
    return skald_turn_pend(a->saga, pending, error);
}

/* It could not even be sent: that is its answer. */
static skald_status fail(const act *a, const skald_saga_action *action, skald_saga_event_kind event,
                         const char *reason, skald_error *error)
{
    char *copy = skald_arena_text(&a->turn->memory, reason);
    if (copy == NULL)
        return no_memory(a, error);
    const skald_turn_pending pending = {
        .kind = SKALD_ACTION_RECORD_STALE,
        .operation = action->operation,
        .attempt = action->attempt,
        .event = event,
        .reason = copy,
    };
    return skald_turn_pend(a->saga, pending, error);
}

/* --- activities ----------------------------------------------------------------------------- */

static const char *unique_of(const act *a, const char *key, uint16_t attempt)
{
    return skald_arena_format(&a->turn->memory, "%s#%u", key, attempt);
}

/* Which plan the step belongs to, and what it undoes. */
static const char *job_plan_write(const act *a, const skald_saga_action *action)
{
    const skald_turn_saga *saga = a->saga;
    const bool undo = action->operation.direction == SKALD_UNDO;
    const char *undoes = undo ? public_key_of(a, action->undoes) : "";
    return undoes == NULL
               ? NULL
               : skald_arena_format(&a->turn->memory,
                                    SKALD_STEP_DEFINITION "%s\n" SKALD_STEP_VERSION
                                                          "%u\n" SKALD_STEP_FINGERPRINT
                                                          "%016llx\n" SKALD_STEP_UNDOES "%s\n",
                                    saga->definition, saga->version,
                                    (unsigned long long)saga->fingerprint, undoes);
}

static skald_status run_activity(const act *a, const skald_saga_action *action, skald_error *error)
{
    skald_turn_saga *saga = a->saga;
    skald_array *column = a->turn->activities.columns;
    const char *key = key_of(a, action->operation);
    const char *unique = key != NULL ? unique_of(a, key, action->attempt) : NULL;
    const char *plan = job_plan_write(a, action);
    if (unique == NULL || plan == NULL)
        return no_memory(a, error);
    char id[37];
    skald_uuid7(id);
    const int64_t left_ms = action->due_ms - a->turn->now_ms;
    skald_array_text(column++, id);
    skald_array_integer(column++, saga->partition);
    skald_array_text(column++, saga->state_type);
    skald_array_text(column++, saga->id);
    skald_array_bytes(column++, saga->state);
    skald_array_text(column++, unique);
    skald_array_text(column++, key);
    skald_array_integer(column++, action->verify);
    if (action->due_ms != 0)
        skald_array_integer(column++, left_ms > 1 ? left_ms : 1);
    else
        skald_array_null(column++);
    skald_array_integer(column++, action->attempt > 0 ? action->attempt - 1 : 0);
    skald_array_text(column++, saga->correlation_id != NULL ? saga->correlation_id : saga->id);
    skald_array_text(column++, saga->traceparent);
    skald_array_text(column++, saga->tracestate);
    skald_array_text(column++, plan);
    return SKALD_OK;
}

/* Its attempt is the one that the machine counted last. */
static skald_status abandon(const act *a, const skald_saga_action *action, skald_error *error)
{
    const char *key = key_of(a, action->operation);
    const uint16_t attempt = a->saga->machine.steps[action->operation.step].attempts;
    const char *unique = key != NULL ? unique_of(a, key, attempt) : NULL;
    if (unique == NULL)
        return no_memory(a, error);
    skald_array_text(&a->turn->abandoned.columns[0], unique);
    return SKALD_OK;
}

/* --- commands ------------------------------------------------------------------------------- */

static const char *control_write(const act *a, const skald_saga_action *action)
{
    const bool undo = action->operation.direction == SKALD_UNDO;
    const skald_control control = {
        .operation = public_key_of(a, action->operation),
        .undoes = undo ? public_key_of(a, action->undoes) : NULL,
        .attempt = action->attempt,
    };
    const bool whole = control.operation != NULL && (!undo || control.undoes != NULL);
    return whole ? skald_control_write(&control, &a->turn->memory) : NULL;
}

/* The one place that makes a command out of a decision. */
static skald_status command_write(const act *a, const skald_saga_action *action,
                                  const skald_work *work, skald_error *error)
{
    const skald_turn_saga *saga = a->saga;
    const char *control = control_write(a, action);
    if (control == NULL)
        return no_memory(a, error);
    char id[37];
    skald_uuid7(id);
    const skald_message message = {
        .kind = SKALD_KIND_COMMAND,
        .previous = -1,
        .partition = saga->partition,
        .id = id,
        .type = a->turn->call.command_type,
        .key = saga->id,
        .correlation_id = saga->correlation_id != NULL ? saga->correlation_id : saga->id,
        .causation_id = saga->causation_id,
        .traceparent = saga->traceparent,
        .tracestate = saga->tracestate,
        .addressee = work->participant,
        .control = control,
        .body = a->turn->call.command,
    };
    return skald_outbox_writer_add(&a->turn->events, &message) == SKALD_OK ? SKALD_OK
                                                                           : no_memory(a, error);
}

static skald_status send_command(const act *a, const skald_saga_action *action, skald_error *error)
{
    const skald_work *work = skald_turn_work(a->saga, action->operation);
    skald_turn_said said;
    const skald_status status = skald_turn_compose(a->turn, a->index, action, &said, error);
    if (status != SKALD_OK)
        return status;
    if (!said.ok)
        return fail(a, action, said.event, said.reason, error);
    if (strcmp(a->turn->call.command_type, work->command) != 0) {
        char why[SKALD_TURN_REASON_SIZE];
        snprintf(why, sizeof why, "the command is %s, but %s was composed", work->command,
                 a->turn->call.command_type);
        return fail(a, action, SKALD_EVENT_FAILED, why, error);
    }
    return command_write(a, action, work, error);
}

/* --- children ------------------------------------------------------------------------------- */

static skald_status child_write(const act *a, const char *key, const skald_saga_kind *kind)
{
    const skald_turn_saga *saga = a->saga;
    skald_array *column = a->turn->children.columns;
    skald_array_text(column++, key);
    skald_array_integer(column++, skald_partition_of(key, strlen(key), a->turn->hub->partitions));
    skald_array_text(column++, kind->definition->name);
    skald_array_integer(column++, kind->definition->version);
    skald_array_integer(column++, (int64_t)kind->plan.fingerprint);
    skald_array_text(column++, kind->options.state->name);
    skald_array_bytes(column++, a->turn->call.command);
    skald_array_text(column++, saga->id);
    skald_array_text(column++, key);
    skald_array_text(column++, saga->root);
    skald_array_text(column++, saga->correlation_id != NULL ? saga->correlation_id : saga->id);
    skald_array_text(column++, saga->causation_id);
    skald_array_text(column++, saga->traceparent);
    skald_array_text(column++, saga->tracestate);
    return SKALD_OK;
}

static skald_status start_child(const act *a, const skald_saga_action *action, skald_error *error)
{
    const skald_work *work = skald_turn_work(a->saga, action->operation);
    const skald_saga_kind *kind = skald_saga_kind_of(a->turn->hub->sagas, work->child);
    const char *key = key_of(a, action->operation);
    if (key == NULL)
        return no_memory(a, error);
    if (strlen(key) > SKALD_SAGA_ID_SIZE_MAX)
        return fail(a, action, SKALD_EVENT_FAILED,
                    "the child's id would be too long: give the first saga a shorter one", error);
    skald_turn_said said;
    const skald_status status = skald_turn_compose(a->turn, a->index, action, &said, error);
    if (status != SKALD_OK)
        return status;
    if (!said.ok)
        return fail(a, action, said.event, said.reason, error);
    if (strcmp(a->turn->call.command_type, kind->options.state->name) != 0) {
        char why[SKALD_TURN_REASON_SIZE];
        snprintf(why, sizeof why, "the child's state is %s, but %s was composed",
                 kind->options.state->name, a->turn->call.command_type);
        return fail(a, action, SKALD_EVENT_FAILED, why, error);
    }
    return child_write(a, key, kind);
}

static skald_status cancel_child(const act *a, const skald_saga_action *action, skald_error *error)
{
    const char *child = key_of(a, action->operation);
    if (child == NULL)
        return no_memory(a, error);
    skald_turn_tell(a->turn, child, "cancel", NULL, NULL, (skald_bytes){0}, false, action->why);
    return SKALD_OK;
}

/* It carries the operation that it answers when it refuses. */
static skald_status take_back_child(const act *a, const skald_saga_action *action,
                                    skald_error *error)
{
    const char *child = key_of(a, action->undoes);
    const char *key = key_of(a, action->operation);
    if (child == NULL || key == NULL)
        return no_memory(a, error);
    skald_turn_tell(a->turn, child, "take-back", key, NULL, (skald_bytes){0}, false,
                    "its parent turns back");
    return SKALD_OK;
}

/* A request that cannot be granted stands in the history; a parent that asked is answered. */
static void refuse_request(const act *a, const skald_saga_action *action)
{
    const bool parent = a->input != NULL && a->input->event == SKALD_EVENT_TAKE_BACK &&
                        a->saga->parent != NULL && a->input->operation != NULL;
    skald_turn_line(a->saga, "             refused: %s", action->why);
    a->saga->denied = action->why;
    if (parent)
        skald_turn_tell(a->turn, a->saga->parent, "refused", a->input->operation, NULL,
                        (skald_bytes){0}, false, action->why);
}

/* --- messages in hand ----------------------------------------------------------------------- */

static skald_status accept(const act *a, const skald_saga_action *action, skald_error *error)
{
    skald_turn_said said;
    const skald_turn_input *input = a->input;
    const char *type = input != NULL && input->has_body ? input->type : NULL;
    return skald_turn_accept(a->turn, a->index, action, type,
                             type != NULL ? input->body : (skald_bytes){0}, &said, error);
}

static skald_status keep(const act *a, const skald_saga_action *action)
{
    const skald_turn_input *input = a->input;
    skald_array *column = a->turn->kept.columns;
    skald_array_text(column++, a->saga->id);
    skald_array_integer(column++, action->operation.step);
    skald_array_integer(column++, action->operation.direction);
    skald_array_text(column++, input->has_body ? input->type : NULL);
    if (input->has_body)
        skald_array_bytes(column++, input->body);
    else
        skald_array_null(column++);
    return SKALD_OK;
}

/* Rows collected so far go out first: it may be one of this very turn that is asked for. */
static skald_status accept_kept(const act *a, const skald_saga_action *action, skald_error *error)
{
    skald_turn *turn = a->turn;
    skald_status status =
        skald_table_send(&turn->kept, turn->pipeline, SKALD_TURN_KEEP, NULL, error);
    skald_table_clear(&turn->kept);
    if (status != SKALD_OK)
        return status;
    const skald_param params[] = {skald_text(a->saga->id), skald_integer(action->operation.step),
                                  skald_integer(action->operation.direction)};
    skald_rows *rows = NULL;
    status = skald_pipeline_query_binary(turn->pipeline, SKALD_PIPELINE_NOBODY, &rows,
                                         "SELECT type, body FROM skald.saga_kept WHERE saga = $1"
                                         " AND step = $2 AND direction = $3",
                                         3, params, error);
    if (status != SKALD_OK)
        return status;
    const bool any = skald_rows_count(rows) > 0 && !skald_rows_null(rows, 0, 1);
    skald_turn_said said;
    status =
        skald_turn_accept(turn, a->index, action, any ? skald_rows_bytes(rows, 0, 0).data : NULL,
                          any ? skald_rows_bytes(rows, 0, 1) : (skald_bytes){0}, &said, error);
    skald_rows_free(rows);
    return status;
}

/* --- the end -------------------------------------------------------------------------------- */

static void end(const act *a, const skald_saga_action *action)
{
    const skald_turn_saga *saga = a->saga;
    skald_array_text(&a->turn->ended, saga->id);
    if (saga->parent == NULL)
        return;
    const bool completed = action->outcome == SKALD_SAGA_COMPLETED;
    skald_turn_tell(a->turn, saga->parent, completed ? "child-completed" : "child-compensated",
                    saga->parent_operation, saga->state_type, saga->state, true,
                    saga->reason != NULL ? saga->reason : action->why);
}

static skald_status one(const act *a, const skald_saga_action *action, skald_error *error)
{
    switch (action->kind) {
    case SKALD_ACTION_RUN_LOCAL:
    case SKALD_ACTION_ASK:
        return pend(a, action, error);
    case SKALD_ACTION_RUN_ACTIVITY:
        return run_activity(a, action, error);
    case SKALD_ACTION_SEND_COMMAND:
        return send_command(a, action, error);
    case SKALD_ACTION_START_CHILD:
        return start_child(a, action, error);
    case SKALD_ACTION_CANCEL_CHILD:
        return cancel_child(a, action, error);
    case SKALD_ACTION_TAKE_BACK_CHILD:
        return take_back_child(a, action, error);
    case SKALD_ACTION_ABANDON:
        return abandon(a, action, error);
    case SKALD_ACTION_ACCEPT:
        return accept(a, action, error);
    case SKALD_ACTION_KEEP:
        return keep(a, action);
    case SKALD_ACTION_ACCEPT_KEPT:
        return accept_kept(a, action, error);
    case SKALD_ACTION_REFUSE_REQUEST:
        refuse_request(a, action);
        return SKALD_OK;
    case SKALD_ACTION_END:
        end(a, action);
        return SKALD_OK;
    case SKALD_ACTION_RECORD_STALE:
        a->saga->stale++;
        return SKALD_OK;
    /* These are read from the saga as it is when its row is written. */
    case SKALD_ACTION_SET_DUE:
    case SKALD_ACTION_HAND_OVER:
    case SKALD_ACTION_WITHDRAW:
    case SKALD_ACTION_GO_ON:
    default:
        return SKALD_OK;
    }
}

skald_status skald_turn_act(skald_turn *turn, size_t index, const skald_turn_input *input,
                            skald_error *error)
{
    const act a = {turn, index, &turn->sagas[index], input};
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < turn->decision.action_count && status == SKALD_OK; i++)
        status = one(&a, &turn->decision.actions[i], error);
    return status;
}
