/* Participants that die, and streams that are lost: everything is applied once and answered. */
#include "support/commanding.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/crash_point.h"

#include <signal.h>

/* Everything may be answered before it begins, by the one that died: it is to know of signals. */
static void child_drain(test_child *child)
{
    WAIT_UNTIL(strstr(child_err(child), "SERVICE-RUNS") != NULL);
    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    child_free(child);
}

static void test_a_command_that_ends_its_process_is_dead_and_answers_failed(void **state)
{
    (void)state;
    commanding pair = commanding_prepare(true);
    test_child *child = commanding_child(&pair, true, NULL);
    commanding_send(&pair, "bad", "run.1", NULL, "die");
    commanding_send(&pair, "good", "run.1", NULL, "");
    WAIT_UNTIL(strstr(commanding_answers(&pair, "bad"), "run.1 failed: crashed its process 2") !=
               NULL);
    WAIT_UNTIL(commanding_answered(&pair, "good", "run.1 done"));
    assert_string_equal(database_text(pair.stock_database,
                                      "SELECT string_agg(format('%s %s %s', state, key,"
                                      " regexp_replace(control, ' [^/]*/', ' ')), ', ') FROM "
                                      "skald.job WHERE addressee IS NOT NULL"),
                        "dead bad Skald-Operation: bad/hold/run.1\n");
    assert_string_equal(commanding_fence(&pair, "bad"), "");
    assert_string_equal(commanding_effects(&pair, "bad"), "");
    child_drain(child);
    commanding_end(&pair);
}

static void test_killed_between_handler_and_commit_a_command_is_applied_once(void **state)
{
    (void)state;
    commanding pair = commanding_prepare(true);
    test_child *child = commanding_child(&pair, false, NULL);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 done"));
    commanding_send(&pair, "o2", "run.1", NULL, "wait");
    WAIT_UNTIL(strstr(child_out(child), "waits") != NULL);
    child_signal(child, SIGKILL);
    child_wait(child);
    child_free(child);
    assert_string_equal(commanding_effects(&pair, "o2"), "");
    database_run(pair.stock_database, "INSERT INTO gate VALUES (true)");
    child = commanding_child(&pair, false, NULL);
    WAIT_UNTIL(commanding_answered(&pair, "o2", "run.1 done"));
    assert_string_equal(commanding_effects(&pair, "o2"), "run.1");
    child_drain(child);
    commanding_end(&pair);
}

/* The process dies at each point of the transaction that it passes. */
static void test_at_every_crash_point_a_command_is_applied_once_and_answered(void **state)
{
    (void)state;
    static const skald_crash_point points[] = {SKALD_CRASH_BATCH_BEGUN, SKALD_CRASH_BATCH_HANDLED,
                                               SKALD_CRASH_BATCH_COMMIT_SENT,
                                               SKALD_CRASH_BATCH_COMMITTED};
    commanding pair = commanding_prepare(true);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char saga[16];
        snprintf(saga, sizeof saga, "o%zu", i);
        test_child *dying = commanding_child(&pair, false, skald_crash_point_name(points[i]));
        commanding_send(&pair, saga, "run.1", NULL, "reply");
        commanding_send(&pair, saga, "undo.1", "run.1", "");
        commanding_send(&pair, saga, "run.1", NULL, "reply");
        assert_int_equal(child_wait(dying), 137);
        child_free(dying);
        test_child *child = commanding_child(&pair, false, NULL);
        WAIT_UNTIL(commanding_answered(&pair, saga,
                                       "run.1 done test.v1.Answered, undo.1 done, run.1 done "
                                       "test.v1.Answered"));
        assert_string_equal(commanding_effects(&pair, saga), "run.1 undo.1");
        child_drain(child);
    }
    commanding_end(&pair);
}

static void test_commands_and_replies_outlive_the_loss_of_both_streams(void **state)
{
    (void)state;
    commanding pair = commanding_begin(true);
    skald_nats *nats = stream_connect();
    commanding_send(&pair, "o1", "run.1", NULL, "");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 done"));
    for (int round = 0; round < 2; round++) {
        stream_delete(nats, pair.commander);
        stream_delete(nats, pair.participant);
        commanding_send(&pair, "o1", round == 0 ? "undo.1" : "undo.2", "run.1", "reply");
        WAIT_UNTIL(strstr(commanding_answers(&pair, "o1"), round == 0 ? "undo.1" : "undo.2") !=
                   NULL);
    }
    assert_string_equal(commanding_answers(&pair, "o1"),
                        "run.1 done, undo.1 done test.v1.Answered, undo.2 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 undo.1");
    skald_nats_close(nats);
    commanding_end(&pair);
}

/* Followers ask the origin for what its mirror lost inside: kind and addressee come with it. */
static void test_commands_lost_inside_the_stream_come_from_the_outbox(void **state)
{
    (void)state;
    commanding pair = commanding_prepare(true);
    skald_nats *nats = stream_connect();
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_send(&pair, "o1", "run.2", NULL, "reply");
    commanding_send(&pair, "o1", "run.3", NULL, "");
    WAIT_UNTIL(stream_last_position(nats, pair.commander) == 3);
    stream_purge(nats, pair.commander, "command.>", 1);
    commanding_stock_start(&pair);
    WAIT_UNTIL(
        commanding_answered(&pair, "o1", "run.1 done, run.2 done test.v1.Answered, run.3 done"));
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 run.2 run.3");
    assert_int_equal(database_integer(pair.stock_database, "SELECT count(*) FROM event"), 0);
    skald_nats_close(nats);
    commanding_end(&pair);
}

int main(int argc, char **argv)
{
    commanding_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_that_ends_its_process_is_dead_and_answers_failed),
        cmocka_unit_test(test_killed_between_handler_and_commit_a_command_is_applied_once),
        cmocka_unit_test(test_at_every_crash_point_a_command_is_applied_once_and_answered),
        cmocka_unit_test(test_commands_and_replies_outlive_the_loss_of_both_streams),
        cmocka_unit_test(test_commands_lost_inside_the_stream_come_from_the_outbox),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
