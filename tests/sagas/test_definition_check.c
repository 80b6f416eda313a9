/* Every mistake that a definition can hold is told in a sentence, and all of them at once. */
#include "support/test.h"

#include "plan.h"

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

static bool condition(const void *state, size_t state_size)
{
    return state == NULL || state_size > 0;
}

typedef struct told {
    size_t count;
    char text[16384];
} told;

static void tell(void *context, const char *sentence)
{
    told *all = context;
    all->count++;
    const size_t used = strlen(all->text);
    snprintf(all->text + used, sizeof all->text - used, "%s\n", sentence);
}

static told check(const skald_step *steps, size_t count, uint64_t deadline_ms)
{
    const skald_definition definition = {
        .name = "checkout", .version = 1, .deadline_ms = deadline_ms, .steps = {steps, count}};
    told all = {0};
    const size_t mistakes = skald_definition_check(&definition, tell, &all);
    assert_int_equal(mistakes, all.count);
    return all;
}

/* One step, one mistake, one sentence. */
static void assert_mistake(skald_step step, const char *sentence)
{
    const told all = check(&step, 1, 0);
    if (all.count != 1)
        print_error("%s", all.text);
    assert_int_equal(all.count, 1);
    assert_contains(all.text, sentence);
}

static void assert_mistake_behind_pivot(skald_step step, const char *sentence)
{
    const skald_step steps[] = {{.name = "pay", .run.local = code, .pivot = true}, step};
    const told all = check(steps, 2, 0);
    if (all.count != 1)
        print_error("%s", all.text);
    assert_int_equal(all.count, 1);
    assert_contains(all.text, sentence);
}

#define COMMAND                                                                                    \
    {                                                                                              \
        .participant = "inventory", .command = "shop.v1.Reserve"                                   \
    }

static void test_definition_of_every_kind_of_step_has_no_mistake(void **state)
{
    (void)state;
    static const skald_step inside[] = {{.name = "inside", .run.local = code}};
    static const skald_definition child = {
        .name = "delivery", .version = 1, .steps = SKALD_STEPS(inside)};
    static const skald_step branch[] = {
        {.name = "reserve-car", .run = COMMAND, .undo = COMMAND},
        {.name = "pay-car", .run.activity = code, .undo.activity = code},
    };
    static const skald_step branches[] = {
        {.name = "car", .run.sequence = SKALD_STEPS(branch), .only_if = condition},
        {.name = "hotel", .run = COMMAND, .undo.child = &child},
    };
    static const skald_step steps[] = {
        {.name = "open", .run.local = code, .undo.local = code},
        {.name = "book", .run.parallel = SKALD_STEPS(branches)},
        {.name = "approval", .run = {.wait_for = "Approved", .timeout_ms = 60000}},
        {.name = "cool-off", .run.sleep_ms = 1000},
        {.name = "deliver", .run.child = &child},
        {.name = "confirm", .run.local = code, .pivot = true},
        {.name = "mail", .run = {.activity = code, .verify = code, .accept = code}},
    };
    const told all = check(steps, 7, 24 * 3600 * 1000);
    assert_string_equal(all.text, "");
}

static void test_names_are_checked(void **state)
{
    (void)state;
    assert_mistake((skald_step){.run.local = code}, "step 1 is named \"(no name)\"");
    assert_mistake((skald_step){.name = "Charge", .run.local = code}, "is named \"Charge\"");
    assert_mistake((skald_step){.name = "charge card", .run.local = code}, "begins with a letter");
    assert_mistake((skald_step){.name = "charge/card", .run.local = code}, "begins with a letter");
    const skald_step twins[] = {{.name = "pay", .run.local = code},
                                {.name = "pay", .run.local = code}};
    assert_contains(check(twins, 2, 0).text, "two steps are named \"pay\": rename one");
}

static void test_step_is_of_one_kind(void **state)
{
    (void)state;
    assert_mistake((skald_step){.name = "pay"}, "step \"pay\" does nothing: set one of local");
    assert_mistake((skald_step){.name = "pay", .run = {.local = code, .activity = code}},
                   "the run of step \"pay\" is of several kinds at once");
    assert_mistake(
        (skald_step){.name = "pay", .run.local = code, .undo = {.local = code, .activity = code}},
        "the undo of step \"pay\" is of several kinds at once");
}

static void test_command_needs_its_participant(void **state)
{
    (void)state;
    assert_mistake((skald_step){.name = "pay", .run.command = "Pay"},
                   "to nobody: say .participant");
    assert_mistake((skald_step){.name = "pay", .run = {.local = code, .participant = "bank"}},
                   "has a participant and no command");
    assert_mistake(
        (skald_step){.name = "pay", .run = {.command = "Pay", .participant = "The Bank"}},
        "names the participant \"The Bank\"");
    assert_mistake((skald_step){.name = "pay", .run = {.command = "Pay me", .participant = "bank"}},
                   "names \"Pay me\": letters, digits");
}

static void test_wait_says_for_how_long_and_for_a_name_of_its_own(void **state)
{
    (void)state;
    assert_mistake((skald_step){.name = "paid", .run.wait_for = "Paid"},
                   "waits for ever: say .timeout_ms");
    const skald_step steps[] = {
        {.name = "first", .run = {.wait_for = "Paid", .timeout_ms = 1000}},
        {.name = "second", .run = {.wait_for = "Paid", .timeout_ms = 1000}},
    };
    assert_contains(check(steps, 2, 0).text,
                    "step \"second\" waits for \"Paid\", for which another one waits");
}

static void test_code_stands_where_it_is_called(void **state)
{
    (void)state;
    assert_mistake((skald_step){.name = "pay", .run = {.local = code, .verify = code}},
                   "has .verify and is no activity");
    assert_mistake((skald_step){.name = "pay", .run = {.local = code, .compose = code}},
                   "has .compose and is neither");
    assert_mistake((skald_step){.name = "pay", .run = {.local = code, .accept = code}},
                   "has .accept and nothing answers");
}

static void test_timeouts_and_retries_fit_each_other(void **state)
{
    (void)state;
    assert_mistake((skald_step){.name = "nap", .run = {.sleep_ms = 5, .timeout_ms = 5}},
                   "has no timeout of its own");
    assert_mistake(
        (skald_step){.name = "pay", .run = {.local = code, .on_timeout = SKALD_TIMEOUT_CONTINUES}},
        "a local step that ran out of time is not done");
    assert_mistake((skald_step){.name = "pay",
                                .run = {.activity = code, .timeout_ms = 5000, .retry = "for 5s"}},
                   "is tried for no longer than one attempt may take");
    assert_mistake((skald_step){.name = "pay", .run = {.activity = code, .retry = "10s..5s"}},
                   "the run of step \"pay\": retry schedule \"10s..5s\"");
}

static void test_no_time_is_longer_than_ten_years(void **state)
{
    (void)state;
    assert_mistake((skald_step){.name = "nap", .run.sleep_ms = UINT64_MAX},
                   "a time of more than ten years");
    assert_mistake(
        (skald_step){.name = "pay",
                     .run.local = code,
                     .undo = {.activity = code, .timeout_ms = SKALD_DURATION_MS_MAX + 1}},
        "the undo of step \"pay\" has a time of more than ten years");
    const skald_step steps[] = {{.name = "pay", .run.local = code}};
    assert_contains(check(steps, 1, SKALD_DURATION_MS_MAX + 1).text,
                    "its deadline is after more than ten years");
    assert_int_equal(check(steps, 1, SKALD_DURATION_MS_MAX).count, 0);
}

static void test_nothing_outlasts_the_deadline(void **state)
{
    (void)state;
    const skald_step slow = {.name = "pay", .run = {.activity = code, .timeout_ms = 90000}};
    assert_contains(
        check(&slow, 1, 60000).text,
        "step \"pay\" has a timeout of 90 s and the deadline of the saga is after 1 min");
    const skald_step stubborn = {.name = "pay", .run = {.activity = code, .retry = "for 2h"}};
    assert_contains(check(&stubborn, 1, 3600000).text,
                    "is tried again for 2 h and the deadline of the saga is after 1 h");
    const skald_step naps[] = {{.name = "one", .run.sleep_ms = 40000},
                               {.name = "two", .run.sleep_ms = 40000}};
    assert_contains(check(naps, 2, 60000).text,
                    "its steps sleep for 80 s together and its deadline is after 1 min");
}

static void test_undo_is_one_deed_that_is_owed(void **state)
{
    (void)state;
    static const skald_step inside[] = {{.name = "inside", .run.local = code}};
    assert_mistake(
        (skald_step){.name = "pay", .run.local = code, .undo.parallel = SKALD_STEPS(inside)},
        "the undo of step \"pay\" is a group");
    assert_mistake(
        (skald_step){.name = "all", .run.parallel = SKALD_STEPS(inside), .undo.local = code},
        "the group \"all\" has an undo: give it to the steps in the group");
    assert_mistake(
        (skald_step){.name = "pay",
                     .run.local = code,
                     .undo = {.activity = code, .on_timeout = SKALD_TIMEOUT_COMPENSATES}},
        "an undo is owed and tried again");
}

static void test_pivot_is_one_deed_on_the_top_level(void **state)
{
    (void)state;
    const skald_step two[] = {{.name = "pay", .run.local = code, .pivot = true},
                              {.name = "ship", .run.local = code, .pivot = true}};
    assert_contains(check(two, 2, 0).text, "steps \"pay\" and \"ship\" are both the pivot");
    assert_mistake(
        (skald_step){.name = "pay", .run.local = code, .undo.local = code, .pivot = true},
        "is the pivot and has an undo");
    assert_mistake((skald_step){.name = "nap", .run.sleep_ms = 5, .pivot = true},
                   "the pivot is one deed");
    assert_mistake((skald_step){.name = "pay",
                                .run = {.activity = code, .on_timeout = SKALD_TIMEOUT_CONTINUES},
                                .pivot = true},
                   "it must be known whether there is a way back");
    static const skald_step inside[] = {{.name = "pay", .run.local = code, .pivot = true}};
    assert_mistake((skald_step){.name = "all", .run.parallel = SKALD_STEPS(inside)},
                   "the pivot \"pay\" stands in a group");
}

static void test_what_stands_behind_the_pivot_is_retried_and_never_undone(void **state)
{
    (void)state;
    assert_mistake_behind_pivot((skald_step){.name = "ship", .run.local = code, .undo.local = code},
                                "step \"ship\" has an undo and stands behind the pivot \"pay\"");
    assert_mistake_behind_pivot(
        (skald_step){.name = "ship", .run = {.activity = code, .retry = "never"}},
        "step \"ship\" is tried only once and stands behind the pivot");
    assert_mistake_behind_pivot(
        (skald_step){.name = "ship",
                     .run = {.activity = code, .on_timeout = SKALD_TIMEOUT_COMPENSATES}},
        "step \"ship\" turns back after a timeout");
    assert_mistake_behind_pivot(
        (skald_step){.name = "signed", .run = {.wait_for = "Signed", .timeout_ms = 5}},
        "step \"signed\" turns back after a timeout");
}

static void test_groups_are_neither_empty_nor_too_deep_and_steps_not_too_many(void **state)
{
    (void)state;
    static const skald_step some[] = {{.name = "inside", .run.local = code}};
    assert_mistake((skald_step){.name = "all", .run.parallel = {some, 0}},
                   "the group \"all\" is empty");
    static const skald_step five[] = {{.name = "e", .run.sequence = SKALD_STEPS(some)}};
    static const skald_step four[] = {{.name = "d", .run.sequence = SKALD_STEPS(five)}};
    static const skald_step three[] = {{.name = "c", .run.sequence = SKALD_STEPS(four)}};
    static const skald_step two[] = {{.name = "b", .run.sequence = SKALD_STEPS(three)}};
    assert_mistake((skald_step){.name = "a", .run.sequence = SKALD_STEPS(two)},
                   "the group \"e\" is nested deeper than 4 groups");
    static skald_step many[SKALD_STEPS_MAX + 1];
    static char names[SKALD_STEPS_MAX + 1][8];
    for (size_t i = 0; i <= SKALD_STEPS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        many[i] = (skald_step){.name = names[i], .run.local = code};
    }
    const told all = check(many, SKALD_STEPS_MAX + 1, 0);
    assert_int_equal(all.count, 1);
    assert_contains(all.text, "it has 65 steps and the most is 64");
    assert_int_equal(check(many, SKALD_STEPS_MAX, 0).count, 0);
}

extern const skald_definition circle;
static const skald_step circle_steps[] = {{.name = "again", .run.child = &circle}};
const skald_definition circle = {
    .name = "circle", .version = 1, .steps = SKALD_STEPS(circle_steps)};

static void test_children_are_examined_and_hold_no_circle(void **state)
{
    (void)state;
    told all = {0};
    assert_int_equal(skald_definition_check(&circle, tell, &all), 1);
    assert_contains(all.text,
                    "definition \"circle\": step \"again\" starts the saga that it belongs to");
    static const skald_step bad[] = {{.name = "pay"}};
    static const skald_definition child = {.name = "delivery", .steps = SKALD_STEPS(bad)};
    const skald_step parent = {.name = "deliver", .run.child = &child};
    const told of_child = check(&parent, 1, 0);
    assert_int_equal(of_child.count, 2);
    assert_contains(of_child.text, "definition \"delivery\": it has no version");
    assert_contains(of_child.text, "definition \"delivery\": step \"pay\" does nothing");
}

static void test_definition_has_a_name_a_version_and_steps(void **state)
{
    (void)state;
    told all = {0};
    assert_int_equal(skald_definition_check(&(skald_definition){0}, tell, &all), 3);
    assert_contains(all.text, "definition \"(no name)\": its name is missing");
    assert_contains(all.text, "it has no version: begin with .version = 1");
    assert_contains(all.text, "it has no steps");
    assert_int_equal(skald_definition_check(&(skald_definition){0}, NULL, NULL), 3);
}

static void test_all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    const skald_step steps[] = {
        {.name = "Pay", .run = {.command = "Pay"}},
        {.name = "wait", .run.wait_for = "Paid"},
        {.name = "pay",
         .run = {.activity = code, .on_timeout = SKALD_TIMEOUT_CONTINUES},
         .pivot = true,
         .undo.local = code},
        {.name = "ship",
         .run = {.activity = code, .retry = "never"},
         .undo.local = code,
         .pivot = true},
    };
    assert_int_equal(check(steps, 4, 0).count, 9);
}

/* ---- the fingerprint ---- */

static uint64_t fingerprint(const skald_step *steps, size_t count)
{
    const skald_definition definition = {.name = "checkout", .version = 1, .steps = {steps, count}};
    return skald_definition_fingerprint(&definition);
}

static void test_fingerprint_is_the_same_in_every_build(void **state)
{
    (void)state;
    const skald_step steps[] = {{.name = "reserve", .run = COMMAND, .undo = COMMAND},
                                {.name = "pay", .run.local = code, .pivot = true}};
    assert_true(fingerprint(steps, 2) == 0xff9d1947bfde0a48u);
}

static void test_fingerprint_tells_plans_apart_and_not_tunings(void **state)
{
    (void)state;
    const skald_step plain = {.name = "pay", .run.activity = code};
    const uint64_t base = fingerprint(&plain, 1);
    skald_step other = plain;
    other.run.timeout_ms = 5;
    other.run.retry = "3 times";
    other.give_up = SKALD_GIVE_UP_ASKS_PERSON;
    assert_true(fingerprint(&other, 1) == base);
    const skald_step different[] = {
        {.name = "paid", .run.activity = code},
        {.name = "pay", .run.local = code},
        {.name = "pay", .run.activity = code, .undo.local = code},
        {.name = "pay", .run.activity = code, .pivot = true},
        {.name = "pay", .run.activity = code, .only_if = condition},
        {.name = "pay", .run = COMMAND},
        {.name = "pay", .run.wait_for = "Paid"},
    };
    for (size_t i = 0; i < sizeof different / sizeof *different; i++)
        assert_true(fingerprint(&different[i], 1) != base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition_of_every_kind_of_step_has_no_mistake),
        cmocka_unit_test(test_names_are_checked),
        cmocka_unit_test(test_step_is_of_one_kind),
        cmocka_unit_test(test_command_needs_its_participant),
        cmocka_unit_test(test_wait_says_for_how_long_and_for_a_name_of_its_own),
        cmocka_unit_test(test_code_stands_where_it_is_called),
        cmocka_unit_test(test_timeouts_and_retries_fit_each_other),
        cmocka_unit_test(test_no_time_is_longer_than_ten_years),
        cmocka_unit_test(test_nothing_outlasts_the_deadline),
        cmocka_unit_test(test_undo_is_one_deed_that_is_owed),
        cmocka_unit_test(test_pivot_is_one_deed_on_the_top_level),
        cmocka_unit_test(test_what_stands_behind_the_pivot_is_retried_and_never_undone),
        cmocka_unit_test(test_groups_are_neither_empty_nor_too_deep_and_steps_not_too_many),
        cmocka_unit_test(test_children_are_examined_and_hold_no_circle),
        cmocka_unit_test(test_definition_has_a_name_a_version_and_steps),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_fingerprint_is_the_same_in_every_build),
        cmocka_unit_test(test_fingerprint_tells_plans_apart_and_not_tunings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
