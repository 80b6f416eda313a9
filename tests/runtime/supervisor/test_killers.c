/* Messages that kill: a supervised follower meets a handler that crashes, hangs and exits in every
 * way. Such a message is tried until it is dead; all others are done once each and in order. */
#include "support/crime.h"
#include "support/database.h"
#include "support/killing.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

enum { CRASHES_MAX = 3, KEYS = 20, COUNT = 80 };

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return false;
#endif
}

/* What is asked of the attempts of one dead message. An attempt is "lost" when its process was
 * ended by another one, at a time when nobody could tell which. */
static const char *attempts(const counting_pair *pair, int key, const char *what)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT %s FROM skald.attempt AS a JOIN skald.job AS j ON j.id = a.job"
             " WHERE j.state = 'dead' AND j.key = 'k%d' AND a.outcome <> 'lost'",
             what, key);
    return database_text(pair->following, sql);
}

static void expect_backtraces(const counting_pair *pair, int key, const crime *of)
{
    char what[128];
    /* Above the end of the stack there is nothing but the recursion. */
    const bool overflow = strcmp(of->name, "overflow") == 0;
    snprintf(what, sizeof what, "count(*) FILTER (WHERE a.backtrace LIKE '%%%s%%')",
             overflow ? "crime_overflow" : "on_counted_killing");
    assert_string_equal(attempts(pair, key, what), "3");
}

static void expect_quarantine(const counting_pair *pair, int key, const crime *of)
{
    char expected[128] = "";
    print_message("crime %s\n", of->name);
    for (int i = 0; i < CRASHES_MAX; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s %s",
                 i == 0 ? "" : ", ", of->timed_out ? "timed out" : "crashed", of->ending);
    if (of->of_a_sanitizer && is_sanitized())
        return;
    assert_string_equal(
        attempts(pair, key,
                 "string_agg(format('%s %s', a.outcome, a.signal), ', ' ORDER BY a.number)"),
        expected);
    if (of->backtrace)
        expect_backtraces(pair, key, of);
}

static void test_a_message_that_kills_is_dead_after_three_times_and_no_other_is_touched(
    void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    int killed = 0;
    counting_publish(pair.publisher, pair.origin, KEYS, COUNT, 1);
    test_child *child = killing_start(&pair, "each", CRASHES_MAX);

    killing_await(&pair, child, &killed, crime_count);

    WAIT_UNTIL(counting_facts(pair.following) == COUNT - crime_count);
    killing_expect(&pair, COUNT - crime_count);
    for (int i = 0; i < crime_count; i++)
        expect_quarantine(&pair, i, &crimes[i]);
    assert_int_equal(
        database_integer(pair.following, "SELECT count(*) FROM skald.job WHERE crashes = 3"),
        crime_count);
    WAIT_UNTIL(killing_log_count(child, "WORKER-REPLACED") ==
               killing_log_count(child, "WORKER-CRASHED"));
    assert_true(killing_log_count(child, "WORKER-CRASHED") >= CRASHES_MAX * crime_count);
    pair_child_stop(child);
    pair_end(&pair);
}

int main(int argc, char **argv)
{
    killing_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_message_that_kills_is_dead_after_three_times_and_no_other_is_touched),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
