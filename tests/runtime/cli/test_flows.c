/* Looking at flows, on rows made by hand. */
#include "asking.h"

/* order-1 waits for its payment in vain, order-2 is paid, order-3 has ended well, order-4 has been
 * paid and was never created; order-2 is one of two flows. */
static const char *given_flows(void)
{
    const char *database = database_new();
    database_run(
        database,
        "INSERT INTO skald.service (name, partitions) VALUES ('monitor', 16);"
        "INSERT INTO skald.flow (flow, key, version, phase, events, began_at, last_type,"
        " last_source, last_at, ended_at, ended_by, outcome) VALUES"
        " ('checkout', 'order-1', 1, 'open', 1, '2026-05-01 12:00:00+00', 'shop.v1.OrderCreated',"
        "  'orders', '2026-05-01 12:00:00+00', NULL, NULL, NULL),"
        " ('checkout', 'order-2', 1, 'open', 2, '2026-05-01 12:00:00+00',"
        "  'shop.v1.PaymentCompleted', 'payments', '2026-05-01 12:00:03.1+00', NULL, NULL, NULL),"
        " ('checkout', 'order-3', 1, 'ended', 1, '2026-05-01 12:00:00+00', 'shop.v1.OrderShipped',"
        "  'shipping', '2026-05-01 13:00:00+00', '2026-05-01 13:00:00+00', 'shop.v1.OrderShipped',"
        "  'well'),"
        " ('checkout', 'order-4', 1, 'early', 1, NULL, 'shop.v1.PaymentCompleted', 'payments',"
        "  '2026-05-01 12:00:00+00', NULL, NULL, NULL),"
        " ('delivery', 'order-2', 1, 'open', 0, NULL, 't', 's', '2026-05-01 12:00:00+00', NULL,"
        "  NULL, NULL);"
        "INSERT INTO skald.flow_event (flow, key, number, at, type, source, note, message_id,"
        " position) VALUES"
        " ('checkout', 'order-1', 1, '2026-05-01 12:00:00+00', 'shop.v1.OrderCreated', 'orders',"
        "  'begins', 'm1', 1),"
        " ('checkout', 'order-2', 1, '2026-05-01 12:00:03.1+00', 'shop.v1.PaymentCompleted',"
        "  'payments', 'early', 'm3', 7),"
        " ('checkout', 'order-2', 2, '2026-05-01 12:00:00+00', 'shop.v1.OrderCreated', 'orders',"
        "  'begins', 'm2', 2);"
        "INSERT INTO skald.flow_wait (flow, key, after, words, expects, sources, since, due_at,"
        " alarm_at, alerted_at) VALUES"
        " ('checkout', 'order-1', 'shop.v1.OrderCreated', 'shop.v1.PaymentCompleted or"
        " shop.v1.PaymentFailed', '{shop.v1.PaymentCompleted,shop.v1.PaymentFailed}', '{payments}',"
        "  '2026-05-01 12:00:00+00', '2026-05-01 12:02:00+00', '2026-05-01 12:02:00+00',"
        "  '2026-05-01 12:02:01+00'),"
        " ('checkout', 'order-2', 'shop.v1.PaymentCompleted', 'shop.v1.OrderShipped',"
        "  '{shop.v1.OrderShipped}', '{shipping,depot}', '2026-05-01 12:00:03.1+00',"
        "  '2199-05-01 12:00:03.1+00', '2199-05-01 12:00:03.1+00', NULL);");
    return database;
}

static void test_instances_are_listed_the_newest_first_and_filtered(void **state)
{
    (void)state;
    const char *database = given_flows();
    json_t *all = skald_json_of(database, 0, "flow list");
    assert_int_equal(json_array_size(all), 5);
    json_text_is(all, "0.flow", "delivery");
    json_text_is(all, "1.state", "early");
    json_text_is(all, "2.outcome", "well");
    json_text_is(all, "3.state", "open");
    json_text_is(all, "4.id", "1");
    json_text_is(all, "4.state", "overdue");
    json_text_is(all, "4.expects", "shop.v1.PaymentCompleted shop.v1.PaymentFailed");
    json_text_is(all, "4.due_at", "2026-05-01T12:02:00.000000Z");
    json_number_is(all, "4.events", 1);
    static const struct {
        const char *words;
        size_t count;
    } filters[] = {
        {"flow list --state overdue", 1}, {"flow list --state early,ended", 2},
        {"flow list --state open", 2},    {"flow list --flow delivery", 1},
        {"flow list --after 3", 2},       {"flow list --limit 1", 1},
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        json_t *found = skald_json_of(database, 0, filters[i].words);
        assert_int_equal(json_array_size(found), filters[i].count);
        json_decref(found);
    }
    says(database, 64, "flow list --state late", "a state is early, open, overdue or ended, not");
    json_decref(all);
}

static void test_a_timeline_shows_what_came_and_what_is_awaited(void **state)
{
    (void)state;
    const char *database = given_flows();
    test_child *child = skald_run(database, 0, "flow show order-1");
    assert_string_equal(
        child_out(child),
        "flow checkout, key order-1: overdue\n"
        "  Version          1\n"
        "  Began at         2026-05-01T12:00:00.000000Z\n"
        "  Events           1\n"
        "\n"
        "TIME                          AFTER  EVENT                                              "
        "FROM      NOTE\n"
        "2026-05-01T12:00:00.000000Z       -  shop.v1.OrderCreated                               "
        "orders    begins\n"
        "2026-05-01T12:02:00.000000Z  +2 min  shop.v1.PaymentCompleted or shop.v1.PaymentFailed  "
        "payments  OVERDUE, people were told\n");
    child_free(child);
    /* In the order in which it happened, not that in which it was seen. */
    child = skald_run(database, 0, "flow show order-2 --flow checkout");
    const char *text = child_out(child);
    const char *created = strstr(text, "shop.v1.OrderCreated");
    const char *paid = strstr(text, "+3.1 s  shop.v1.PaymentCompleted");
    if (created == NULL || paid == NULL || created > paid)
        fail_msg("not in order:\n%s", text);
    assert_contains(text, "shipping or depot  awaited until then");
    child_free(child);
}

static void test_a_choreographed_saga_is_shown_as_a_saga(void **state)
{
    (void)state;
    const char *database = given_flows();
    says(database, 0, "saga show order-1", "flow checkout, key order-1: overdue\n");
    json_t *all = skald_json_of(database, 0, "saga show order-2");
    assert_int_equal(json_array_size(all), 2);
    json_decref(all);
    says(database, 1, "saga show order-9", "there is no saga \"order-9\"");
}

static void test_a_timeline_speaks_json(void **state)
{
    (void)state;
    const char *database = given_flows();
    json_t *all = skald_json_of(database, 0, "flow show order-2");
    assert_int_equal(json_array_size(all), 2);
    json_text_is(all, "0.flow", "checkout");
    json_text_is(all, "0.state", "open");
    json_text_is(all, "0.timeline.0.type", "shop.v1.OrderCreated");
    json_text_is(all, "0.timeline.1.note", "early");
    json_text_is(all, "0.timeline.1.position", "7");
    json_text_is(all, "0.awaited.0.expects", "shop.v1.OrderShipped");
    json_text_is(all, "0.awaited.0.sources", "shipping or depot");
    assert_true(json_is_false(json_at(all, "0.awaited.0.overdue")));
    json_text_is(all, "1.flow", "delivery");
    json_decref(all);
    says(database, 1, "flow show order-9", "no flow has seen anything of the key \"order-9\"");
}

static void test_closing_says_why_and_ends_the_waiting(void **state)
{
    (void)state;
    const char *database = given_flows();
    says(database, 64, "flow close order-1", "--reason");
    says(database, 0, "flow close order-1 --reason paid_in_cash",
         "flow checkout, key order-1: closed\n");
    assert_string_equal(database_text(database, "SELECT phase || ' ' || outcome FROM skald.flow"
                                                " WHERE key = 'order-1'"),
                        "ended closed");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow_wait"), 1);
    assert_string_equal(database_text(database, "SELECT concat_ws('|', actor, action, object,"
                                                " reason) FROM skald.audit"),
                        "ann|close|flow checkout order-1|paid in cash");
    says(database, 0, "flow show order-1", "  Close reason     paid in cash\n");
    says(database, 77, "flow close order-1 --reason again",
         "instance \"order-1\" of flow \"checkout\" has ended already: closed");
    says(database, 64, "flow close order-2 --reason x",
         "the key \"order-2\" is one of several flows (checkout, delivery): say which with --flow");
    json_t *closed =
        skald_json_of(database, 0, "flow close order-2 --flow delivery --reason enough");
    json_text_is(closed, "flow", "delivery");
    json_text_is(closed, "result", "ok");
    json_decref(closed);
    says(database, 0, "flow close order-2 --reason enough", "flow checkout, key order-2: closed\n");
    says(database, 1, "flow close order-9 --reason x", "no flow has seen anything of the key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instances_are_listed_the_newest_first_and_filtered),
        cmocka_unit_test(test_a_timeline_shows_what_came_and_what_is_awaited),
        cmocka_unit_test(test_a_choreographed_saga_is_shown_as_a_saga),
        cmocka_unit_test(test_a_timeline_speaks_json),
        cmocka_unit_test(test_closing_says_why_and_ends_the_waiting),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
