/* Every mistake that a flow can hold is told in a sentence, and all of them at once. */
#include "support/test.h"

#include <skald/flow.h>

enum { MINUTE_MS = 60 * 1000, EVENTS = 3, EXPECTATIONS = 1 };

/* A flow without mistakes, for a test to put one in. */
typedef struct flow_plan {
    skald_flow flow;
    skald_flow_event events[SKALD_FLOW_EVENTS_MAX + 1];
    skald_flow_expectation expectations[SKALD_FLOW_EXPECTATIONS_MAX + 1];
} flow_plan;

static void plan_make(flow_plan *plan)
{
    *plan = (struct flow_plan){
        .flow = {.name = "checkout",
                 .events = {plan->events, EVENTS},
                 .expectations = {plan->expectations, EXPECTATIONS}},
        .events = {{.type = "shop.v1.Created", .from = "orders", .begins = true},
                   {.type = "shop.v1.Paid", .from = "payments", .ends = SKALD_FLOW_ENDS_WELL},
                   {.type = "shop.v1.Failed", .from = "payments", .ends = SKALD_FLOW_ENDS_BADLY}},
        .expectations = {{.after = "shop.v1.Created",
                          .expect = {"shop.v1.Paid", "shop.v1.Failed"},
                          .within_ms = MINUTE_MS}},
    };
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

static told check(const flow_plan *plan)
{
    told all = {0};
    const size_t mistakes = skald_flow_check(&plan->flow, tell, &all);
    assert_int_equal(mistakes, all.count);
    return all;
}

static void assert_mistake(const flow_plan *plan, const char *sentence)
{
    const told all = check(plan);
    if (all.count != 1)
        print_error("%s", all.text);
    assert_int_equal(all.count, 1);
    assert_contains(all.text, sentence);
}

static void test_a_flow_without_mistakes_is_told_nothing_of(void **state)
{
    (void)state;
    flow_plan good;
    plan_make(&good);
    assert_int_equal(check(&good).count, 0);
}

static void test_names_and_sizes(void **state)
{
    (void)state;
    flow_plan bad;
    plan_make(&bad);
    bad.flow.name = "Check out";
    assert_mistake(&bad, "flow \"Check out\": its name is missing, longer than 63 or has other");
    plan_make(&bad);
    bad.flow.name = NULL;
    assert_mistake(&bad, "flow \"(no name)\": its name is missing");
    plan_make(&bad);
    bad.flow.events.count = 0;
    assert_mistake(&bad, "it has no events: give it .events");
    plan_make(&bad);
    bad.flow.events.count = SKALD_FLOW_EVENTS_MAX + 1;
    assert_mistake(&bad, "it has 33 events and the most is 32: make two flows of it");
    plan_make(&bad);
    bad.flow.expectations.count = SKALD_FLOW_EXPECTATIONS_MAX + 1;
    assert_mistake(&bad, "it has 33 expectations and the most is 32");
    plan_make(&bad);
    bad.flow.expectations.count = 0;
    assert_mistake(&bad, "it expects nothing");
    plan_make(&bad);
    bad.flow.keep_ms = SKALD_DURATION_MS_MAX + 1;
    assert_mistake(&bad, "kept for more than ten years");
}

static void test_events(void **state)
{
    (void)state;
    flow_plan bad;
    plan_make(&bad);
    bad.events[1].from = NULL;
    assert_mistake(&bad, "shop.v1.Paid comes from \"(nobody)\", which is not the name of a "
                         "service: say in .from who publishes it");
    plan_make(&bad);
    bad.events[1].from = "Payments";
    assert_mistake(&bad, "comes from \"Payments\"");
    plan_make(&bad);
    bad.events[0].begins = false;
    assert_mistake(&bad, "no event begins it: mark one with .begins = true");
    plan_make(&bad);
    bad.events[1].begins = true;
    assert_mistake(&bad, "shop.v1.Paid both begins and ends it");
    plan_make(&bad);
    bad.events[1].ends = (skald_flow_end)7;
    assert_mistake(&bad, "shop.v1.Paid has 7 in .ends");
    plan_make(&bad);
    bad.events[2].key_field = "order.order_id";
    assert_mistake(&bad, "shop.v1.Failed has a key field and no .descriptor");
    plan_make(&bad);
    bad.events[3] = bad.events[1];
    bad.flow.events.count = 4;
    assert_mistake(&bad, "shop.v1.Paid is listed twice among its events: remove one");
    plan_make(&bad);
    bad.events[3] = (skald_flow_event){.type = "shop v1", .from = "orders"};
    bad.flow.events.count = 4;
    assert_mistake(&bad, "event 4 has the type \"shop v1\": give it the full name");
}

static void test_expectations(void **state)
{
    (void)state;
    flow_plan bad;
    plan_make(&bad);
    bad.expectations[0].after = NULL;
    assert_mistake(&bad, "expectation 1 does not say after which event");
    plan_make(&bad);
    bad.expectations[0].after = "shop.v1.Other";
    assert_mistake(&bad, "expectation 1 is after \"shop.v1.Other\", which is not among its events");
    plan_make(&bad);
    bad.expectations[0].expect[1] = "shop.v1.Other";
    assert_mistake(&bad, "after shop.v1.Created it expects \"shop.v1.Other\", which is not among "
                         "its events: add it, with the service that it comes from");
    plan_make(&bad);
    bad.expectations[0].expect[1] = "shop.v1.Created";
    assert_mistake(&bad, "it expects the same event again");
    plan_make(&bad);
    bad.expectations[0].expect[0] = NULL;
    assert_mistake(&bad, "after shop.v1.Created it expects nothing: name an event in .expect");
    plan_make(&bad);
    bad.expectations[0].within_ms = 0;
    assert_mistake(&bad, "after shop.v1.Created it waits for no time");
    plan_make(&bad);
    bad.expectations[1] = bad.expectations[0];
    bad.flow.expectations.count = 2;
    assert_mistake(&bad, "expectations 1 and 2 are the same: remove one");
    plan_make(&bad);
    bad.expectations[1] = (skald_flow_expectation){
        .after = "shop.v1.Paid", .expect = {"shop.v1.Failed"}, .within_ms = MINUTE_MS};
    bad.flow.expectations.count = 2;
    assert_mistake(&bad, "it expects something after shop.v1.Paid, which ends it");
}

static void test_a_way_that_leads_nowhere_is_told_of(void **state)
{
    (void)state;
    flow_plan bad;
    plan_make(&bad);
    bad.events[2].ends = SKALD_FLOW_GOES_ON;
    assert_mistake(&bad, "shop.v1.Failed ends nothing and nothing is expected after it, so an "
                         "instance would stay open for ever");
    /* Beside another expectation it is a branch, which need not lead on. */
    bad.expectations[1] = (skald_flow_expectation){
        .after = "shop.v1.Created", .expect = {"shop.v1.Paid"}, .within_ms = MINUTE_MS};
    bad.flow.expectations.count = 2;
    assert_int_equal(check(&bad).count, 0);
    /* Where nothing ends at all, both are said. */
    plan_make(&bad);
    bad.events[1].ends = SKALD_FLOW_GOES_ON;
    bad.events[2].ends = SKALD_FLOW_GOES_ON;
    const told all = check(&bad);
    assert_int_equal(all.count, 3);
    assert_contains(all.text, "no event ends it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flow_without_mistakes_is_told_nothing_of),
        cmocka_unit_test(test_names_and_sizes),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_expectations),
        cmocka_unit_test(test_a_way_that_leads_nowhere_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
