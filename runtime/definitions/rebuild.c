/* A description, which may come from anybody, as a definition without mistakes. Each definition in
 * it is examined by itself, with its children replaced by what has only their names: a definition
 * that is started in many places would otherwise be examined in all of them, over and over. */
#include "definitions/describe.h"
#include "definitions/describe_kind.h"

#include "codec/decode.h"
#include "plan.h"

#include <string.h>

typedef Skald__V1__SagaDescription saga_description;
typedef Skald__V1__DefinitionDescription definition_description;
typedef Skald__V1__StepDescription step_description;
typedef Skald__V1__WorkDescription work_description;

typedef struct rebuilder {
    skald_arena *arena;
    skald_error *error;
    const saga_description *from;
    skald_definition *made;  /* as many as are described */
    skald_definition *names; /* stand for them while those that start them are examined */
    size_t *nesting;         /* children below each */
    size_t at;               /* the one that is rebuilt */
    /* Of the one that is rebuilt: its steps lie group by group, the top level first. */
    skald_step *steps;
    size_t first[SKALD_STEPS_MAX + 1]; /* of each group, where its members begin; 0: top level */
    size_t count[SKALD_STEPS_MAX + 1];
} rebuilder;

static skald_status refuse_memory(const rebuilder *in)
{
    return skald_error_set(in->error, SKALD_NO_MEMORY, "no memory for a saga's definition");
}

static skald_status refuse(const rebuilder *in, const char *step, const char *reason)
{
    return skald_error_set(in->error, SKALD_MALFORMED, "description of saga \"%.63s\"%s%.63s: %s",
                           in->from->definitions[in->at]->name, step != NULL ? ", step " : "",
                           step != NULL ? step : "", reason);
}

/* --- what stands for code ------------------------------------------------------------------ */

static skald_status placeholder(struct skald_context *context)
{
    (void)context;
    return SKALD_INVALID;
}

static bool placeholder_condition(const void *state, size_t state_size)
{
    (void)state;
    (void)state_size;
    return true;
}

static skald_step_function *code_where(bool given)
{
    return given ? placeholder : NULL;
}

/* --- work ---------------------------------------------------------------------------------- */

static const char *text_or_null(const char *text)
{
    return *text != '\0' ? text : NULL;
}

static bool kind_read(Skald__V1__WorkKind from, skald_work_kind *out)
{
    switch (from) {
#define KIND_CASE(ours, theirs)                                                                    \
    case SKALD__V1__WORK_KIND__WORK_KIND_##theirs:                                                 \
        *out = SKALD_WORK_##ours;                                                                  \
        return true;
        SKALD_DESCRIBE_WORK_LIST(KIND_CASE)
#undef KIND_CASE
    default:
        return false;
    }
}

static bool meaning_read(Skald__V1__TimeoutMeaning from, skald_timeout_meaning *out)
{
    switch (from) {
#define MEANING_CASE(ours, theirs)                                                                 \
    case SKALD__V1__TIMEOUT_MEANING__TIMEOUT_MEANING_##theirs:                                     \
        *out = SKALD_TIMEOUT_##ours;                                                               \
        return true;
        SKALD_DESCRIBE_MEANING_LIST(MEANING_CASE)
#undef MEANING_CASE
    default:
        return false;
    }
}

/* Only what stands before: so there are no circles, and no more levels than there may be. */
static skald_status child_read(rebuilder *in, const char *step, uint32_t index,
                               const skald_definition **out)
{
    if (index >= in->at)
        return refuse(in, step, "starts a child that is not described before it");
    const size_t nesting = in->nesting[index] + 1;
    if (nesting > SKALD_CHILDREN_NESTING_MAX)
        return refuse(in, step, "starts children nested too deep");
    if (in->nesting[in->at] < nesting)
        in->nesting[in->at] = nesting;
    *out = &in->names[index];
    return SKALD_OK;
}

static skald_status work_read(rebuilder *in, const char *step, const work_description *from,
                              skald_steps members, skald_work *to)
{
    skald_work_kind kind = SKALD_WORK_NONE;
    if (from == NULL)
        return SKALD_OK;
    if (!kind_read(from->kind, &kind) || !meaning_read(from->on_timeout, &to->on_timeout))
        return refuse(in, step, "of a kind that there is not: did a newer program write it?");
    to->local = code_where(kind == SKALD_WORK_LOCAL);
    to->activity = code_where(kind == SKALD_WORK_ACTIVITY);
    to->command = text_or_null(from->command);
    to->participant = text_or_null(from->participant);
    to->wait_for = text_or_null(from->wait_for);
    to->sleep_ms = from->sleep_ms;
    to->parallel = kind == SKALD_WORK_PARALLEL ? members : (skald_steps){0};
    to->sequence = kind == SKALD_WORK_SEQUENCE ? members : (skald_steps){0};
    to->verify = code_where(from->verifies);
    to->compose = code_where(from->composes);
    to->accept = code_where(from->accepts);
    to->retry = text_or_null(from->retry);
    to->timeout_ms = from->timeout_ms;
    const skald_status status =
        kind == SKALD_WORK_CHILD ? child_read(in, step, from->child, &to->child) : SKALD_OK;
    if (status == SKALD_OK && skald_work_kind_of(to) != kind)
        return refuse(in, step, "says another kind of work than it describes");
    return status;
}

/* --- steps --------------------------------------------------------------------------------- */

static bool is_group(const step_description *step)
{
    return step->run != NULL && (step->run->kind == SKALD__V1__WORK_KIND__WORK_KIND_PARALLEL ||
                                 step->run->kind == SKALD__V1__WORK_KIND__WORK_KIND_SEQUENCE);
}

static skald_status step_read(rebuilder *in, size_t index, skald_step *to)
{
    const step_description *from = in->from->definitions[in->at]->steps[index];
    const skald_steps members = {in->steps + in->first[index + 1], in->count[index + 1]};
    to->name = from->name;
    to->pivot = from->pivot;
    to->repeatable = from->repeatable;
    to->give_up = from->asks_person ? SKALD_GIVE_UP_ASKS_PERSON : SKALD_GIVE_UP_COMPENSATES;
    to->only_if = from->conditional ? placeholder_condition : NULL;
    if (members.count > 0 && !is_group(from))
        return refuse(in, from->name, "has steps in it and is no group");
    const skald_status status = work_read(in, from->name, from->run, members, &to->run);
    return status != SKALD_OK ? status
                              : work_read(in, from->name, from->undo, (skald_steps){0}, &to->undo);
}

/* Where the members of each group lie. A group stands before what is in it, so there are no circles
 * here either. */
static skald_status places_find(rebuilder *in, const definition_description *from)
{
    memset(in->first, 0, sizeof in->first);
    memset(in->count, 0, sizeof in->count);
    for (size_t i = 0; i < from->n_steps; i++) {
        if (from->steps[i]->group > i)
            return refuse(in, from->steps[i]->name, "stands in a group that is not before it");
        in->count[from->steps[i]->group]++;
    }
    for (size_t group = 1; group <= from->n_steps; group++)
        in->first[group] = in->first[group - 1] + in->count[group - 1];
    return SKALD_OK;
}

static skald_status steps_read(rebuilder *in, const definition_description *from)
{
    size_t used[SKALD_STEPS_MAX + 1] = {0};
    skald_status status = places_find(in, from);
    for (size_t i = 0; i < from->n_steps && status == SKALD_OK; i++) {
        const uint32_t group = from->steps[i]->group;
        status = step_read(in, i, &in->steps[in->first[group] + used[group]++]);
    }
    return status;
}

/* --- a definition -------------------------------------------------------------------------- */

static void mistake_keep(void *context, const char *sentence)
{
    skald_error *first = context;
    if (first->text[0] == '\0')
        skald_error_set(first, SKALD_MALFORMED, "description of a saga: %s", sentence);
}

static skald_status examine(const rebuilder *in, const skald_definition *made)
{
    skald_error first = {0};
    if (skald_definition_check(made, mistake_keep, &first) > 0)
        return skald_error_set(in->error, SKALD_MALFORMED, "%s", first.text);
    if (skald_definition_fingerprint(made) != in->from->definitions[in->at]->fingerprint)
        return refuse(in, NULL, "its fingerprint is another one: the row is damaged");
    return SKALD_OK;
}

static void child_set(const rebuilder *in, const skald_definition **child)
{
    if (*child != NULL)
        *child = &in->made[*child - in->names];
}

static void children_set(const rebuilder *in, size_t step_count)
{
    for (size_t i = 0; i < step_count; i++) {
        child_set(in, &in->steps[i].run.child);
        child_set(in, &in->steps[i].undo.child);
    }
}

static skald_status definition_read(rebuilder *in)
{
    static const skald_step some_step = {.name = "some", .run.local = placeholder};
    const definition_description *from = in->from->definitions[in->at];
    skald_definition *made = &in->made[in->at];
    if (from->n_steps > SKALD_STEPS_MAX)
        return refuse(in, NULL, "it has more steps than there may be");
    in->steps = skald_arena_alloc(in->arena, (from->n_steps + 1) * sizeof *in->steps);
    if (in->steps == NULL)
        return refuse_memory(in);
    skald_status status = steps_read(in, from);
    if (status != SKALD_OK)
        return status;
    *made =
        (skald_definition){from->name, from->version, from->deadline_ms, {in->steps, in->count[0]}};
    in->names[in->at] = (skald_definition){from->name, 1, 0, {&some_step, 1}};
    status = examine(in, made);
    if (status == SKALD_OK)
        children_set(in, from->n_steps);
    return status;
}

static skald_status all_read(rebuilder *in)
{
    const size_t count = in->from->n_definitions;
    if (count == 0)
        return skald_error_set(in->error, SKALD_MALFORMED,
                               "description of a saga: it describes none");
    if (count > SKALD_DESCRIBE_DEFINITIONS_MAX)
        return skald_error_set(in->error, SKALD_FULL,
                               "description of a saga: more than %d definitions",
                               SKALD_DESCRIBE_DEFINITIONS_MAX);
    in->made = skald_arena_alloc(in->arena, count * sizeof *in->made);
    in->names = skald_arena_alloc(in->arena, count * sizeof *in->names);
    in->nesting = skald_arena_alloc(in->arena, count * sizeof *in->nesting);
    if (in->made == NULL || in->names == NULL || in->nesting == NULL)
        return refuse_memory(in);
    skald_status status = SKALD_OK;
    for (in->at = 0; in->at < count && status == SKALD_OK; in->at++)
        status = definition_read(in);
    return status;
}

skald_status skald_definition_rebuild(skald_described *out, skald_bytes description,
                                      skald_arena *arena, skald_error *error)
{
    const ProtobufCMessage *decoded = NULL;
    skald_status status =
        skald_decode(&decoded, &skald__v1__saga_description__descriptor, description, arena, error);
    if (status != SKALD_OK)
        return status;
    rebuilder in = {.arena = arena, .error = error, .from = (const saga_description *)decoded};
    status = all_read(&in);
    if (status != SKALD_OK)
        return status;
    const skald_definition *root = &in.made[in.from->n_definitions - 1];
    *out = (skald_described){root, in.from->state_type, skald_definition_fingerprint(root)};
    return SKALD_OK;
}
