/* Pictures of definitions, of a saga under way and of the tables, as they were looked at and
 * accepted: the files in pictures/. SKALD_TEST_ACCEPT=1 writes them anew. */
#include "support/test.h"

#include "diagram.h"
#include "scenario/definitions.h"

enum { PICTURE_SIZE = 65536 };

static char picture[PICTURE_SIZE];

static void assert_accepted(const char *name)
{
    char path[4096];
    static char accepted[PICTURE_SIZE];
    snprintf(path, sizeof path, "%s/tests/sagas/pictures/%s", test_variable("SKALD_SOURCE_DIR"),
             name);
    FILE *file = fopen(path, getenv("SKALD_TEST_ACCEPT") != NULL ? "w+" : "r");
    assert_non_null(file);
    if (getenv("SKALD_TEST_ACCEPT") != NULL)
        assert_true(fputs(picture, file) >= 0);
    rewind(file);
    accepted[fread(accepted, 1, sizeof accepted - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(picture, accepted);
}

static skald_plan plan_of(const char *name)
{
    skald_plan plan;
    skald_plan_make(&plan, scenario_definition(name));
    return plan;
}

static void event_bring(const skald_plan *plan, skald_saga *saga, skald_saga_event_kind kind,
                        const char *step, skald_direction direction)
{
    static skald_saga_decision decision;
    const uint8_t at = skald_plan_find(plan, step, strlen(step));
    const skald_saga_event event = {
        .kind = kind,
        .time_ms = saga->last_ms + 1000,
        .operation = {at, (uint8_t)direction, 1},
    };
    skald_machine_step(plan, saga, &event, &decision);
}

/* The car is done, the flight was done and is being undone, the hotel refused. */
static skald_saga trip_turning_back(const skald_plan *plan)
{
    skald_saga saga;
    skald_saga_init(&saga, plan);
    event_bring(plan, &saga, SKALD_EVENT_STARTED, "", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_DONE, "quote", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_NEEDED, "car", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_DONE, "reserve-car", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_REFUSED, "pay-car", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_DONE, "flight", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_DONE, "hotel", SKALD_RUN);
    event_bring(plan, &saga, SKALD_EVENT_DONE, "hotel", SKALD_UNDO);
    event_bring(plan, &saga, SKALD_EVENT_REFUSED, "flight", SKALD_UNDO);
    return saga;
}

static void test_definitions_are_drawn_as_accepted(void **state)
{
    (void)state;
    skald_definition_mermaid(scenario_definition("checkout"), picture, sizeof picture);
    assert_accepted("checkout.mermaid");
    skald_definition_dot(scenario_definition("checkout"), picture, sizeof picture);
    assert_accepted("checkout.dot");
    skald_definition_mermaid(scenario_definition("trip"), picture, sizeof picture);
    assert_accepted("trip.mermaid");
    skald_definition_dot(scenario_definition("trip"), picture, sizeof picture);
    assert_accepted("trip.dot");
    const skald_plan plan = plan_of("approval");
    skald_diagram_svg(&plan, NULL, picture, sizeof picture);
    assert_accepted("approval.svg");
}

static void test_saga_under_way_is_drawn_with_its_states(void **state)
{
    (void)state;
    const skald_plan plan = plan_of("trip");
    const skald_saga saga = trip_turning_back(&plan);
    skald_diagram_mermaid(&plan, &saga, picture, sizeof picture);
    assert_accepted("trip-turning-back.mermaid");
    skald_diagram_dot(&plan, &saga, picture, sizeof picture);
    assert_accepted("trip-turning-back.dot");
    skald_diagram_svg(&plan, &saga, picture, sizeof picture);
    assert_accepted("trip-turning-back.svg");
}

static void test_tables_are_drawn_as_accepted(void **state)
{
    (void)state;
    assert_true(skald_diagram_step_states(picture, sizeof picture) < sizeof picture);
    assert_accepted("step-states.mermaid");
    assert_true(skald_diagram_saga_phases(picture, sizeof picture) < sizeof picture);
    assert_accepted("saga-phases.mermaid");
}

static void test_picture_that_does_not_fit_is_cut_and_its_length_is_told(void **state)
{
    (void)state;
    const skald_plan plan = plan_of("trip");
    typedef size_t draw(const skald_plan *, const skald_saga *, char *, size_t);
    draw *const draws[] = {skald_diagram_mermaid, skald_diagram_dot, skald_diagram_svg};
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
        const size_t whole = draws[i](&plan, NULL, picture, sizeof picture);
        for (size_t size = 0; size <= whole; size += 7) {
            char *cut = malloc(size + 1);
            assert_non_null(cut);
            cut[size] = '#';
            assert_int_equal(draws[i](&plan, NULL, cut, size), whole);
            assert_int_equal(cut[size], '#');
            assert_true(size == 0 || strlen(cut) == size - 1);
            assert_true(size == 0 || memcmp(cut, picture, size - 1) == 0);
            free(cut);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions_are_drawn_as_accepted),
        cmocka_unit_test(test_saga_under_way_is_drawn_with_its_states),
        cmocka_unit_test(test_tables_are_drawn_as_accepted),
        cmocka_unit_test(test_picture_that_does_not_fit_is_cut_and_its_length_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
