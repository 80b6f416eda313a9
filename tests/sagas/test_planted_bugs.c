/* Would the simulator notice? Bugs are planted at the seams between the files of the machine: this
 * program is linked with --wrap, so that a call from one file to another comes here first. The
 * library itself holds nothing of it. Each bug must be found, and without one all must be well. */
#include "support/test.h"

#include "machine_inside.h"
#include "simulator/simulator.h"
#include "support/random.h"

enum { SAGAS_FOR_ONE_BUG = 3000000, SAGAS_WITHOUT_BUG = 20000 };

#define PLANT_LIST(X)                                                                              \
    X(NONE, "no bug")                                                                              \
    X(TIMEOUT_IS_NOT_DONE, "a timeout means that it was not done")                                 \
    X(LATE_SUCCESS_IGNORED, "a success that comes after its undo is ignored")                      \
    X(LATE_FAILURE_IGNORED, "a failure that comes after its undo is ignored")                      \
    X(LATE_SUCCESS_FORGOTTEN, "a success that comes during its undo is forgotten")                 \
    X(UNDONE_FROM_THE_FRONT, "steps are undone in the order in which they are defined")            \
    X(PIVOT_NOT_RESPECTED, "a cancel during the pivot turns back at once")                         \
    X(NEW_KEY_FOR_EACH_ATTEMPT, "every attempt has a key of its own")                              \
    X(ROUND_NOT_COMPARED, "an answer to an earlier round counts for this one")                     \
    X(EARLY_EVENT_LOST, "an event that comes early is lost")                                       \
    X(GROUP_DONE_AT_ONCE, "a group is done before what is in it")                                  \
    X(DUE_TIME_LOST, "the due time is not set")                                                    \
    X(UNDO_GIVEN_UP, "an undo whose attempts are used up is given up without a person")            \
    X(REFUSED_IS_UNDONE, "a step that was refused is undone")                                      \
    X(BACK_AFTER_PIVOT, "a refusal after the pivot turns back")                                    \
    X(ENDS_OWING, "the saga ends while something is owed")                                         \
    X(PERSON_NOT_TOLD, "a person is not told of a task")                                           \
    X(PASSED_IS_NOT_OWED, "what was passed in doubt is not undone")                                \
    X(REWIND_RUNS_THE_UNDONE_ONLY, "going back to a step does not begin it again")                 \
    X(SLEEP_NEVER_ENDS, "a sleep that is over goes on")

typedef enum plant {
#define PLANT_ENUM(name, words) PLANT_##name,
    PLANT_LIST(PLANT_ENUM)
#undef PLANT_ENUM
        PLANT_COUNT
} plant;

static const char *const plant_words[] = {
#define PLANT_WORDS(name, words) words,
    PLANT_LIST(PLANT_WORDS)
#undef PLANT_WORDS
};

static plant planted;

/* ---- the seams ---- */

bool __real_skald_step_take(skald_machine *machine, uint8_t step, skald_step_input input);
bool __wrap_skald_step_take(skald_machine *machine, uint8_t step, skald_step_input input);
bool __real_skald_saga_take(skald_machine *machine, uint8_t step, skald_saga_input input);
bool __wrap_skald_saga_take(skald_machine *machine, uint8_t step, skald_saga_input input);
void __real_skald_on_answer(skald_machine *machine);
void __wrap_skald_on_answer(skald_machine *machine);
void __real_skald_back_go(skald_machine *machine);
void __wrap_skald_back_go(skald_machine *machine);
int64_t __real_skald_saga_due(const skald_plan *plan, const skald_saga *saga);
int64_t __wrap_skald_saga_due(const skald_plan *plan, const skald_saga *saga);

static uint8_t first_owed(const skald_machine *machine)
{
    uint8_t first = 0;
    while (!skald_step_is_owed(machine->plan, machine->saga, first))
        first++;
    return first;
}

/* What comes in is dropped, or meant for another step. */
static bool is_dropped(const skald_machine *machine, uint8_t step, skald_step_input input)
{
    const skald_saga_step *at = skald_machine_at(machine, step);
    const bool after_undo = at->state == SKALD_STEP_UNDONE;
    return (planted == PLANT_LATE_SUCCESS_IGNORED && after_undo && input == SKALD_INPUT_DONE) ||
           (planted == PLANT_LATE_FAILURE_IGNORED && after_undo && input == SKALD_INPUT_FAILED) ||
           (planted == PLANT_EARLY_EVENT_LOST && input == SKALD_INPUT_SIGNAL &&
            at->state == SKALD_STEP_PENDING) ||
           (planted == PLANT_REWIND_RUNS_THE_UNDONE_ONLY && input == SKALD_INPUT_REWIND &&
            after_undo) ||
           (planted == PLANT_SLEEP_NEVER_ENDS && input == SKALD_INPUT_DUE &&
            at->state == SKALD_STEP_SLEEPING);
}

static void before_take(skald_machine *machine, uint8_t step, skald_step_input input)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    if (planted == PLANT_NEW_KEY_FOR_EACH_ATTEMPT && at->state == SKALD_STEP_RESTING &&
        input == SKALD_INPUT_DUE)
        at->run_round++;
    if (planted == PLANT_LATE_SUCCESS_FORGOTTEN && input == SKALD_INPUT_UNDO_DONE)
        at->flags &= (uint8_t)~SKALD_STEP_AGAIN;
}

static void after_take(skald_machine *machine, uint8_t step, skald_step_input input)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    const skald_plan_step *planned = skald_machine_plan(machine, step);
    if (planted == PLANT_TIMEOUT_IS_NOT_DONE && input == SKALD_INPUT_DUE &&
        at->state == SKALD_STEP_IN_DOUBT)
        at->state = SKALD_STEP_NOT_DONE;
    if (planted == PLANT_GROUP_DONE_AT_ONCE && input == SKALD_INPUT_REACH &&
        skald_work_is_group(planned->run.kind))
        at->state = SKALD_STEP_DONE;
    if (planted == PLANT_UNDO_GIVEN_UP && at->state == SKALD_STEP_UNDO_HANDED_OVER)
        at->state = SKALD_STEP_UNDO_SKIPPED;
    if (planted == PLANT_REFUSED_IS_UNDONE && input == SKALD_INPUT_REFUSED &&
        at->state == SKALD_STEP_NOT_DONE) {
        at->state = SKALD_STEP_IN_DOUBT;
        at->flags |= SKALD_STEP_DOUBT;
    }
    if (planted == PLANT_BACK_AFTER_PIVOT && input == SKALD_INPUT_REFUSED && planned->after_pivot) {
        at->state = SKALD_STEP_NOT_DONE;
        machine->saga->phase = SKALD_SAGA_COMPENSATING;
    }
    if (planted == PLANT_PASSED_IS_NOT_OWED && at->state == SKALD_STEP_PASSED)
        at->flags &= (uint8_t)~SKALD_STEP_DOUBT;
}

static void hand_over_drop(skald_machine *machine)
{
    skald_saga_decision *decision = machine->decision;
    for (size_t i = 0; i < decision->action_count; i++) {
        if (decision->actions[i].kind == SKALD_ACTION_HAND_OVER)
            decision->actions[i] = decision->actions[--decision->action_count];
    }
}

bool __wrap_skald_step_take(skald_machine *machine, uint8_t step, skald_step_input input)
{
    if (is_dropped(machine, step, input))
        return true;
    const bool redirected = planted == PLANT_UNDONE_FROM_THE_FRONT && input == SKALD_INPUT_UNDO;
    const uint8_t to = redirected ? first_owed(machine) : step;
    before_take(machine, to, input);
    const bool taken = __real_skald_step_take(machine, to, input);
    after_take(machine, to, input);
    if (planted == PLANT_PERSON_NOT_TOLD)
        hand_over_drop(machine);
    return taken;
}

bool __wrap_skald_saga_take(skald_machine *machine, uint8_t step, skald_saga_input input)
{
    const uint8_t pivot = machine->plan->pivot;
    const bool asked = input == SKALD_SAGA_INPUT_CANCEL || input == SKALD_SAGA_INPUT_COMPENSATE;
    if (planted == PLANT_PIVOT_NOT_RESPECTED && asked && pivot != SKALD_STEP_NONE &&
        skald_machine_at(machine, pivot)->state == SKALD_STEP_RUNNING)
        skald_machine_at(machine, pivot)->state = SKALD_STEP_NOT_DONE;
    return __real_skald_saga_take(machine, step, input);
}

void __wrap_skald_on_answer(skald_machine *machine)
{
    skald_saga_event event = *machine->event;
    const uint8_t step = event.operation.step;
    if (planted == PLANT_ROUND_NOT_COMPARED && step < machine->plan->step_count &&
        event.operation.direction == SKALD_RUN)
        event.operation.round = skald_machine_at(machine, step)->run_round;
    const skald_saga_event *brought = machine->event;
    machine->event = &event;
    __real_skald_on_answer(machine);
    machine->event = brought;
}

void __wrap_skald_back_go(skald_machine *machine)
{
    if (planted == PLANT_ENDS_OWING)
        __real_skald_saga_take(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_ALL_UNDONE);
    else
        __real_skald_back_go(machine);
}

int64_t __wrap_skald_saga_due(const skald_plan *plan, const skald_saga *saga)
{
    return planted == PLANT_DUE_TIME_LOST ? 0 : __real_skald_saga_due(plan, saga);
}

/* ---- the tests ---- */

/* Which promise was found broken, or NULL; `tried` says how many sagas it took. */
static const char *bug_find(test_random *random, plant bug, int sagas, int *tried)
{
    planted = bug;
    const char *wrong = NULL;
    for (*tried = 0; *tried < sagas && wrong == NULL; (*tried)++)
        wrong = sim_run(random_next(random), NULL).wrong;
    planted = PLANT_NONE;
    return wrong;
}

static void test_every_planted_bug_is_found(void **state)
{
    (void)state;
    test_random random = random_begin();
    int missed = 0;
    for (plant bug = PLANT_NONE + 1; bug < PLANT_COUNT; bug++) {
        int tried = 0;
        const char *wrong = bug_find(&random, bug, SAGAS_FOR_ONE_BUG, &tried);
        printf("%-66s %s (%d sagas)\n", plant_words[bug], wrong != NULL ? wrong : "NOT FOUND",
               tried);
        missed += wrong == NULL ? 1 : 0;
    }
    assert_int_equal(missed, 0);
}

static void test_without_a_bug_nothing_is_found(void **state)
{
    (void)state;
    test_random random = random_begin();
    int tried = 0;
    assert_null(bug_find(&random, PLANT_NONE, SAGAS_WITHOUT_BUG, &tried));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_planted_bug_is_found),
        cmocka_unit_test(test_without_a_bug_nothing_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
