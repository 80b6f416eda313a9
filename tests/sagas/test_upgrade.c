/* A running saga goes on with another plan, or is told why not. Old and new plans are made by
 * chance, and the decision is compared with the rules read once more, step by step and without
 * cleverness. Whatever is said to be safe must then go on to its end on the new plan. */
#include "simulator/world.h"
#include "support/random.h"
#include "support/test.h"

#include "machine_inside.h"
#include "saga_code.h"
#include "saga_future.h"
#include "scenario/definitions.h"
#include "upgrade.h"

enum { ROUNDS = 20000, EVENTS_MAX = 14, END_EVENTS_MAX = 2000, RENAMES_MAX = 4 };

static skald_plan from;
static skald_plan to;
static skald_saga saga;
static skald_upgrade upgrade;
static skald_saga_decision decision;

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

static bool condition(const void *state, size_t size)
{
    (void)state;
    (void)size;
    return true;
}

/* --- one pair after another, by hand ------------------------------------------------------- */

static void tell(skald_saga_event_kind kind, const char *step, skald_direction direction)
{
    skald_saga_event event = {.kind = kind, .time_ms = saga.last_ms + 1000};
    event.operation.step = SKALD_STEP_NONE;
    if (step != NULL) {
        event.operation.step = skald_plan_find(&from, step, strlen(step));
        const skald_saga_step *at = &saga.steps[event.operation.step];
        event.operation.direction = (uint8_t)direction;
        event.operation.round = direction == SKALD_RUN ? at->run_round : at->undo_round;
    }
    skald_machine_step(&from, &saga, &event, &decision);
}

static void begin(const skald_definition *definition)
{
    skald_plan_make(&from, definition);
    skald_saga_init(&saga, &from);
    tell(SKALD_EVENT_STARTED, NULL, SKALD_RUN);
}

static skald_upgrade_kind decide(const skald_definition *definition, const char *old_name,
                                 const char *new_name)
{
    const skald_rename rename = {old_name, new_name};
    skald_plan_make(&to, definition);
    skald_upgrade_decide(&from, &to, &saga, (skald_renames){&rename, old_name != NULL ? 1 : 0},
                         &upgrade);
    return upgrade.kind;
}

enum { COUNT = 4 };

/* Four steps: a command with an undo, an activity with one, the pivot, a mail. */
static const skald_step plain[COUNT] = {
    {.name = "reserve",
     .run = {.participant = "stock", .command = "Reserve"},
     .undo = {.participant = "stock", .command = "Release"}},
    {.name = "charge", .run.activity = code, .undo.activity = code},
    {.name = "confirm", .run.local = code, .pivot = true},
    {.name = "mail", .run.activity = code},
};

static skald_step changed[COUNT + 1];
static skald_definition old_version = {"checkout", 1, 0, {plain, COUNT}};
static skald_definition new_version = {"checkout", 2, 0, {changed, COUNT}};

/* The second step is under way. */
static void given_charging(void)
{
    memcpy(changed, plain, sizeof plain);
    new_version.steps.count = COUNT;
    begin(&old_version);
    tell(SKALD_EVENT_DONE, "reserve", SKALD_RUN);
}

static void refused(skald_upgrade_kind kind, const char *sentence)
{
    assert_int_equal(decide(&new_version, NULL, NULL), kind);
    assert_contains(upgrade.why, sentence);
}

static void test_what_has_not_begun_may_change(void **state)
{
    (void)state;
    given_charging();
    changed[3] = (skald_step){.name = "letter", .run = {.participant = "post", .command = "Print"}};
    changed[4] = (skald_step){.name = "archive", .run.local = code};
    new_version.steps.count = COUNT + 1;
    assert_int_equal(decide(&new_version, NULL, NULL), SKALD_UPGRADE_SAFE);
    assert_string_equal(upgrade.why, "");
    assert_int_equal(upgrade.saga.step_count, COUNT + 1);
    assert_true(upgrade.saga.fingerprint == to.fingerprint);
    assert_int_equal(upgrade.saga.steps[0].state, SKALD_STEP_DONE);
    assert_int_equal(upgrade.saga.steps[1].state, SKALD_STEP_RUNNING);
    assert_int_equal(upgrade.places[1], 1);
    assert_int_equal(upgrade.places[2], SKALD_STEP_NONE);
    assert_int_equal(skald_saga_future_of(&to, &upgrade.saga).step, 1);
}

static void test_tunings_may_change_anywhere(void **state)
{
    (void)state;
    given_charging();
    changed[0].run.retry = "1s..2s, 3 times";
    changed[1].run.timeout_ms = 5;
    changed[1].run.verify = code;
    new_version.deadline_ms = 100000;
    assert_int_equal(decide(&new_version, NULL, NULL), SKALD_UPGRADE_SAFE);
    assert_int_equal(upgrade.saga.due_ms, saga.steps[1].due_ms);
    new_version.deadline_ms = 5000;
    assert_int_equal(decide(&new_version, NULL, NULL), SKALD_UPGRADE_SAFE);
    assert_int_equal(upgrade.saga.due_ms, saga.started_ms + 5000);
    new_version.deadline_ms = 0;
}

static void test_what_has_begun_must_stay(void **state)
{
    (void)state;
    given_charging();
    changed[1] = (skald_step){.name = "pay", .run.local = code};
    refused(SKALD_UPGRADE_UNSAFE, "step \"charge\" has begun and the new definition does not have");
    given_charging();
    changed[1].run = (skald_work){.participant = "bank", .command = "Charge"};
    refused(SKALD_UPGRADE_UNSAFE, "step \"charge\" has begun and does other work");
    given_charging();
    changed[0].run.participant = "depot";
    refused(SKALD_UPGRADE_UNSAFE, "step \"reserve\" has begun and does other work");
    given_charging();
    changed[0].undo.command = "Free";
    refused(SKALD_UPGRADE_UNSAFE, "step \"reserve\" has begun and is undone otherwise");
    given_charging();
    changed[1].undo = (skald_work){0};
    refused(SKALD_UPGRADE_UNSAFE, "step \"charge\" has begun and is undone otherwise");
}

static void test_nothing_new_stands_before_what_has_begun(void **state)
{
    (void)state;
    given_charging();
    memcpy(&changed[1], &plain[0], (COUNT) * sizeof *changed);
    changed[0] = (skald_step){.name = "check", .run.local = code};
    new_version.steps.count = COUNT + 1;
    refused(SKALD_UPGRADE_UNSAFE,
            "step \"check\" has not begun and stands before \"reserve\" in the new definition");
    given_charging();
    changed[0] = plain[1];
    changed[1] = plain[0];
    refused(SKALD_UPGRADE_UNSAFE,
            "steps \"reserve\" and \"charge\" have begun and stand the other");
}

static void test_the_pivot_does_not_move_across_what_has_begun(void **state)
{
    (void)state;
    given_charging();
    changed[2].pivot = false;
    changed[3].pivot = true;
    assert_int_equal(decide(&new_version, NULL, NULL), SKALD_UPGRADE_SAFE);
    tell(SKALD_EVENT_DONE, "charge", SKALD_RUN);
    refused(SKALD_UPGRADE_UNSAFE,
            "step \"confirm\" has begun and is the pivot in only one of the two");
    tell(SKALD_EVENT_DONE, "confirm", SKALD_RUN);
    refused(SKALD_UPGRADE_UNSAFE, "step \"confirm\" has begun and is the pivot");
}

static void test_a_step_that_may_be_renamed_needs_a_map(void **state)
{
    (void)state;
    given_charging();
    tell(SKALD_EVENT_DONE, "charge", SKALD_RUN);
    tell(SKALD_EVENT_DONE, "confirm", SKALD_RUN);
    changed[1].name = "pay";
    refused(SKALD_UPGRADE_NEEDS_MAP, "say whether it is called \"pay\" now");
    assert_int_equal(decide(&new_version, "charge", "pay"), SKALD_UPGRADE_SAFE);
    assert_int_equal(upgrade.places[1], 1);
    assert_int_equal(decide(&new_version, "charge", "buy"), SKALD_UPGRADE_UNSAFE);
    assert_contains(upgrade.why,
                    "is called \"buy\" by the map, and the new definition has no such");
    assert_int_equal(decide(&new_version, "charge", "reserve"), SKALD_UPGRADE_UNSAFE);
    assert_contains(upgrade.why, "\"reserve\" and \"charge\" have begun and would both be");
}

/* What others know by its old name keeps it. */
static void test_a_step_whose_key_is_needed_keeps_its_name(void **state)
{
    (void)state;
    given_charging();
    changed[1].name = "pay";
    assert_int_equal(decide(&new_version, "charge", "pay"), SKALD_UPGRADE_UNSAFE);
    assert_contains(upgrade.why, "step \"charge\" cannot be called \"pay\" now");
    changed[1].name = "charge";
    changed[0].name = "hold";
    assert_int_equal(decide(&new_version, "reserve", "hold"), SKALD_UPGRADE_UNSAFE);
}

static void test_debts_are_kept(void **state)
{
    (void)state;
    given_charging();
    tell(SKALD_EVENT_REFUSED, "charge", SKALD_RUN);
    assert_int_equal(saga.steps[0].state, SKALD_STEP_UNDOING);
    assert_int_equal(decide(&new_version, NULL, NULL), SKALD_UPGRADE_SAFE);
    assert_int_equal(skald_saga_future_of(&to, &upgrade.saga).step, 0);
    changed[0].undo.participant = "depot";
    refused(SKALD_UPGRADE_UNSAFE, "step \"reserve\" has begun and is undone otherwise");
}

static void test_another_definition_is_refused(void **state)
{
    (void)state;
    given_charging();
    const skald_definition other = {"trip", 1, 0, {plain, COUNT}};
    assert_int_equal(decide(&other, NULL, NULL), SKALD_UPGRADE_UNSAFE);
    assert_contains(upgrade.why, "it is a saga \"checkout\" and not \"trip\"");
}

static void test_a_condition_that_is_being_asked_stays(void **state)
{
    (void)state;
    skald_step steps[2] = {{.name = "a", .run.local = code, .only_if = condition},
                           {.name = "b", .run.local = code}};
    const skald_definition one = {"asked", 1, 0, {steps, 2}};
    begin(&one);
    assert_int_equal(saga.steps[0].state, SKALD_STEP_ASKING);
    skald_step without[2] = {{.name = "a", .run.local = code}, {.name = "b", .run.local = code}};
    const skald_definition two = {"asked", 2, 0, {without, 2}};
    assert_int_equal(decide(&two, NULL, NULL), SKALD_UPGRADE_UNSAFE);
    assert_contains(upgrade.why, "step \"a\" is just being asked whether it is needed");
}

static void test_a_group_that_is_over_takes_no_more(void **state)
{
    (void)state;
    skald_step members[3] = {{.name = "left", .run.local = code},
                             {.name = "right", .run.local = code},
                             {.name = "third", .run.local = code}};
    skald_step top[2] = {{.name = "both", .run.parallel = {members, 2}},
                         {.name = "last", .run.local = code}};
    const skald_definition two = {"pair", 1, 0, {top, 2}};
    begin(&two);
    skald_step more[2] = {{.name = "both", .run.parallel = {members, 3}},
                          {.name = "last", .run.local = code}};
    const skald_definition three = {"pair", 2, 0, {more, 2}};
    assert_int_equal(decide(&three, NULL, NULL), SKALD_UPGRADE_SAFE);
    tell(SKALD_EVENT_DONE, "left", SKALD_RUN);
    tell(SKALD_EVENT_DONE, "right", SKALD_RUN);
    assert_int_equal(decide(&three, NULL, NULL), SKALD_UPGRADE_UNSAFE);
    assert_contains(upgrade.why, "step \"third\" is new in the group \"both\", which is over");
}

/* --- a new plan by chance ------------------------------------------------------------------ */

typedef struct mutant {
    sim_definition made;
    test_random *random;
    skald_rename renames[RENAMES_MAX];
    char new_names[RENAMES_MAX][SIM_NAME_SIZE];
    size_t rename_count;
    uint32_t chance; /* of each change, in 1000 */
} mutant;

static bool happens(mutant *m)
{
    return random_below(m->random, 1000) < m->chance;
}

static skald_step *room_take(mutant *m, size_t count)
{
    skald_step *first = &m->made.steps[m->made.step_count];
    m->made.step_count += count;
    return first;
}

static const char *fresh_name(mutant *m, size_t index)
{
    snprintf(m->made.names[index], SIM_NAME_SIZE, "n%zu", index);
    return m->made.names[index];
}

static void rename_maybe(mutant *m, skald_step *step)
{
    if (!happens(m) || m->rename_count == RENAMES_MAX)
        return;
    char *name = m->new_names[m->rename_count];
    snprintf(name, SIM_NAME_SIZE, "r%s", step->name);
    if (random_chance(m->random, 60))
        m->renames[m->rename_count] = (skald_rename){step->name, name};
    else
        m->renames[m->rename_count] = (skald_rename){"nobody", name};
    m->rename_count++;
    step->name = name;
}

static void work_change(mutant *m, skald_step *step)
{
    if (happens(m))
        step->run = (skald_work){.local = code};
    if (happens(m))
        step->undo = (skald_work){.local = code};
    if (happens(m))
        step->undo = (skald_work){0};
    if (happens(m) && step->run.command != NULL)
        step->run.participant = "stranger";
    if (happens(m) && step->undo.command != NULL)
        step->undo.command = "Undo";
    if (happens(m))
        step->only_if = step->only_if == NULL ? condition : NULL;
    if (happens(m))
        step->pivot = !step->pivot;
}

static skald_steps steps_change(mutant *m, skald_steps old, size_t depth);

static void step_change(mutant *m, skald_step *step, size_t depth)
{
    rename_maybe(m, step);
    if (step->run.parallel.list != NULL)
        step->run.parallel = steps_change(m, step->run.parallel, depth + 1);
    else if (step->run.sequence.list != NULL)
        step->run.sequence = steps_change(m, step->run.sequence, depth + 1);
    else
        work_change(m, step);
}

/* The same list with a step less, a step more, or two of them the other way round. */
static skald_steps steps_change(mutant *m, skald_steps old, size_t depth)
{
    skald_step list[SIM_STEPS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < old.count; i++) {
        if (happens(m) && count < 20)
            list[count++] = (skald_step){.run.local = code};
        if (!happens(m))
            list[count++] = old.list[i];
    }
    if (happens(m))
        list[count++] = (skald_step){.run.local = code};
    if (count > 1 && happens(m)) {
        const size_t at = random_below(m->random, (uint32_t)count - 1);
        const skald_step kept = list[at];
        list[at] = list[at + 1];
        list[at + 1] = kept;
    }
    if (m->made.step_count + count > SIM_STEPS_MAX)
        count = 0;
    skald_step *steps = room_take(m, count);
    for (size_t i = 0; i < count; i++) {
        steps[i] = list[i];
        if (steps[i].name == NULL)
            steps[i].name = fresh_name(m, (size_t)(&steps[i] - m->made.steps));
        else
            step_change(m, &steps[i], depth);
    }
    return (skald_steps){count > 0 ? steps : NULL, count};
}

/* False when what came out is no definition. */
static bool mutant_make(mutant *m, const sim_definition *old, test_random *random)
{
    static const uint32_t chances[] = {0, 10, 30, 100};
    memset(m, 0, sizeof *m);
    m->random = random;
    m->chance = chances[random_below(random, sizeof chances / sizeof *chances)];
    m->made.definition = old->definition;
    m->made.definition.version = 2;
    m->made.definition.steps = steps_change(m, old->definition.steps, 0);
    return skald_definition_check(&m->made.definition, NULL, NULL) == 0;
}

/* --- a saga somewhere on its way ----------------------------------------------------------- */

static void step_once(const skald_plan *plan, skald_saga *of, skald_saga_event_kind kind,
                      uint8_t step, bool undo, int64_t after_ms)
{
    const skald_saga_event event = {
        .kind = kind,
        .time_ms = of->last_ms + after_ms,
        .operation = {.step = step,
                      .direction = undo ? SKALD_UNDO : SKALD_RUN,
                      .round = undo ? of->steps[step].undo_round : of->steps[step].run_round},
        .name = plan->steps[step].step->run.wait_for,
    };
    if (kind == SKALD_EVENT_SIGNAL && event.name == NULL)
        return;
    skald_machine_step(plan, of, &event, &decision);
}

/* Conditions are answered in the same transaction, so no stored saga asks. */
static void step_with(const skald_plan *plan, skald_saga *of, skald_saga_event_kind kind,
                      uint8_t step, bool undo, int64_t after_ms)
{
    step_once(plan, of, kind, step, undo, after_ms);
    for (uint8_t i = 0; i < plan->step_count; i++) {
        if (of->steps[i].state != SKALD_STEP_ASKING)
            continue;
        step_once(plan, of, i % 3 == 2 ? SKALD_EVENT_NOT_NEEDED : SKALD_EVENT_NEEDED, i, false, 0);
        i = UINT8_MAX;
    }
}

/* Anything may happen; most of it what the saga waits for. */
static void saga_wander(test_random *random)
{
    static const uint8_t kinds[] = {
        SKALD_EVENT_DONE,           SKALD_EVENT_DONE,       SKALD_EVENT_DONE,
        SKALD_EVENT_DONE,           SKALD_EVENT_DONE,       SKALD_EVENT_FAILED,
        SKALD_EVENT_REFUSED,        SKALD_EVENT_SIGNAL,     SKALD_EVENT_NEEDED,
        SKALD_EVENT_NEEDED,         SKALD_EVENT_NOT_NEEDED, SKALD_EVENT_TICK,
        SKALD_EVENT_SKIP,           SKALD_EVENT_COMPENSATE, SKALD_EVENT_RETRY_FROM,
        SKALD_EVENT_CHILD_COMPLETED};
    const uint32_t count = random_below(random, EVENTS_MAX);
    skald_saga_init(&saga, &from);
    step_with(&from, &saga, SKALD_EVENT_STARTED, 0, false, 1000);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t step = (uint8_t)random_below(random, from.step_count);
        const skald_saga_future future = skald_saga_future_of(&from, &saga);
        if (future.step != SKALD_STEP_NONE && random_chance(random, 70))
            step = future.step;
        const bool undo = saga.steps[step].state >= SKALD_STEP_UNDOING;
        step_with(&from, &saga, (skald_saga_event_kind)kinds[random_below(random, sizeof kinds)],
                  step, undo, random_below(random, 3000));
    }
}

/* --- the rules, read once more ------------------------------------------------------------- */

static bool same_text(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static const char *mapped(const mutant *m, const char *name)
{
    for (size_t i = 0; i < m->rename_count; i++)
        if (strcmp(m->renames[i].from, name) == 0)
            return m->renames[i].to;
    return name;
}

static uint8_t find(const skald_plan *plan, const char *name)
{
    return skald_plan_find(plan, name, strlen(name));
}

static bool begun(uint8_t step)
{
    return saga.steps[step].state != SKALD_STEP_PENDING;
}

static bool touched(uint8_t step)
{
    const skald_saga_step *at = &saga.steps[step];
    return begun(step) || at->flags != 0 || at->run_round + at->undo_round != 0 ||
           step == saga.rewind_to;
}

static bool same_work(const skald_work *a, const skald_plan_work *pa, const skald_work *b,
                      const skald_plan_work *pb)
{
    return pa->kind == pb->kind && same_text(a->command, b->command) &&
           same_text(a->participant, b->participant) && same_text(a->wait_for, b->wait_for);
}

/* The way from the top to a step, in the names of the new plan. */
static void path_of(const mutant *m, const skald_plan *plan, bool old, uint8_t step, char *out)
{
    const uint8_t parent = plan->steps[step].parent;
    *out = '\0';
    if (parent != SKALD_STEP_NONE)
        path_of(m, plan, old, parent, out);
    const char *name = plan->steps[step].step->name;
    strcat(out, "/");
    strcat(out, old ? mapped(m, name) : name);
}

static bool open_to_the_world(uint8_t step)
{
    const skald_plan_step *planned = &from.steps[step];
    const uint8_t state = saga.steps[step].state;
    const bool settled =
        (state == SKALD_STEP_DONE || state == SKALD_STEP_NOT_NEEDED) &&
        (planned->undo.kind == SKALD_WORK_NONE || skald_pivot_is_behind(&from, &saga));
    const bool speaks =
        planned->undo.kind != SKALD_WORK_NONE ||
        (saga.steps[step].run_round > 0 &&
         (planned->run.kind == SKALD_WORK_LOCAL || planned->run.kind == SKALD_WORK_ACTIVITY ||
          planned->run.kind == SKALD_WORK_COMMAND || planned->run.kind == SKALD_WORK_CHILD));
    return speaks && !settled;
}

static bool step_keeps(const mutant *m, uint8_t i)
{
    char old_path[512];
    char new_path[512];
    const char *now = mapped(m, from.steps[i].step->name);
    const uint8_t j = find(&to, now);
    if (j == SKALD_STEP_NONE)
        return false;
    const skald_plan_step *a = &from.steps[i];
    const skald_plan_step *b = &to.steps[j];
    path_of(m, &from, true, i, old_path);
    path_of(m, &to, false, j, new_path);
    if ((begun(i) && strcmp(old_path, new_path) != 0) ||
        !same_work(&a->step->run, &a->run, &b->step->run, &b->run) ||
        !same_work(&a->step->undo, &a->undo, &b->step->undo, &b->undo))
        return false;
    if (begun(i) && ((from.pivot == i) != (to.pivot == j) || a->after_pivot != b->after_pivot))
        return false;
    if (saga.steps[i].state == SKALD_STEP_ASKING && b->step->only_if == NULL)
        return false;
    if (strcmp(now, a->step->name) != 0 && open_to_the_world(i))
        return false;
    for (uint8_t other = 0; other < from.step_count; other++)
        if (other != i && touched(other) && same_text(mapped(m, from.steps[other].step->name), now))
            return false;
    return true;
}

static uint8_t source_of(const mutant *m, uint8_t j)
{
    for (uint8_t i = 0; i < from.step_count; i++)
        if (touched(i) && same_text(mapped(m, from.steps[i].step->name), to.steps[j].step->name))
            return i;
    return SKALD_STEP_NONE;
}

static bool order_keeps(const mutant *m)
{
    for (uint8_t a = 0; a < to.step_count; a++) {
        const uint8_t group = to.steps[a].parent;
        const uint8_t source = source_of(m, a);
        const uint8_t around = group == SKALD_STEP_NONE ? group : source_of(m, group);
        if (source == SKALD_STEP_NONE && around != SKALD_STEP_NONE && begun(around) &&
            saga.steps[around].state != SKALD_STEP_RUNNING)
            return false;
        if (group != SKALD_STEP_NONE && to.steps[group].run.kind == SKALD_WORK_PARALLEL)
            continue;
        for (uint8_t b = (uint8_t)(a + 1); b < to.step_count; b++) {
            const uint8_t other = source_of(m, b);
            if (to.steps[b].parent != group || other == SKALD_STEP_NONE || !begun(other))
                continue;
            if (source == SKALD_STEP_NONE || !begun(source) || source > other)
                return false;
        }
    }
    return true;
}

static bool is_safe(const mutant *m)
{
    for (uint8_t i = 0; i < from.step_count; i++)
        if (touched(i) && !step_keeps(m, i))
            return false;
    return order_keeps(m);
}

/* --- what is safe goes on ------------------------------------------------------------------ */

static skald_work_kind kind_now(const skald_plan *plan, const skald_saga *of, uint8_t step)
{
    return of->steps[step].state >= SKALD_STEP_UNDOING ? plan->steps[step].undo.kind
                                                       : plan->steps[step].run.kind;
}

/* Gives every step what it waits for, until the saga has ended. */
static void goes_on_to_its_end(skald_saga *moved)
{
    for (int i = 0; i < END_EVENTS_MAX && !skald_saga_has_ended(moved); i++) {
        const skald_saga_future future = skald_saga_future_of(&to, moved);
        if (future.kind == SKALD_FUTURE_START) {
            step_with(&to, moved, SKALD_EVENT_STARTED, 0, false, 1);
            continue;
        }
        assert_int_not_equal(future.kind, SKALD_FUTURE_NOTHING);
        const uint8_t step = future.step;
        const bool undo = moved->steps[step].state >= SKALD_STEP_UNDOING;
        const skald_work_kind kind = kind_now(&to, moved, step);
        if (future.kind == SKALD_FUTURE_PERSON)
            step_with(&to, moved, SKALD_EVENT_RESOLVE_DONE, step, undo, 1);
        else if (future.kind == SKALD_FUTURE_TIME)
            step_with(&to, moved, SKALD_EVENT_TICK, step, undo, 4000000);
        else if (kind == SKALD_WORK_WAIT && undo)
            step_with(&to, moved, SKALD_EVENT_TICK, step, undo, 4000000);
        else if (kind == SKALD_WORK_WAIT)
            step_with(&to, moved, SKALD_EVENT_SIGNAL, step, undo, 1);
        else if (kind == SKALD_WORK_TAKE_BACK)
            step_with(&to, moved, SKALD_EVENT_CHILD_COMPENSATED, step, undo, 1);
        else if (kind == SKALD_WORK_CHILD)
            step_with(&to, moved, SKALD_EVENT_CHILD_COMPLETED, step, undo, 1);
        else
            step_with(&to, moved, SKALD_EVENT_DONE, step, undo, 1);
    }
    assert_true(skald_saga_has_ended(moved));
    if (moved->phase != SKALD_SAGA_COMPLETED)
        return;
    for (uint8_t i = 0; i < to.step_count; i = to.steps[i].end)
        assert_true(skald_step_is_finished(&moved->steps[i]));
}

static void moved_is_sound(const mutant *m)
{
    unsigned char bytes[SKALD_SAGA_CODE_SIZE_MAX];
    skald_saga read;
    skald_error error;
    const size_t size = skald_saga_encode(&upgrade.saga, bytes);
    assert_ok(skald_saga_decode(&read, bytes, size, &error), &error);
    const skald_saga_future before = skald_saga_future_of(&from, &saga);
    const skald_saga_future after = skald_saga_future_of(&to, &upgrade.saga);
    /* Members of a parallel group may stand the other way round, and the first is named. */
    assert_int_not_equal(after.kind, SKALD_FUTURE_NOTHING);
    assert_int_equal(before.kind == SKALD_FUTURE_ENDED, after.kind == SKALD_FUTURE_ENDED);
    assert_int_equal(before.kind == SKALD_FUTURE_PERSON, after.kind == SKALD_FUTURE_PERSON);
    assert_int_equal(before.task_count, after.task_count);
    for (uint8_t i = 0; i < from.step_count; i++) {
        if (!touched(i))
            continue;
        const uint8_t place = upgrade.places[i];
        assert_string_equal(to.steps[place].step->name, mapped(m, from.steps[i].step->name));
        assert_memory_equal(&upgrade.saga.steps[place], &saga.steps[i], sizeof saga.steps[i]);
        assert_int_equal(skald_step_is_owed(&from, &saga, i),
                         skald_step_is_owed(&to, &upgrade.saga, place));
    }
    if (!skald_saga_has_ended(&upgrade.saga))
        goes_on_to_its_end(&upgrade.saga);
}

static void test_pairs_made_by_chance_are_decided_by_the_rules(void **state)
{
    (void)state;
    static sim_definition old;
    static mutant m;
    test_random random = random_begin();
    size_t counts[3] = {0};
    for (size_t round = 0; round < ROUNDS; round++) {
        sim_definition_make(&old, &random);
        if (skald_definition_check(&old.definition, NULL, NULL) > 0 ||
            !mutant_make(&m, &old, &random))
            continue;
        skald_plan_make(&from, &old.definition);
        skald_plan_make(&to, &m.made.definition);
        saga_wander(&random);
        skald_upgrade_decide(&from, &to, &saga, (skald_renames){m.renames, m.rename_count},
                             &upgrade);
        counts[upgrade.kind]++;
        assert_int_equal(upgrade.kind == SKALD_UPGRADE_SAFE, is_safe(&m));
        assert_int_equal(upgrade.kind == SKALD_UPGRADE_SAFE, upgrade.why[0] == '\0');
        if (upgrade.kind == SKALD_UPGRADE_SAFE)
            moved_is_sound(&m);
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(counts[i] > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_not_begun_may_change),
        cmocka_unit_test(test_tunings_may_change_anywhere),
        cmocka_unit_test(test_what_has_begun_must_stay),
        cmocka_unit_test(test_nothing_new_stands_before_what_has_begun),
        cmocka_unit_test(test_the_pivot_does_not_move_across_what_has_begun),
        cmocka_unit_test(test_a_step_that_may_be_renamed_needs_a_map),
        cmocka_unit_test(test_a_step_whose_key_is_needed_keeps_its_name),
        cmocka_unit_test(test_debts_are_kept),
        cmocka_unit_test(test_another_definition_is_refused),
        cmocka_unit_test(test_a_condition_that_is_being_asked_stays),
        cmocka_unit_test(test_a_group_that_is_over_takes_no_more),
        cmocka_unit_test(test_pairs_made_by_chance_are_decided_by_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
