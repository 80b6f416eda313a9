/* Messages that kill: a supervised follower meets handlers that crash, hang and exit, one at a time
 * and many under load. What kills is tried until it is dead; all others are done once each and in
 * order. */
#include "support/counting_pair.h"
#include "support/crime.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <signal.h>
#include <unistd.h>

enum { CRASHES_MAX = 3, KEYS = 10, COUNT = 40, LOAD_KEYS = 200, LOAD_COUNT = 2000, BLOCK = 100 };

/* --- the follower --------------------------------------------------------------------------- */

/* argv: program, this word, stream, database, the crime that "k3" with number 2 commits, or "load".
 */
static const char program_word[] = "--killing-follower";

static const char *wanted;

/* One message of every hundred commits a crime, each time the next one of the list. */
static const char *crime_under_load(long index)
{
    const long block = index / BLOCK;
    return index % BLOCK == block * 37 % BLOCK ? crimes[block % crime_count].name : NULL;
}

static const char *crime_of(const Test__V1__Counted *event)
{
    const long key = strtol(event->key + 1, NULL, 10);
    if (strcmp(wanted, "load") == 0)
        return crime_under_load((long)(event->number - 1) * LOAD_KEYS + key);
    return key == 3 && event->number == 2 ? wanted : NULL;
}

SKALD_HANDLER(on_counted_killing, test__v1__counted)
{
    const char *name = crime_of(event);
    if (name != NULL) {
        char line[64];
        const int size = snprintf(line, sizeof line, "%s as %d\n", name, (int)getpid());
        (void)!write(1, line, (size_t)size);
        crime_commit(name);
    }
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                      event->number);
}

static void program_become(int argc, char **argv)
{
    if (argc != 5 || strcmp(argv[1], program_word) != 0)
        return;
    const skald_policy policy = {.retry = "1ms..20ms", .dead = SKALD_DEAD_GOES_ON};
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[3];
    options.handler_ms = 1000;
    options.batch_max = 32;
    options.policy = &policy;
    wanted = argv[4];
    skald_service *service = skald_service_open("payments", &options);
    (void)skald_follow(service, argv[2], on_counted_killing);
    exit(skald_main(service, 1, argv));
}

static test_child *follower_start(const counting_pair *pair, const char *name)
{
    char nats[256];
    snprintf(nats, sizeof nats, "NATS_URL=%s", pair->child.nats_url);
    const char *const argv[] = {"/proc/self/exe", program_word, pair->child.stream,
                                pair->following,  name,         NULL};
    return child_start(
        argv,
        (const char *const[]){nats, "SKALD_ALLOW=fsync full_page_writes synchronous_commit", NULL});
}

/* --- books ---------------------------------------------------------------------------------- */

static int64_t dead_count(const counting_pair *pair)
{
    return database_integer(pair->following, "SELECT count(*) FROM skald.job WHERE state = 'dead'");
}

static void expect_once_and_in_order(const counting_pair *pair, int count)
{
    assert_int_equal(counting_facts(pair->following), count);
    assert_int_equal(
        database_integer(pair->following, "SELECT count(DISTINCT (key, number)) FROM fact"), count);
    assert_string_equal(
        database_text(pair->following,
                      "SELECT coalesce(string_agg(format('%s: %s after %s', key, number, before),"
                      " '; '), '') FROM (SELECT key, number, lag(number) OVER (PARTITION BY key"
                      " ORDER BY at) AS before FROM fact) AS f WHERE number < before"),
        "");
    assert_int_equal(
        database_integer(pair->following,
                         "SELECT count(*) FROM skald.job WHERE state NOT IN ('dead', 'done')"),
        0);
    assert_int_equal(database_integer(pair->following, "SELECT count(*) FROM skald.suspect"), 0);
}

static int said(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

/* Kills whoever waits to be killed and was not yet. True, for use while something is awaited. */
static bool victims_kill(test_child *child, int *killed)
{
    const char *at = child_out(child);
    for (int i = 0; (at = strstr(at, "victim as ")) != NULL; i++) {
        at += strlen("victim as ");
        if (i == *killed) {
            kill((pid_t)atoi(at), SIGKILL);
            ++*killed;
        }
    }
    return true;
}

/* --- one at a time -------------------------------------------------------------------------- */

static void expect_attempts(const counting_pair *pair, const crime *of)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT string_agg(format('%%s %%s', a.outcome, a.signal), ', ' ORDER BY a.number)"
             " FROM skald.attempt AS a JOIN skald.job AS j ON j.id = a.job WHERE j.state = 'dead'");
    char expected[128] = "";
    for (int i = 0; i < CRASHES_MAX; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s %s",
                 i == 0 ? "" : ", ", of->timed_out ? "timed out" : "crashed", of->ending);
    assert_string_equal(database_text(pair->following, sql), expected);
    if (!of->backtrace)
        return;
    /* Above the end of the stack there is nothing but the recursion. */
    const bool overflow = strcmp(of->name, "overflow") == 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.attempt WHERE backtrace LIKE '%%%s%%'",
             overflow ? "crime_overflow" : "on_counted_killing");
    assert_int_equal(database_integer(pair->following, sql), CRASHES_MAX);
}

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return false;
#endif
}

static void expect_quarantine(const crime *of)
{
    counting_pair pair = pair_begin();
    int killed = 0;
    counting_publish(pair.publisher, pair.origin, KEYS, COUNT, 1);
    test_child *child = follower_start(&pair, of->name);
    WAIT_UNTIL(victims_kill(child, &killed) && dead_count(&pair) == 1 &&
               counting_facts(pair.following) == COUNT - 1);
    expect_once_and_in_order(&pair, COUNT - 1);
    if (!(of->of_a_sanitizer && is_sanitized()))
        expect_attempts(&pair, of);
    assert_int_equal(
        database_integer(pair.following, "SELECT crashes FROM skald.job WHERE state = 'dead'"),
        CRASHES_MAX);
    assert_string_equal(
        database_text(pair.following, "SELECT key FROM skald.job WHERE state = 'dead'"), "k3");
    WAIT_UNTIL(said(child_err(child), "id=WORKER-REPLACED") == CRASHES_MAX);
    assert_int_equal(said(child_err(child), "id=WORKER-CRASHED"), CRASHES_MAX);
    pair_child_stop(child);
    pair_end(&pair);
}

static void test_a_message_that_kills_is_dead_after_three_times_and_no_other_is_touched(
    void **state)
{
    (void)state;
    for (int i = 0; i < crime_count; i++) {
        print_message("crime %s\n", crimes[i].name);
        expect_quarantine(&crimes[i]);
    }
}

/* --- under load ----------------------------------------------------------------------------- */

/* How long workers were away, as the log tells. */
static void absences_print(const char *log)
{
    static const char mark[] = "which ended ";
    long sum = 0, longest = 0, count = 0;
    for (const char *at = log; (at = strstr(at, mark)) != NULL; count++) {
        at += strlen(mark);
        const long ms = strtol(at, NULL, 10);
        sum += ms;
        longest = ms > longest ? ms : longest;
    }
    print_message("%ld workers replaced, away for %ld ms on average, %ld ms at most\n", count,
                  count > 0 ? sum / count : 0, longest);
}

static void test_killers_of_every_kind_under_load(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    int killed = 0, killers = 0;
    for (long i = 0; i < LOAD_COUNT; i++)
        killers += crime_under_load(i) != NULL;
    assert_int_equal(killers, LOAD_COUNT / BLOCK);
    test_child *child = follower_start(&pair, "load");
    counting_publish(pair.publisher, pair.origin, LOAD_KEYS, LOAD_COUNT, 10);

    WAIT_UNTIL(victims_kill(child, &killed) && dead_count(&pair) == killers &&
               counting_facts(pair.following) == LOAD_COUNT - killers);

    expect_once_and_in_order(&pair, LOAD_COUNT - killers);
    assert_int_equal(database_integer(pair.following,
                                      "SELECT count(*) FROM skald.job WHERE state = 'dead'"
                                      " AND crashes = 3"),
                     killers);
    WAIT_UNTIL(said(child_err(child), "id=WORKER-REPLACED") ==
               said(child_err(child), "id=WORKER-CRASHED"));
    absences_print(child_err(child));
    pair_child_stop(child);
    pair_end(&pair);
}

int main(int argc, char **argv)
{
    program_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_message_that_kills_is_dead_after_three_times_and_no_other_is_touched),
        cmocka_unit_test(test_killers_of_every_kind_under_load),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
