/* A definition, written down. Children are written before those that start them, each once, however
 * many steps start it. */
#include "definitions/describe.h"
#include "definitions/describe_kind.h"

#include "codec/encode.h"
#include "plan.h"

typedef Skald__V1__SagaDescription saga_description;
typedef Skald__V1__DefinitionDescription definition_description;
typedef Skald__V1__StepDescription step_description;
typedef Skald__V1__WorkDescription work_description;

typedef struct describer {
    skald_arena *arena;
    skald_error *error;
    const skald_definition *root;
    const skald_definition *found[SKALD_DESCRIBE_DEFINITIONS_MAX];
    definition_description *made[SKALD_DESCRIBE_DEFINITIONS_MAX];
    uint32_t count;
} describer;

static skald_status refuse_memory(const describer *in)
{
    return skald_error_set(in->error, SKALD_NO_MEMORY,
                           "definition \"%s\": no memory to describe it", in->root->name);
}

/* What protobuf-c holds as a text that may be changed, and never is. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)(text != NULL ? text : "");
}

static Skald__V1__WorkKind kind_of(const skald_work *work)
{
    switch (skald_work_kind_of(work)) {
#define KIND_CASE(ours, theirs)                                                                    \
    case SKALD_WORK_##ours:                                                                        \
        return SKALD__V1__WORK_KIND__WORK_KIND_##theirs;
        SKALD_DESCRIBE_WORK_LIST(KIND_CASE)
#undef KIND_CASE
    default:
        return SKALD__V1__WORK_KIND__WORK_KIND_UNSPECIFIED;
    }
}

static Skald__V1__TimeoutMeaning meaning_of(skald_timeout_meaning meaning)
{
    switch (meaning) {
#define MEANING_CASE(ours, theirs)                                                                 \
    case SKALD_TIMEOUT_##ours:                                                                     \
        return SKALD__V1__TIMEOUT_MEANING__TIMEOUT_MEANING_##theirs;
        SKALD_DESCRIBE_MEANING_LIST(MEANING_CASE)
#undef MEANING_CASE
    default:
        return SKALD__V1__TIMEOUT_MEANING__TIMEOUT_MEANING_UNSPECIFIED;
    }
}

static skald_status definition_describe(describer *in, const skald_definition *definition,
                                        uint32_t *index);

static skald_status work_describe(describer *in, const skald_work *from, work_description **out)
{
    work_description *to = skald_arena_alloc(in->arena, sizeof *to);
    if (to == NULL)
        return refuse_memory(in);
    skald__v1__work_description__init(to);
    to->kind = kind_of(from);
    to->participant = text_of(from->participant);
    to->command = text_of(from->command);
    to->wait_for = text_of(from->wait_for);
    to->sleep_ms = from->sleep_ms;
    to->verifies = from->verify != NULL;
    to->composes = from->compose != NULL;
    to->accepts = from->accept != NULL;
    to->retry = text_of(from->retry);
    to->timeout_ms = from->timeout_ms;
    to->on_timeout = meaning_of(from->on_timeout);
    *out = to;
    return from->child == NULL ? SKALD_OK : definition_describe(in, from->child, &to->child);
}

static skald_status steps_describe(describer *in, skald_steps steps, uint32_t group,
                                   definition_description *to);

static skald_status step_describe(describer *in, const skald_step *from, uint32_t group,
                                  definition_description *definition)
{
    step_description *to = skald_arena_alloc(in->arena, sizeof *to);
    if (to == NULL)
        return refuse_memory(in);
    skald__v1__step_description__init(to);
    definition->steps[definition->n_steps++] = to;
    to->name = text_of(from->name);
    to->group = group;
    to->pivot = from->pivot;
    to->repeatable = from->repeatable;
    to->conditional = from->only_if != NULL;
    to->asks_person = from->give_up == SKALD_GIVE_UP_ASKS_PERSON;
    skald_status status = work_describe(in, &from->run, &to->run);
    if (status == SKALD_OK)
        status = work_describe(in, &from->undo, &to->undo);
    if (status == SKALD_OK && skald_work_is_group(skald_work_kind_of(&from->run)))
        status = steps_describe(in, *skald_work_members(&from->run), (uint32_t)definition->n_steps,
                                definition);
    return status;
}

static skald_status steps_describe(describer *in, skald_steps steps, uint32_t group,
                                   definition_description *to)
{
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < steps.count && status == SKALD_OK; i++)
        status = step_describe(in, &steps.list[i], group, to);
    return status;
}

static skald_status definition_add(describer *in, const skald_definition *from,
                                   definition_description *to, uint32_t *index)
{
    if (in->count == SKALD_DESCRIBE_DEFINITIONS_MAX)
        return skald_error_set(
            in->error, SKALD_FULL,
            "definition \"%s\" starts more than %d kinds of children, with those "
            "of its children: flatten some",
            in->root->name, SKALD_DESCRIBE_DEFINITIONS_MAX - 1);
    *index = in->count;
    in->found[in->count] = from;
    in->made[in->count++] = to;
    return SKALD_OK;
}

/* The place of a definition among those described, which is described when it is new. */
static skald_status definition_describe(describer *in, const skald_definition *from,
                                        uint32_t *index)
{
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->found[i] == from) {
            *index = i;
            return SKALD_OK;
        }
    }
    definition_description *to = skald_arena_alloc(in->arena, sizeof *to);
    step_description **steps = skald_arena_alloc(in->arena, SKALD_STEPS_MAX * sizeof *steps);
    if (to == NULL || steps == NULL)
        return refuse_memory(in);
    skald__v1__definition_description__init(to);
    to->name = text_of(from->name);
    to->version = from->version;
    to->deadline_ms = from->deadline_ms;
    to->fingerprint = skald_definition_fingerprint(from);
    to->steps = steps;
    const skald_status status = steps_describe(in, from->steps, 0, to);
    return status == SKALD_OK ? definition_add(in, from, to, index) : status;
}

skald_status skald_definition_describe(const skald_definition *definition, const char *state_type,
                                       skald_arena *arena, skald_bytes *out, skald_error *error)
{
    describer *in = skald_arena_alloc(arena, sizeof *in);
    if (in == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory to describe a definition");
    in->arena = arena;
    in->error = error;
    in->root = definition;
    uint32_t root = 0;
    const skald_status status = definition_describe(in, definition, &root);
    if (status != SKALD_OK)
        return status;
    saga_description to;
    skald__v1__saga_description__init(&to);
    to.definitions = in->made;
    to.n_definitions = in->count;
    to.state_type = text_of(state_type);
    return skald_encode(out, &to.base, arena, error);
}
