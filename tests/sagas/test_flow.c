/* What is known of a flow's instance: by stories, and a million times against a model that keeps
 * every event and asks all of them. */
#include "support/random.h"
#include "support/test.h"

#include "flow.h"
#include "flow_code.h"

#define SECOND_US INT64_C(1000000)

static const skald_flow_event checkout_events[] = {
    {.type = "OrderCreated", .from = "orders", .begins = true},
    {.type = "PaymentCompleted", .from = "payments"},
    {.type = "PaymentFailed", .from = "payments"},
    {.type = "OrderShipped", .from = "shipping", .ends = SKALD_FLOW_ENDS_WELL},
    {.type = "OrderCancelled", .from = "orders", .ends = SKALD_FLOW_ENDS_BADLY},
    {.type = "AttemptBegun", .from = "payments"},
    {.type = "AttemptDone", .from = "payments"},
};
enum { CREATED, PAID, UNPAID, SHIPPED, CANCELLED, ATTEMPT, ATTEMPTED, TYPES };

static const skald_flow_expectation checkout_expectations[] = {
    {.after = "OrderCreated",
     .expect = {"PaymentCompleted", "PaymentFailed"},
     .within_ms = 120 * 1000},
    {.after = "PaymentCompleted", .expect = {"OrderShipped"}, .within_ms = 3600 * 1000},
    {.after = "PaymentFailed", .expect = {"OrderCancelled"}, .within_ms = 60 * 1000},
    {.after = "AttemptBegun", .expect = {"AttemptDone"}, .within_ms = 10 * 1000, .each_time = true},
};
static const skald_flow checkout = {.name = "checkout",
                                    .events = SKALD_FLOW_EVENTS(checkout_events),
                                    .expectations = SKALD_FLOW_EXPECTATIONS(checkout_expectations)};

/* --- stories ---------------------------------------------------------------------------------- */

static void take(skald_flow_state *state, size_t event, int64_t second, const char *note)
{
    assert_string_equal(
        skald_flow_note_word(skald_flow_take(&checkout, state, event, second * SECOND_US)), note);
}

/* "early", "open", "well", "badly", "closed", and what is awaited until when. */
static void state_is(const skald_flow_state *state, const char *expected)
{
    static const char *const ends[] = {"closed", "well", "badly"};
    skald_flow_view view;
    char text[1024];
    skald_flow_look(&checkout, state, &view);
    size_t used = (size_t)snprintf(text, sizeof text, "%s",
                                   view.phase == SKALD_FLOW_EARLY  ? "early"
                                   : view.phase == SKALD_FLOW_OPEN ? "open"
                                                                   : ends[view.end]);
    for (size_t i = 0; i < view.awaited_count; i++) {
        char words[256];
        skald_flow_expectation_words(&checkout.expectations.list[view.awaited[i].expectation],
                                     words, sizeof words);
        used += (size_t)snprintf(text + used, sizeof text - used, ", %s until %d", words,
                                 (int)(view.awaited[i].due_us / SECOND_US));
    }
    assert_string_equal(text, expected);
}

static void test_a_flow_goes_its_way_and_ends_well(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    state_is(&order, "early");
    take(&order, CREATED, 100, "begins");
    state_is(&order, "open, PaymentCompleted or PaymentFailed until 220");
    take(&order, PAID, 130, "expected");
    state_is(&order, "open, OrderShipped until 3730");
    take(&order, SHIPPED, 1000, "expected");
    state_is(&order, "well");
    skald_flow_view view;
    skald_flow_look(&checkout, &order, &view);
    assert_int_equal(view.began_us, 100 * SECOND_US);
    assert_int_equal(view.ended_us, 1000 * SECOND_US);
    assert_int_equal(view.ended_by, SHIPPED);
    assert_int_equal(view.last, SHIPPED);
}

static void test_a_flow_ends_badly(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, CREATED, 100, "begins");
    take(&order, UNPAID, 110, "expected");
    state_is(&order, "open, OrderCancelled until 170");
    take(&order, CANCELLED, 111, "expected");
    state_is(&order, "badly");
}

static void test_what_comes_late_is_said_to_be_late_and_is_awaited_no_more(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, CREATED, 100, "begins");
    take(&order, PAID, 221, "late");
    state_is(&order, "open, OrderShipped until 3821");
}

static void test_what_is_seen_before_its_cause_is_not_lost(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, PAID, 130, "early");
    state_is(&order, "early");
    take(&order, CREATED, 100, "begins");
    state_is(&order, "open, OrderShipped until 3730");
    /* The end may be the first thing that is seen. */
    skald_flow_state other = {0};
    take(&other, SHIPPED, 1000, "early");
    state_is(&other, "early");
    take(&other, CREATED, 100, "begins");
    state_is(&other, "well");
    take(&other, PAID, 130, "after the end");
    state_is(&other, "well");
    /* Of a step in the middle the cause may be seen after it, when it has begun. */
    skald_flow_state third = {0};
    take(&third, CREATED, 100, "begins");
    take(&third, CANCELLED, 120, "early");
    state_is(&third, "badly");
}

static void test_repeated_and_unexpected_events_change_nothing(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, CREATED, 100, "begins");
    take(&order, CREATED, 150, "repeated");
    state_is(&order, "open, PaymentCompleted or PaymentFailed until 220");
    take(&order, PAID, 160, "expected");
    take(&order, PAID, 170, "repeated");
    take(&order, CREATED, 180, "repeated");
    state_is(&order, "open, OrderShipped until 3760");
    /* A contradiction is for people to see. */
    take(&order, UNPAID, 190, "unexpected");
    state_is(&order, "open, OrderShipped until 3760, OrderCancelled until 250");
}

static void test_what_is_to_be_followed_each_time_is_awaited_anew(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, CREATED, 100, "begins");
    take(&order, PAID, 101, "expected");
    take(&order, ATTEMPT, 200, "unexpected");
    state_is(&order, "open, OrderShipped until 3701, AttemptDone until 210");
    take(&order, ATTEMPTED, 205, "expected");
    state_is(&order, "open, OrderShipped until 3701");
    take(&order, ATTEMPT, 300, "repeated");
    state_is(&order, "open, OrderShipped until 3701, AttemptDone until 310");
    take(&order, ATTEMPTED, 312, "late");
    state_is(&order, "open, OrderShipped until 3701");
    /* Seen in the other order, with clocks that differ a little. */
    take(&order, ATTEMPTED, 400, "repeated");
    take(&order, ATTEMPT, 401, "repeated");
    state_is(&order, "open, OrderShipped until 3701");
}

static void test_of_two_ends_the_one_that_happened_first_counts(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, CREATED, 100, "begins");
    take(&order, SHIPPED, 200, "early");
    state_is(&order, "well");
    take(&order, CANCELLED, 150, "after the end");
    state_is(&order, "badly");
}

static void test_what_a_person_has_closed_stays_closed(void **state)
{
    (void)state;
    skald_flow_state order = {0};
    take(&order, CREATED, 100, "begins");
    order.closed = true;
    state_is(&order, "closed");
    take(&order, PAID, 200, "after the end");
    take(&order, SHIPPED, 200, "after the end");
    state_is(&order, "closed");
}

/* --- a model ---------------------------------------------------------------------------------- */

enum { EVENTS_MAX = 10, ROUNDS = 150000 };

typedef struct happening {
    size_t event;
    int64_t time_us;
} happening;

typedef struct history {
    happening list[EVENTS_MAX];
    size_t count;
} history;

static size_t of_type(const history *all, const char *type, happening out[EVENTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(checkout_events[all->list[i].event].type, type) == 0)
            out[count++] = all->list[i];
    }
    return count;
}

static int64_t least(const happening *list, size_t count)
{
    int64_t found = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        found = list[i].time_us < found ? list[i].time_us : found;
    return found;
}

static int64_t greatest(const happening *list, size_t count)
{
    int64_t found = INT64_MIN;
    for (size_t i = 0; i < count; i++)
        found = list[i].time_us > found ? list[i].time_us : found;
    return found;
}

/* Since when the expectation is not met; -1: it is, or nothing calls for it. */
static int64_t model_awaited(const history *all, const skald_flow_expectation *expectation)
{
    happening afters[EVENTS_MAX];
    happening answers[EVENTS_MAX];
    const size_t after_count = of_type(all, expectation->after, afters);
    size_t answer_count = 0;
    for (size_t i = 0; expectation->expect[i] != NULL; i++)
        answer_count += of_type(all, expectation->expect[i], answers + answer_count);
    if (after_count == 0)
        return -1;
    if (answer_count == 0)
        return least(afters, after_count);
    if (!expectation->each_time || after_count == 1)
        return -1;
    const int64_t last_us = greatest(afters, after_count);
    return greatest(answers, answer_count) + SKALD_FLOW_SKEW_US >= last_us ? -1 : last_us;
}

static int64_t model_end(const history *all, size_t *by)
{
    int64_t first_us = INT64_MAX;
    for (size_t event = 0; event < TYPES; event++) {
        happening list[EVENTS_MAX];
        const size_t count = of_type(all, checkout_events[event].type, list);
        if (checkout_events[event].ends == SKALD_FLOW_GOES_ON || count == 0 ||
            least(list, count) >= first_us)
            continue;
        first_us = least(list, count);
        *by = event;
    }
    return first_us;
}

static void model_expect(const history *all, const skald_flow_view *view)
{
    happening list[EVENTS_MAX];
    size_t by = SKALD_FLOW_NO_EVENT;
    const size_t begun = of_type(all, "OrderCreated", list);
    const int64_t ended_us = model_end(all, &by);
    const skald_flow_phase phase = begun == 0              ? SKALD_FLOW_EARLY
                                   : ended_us == INT64_MAX ? SKALD_FLOW_OPEN
                                                           : SKALD_FLOW_ENDED;
    assert_int_equal(view->phase, phase);
    if (all->count > 0)
        assert_int_equal(view->last_us, greatest(all->list, all->count));
    if (begun > 0)
        assert_int_equal(view->began_us, least(list, begun));
    if (phase == SKALD_FLOW_ENDED)
        assert_int_equal(view->ended_by, by);
    size_t awaited = 0;
    for (size_t i = 0; i < checkout.expectations.count && phase == SKALD_FLOW_OPEN; i++) {
        const skald_flow_expectation *expectation = &checkout_expectations[i];
        const int64_t since_us = model_awaited(all, expectation);
        if (since_us < 0)
            continue;
        assert_true(awaited < view->awaited_count);
        assert_int_equal(view->awaited[awaited].expectation, i);
        assert_int_equal(view->awaited[awaited].due_us,
                         since_us + (int64_t)expectation->within_ms * 1000);
        awaited++;
    }
    assert_int_equal(view->awaited_count, awaited);
}

static history any_history(test_random *random)
{
    history all = {.count = random_below(random, EVENTS_MAX + 1)};
    for (size_t i = 0; i < all.count; i++)
        all.list[i] = (happening){.event = random_below(random, TYPES),
                                  .time_us = (int64_t)random_below(random, 200) * SECOND_US / 4};
    return all;
}

static void shuffle(test_random *random, history *all)
{
    for (size_t i = all->count; i > 1; i--) {
        const size_t other = random_below(random, (uint32_t)i);
        const happening kept = all->list[i - 1];
        all->list[i - 1] = all->list[other];
        all->list[other] = kept;
    }
}

/* Every step of every history is a decision that is looked at: more than a million of them. */
static void test_a_million_events_lead_where_the_model_says_in_any_order(void **state)
{
    (void)state;
    test_random random = random_begin();
    uint64_t taken = 0;
    for (int round = 0; round < ROUNDS; round++) {
        history all = any_history(&random);
        skald_flow_state first = {0};
        skald_flow_state second = {0};
        for (size_t i = 0; i < all.count; i++) {
            history so_far = all;
            so_far.count = i + 1;
            skald_flow_view view;
            skald_flow_take(&checkout, &first, all.list[i].event, all.list[i].time_us);
            skald_flow_look(&checkout, &first, &view);
            model_expect(&so_far, &view);
        }
        shuffle(&random, &all);
        for (size_t i = 0; i < all.count; i++)
            skald_flow_take(&checkout, &second, all.list[i].event, all.list[i].time_us);
        assert_memory_equal(&first, &second, sizeof first);
        taken += 2 * all.count;
    }
    assert_true(taken > 1000000);
}

/* --- as text ---------------------------------------------------------------------------------- */

static void test_a_state_that_was_written_is_read_as_it_was(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int round = 0; round < 20000; round++) {
        const history all = any_history(&random);
        skald_flow_state written = {0};
        skald_flow_state read = {0};
        skald_error error = {0};
        char text[SKALD_FLOW_CODE_SIZE];
        for (size_t i = 0; i < all.count; i++)
            skald_flow_take(&checkout, &written, all.list[i].event,
                            all.list[i].time_us - 20 * SECOND_US);
        skald_flow_encode(&checkout, &written, text);
        assert_ok(skald_flow_decode(&checkout, text, &read, &error), &error);
        assert_memory_equal(&written, &read, sizeof read);
    }
}

static void test_types_that_the_flow_lost_are_left_out(void **state)
{
    (void)state;
    skald_flow_state read = {0};
    skald_error error = {0};
    assert_ok(skald_flow_decode(&checkout, "Gone 1 5 5\nPaymentFailed 2 -7 9\n", &read, &error),
              &error);
    assert_int_equal(read.seen[UNPAID].count, 2);
    assert_int_equal(read.seen[UNPAID].first_us, -7);
    assert_int_equal(read.seen[UNPAID].last_us, 9);
}

static void test_a_text_that_is_no_state_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "x",
        "PaymentFailed 1 5\n",
        "PaymentFailed 0 5 5\n",
        "PaymentFailed 1 6 5\n",
        "PaymentFailed 1 5 5",
        "PaymentFailed 4294967296 5 5\n",
        "PaymentFailed 1 5 99999999999999999999\n",
        "PaymentFailed 1 5 9223372036854775807\n",
        "PaymentFailed 1 -9223372036854775808 5\n",
        "PaymentFailed 1 - 5\n",
        " 1 5 5\n",
        "\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        skald_flow_state read = {.closed = true};
        skald_error error = {0};
        assert_status(skald_flow_decode(&checkout, texts[i], &read, &error), SKALD_MALFORMED,
                      &error);
        assert_true(read.closed);
        assert_contains(error.text, "checkout");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flow_goes_its_way_and_ends_well),
        cmocka_unit_test(test_a_flow_ends_badly),
        cmocka_unit_test(test_what_comes_late_is_said_to_be_late_and_is_awaited_no_more),
        cmocka_unit_test(test_what_is_seen_before_its_cause_is_not_lost),
        cmocka_unit_test(test_repeated_and_unexpected_events_change_nothing),
        cmocka_unit_test(test_what_is_to_be_followed_each_time_is_awaited_anew),
        cmocka_unit_test(test_of_two_ends_the_one_that_happened_first_counts),
        cmocka_unit_test(test_what_a_person_has_closed_stays_closed),
        cmocka_unit_test(test_a_million_events_lead_where_the_model_says_in_any_order),
        cmocka_unit_test(test_a_state_that_was_written_is_read_as_it_was),
        cmocka_unit_test(test_types_that_the_flow_lost_are_left_out),
        cmocka_unit_test(test_a_text_that_is_no_state_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
