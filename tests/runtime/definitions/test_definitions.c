/* A definition as bytes, and a definition made of such bytes, whoever wrote them. */
#include "scenario/definitions.h"
#include "simulator/world.h"
#include "support/random.h"
#include "support/test.h"

#include "codec/decode.h"
#include "codec/encode.h"
#include "definitions/describe.h"
#include "plan.h"

#include <skald/v1/saga.pb-c.h>

typedef Skald__V1__SagaDescription saga_description;
typedef Skald__V1__DefinitionDescription definition_description;
typedef Skald__V1__StepDescription step_description;
typedef Skald__V1__WorkDescription work_description;

enum { ROUNDS = 3000, MUTATIONS = 30000, PICTURE_SIZE = 65536 };

static skald_arena arena;
static skald_error error;

static int setup(void **state)
{
    (void)state;
    skald_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    skald_arena_done(&arena);
    return 0;
}

static skald_bytes described(const skald_definition *definition)
{
    skald_bytes description = {0};
    assert_ok(skald_definition_describe(definition, "test.v1.State", &arena, &description, &error),
              &error);
    return description;
}

static skald_described rebuilt(skald_bytes description)
{
    skald_described out = {0};
    assert_ok(skald_definition_rebuild(&out, description, &arena, &error), &error);
    return out;
}

/* --- what is rebuilt is what was described ------------------------------------------------- */

static void definitions_compare(const skald_definition *left, const skald_definition *right);

static void texts_compare(const char *left, const char *right)
{
    assert_int_equal(left == NULL, right == NULL);
    if (left != NULL)
        assert_string_equal(left, right);
}

static void steps_compare(skald_steps left, skald_steps right);

static void works_compare(const skald_work *left, const skald_work *right)
{
    assert_int_equal(left->local == NULL, right->local == NULL);
    assert_int_equal(left->activity == NULL, right->activity == NULL);
    assert_int_equal(left->verify == NULL, right->verify == NULL);
    assert_int_equal(left->compose == NULL, right->compose == NULL);
    assert_int_equal(left->accept == NULL, right->accept == NULL);
    assert_int_equal(left->sleep_ms, right->sleep_ms);
    assert_int_equal(left->timeout_ms, right->timeout_ms);
    assert_int_equal(left->on_timeout, right->on_timeout);
    texts_compare(left->command, right->command);
    texts_compare(left->participant, right->participant);
    texts_compare(left->wait_for, right->wait_for);
    texts_compare(left->retry, right->retry);
    steps_compare(left->parallel, right->parallel);
    steps_compare(left->sequence, right->sequence);
    assert_int_equal(left->child == NULL, right->child == NULL);
    if (left->child != NULL)
        definitions_compare(left->child, right->child);
}

static void steps_compare(skald_steps left, skald_steps right)
{
    assert_int_equal(left.list == NULL, right.list == NULL);
    assert_int_equal(left.count, right.count);
    for (size_t i = 0; i < left.count; i++) {
        const skald_step *a = &left.list[i];
        const skald_step *b = &right.list[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->pivot, b->pivot);
        assert_int_equal(a->repeatable, b->repeatable);
        assert_int_equal(a->give_up, b->give_up);
        assert_int_equal(a->only_if == NULL, b->only_if == NULL);
        works_compare(&a->run, &b->run);
        works_compare(&a->undo, &b->undo);
    }
}

static void definitions_compare(const skald_definition *left, const skald_definition *right)
{
    assert_string_equal(left->name, right->name);
    assert_int_equal(left->version, right->version);
    assert_int_equal(left->deadline_ms, right->deadline_ms);
    steps_compare(left->steps, right->steps);
    assert_true(skald_definition_fingerprint(left) == skald_definition_fingerprint(right));
}

/* Everything that is not code is the same, and the bytes say it the same way again. */
static void round_trip(const skald_definition *definition)
{
    const skald_bytes bytes = described(definition);
    const skald_described back = rebuilt(bytes);
    definitions_compare(definition, back.definition);
    assert_string_equal(back.state_type, "test.v1.State");
    assert_true(back.fingerprint == skald_definition_fingerprint(definition));
    const skald_bytes again = described(back.definition);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
}

static void test_a_definition_comes_back_with_the_same_fingerprint(void **state)
{
    (void)state;
    for (size_t i = 0; scenario_definition_at(i) != NULL; i++)
        round_trip(scenario_definition_at(i));
}

static void test_a_rebuilt_definition_is_drawn_like_the_first(void **state)
{
    (void)state;
    static char first[PICTURE_SIZE];
    static char second[PICTURE_SIZE];
    for (size_t i = 0; scenario_definition_at(i) != NULL; i++) {
        const skald_definition *definition = scenario_definition_at(i);
        skald_definition_mermaid(definition, first, sizeof first);
        skald_definition_mermaid(rebuilt(described(definition)).definition, second, sizeof second);
        assert_string_equal(first, second);
    }
}

static void quiet_told(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;
}

/* Hangs definitions made before below the one in hand. */
static void children_hang(sim_definition *made, test_random *random, const sim_definition *below,
                          size_t below_count)
{
    for (size_t i = 0; i < made->step_count; i++) {
        skald_step *step = &made->steps[i];
        if (step->run.child != NULL && below_count > 0 && random_chance(random, 80))
            step->run.child = &below[random_below(random, (uint32_t)below_count)].definition;
        if (step->undo.child != NULL && below_count > 0 && random_chance(random, 80))
            step->undo.child = &below[random_below(random, (uint32_t)below_count)].definition;
    }
}

static void test_definitions_made_by_chance_come_back(void **state)
{
    (void)state;
    enum { FAMILY = 5 };
    static sim_definition family[FAMILY];
    test_random random = random_begin();
    size_t tried = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        sim_definition *made = &family[i % FAMILY];
        sim_definition_make(made, &random);
        made->definition.version = 1 + random_below(&random, 100);
        children_hang(made, &random, family, i % FAMILY);
        if (skald_definition_check(&made->definition, quiet_told, NULL) > 0)
            continue;
        tried++;
        round_trip(&made->definition);
        skald_arena_reset(&arena);
    }
    assert_true(tried > ROUNDS / 4);
}

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

/* Each level starts the one below it. */
static void test_children_may_be_nested_as_deep_as_definitions_allow(void **state)
{
    (void)state;
    enum { LEVELS = SKALD_CHILDREN_NESTING_MAX + 1 };
    const skald_step leaf = {.name = "leaf", .run.local = code};
    skald_step steps[LEVELS];
    skald_definition levels[LEVELS];
    for (size_t i = 0; i < LEVELS; i++) {
        steps[i] = i == 0 ? leaf : (skald_step){.name = "down", .run.child = &levels[i - 1]};
        levels[i] = (skald_definition){"level", 1, 0, {&steps[i], 1}};
    }
    assert_int_equal(skald_definition_check(&levels[LEVELS - 1], NULL, NULL), 0);
    round_trip(&levels[LEVELS - 1]);
}

static void test_too_many_kinds_of_children_are_refused(void **state)
{
    (void)state;
    enum { GROUPS = 5 };
    static skald_definition children[GROUPS * 64];
    static skald_step steps[GROUPS][64];
    static skald_definition middle[GROUPS];
    static skald_step top[GROUPS];
    static char names[64][4];
    const skald_step leaf = {.name = "leaf", .run.local = code};
    for (size_t i = 0; i < (size_t)GROUPS * 64; i++) {
        snprintf(names[i % 64], sizeof names[0], "c%zu", i % 64);
        children[i] = (skald_definition){"child", 1, 0, {&leaf, 1}};
        steps[i / 64][i % 64] = (skald_step){.name = names[i % 64], .run.child = &children[i]};
    }
    for (size_t i = 0; i < GROUPS; i++) {
        middle[i] = (skald_definition){"middle", 1, 0, {steps[i], 64}};
        top[i] = (skald_step){.name = names[i], .run.child = &middle[i]};
    }
    const skald_definition all = {"all", 1, 0, {top, GROUPS}};
    assert_int_equal(skald_definition_check(&all, NULL, NULL), 0);
    skald_bytes out = {0};
    assert_status(skald_definition_describe(&all, "S", &arena, &out, &error), SKALD_FULL, &error);
    assert_null(out.data);
}

/* --- what strangers write ------------------------------------------------------------------ */

/* A description as structures, to be spoiled. */
static saga_description *spoilable(const char *name)
{
    const ProtobufCMessage *decoded = NULL;
    assert_ok(skald_decode(&decoded, &skald__v1__saga_description__descriptor,
                           described(scenario_definition(name)), &arena, &error),
              &error);
    return (saga_description *)(uintptr_t)decoded;
}

static void refused(const saga_description *description, const char *sentence)
{
    skald_bytes bytes = {0};
    skald_described out = {0};
    assert_ok(skald_encode(&bytes, &description->base, &arena, &error), &error);
    assert_status(skald_definition_rebuild(&out, bytes, &arena, &error), SKALD_MALFORMED, &error);
    assert_contains(error.text, sentence);
    assert_null(out.definition);
}

static definition_description *last_of(saga_description *description)
{
    return description->definitions[description->n_definitions - 1];
}

static void test_a_description_that_says_nothing_is_refused(void **state)
{
    (void)state;
    saga_description nothing;
    skald__v1__saga_description__init(&nothing);
    refused(&nothing, "it describes none");
}

static void test_another_fingerprint_is_refused(void **state)
{
    (void)state;
    saga_description *description = spoilable("checkout");
    last_of(description)->fingerprint++;
    refused(description, "saga \"checkout\": its fingerprint is another one");
}

static void test_a_mistake_of_the_definition_is_refused_with_its_sentence(void **state)
{
    (void)state;
    saga_description *description = spoilable("checkout");
    last_of(description)->steps[1]->name = last_of(description)->steps[0]->name;
    refused(description, "two steps are named \"reserve-items\"");
    description = spoilable("checkout");
    last_of(description)->n_steps = 0;
    refused(description, "it has no steps");
}

static void test_kinds_that_there_are_not_are_refused(void **state)
{
    (void)state;
    saga_description *description = spoilable("checkout");
    last_of(description)->steps[0]->run->kind = (Skald__V1__WorkKind)99;
    refused(description, "step reserve-items: of a kind that there is not");
    description = spoilable("checkout");
    last_of(description)->steps[0]->run->on_timeout = (Skald__V1__TimeoutMeaning)99;
    refused(description, "step reserve-items: of a kind that there is not");
    description = spoilable("checkout");
    last_of(description)->steps[0]->run->kind = SKALD__V1__WORK_KIND__WORK_KIND_WAIT;
    refused(description, "says another kind of work");
    description = spoilable("checkout");
    last_of(description)->steps[0]->run = NULL;
    refused(description, "step \"reserve-items\" does nothing");
}

static void test_groups_that_cannot_be_are_refused(void **state)
{
    (void)state;
    saga_description *description = spoilable("trip");
    last_of(description)->steps[1]->group = 2;
    refused(description, "stands in a group that is not before it");
    description = spoilable("trip");
    last_of(description)->steps[2]->group = 4000000000u;
    refused(description, "stands in a group that is not before it");
    description = spoilable("trip");
    last_of(description)->steps[2]->group = 1;
    refused(description, "step quote: has steps in it and is no group");
    description = spoilable("checkout");
    last_of(description)->steps[0]->undo->kind = SKALD__V1__WORK_KIND__WORK_KIND_PARALLEL;
    refused(description, "step reserve-items: says another kind of work");
}

static void test_a_child_that_is_not_described_before_is_refused(void **state)
{
    (void)state;
    saga_description *description = spoilable("delivery");
    last_of(description)->steps[0]->run->child = 1;
    refused(description, "step parcel: starts a child that is not described before it");
    last_of(description)->steps[0]->run->child = UINT32_MAX;
    refused(description, "step parcel: starts a child that is not described before it");
}

static void test_more_steps_than_there_may_be_are_refused(void **state)
{
    (void)state;
    saga_description *description = spoilable("checkout");
    step_description *steps[SKALD_STEPS_MAX + 1];
    for (size_t i = 0; i < SKALD_STEPS_MAX + 1; i++)
        steps[i] = last_of(description)->steps[0];
    last_of(description)->steps = steps;
    last_of(description)->n_steps = SKALD_STEPS_MAX + 1;
    refused(description, "more steps than there may be");
}

/* `levels` definitions of 60 steps, each step starts and is undone by the level below: whoever
 * walks into every child of every child never comes back. */
static saga_description *pyramid(size_t levels)
{
    enum { WIDTH = 60 };
    saga_description *out = skald_arena_alloc(&arena, sizeof *out);
    skald__v1__saga_description__init(out);
    out->definitions = skald_arena_alloc(&arena, levels * sizeof *out->definitions);
    out->n_definitions = levels;
    skald_definition below = {.name = "level"};
    skald_step steps[WIDTH];
    for (size_t i = 0; i < WIDTH; i++)
        steps[i] = (skald_step){.name = skald_arena_format(&arena, "s%zu", i),
                                .run.child = &below,
                                .undo.child = &below};
    const skald_step leaf = {.name = "leaf", .run.local = code};
    for (size_t level = 0; level < levels; level++) {
        const skald_definition here = {
            "level", 1, 0, {level == 0 ? &leaf : steps, level == 0 ? 1 : WIDTH}};
        definition_description *to = skald_arena_alloc(&arena, sizeof *to);
        skald__v1__definition_description__init(to);
        to->name = (char *)(uintptr_t)here.name;
        to->version = 1;
        to->fingerprint = skald_definition_fingerprint(&here);
        to->steps = skald_arena_alloc(&arena, WIDTH * sizeof *to->steps);
        for (size_t i = 0; i < here.steps.count; i++) {
            step_description *step = to->steps[to->n_steps++] =
                skald_arena_alloc(&arena, sizeof *step);
            skald__v1__step_description__init(step);
            step->name = (char *)(uintptr_t)here.steps.list[i].name;
            step->run = skald_arena_alloc(&arena, sizeof *step->run);
            skald__v1__work_description__init(step->run);
            step->run->kind = level == 0 ? SKALD__V1__WORK_KIND__WORK_KIND_LOCAL
                                         : SKALD__V1__WORK_KIND__WORK_KIND_CHILD;
            step->run->child = level == 0 ? 0 : (uint32_t)level - 1;
            step->undo = level == 0 ? NULL : step->run;
        }
        out->definitions[level] = to;
    }
    return out;
}

static void test_children_of_children_in_many_places_are_examined_once(void **state)
{
    (void)state;
    skald_bytes bytes = {0};
    assert_ok(skald_encode(&bytes, &pyramid(SKALD_CHILDREN_NESTING_MAX + 1)->base, &arena, &error),
              &error);
    assert_string_equal(rebuilt(bytes).definition->name, "level");
    refused(pyramid(SKALD_CHILDREN_NESTING_MAX + 2), "starts children nested too deep");
}

static void test_too_many_definitions_are_refused(void **state)
{
    (void)state;
    saga_description *description = pyramid(1);
    definition_description *many[SKALD_DESCRIBE_DEFINITIONS_MAX + 1];
    for (size_t i = 0; i < SKALD_DESCRIBE_DEFINITIONS_MAX + 1; i++)
        many[i] = description->definitions[0];
    description->definitions = many;
    description->n_definitions = SKALD_DESCRIBE_DEFINITIONS_MAX + 1;
    skald_bytes bytes = {0};
    skald_described out;
    assert_ok(skald_encode(&bytes, &description->base, &arena, &error), &error);
    assert_status(skald_definition_rebuild(&out, bytes, &arena, &error), SKALD_FULL, &error);
}

/* Whatever is taken can be worked with; everything else is refused in words. */
static void mutant_try(skald_bytes bytes)
{
    static char picture[PICTURE_SIZE];
    static skald_plan plan;
    skald_described out = {0};
    const skald_status status = skald_definition_rebuild(&out, bytes, &arena, &error);
    if (status != SKALD_OK) {
        assert_true(status == SKALD_MALFORMED || status == SKALD_FULL);
        assert_true(error.text[0] != '\0');
        return;
    }
    skald_plan_make(&plan, out.definition);
    assert_true(plan.fingerprint == out.fingerprint);
    skald_definition_mermaid(out.definition, picture, sizeof picture);
    skald_definition_dot(out.definition, picture, sizeof picture);
}

static void test_spoiled_bytes_never_do_harm(void **state)
{
    (void)state;
    test_random random = random_begin();
    static unsigned char spoiled[8192];
    for (size_t i = 0; i < MUTATIONS; i++) {
        const size_t which = random_below(&random, 7);
        const skald_bytes bytes = described(scenario_definition_at(which));
        assert_true(bytes.size < sizeof spoiled);
        memcpy(spoiled, bytes.data, bytes.size);
        size_t size = bytes.size;
        for (uint32_t n = 1 + random_below(&random, 3); n > 0; n--)
            spoiled[random_below(&random, (uint32_t)size)] = (unsigned char)random_next(&random);
        if (random_chance(&random, 20))
            size = random_below(&random, (uint32_t)size);
        mutant_try((skald_bytes){spoiled, size});
        skald_arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_definition_comes_back_with_the_same_fingerprint),
        cmocka_unit_test(test_a_rebuilt_definition_is_drawn_like_the_first),
        cmocka_unit_test(test_definitions_made_by_chance_come_back),
        cmocka_unit_test(test_children_may_be_nested_as_deep_as_definitions_allow),
        cmocka_unit_test(test_too_many_kinds_of_children_are_refused),
        cmocka_unit_test(test_a_description_that_says_nothing_is_refused),
        cmocka_unit_test(test_another_fingerprint_is_refused),
        cmocka_unit_test(test_a_mistake_of_the_definition_is_refused_with_its_sentence),
        cmocka_unit_test(test_kinds_that_there_are_not_are_refused),
        cmocka_unit_test(test_groups_that_cannot_be_are_refused),
        cmocka_unit_test(test_a_child_that_is_not_described_before_is_refused),
        cmocka_unit_test(test_more_steps_than_there_may_be_are_refused),
        cmocka_unit_test(test_children_of_children_in_many_places_are_examined_once),
        cmocka_unit_test(test_too_many_definitions_are_refused),
        cmocka_unit_test(test_spoiled_bytes_never_do_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
