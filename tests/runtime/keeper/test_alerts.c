/* Alerts: people are told once per group and interval, by NATS and by a program. */
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/told.h"
#include "support/wait.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static const char noon[] = "2026-05-01 12:00+00";

static const char *prepared(void)
{
    const char *database = database_new();
    keeper_clock_set(database, noon);
    database_run(database, "INSERT INTO skald.follower VALUES ('orders', 'orders', 1);"
                           "INSERT INTO skald.queue (name) VALUES ('mail')");
    return database;
}

/* A message of follower "orders" dies now, of a cause with that fingerprint. */
static void die(const char *database, const char *fingerprint, int position)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.job (follower, partition, position, state, type, key, body, reason,"
             " error_class, fingerprint, ended_at) VALUES ('orders', 0, %d, 'dead',"
             " 'shop.v1.OrderCreated', 'k%d', '', 'currency \"%d\" is unknown', 'parse', '%s',"
             " skald.now())",
             position, position % 2, position, fingerprint);
    database_run(database, sql);
}

static int64_t told(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.alert"
                                      " WHERE alerted_at = skald.now()");
}

/* --- a program as command --------------------------------------------------------------------- */

static skald_service *started(const char *database, const char *nats_url, const char *command)
{
    skald_options options = keeper_options(database, nats_url);
    options.alert_command = command;
    options.alert_interval_ms = 60 * 1000;
    skald_service *service = keeper_service("shop", &options);
    keeper_start(service);
    return service;
}

static void test_a_group_is_told_once_and_again_after_the_interval_if_more_died(void **state)
{
    (void)state;
    const char *database = prepared();
    const char *command =
        told_command("tell", "cat >> told\nenv | grep ^SKALD_ALERT_ | sort > environment\n"
                             "echo >> told_count\n");
    for (int i = 1; i <= 3; i++)
        die(database, "aaaa", i);
    skald_service *service = started(database, NULL, command);
    WAIT_UNTIL(told(database) == 1);
    const char *object = told_file("told");
    assert_int_equal(told_lines(object), 1);
    char sql[4096];
    snprintf(sql, sizeof sql,
             "SELECT concat_ws('|', j->>'alert', j->>'service', j->>'subscription',"
             " j->>'fingerprint', j->>'type', j->>'error_class', j->>'reason', j->>'count',"
             " j->>'keys', (j->>'first')::timestamptz = skald.now(), j->>'command')"
             " FROM (SELECT $json$%s$json$::json AS j) AS t",
             object);
    assert_string_equal(database_text(database, sql),
                        "dead|shop|orders|aaaa|shop.v1.OrderCreated|parse|currency \"3\" is "
                        "unknown|3|2|t|skald dead show aaaa");
    assert_contains(told_file("environment"), "SKALD_ALERT_SUBSCRIPTION=orders\n");
    assert_contains(told_file("environment"), "SKALD_ALERT_COUNT=3\n");
    assert_contains(told_file("environment"), "SKALD_ALERT_REASON=currency \"3\" is unknown\n");

    /* Within the interval nobody is told again, of another group at once. */
    die(database, "aaaa", 4);
    die(database, "bbbb", 5);
    WAIT_UNTIL(told_lines(told_file("told_count")) == 2);
    keeper_clock_set(database, "2026-05-01 12:00:59+00");
    die(database, "aaaa", 6);
    keeper_turn_await(database);
    assert_int_equal(told_lines(told_file("told_count")), 2);

    keeper_clock_set(database, "2026-05-01 12:01:00+00");
    WAIT_UNTIL(told_lines(told_file("told_count")) == 3);
    assert_contains(told_file("environment"), "SKALD_ALERT_FINGERPRINT=aaaa\n");
    assert_contains(told_file("environment"), "SKALD_ALERT_COUNT=5\n");
    /* Nothing new died: nothing is told, however long it takes. */
    keeper_clock_set(database, "2026-05-02 12:00:00+00");
    keeper_turn_await(database);
    assert_int_equal(told_lines(told_file("told_count")), 3);
    keeper_stop(service);

    /* Nor by another process. */
    service = started(database, NULL, command);
    keeper_turn_await(database);
    assert_int_equal(told_lines(told_file("told_count")), 3);
    keeper_stop(service);
}

static void test_a_job_that_is_replayed_and_dies_again_counts_as_new(void **state)
{
    (void)state;
    const char *database = prepared();
    const char *command = told_command("tell", "cat > /dev/null\necho >> again_count\n");
    die(database, "aaaa", 1);
    skald_service *service = started(database, NULL, command);
    WAIT_UNTIL(told(database) == 1);
    keeper_clock_set(database, "2026-05-01 13:00+00");
    database_run(database, "UPDATE skald.job SET ended_at = skald.now()");
    WAIT_UNTIL(told_lines(told_file("again_count")) == 2);
    keeper_stop(service);
}

static void test_a_command_that_fails_is_logged_and_tried_again_after_the_interval(void **state)
{
    (void)state;
    const char *database = prepared();
    const char *command = told_command("fail", "cat > /dev/null\necho >> fail_count\nexit 3\n");
    const unsigned failed = keeper_log_count("KEEPER-ALERT-FAILED");
    die(database, "aaaa", 1);
    skald_service *service = started(database, NULL, command);
    WAIT_UNTIL(keeper_log_count("KEEPER-ALERT-FAILED") == failed + 1);
    assert_contains(keeper_log_text("KEEPER-ALERT-FAILED"), "code 3");
    keeper_turn_await(database);
    assert_int_equal(told_lines(told_file("fail_count")), 1);

    keeper_clock_set(database, "2026-05-01 12:01+00");
    WAIT_UNTIL(keeper_log_count("KEEPER-ALERT-FAILED") == failed + 2);
    assert_int_equal(told_lines(told_file("fail_count")), 2);
    keeper_stop(service);
}

static void test_a_command_that_does_not_exist_or_end_harms_nobody(void **state)
{
    (void)state;
    const char *database = prepared();
    const unsigned failed = keeper_log_count("KEEPER-ALERT-FAILED");
    die(database, "aaaa", 1);
    skald_service *service = started(database, NULL, "/nowhere/tell");
    WAIT_UNTIL(keeper_log_count("KEEPER-ALERT-FAILED") == failed + 1);
    assert_contains(keeper_log_text("KEEPER-ALERT-FAILED"), "/nowhere/tell");
    keeper_stop(service);

    /* The keeper goes on with its other duties while it waits, and kills it with its children. */
    const char *hangs = told_command("hang", "sleep 1000 & echo $! > sleeper\nwait\n");
    die(database, "bbbb", 2);
    service = started(database, NULL, hangs);
    WAIT_UNTIL(told_lines(told_file("sleeper")) == 1);
    const pid_t sleeper = (pid_t)atoi(told_file("sleeper"));
    keeper_turn_await(database);
    WAIT_UNTIL(keeper_log_count("KEEPER-ALERT-FAILED") == failed + 2);
    assert_contains(keeper_log_text("KEEPER-ALERT-FAILED"), "killed");
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/%d/cmdline", (int)sleeper);
    WAIT_UNTIL(strcmp(told_file("sleeper"), "") != 0 && access(proc, F_OK) != 0);
    keeper_stop(service);
}

/* --- NATS ------------------------------------------------------------------------------------- */

static pthread_mutex_t heard_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned heard_count;
static char heard_text[4096];

static void hear(void *user, const skald_nats_view *message)
{
    (void)user;
    pthread_mutex_lock(&heard_mutex);
    heard_count++;
    snprintf(heard_text, sizeof heard_text, "%.*s", (int)message->body.size,
             (const char *)message->body.data);
    pthread_mutex_unlock(&heard_mutex);
}

static unsigned heard(void)
{
    pthread_mutex_lock(&heard_mutex);
    const unsigned count = heard_count;
    pthread_mutex_unlock(&heard_mutex);
    return count;
}

static void test_nats_hears_of_groups_and_of_other_troubles(void **state)
{
    (void)state;
    const char *database = prepared();
    skald_nats *nats = stream_connect();
    skald_nats_listener *listener = NULL;
    skald_error error = {0};
    assert_ok(skald_nats_listen(&listener, nats, "skald.alert.shop", hear, NULL, &error), &error);
    skald_service *service = started(database, servers_nats_url(), NULL);
    const unsigned said = keeper_log_count("KEEPER-ALERT");

    die(database, "aaaa", 1);
    WAIT_UNTIL(heard() == 1);
    assert_contains(heard_text, "\"fingerprint\":\"aaaa\"");
    database_run(database, "UPDATE skald.follower SET full_since = skald.now()"
                           " WHERE name = 'orders'");
    WAIT_UNTIL(heard() == 2);
    assert_contains(heard_text, "\"alert\":\"full\"");
    assert_contains(heard_text, "follower \\\"orders\\\" keeps more than its caps allow");
    /* An open circuit is nothing to tell of until it has been open for its time. */
    database_run(database, "UPDATE skald.queue SET breaker_since = skald.now(),"
                           " failures_in_row = 5 WHERE name = 'mail'");
    keeper_turn_await(database);
    assert_int_equal(heard(), 2);
    database_run(database, "UPDATE skald.queue SET breaker_since = skald.now()"
                           " - interval '30 s' WHERE name = 'mail'");
    WAIT_UNTIL(heard() == 3);
    assert_contains(heard_text, "after 5 failures in a row");
    database_run(database, "INSERT INTO skald.schedule (name, cron, type, key, partition, body,"
                           " next_at, declared, failed_at, failure) VALUES ('nightly', '@daily',"
                           " 't', 'k', 0, '', 'infinity', '', skald.now(), 'no such zone')");
    WAIT_UNTIL(heard() == 4);
    assert_contains(heard_text, "\"reason\":\"no such zone\"");
    /* Each once, while it lasts; and once more after the interval. */
    keeper_turn_await(database);
    assert_int_equal(heard(), 4);
    keeper_clock_set(database, "2026-05-01 12:01+00");
    WAIT_UNTIL(heard() == 7);
    keeper_turn_await(database);
    assert_int_equal(heard(), 7);
    assert_int_equal(keeper_log_count("KEEPER-ALERT"), said + 7);
    keeper_stop(service);
    skald_nats_unlisten(listener);
    skald_nats_close(nats);
}

static void test_while_nats_is_away_nothing_counts_as_told(void **state)
{
    (void)state;
    const char *database = prepared();
    const unsigned failed = keeper_log_count("KEEPER-ALERT-FAILED");
    skald_service *service = started(database, servers_nats_url(), NULL);
    keeper_turn_await(database);
    servers_stop(SKALD_SERVER_NATS);
    die(database, "aaaa", 1);
    WAIT_UNTIL(keeper_log_count("KEEPER-ALERT-FAILED") == failed + 1);
    keeper_turn_await(database);
    assert_int_equal(told(database), 0);
    assert_int_equal(keeper_log_count("KEEPER-ALERT-FAILED"), failed + 1);

    servers_start(SKALD_SERVER_NATS);
    WAIT_UNTIL(told(database) == 1);
    keeper_stop(service);
}

/* --- many ------------------------------------------------------------------------------------- */

static void test_of_many_groups_each_is_told_once(void **state)
{
    (void)state;
    const char *database = prepared();
    const unsigned said = keeper_log_count("KEEPER-ALERT");
    database_run(database,
                 "INSERT INTO skald.job (follower, queue, partition, position, message_id, state,"
                 " key, body, fingerprint, ended_at) SELECT CASE WHEN n % 3 > 0 THEN 'orders' END,"
                 " CASE WHEN n % 3 = 0 THEN 'mail' END, 0, n, gen_random_uuid(), 'dead', '', '',"
                 " nullif(n % 40, 0), skald.now() FROM generate_series(1, 5000) AS n");
    skald_service *service = started(database, NULL, NULL);
    /* 39 causes and those without one, in two subscriptions. */
    WAIT_UNTIL(told(database) == 80);
    keeper_turn_await(database);
    assert_int_equal(keeper_log_count("KEEPER-ALERT"), said + 80);
    keeper_stop(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_is_told_once_and_again_after_the_interval_if_more_died),
        cmocka_unit_test(test_a_job_that_is_replayed_and_dies_again_counts_as_new),
        cmocka_unit_test(test_a_command_that_fails_is_logged_and_tried_again_after_the_interval),
        cmocka_unit_test(test_a_command_that_does_not_exist_or_end_harms_nobody),
        cmocka_unit_test(test_nats_hears_of_groups_and_of_other_troubles),
        cmocka_unit_test(test_while_nats_is_away_nothing_counts_as_told),
        cmocka_unit_test(test_of_many_groups_each_is_told_once),
    };
    return cmocka_run_group_tests(tests, told_setup, told_teardown);
}
