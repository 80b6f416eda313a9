/* Commands that come once, again, too early and too late, and what they answer; each with two
 * services over NATS, and with one that takes part in its own sagas without. */
#include "support/commanding.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

/* A story told both ways. */
#define BOTH_WAYS(story)                                                                           \
    static void story##_over_nats(void **state)                                                    \
    {                                                                                              \
        (void)state;                                                                               \
        story(true);                                                                               \
    }                                                                                              \
    static void story##_without_nats(void **state)                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        story(false);                                                                              \
    }
#define TESTS_OF(story) cmocka_unit_test(story##_over_nats), cmocka_unit_test(story##_without_nats)

static void await_answers(const commanding *pair, const char *saga, const char *answers)
{
    WAIT_UNTIL(commanding_answered(pair, saga, answers));
}

/* Nothing of the participant's is left over. */
static void expect_quiet(const commanding *pair)
{
    assert_int_equal(database_integer(pair->stock_database,
                                      "SELECT count(*) FROM skald.job WHERE state <> 'done'"),
                     0);
    assert_int_equal(database_integer(pair->stock_database, "SELECT count(*) FROM event"), 0);
}

static void test_a_command_is_done_and_answered(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_send(&pair, "o2", "run.1", NULL, "reply");
    commanding_send(&pair, "o3", "run.1", NULL, "skip");
    commanding_send(&pair, "o4", "run.1", NULL, "publish");
    await_answers(&pair, "o1", "run.1 done");
    await_answers(&pair, "o2", "run.1 done test.v1.Answered");
    await_answers(&pair, "o3", "run.1 done");
    await_answers(&pair, "o4", "run.1 done");
    for (const char *saga = "o1\0o2\0o3\0o4\0"; *saga != '\0'; saga += 3) {
        assert_string_equal(commanding_effects(&pair, saga), "run.1");
        assert_string_equal(commanding_fence(&pair, saga), "run.1 done");
    }
    assert_string_equal(database_text(pair.sagas_database,
                                      "SELECT encode(body, 'hex') FROM skald.saga_input WHERE saga"
                                      " = 'o2'"),
                        "0a026f321007");
    /* Whoever reads it finds the way back to the command, and the partition is the saga's. */
    assert_int_equal(
        database_integer(pair.stock_database,
                         "SELECT count(*) FROM skald.outbox AS o JOIN effect AS e"
                         " ON o.causation_id = e.message WHERE o.kind = 'r' AND o.key = e.saga"),
        4);
    assert_int_equal(database_integer(pair.sagas_database,
                                      "SELECT partition FROM skald.saga_input WHERE saga = 'o2'"),
                     skald_partition_of("o2", 2, 16));
    expect_quiet(&pair);
    commanding_end(&pair);
}

static void test_a_duplicate_is_answered_again_and_not_run(bool nats)
{
    commanding pair = commanding_begin(nats);
    for (int i = 0; i < 3; i++) {
        commanding_send(&pair, "o1", "run.1", NULL, "reply");
        commanding_send(&pair, "o2", "run.1", NULL, "refuse");
    }
    await_answers(&pair, "o1",
                  "run.1 done test.v1.Answered, run.1 done test.v1.Answered, run.1 done "
                  "test.v1.Answered");
    await_answers(&pair, "o2",
                  "run.1 refused: sold out: o2, run.1 refused: sold out: o2, run.1 refused: sold "
                  "out: o2");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1");
    assert_string_equal(commanding_effects(&pair, "o2"), "");
    commanding_send(&pair, "o1", "run.1", NULL, "refuse");
    WAIT_UNTIL(database_integer(pair.sagas_database,
                                "SELECT count(*) FROM skald.saga_input WHERE saga = 'o1'"
                                " AND event = 'done'") == 4);
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1");
    expect_quiet(&pair);
    commanding_end(&pair);
}

/* Another's command looks like ours but for the service that its saga belongs to. */
static void test_sagas_of_two_services_may_have_one_id(bool nats)
{
    commanding pair = commanding_begin(nats);
    const unsigned char body[] = {0x0a, 2, 'o', '1'};
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_write(&pair, 'c', pair.participant, "test.v1.Counted", "o1",
                     "Skald-Operation: other/o1/hold/run.1\n", body, sizeof body);
    WAIT_UNTIL(database_integer(pair.stock_database, "SELECT count(*) FROM effect") == 2);
    await_answers(&pair, "o1", "run.1 done");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 done, run.1 done");
    /* Its answer is none of ours. */
    WAIT_UNTIL(database_integer(pair.sagas_database,
                                "SELECT count(*) FROM skald.job WHERE state = 'dead'") == 1);
    commanding_end(&pair);
}

static void test_a_refusal_leaves_nothing_behind(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "refuse");
    commanding_send(&pair, "o2", "run.1", NULL, "refuse-first");
    commanding_send(&pair, "o3", "run.1", NULL, "");
    await_answers(&pair, "o1", "run.1 refused: sold out: o1");
    await_answers(&pair, "o2", "run.1 refused: sold out: o2");
    await_answers(&pair, "o3", "run.1 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 refused");
    assert_string_equal(commanding_fence(&pair, "o2"), "run.1 refused");
    /* Where nothing was done, nothing is rolled back and run again. */
    assert_int_equal(commanding_calls("o2/hold/run.1"), 1);
    expect_quiet(&pair);
    commanding_end(&pair);
}

static void test_an_undo_takes_back_what_was_done(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_send(&pair, "o1", "undo.1", "run.1", "reply");
    commanding_send(&pair, "o1", "undo.1", "run.1", "reply"); /* again */
    commanding_send(&pair, "o1", "undo.2", "run.1", "");      /* under another key */
    commanding_send(&pair, "o1", "run.1", NULL, "");          /* a late repeat of the run */
    await_answers(&pair, "o1",
                  "run.1 done, undo.1 done test.v1.Answered, undo.1 done test.v1.Answered,"
                  " undo.2 done, run.1 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 undo.1");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 undone, undo.1 done, undo.2 done");
    assert_string_equal(
        database_text(
            pair.stock_database,
            "SELECT substr(undoes, strpos(undoes, '/') + 1) FROM effect WHERE undoes <> ''"),
        "o1/hold/run.1");
    expect_quiet(&pair);
    commanding_end(&pair);
}

static void test_an_empty_compensation_bars_the_run_that_comes_late(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "undo.1", "run.1", "");
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_send(&pair, "o1", "undo.1", "run.1", "");
    commanding_send(&pair, "o1", "run.1", NULL, "");
    await_answers(&pair, "o1",
                  "undo.1 done, run.1 refused: undone before it ran, undo.1 done,"
                  " run.1 refused: undone before it ran");
    assert_string_equal(commanding_effects(&pair, "o1"), "");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 barred, undo.1 done");
    assert_int_equal(commanding_calls("o1/hold/run.1") + commanding_calls("o1/hold/undo.1"), 0);
    /* The next round is another operation. */
    commanding_send(&pair, "o1", "run.2", NULL, "");
    WAIT_UNTIL(strcmp(commanding_effects(&pair, "o1"), "run.2") == 0);
    expect_quiet(&pair);
    commanding_end(&pair);
}

static void test_an_undo_of_a_refused_run_is_done_without_running(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "refuse");
    commanding_send(&pair, "o1", "undo.1", "run.1", "");
    await_answers(&pair, "o1", "run.1 refused: sold out: o1, undo.1 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "");
    assert_int_equal(commanding_calls("o1/hold/undo.1"), 0);
    commanding_end(&pair);
}

static void test_an_undo_may_be_refused_and_leaves_its_run_done(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_send(&pair, "o1", "undo.1", "run.1", "refuse");
    await_answers(&pair, "o1", "run.1 done, undo.1 refused: sold out: o1");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 done, undo.1 refused");
    commanding_send(&pair, "o1", "undo.2", "run.1", "");
    await_answers(&pair, "o1", "run.1 done, undo.1 refused: sold out: o1, undo.2 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 undo.2");
    commanding_end(&pair);
}

static void test_a_failure_is_answered_and_the_next_attempt_runs(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "fail");
    await_answers(&pair, "o1", "run.1 failed: the shelf is stuck");
    assert_string_equal(commanding_fence(&pair, "o1"), "");
    commanding_send(&pair, "o1", "run.1", NULL, "");
    await_answers(&pair, "o1", "run.1 failed: the shelf is stuck, run.1 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1");

    commanding_send(&pair, "o2", "run.1", NULL, "sql");
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o2"), "run.1 failed: ") != NULL);
    assert_contains(commanding_answers(&pair, "o2"), "division by zero");
    commanding_send(&pair, "o3", "run.1", NULL, "twice");
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o3"), "called twice") != NULL);
    /* An undo of what failed finds nothing to undo. */
    commanding_send(&pair, "o2", "undo.1", "run.1", "");
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o2"), "undo.1 done") != NULL);
    assert_string_equal(commanding_effects(&pair, "o2"), "");
    assert_string_equal(commanding_effects(&pair, "o3"), "");
    expect_quiet(&pair);
    commanding_end(&pair);
}

static void test_what_has_not_arrived_is_waited_for(bool nats)
{
    commanding pair = commanding_begin(nats);
    commanding_send(&pair, "o1", "run.1", NULL, "early 3");
    commanding_send(&pair, "o1", "run.2", NULL, "");
    await_answers(&pair, "o1", "run.1 done, run.2 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 run.2");
    assert_int_equal(commanding_calls("o1/hold/run.1"), 4);
    expect_quiet(&pair);
    commanding_end(&pair);
}

/* An event, a command and a reply of one type and key. */
static void test_kinds_do_not_mix(bool nats)
{
    commanding pair = commanding_begin(nats);
    const unsigned char body[] = {0x0a, 2, 'o', '1', 0x1a, 1, 'e'};
    commanding_write(&pair, 'e', NULL, "test.v1.Counted", "o1", NULL, body, sizeof body);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    commanding_write(&pair, 'r', pair.participant, "test.v1.Counted", "o1",
                     "Skald-Operation: @/x1/hold/run.1\nSkald-Outcome: done\n", body, sizeof body);
    commanding_write(&pair, 'c', "somebody-else", "test.v1.Counted", "o1",
                     "Skald-Operation: @/o1/hold/run.9\n", body, sizeof body);
    commanding_write(&pair, 'r', "somebody-else", "test.v1.Counted", "o1",
                     "Skald-Operation: @/o1/hold/run.9\nSkald-Outcome: done\n", body, sizeof body);
    commanding_write(&pair, 'e', NULL, "test.v1.Counted", "o1", NULL, body, sizeof body);
    WAIT_UNTIL(database_integer(pair.stock_database, "SELECT count(*) FROM event") == 2);
    await_answers(&pair, "o1", "run.1 done");
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 done");
    assert_int_equal(database_integer(pair.stock_database, "SELECT count(*) FROM skald.job"), 0);
    /* Only who follows replies takes them. */
    assert_int_equal(database_integer(pair.stock_database,
                                      "SELECT count(*) FROM skald.saga_input WHERE saga = 'x1'"),
                     nats ? 0 : 1);
    commanding_end(&pair);
}

static void test_hostile_commands_harm_nobody(bool nats)
{
    commanding pair = commanding_begin(nats);
    const unsigned char body[] = {0x0a, 2, 'o', '1'};
    const char *const to = pair.participant;
    commanding_write(&pair, 'c', to, "test.v1.Counted", "o1", NULL, body, sizeof body);
    commanding_write(&pair, 'c', to, "test.v1.Counted", "o1",
                     "Skald-Operation: @/o1/hold/undo.1\nSkald-Undoes: @/o1/hold/undo.1\n", body,
                     sizeof body);
    WAIT_UNTIL(database_integer(pair.stock_database,
                                "SELECT count(*) FROM skald.job WHERE state = 'dead'"
                                " AND addressee IS NOT NULL") == 2);
    commanding_write(&pair, 'c', to, "test.v1.Nobody", "o2", "Skald-Operation: @/o2/hold/run.1\n",
                     body, sizeof body);
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o2"), "has no handler for command") != NULL);
    commanding_write(&pair, 'c', to, "test.v1.Counted", "o3", "Skald-Operation: @/o3/hold/run.1\n",
                     "\xff\xff", 2);
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o3"), "run.1 failed: ") != NULL);
    assert_int_equal(database_integer(pair.stock_database,
                                      "SELECT count(*) FROM skald.job WHERE state = 'dead'"),
                     3);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    await_answers(&pair, "o1", "run.1 done");
    commanding_end(&pair);
}

/* Replies that say nothing are kept for a person. */
static void test_hostile_replies_harm_nobody(bool nats)
{
    commanding pair = commanding_begin(nats);
    skald_service *ring = pair.sagas;
    const char *const controls[] = {"Skald-Outcome: done\n", "Skald-Operation: @/x/hold/run.1\n",
                                    "Skald-Operation: @/x/hold/run.1\nSkald-Outcome: perhaps\n",
                                    "Skald-Operation: x\nSkald-Outcome: done\n",
                                    "Skald-Operation: /a/b\nSkald-Outcome: done\n"};
    commanding others = pair; /* they come from the participant's outbox */
    others.sagas_database = pair.stock_database;
    others.sagas = pair.stock;
    for (int i = 0; i < 5; i++)
        commanding_write(&others, 'r', pair.commander, "T", "x", controls[i], "", 0);
    WAIT_UNTIL(database_integer(pair.sagas_database,
                                "SELECT count(*) FROM skald.job WHERE state = 'dead'") == 5);
    commanding_send(&pair, "o1", "run.1", NULL, "");
    await_answers(&pair, "o1", "run.1 done");
    assert_int_equal(database_integer(pair.sagas_database, "SELECT count(*) FROM skald.saga_input"),
                     1);
    assert_ptr_equal(ring, pair.sagas);
    commanding_end(&pair);
}

/* Many sagas at once, each command twice, some refused, some undone before they ran. */
static void test_a_crowd_of_commands_keeps_its_books(bool nats)
{
    enum { SAGAS = 60 };
    commanding pair = commanding_begin(nats);
    char saga[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SAGAS; i++) {
            snprintf(saga, sizeof saga, "c%d", i);
            if (i % 5 == 4)
                commanding_send(&pair, saga, "undo.1", "run.1", "");
            commanding_send(&pair, saga, "run.1", NULL, i % 5 == 3 ? "refuse" : "");
            if (i % 5 == 2)
                commanding_send(&pair, saga, "undo.1", "run.1", "");
        }
    }
    WAIT_UNTIL(database_integer(pair.sagas_database, "SELECT count(*) FROM skald.saga_input") ==
               2 * SAGAS + 2 * 2 * SAGAS / 5);
    assert_string_equal(
        database_text(pair.stock_database,
                      "SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT state || ' ' || count(*)"
                      " AS n FROM skald.fence WHERE key LIKE '%/c%/run.1' GROUP BY state) AS s"),
        "barred 12 done 24 refused 12 undone 12");
    assert_int_equal(database_integer(pair.stock_database, "SELECT count(*) FROM effect"), 48);
    assert_int_equal(
        database_integer(pair.stock_database, "SELECT count(DISTINCT operation) FROM effect"), 48);
    expect_quiet(&pair);
    commanding_end(&pair);
}

BOTH_WAYS(test_a_command_is_done_and_answered)
BOTH_WAYS(test_a_duplicate_is_answered_again_and_not_run)
BOTH_WAYS(test_sagas_of_two_services_may_have_one_id)
BOTH_WAYS(test_a_refusal_leaves_nothing_behind)
BOTH_WAYS(test_an_undo_takes_back_what_was_done)
BOTH_WAYS(test_an_empty_compensation_bars_the_run_that_comes_late)
BOTH_WAYS(test_an_undo_of_a_refused_run_is_done_without_running)
BOTH_WAYS(test_an_undo_may_be_refused_and_leaves_its_run_done)
BOTH_WAYS(test_a_failure_is_answered_and_the_next_attempt_runs)
BOTH_WAYS(test_what_has_not_arrived_is_waited_for)
BOTH_WAYS(test_kinds_do_not_mix)
BOTH_WAYS(test_hostile_commands_harm_nobody)
BOTH_WAYS(test_hostile_replies_harm_nobody)
BOTH_WAYS(test_a_crowd_of_commands_keeps_its_books)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TESTS_OF(test_a_command_is_done_and_answered),
        TESTS_OF(test_a_duplicate_is_answered_again_and_not_run),
        TESTS_OF(test_sagas_of_two_services_may_have_one_id),
        TESTS_OF(test_a_refusal_leaves_nothing_behind),
        TESTS_OF(test_an_undo_takes_back_what_was_done),
        TESTS_OF(test_an_empty_compensation_bars_the_run_that_comes_late),
        TESTS_OF(test_an_undo_of_a_refused_run_is_done_without_running),
        TESTS_OF(test_an_undo_may_be_refused_and_leaves_its_run_done),
        TESTS_OF(test_a_failure_is_answered_and_the_next_attempt_runs),
        TESTS_OF(test_what_has_not_arrived_is_waited_for),
        TESTS_OF(test_kinds_do_not_mix),
        TESTS_OF(test_hostile_commands_harm_nobody),
        TESTS_OF(test_hostile_replies_harm_nobody),
        TESTS_OF(test_a_crowd_of_commands_keeps_its_books),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
