/* What does not matter any more expires, and what ended long ago is forgotten. */
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static const char noon[] = "2026-05-01 12:00+00";

/* A database with queues "mail" (kept for an hour) and "quick" (for a second), at noon. */
static const char *prepared(void)
{
    const char *database = database_new();
    keeper_clock_set(database, noon);
    database_run(database, "INSERT INTO skald.queue (name, keep_ms) VALUES ('mail', 3600000),"
                           " ('quick', 1000)");
    return database;
}

static skald_service *started(const char *database)
{
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    keeper_start(service);
    return service;
}

static const char *states(const char *database)
{
    return database_text(database, "SELECT string_agg(state || ':' || count, ' ' ORDER BY state)"
                                   " FROM (SELECT state, count(*) FROM skald.job GROUP BY 1) AS s");
}

static void test_jobs_that_have_waited_too_long_expire_in_any_number(void **state)
{
    (void)state;
    const char *database = prepared();
    database_run(database,
                 "INSERT INTO skald.job (queue, state, message_id, key, body, expires_at)"
                 " SELECT 'mail', 'waiting', gen_random_uuid(), '', '', skald.now()"
                 " + CASE WHEN i <= 2500 THEN '-1 s'::interval WHEN i <= 2600 THEN '1 hour' END"
                 " FROM generate_series(1, 2700) AS i;"
                 "UPDATE skald.job SET state = 'running' WHERE id = 1");
    skald_service *service = started(database);
    WAIT_UNTIL(strcmp(states(database), "expired:2499 running:1 waiting:200") == 0);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job WHERE"
                                                " state = 'expired' AND (ended_at <> skald.now()"
                                                " OR due_at <> 'infinity' OR reason = '')"),
                     0);
    keeper_clock_set(database, "2026-05-01 13:00+00");
    WAIT_UNTIL(strstr(states(database), "waiting:100") != NULL);
    keeper_turn_await(database);
    assert_contains(states(database), "waiting:100");
    keeper_stop(service);
}

/* The one behind it was put off until it would be over. */
static void test_the_next_job_of_its_key_has_its_turn_when_one_expires(void **state)
{
    (void)state;
    const char *database = prepared();
    database_run(database,
                 "INSERT INTO skald.job (queue, state, message_id, key, body, begins_at, due_at,"
                 " expires_at) VALUES"
                 " ('mail', 'waiting', gen_random_uuid(), 'k', 'first', '2026-05-01 10:00+00',"
                 "  '2026-05-01 10:00+00', '2026-05-01 11:00+00'),"
                 " ('mail', 'waiting', gen_random_uuid(), 'k', 'second', '2026-05-01 10:01+00',"
                 "  'infinity', NULL),"
                 " ('mail', 'waiting', gen_random_uuid(), 'k', 'third', '2026-05-01 10:02+00',"
                 "  'infinity', NULL),"
                 " ('mail', 'waiting', gen_random_uuid(), 'other', 'fourth',"
                 "  '2026-05-01 10:00+00', 'infinity', NULL)");
    skald_service *service = started(database);
    WAIT_UNTIL(strcmp(states(database), "expired:1 waiting:3") == 0);
    assert_string_equal(database_text(database, "SELECT string_agg(encode(body, 'escape'), ' ')"
                                                " FROM skald.job WHERE due_at <= skald.now()"),
                        "second");
    keeper_stop(service);
}

static void test_what_ended_is_forgotten_after_its_time_with_its_attempts(void **state)
{
    (void)state;
    const char *database = prepared();
    database_run(
        database,
        "INSERT INTO skald.follower VALUES ('orders', 'orders', 1);"
        "INSERT INTO skald.job (queue, follower, partition, position, state, message_id, key, body,"
        " ended_at) SELECT v.queue, v.follower, v.partition, v.position, v.state,"
        " gen_random_uuid(), '', '', skald.now() - v.ago FROM (VALUES"
        " ('mail', NULL, NULL::int, NULL::int, 'done', interval '59 min'),"
        " ('mail', NULL, NULL, NULL, 'done', '61 min'),"
        " ('mail', NULL, NULL, NULL, 'cancelled', '61 min'),"
        " ('mail', NULL, NULL, NULL, 'dead', '61 min'),"
        " ('quick', NULL, NULL, NULL, 'expired', '2 s'),"
        " (NULL, 'orders', 0, 1, 'skipped', '6 days'),"
        " (NULL, 'orders', 0, 2, 'discarded', '8 days'),"
        " (NULL, 'orders', 0, 3, 'dead', '8 days'))"
        " AS v (queue, follower, partition, position, state, ago);"
        "INSERT INTO skald.attempt (job, number, outcome) SELECT id, 1, 'failed' FROM skald.job;"
        "INSERT INTO skald.audit (at, actor, action, object) VALUES ('2000-01-01', 'a', 'b', 'c');"
        "INSERT INTO skald.operation (action, filter, actor, reason, state, created_at)"
        " VALUES ('replay', '{}', 'a', 'b', 'done', '2000-01-01')");
    skald_service *service = started(database);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") <= 4);
    assert_string_equal(states(database), "dead:2 done:1 skipped:1");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.attempt"), 4);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 1);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.operation"), 1);
    keeper_stop(service);
}

static void test_thousands_of_ended_jobs_are_forgotten_at_once(void **state)
{
    (void)state;
    const char *database = prepared();
    database_run(database, "INSERT INTO skald.job (queue, state, message_id, key, body, ended_at)"
                           " SELECT 'quick', 'done', gen_random_uuid(), '', '', skald.now() - i *"
                           " interval '1 s' FROM generate_series(0, 3500) AS i");
    skald_service *service = started(database);
    WAIT_UNTIL(strcmp(states(database), "done:2") == 0);
    keeper_stop(service);
}

/* A saga may sleep for weeks and undo then what was done: only what is surely over goes. */
static void test_answers_to_commands_are_forgotten_when_nobody_can_ask_again(void **state)
{
    (void)state;
    const char *database = prepared();
    database_run(
        database,
        "INSERT INTO skald.fence (key, state, outcome) VALUES ('x/a/hold/run.1', 'done', 'done'),"
        " ('x/b/hold/run.1', 'refused', 'refused'), ('x/c/hold/run.1', 'undone', 'done'),"
        " ('x/d/hold/run.1', 'barred', 'refused'), ('x/e/hold/run.1', 'later', NULL),"
        " ('x/f/hold/run.1', 'failed', NULL), ('shop/own-open/hold/run.1', 'done', 'done'),"
        " ('shop/own-over/hold/run.1', 'done', 'done');"
        "INSERT INTO skald.fence (key, state, outcome) SELECT 'x/' || i || '/many/run.1', "
        "'refused',"
        " 'refused' FROM generate_series(1, 2500) AS i;"
        "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, state, "
        "state_type,"
        " root, phase, ended_at) VALUES"
        " ('own-open', 0, 'd', 1, 1, '', 't', 'own-open', 'running', NULL),"
        " ('own-over', 0, 'd', 1, 1, '', 't', 'own-over', 'completed', skald.now())");
    skald_service *service = started(database);
    keeper_clock_set(database, "2026-05-15 11:00+00");
    keeper_turn_await(database);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.fence"), 2508);
    keeper_clock_set(database, "2026-05-15 13:00+00");
    WAIT_UNTIL(
        strcmp(database_text(database, "SELECT string_agg(split_part(key, '/', 2), ' '"
                                       " ORDER BY split_part(key, '/', 2)) FROM skald.fence"),
               "a e f own-open") == 0);
    database_run(database, "UPDATE skald.saga SET phase = 'completed', ended_at = skald.now()");
    keeper_clock_set(database, "2026-06-15 12:00+00");
    WAIT_UNTIL(
        strcmp(database_text(database, "SELECT string_agg(split_part(key, '/', 2), ' '"
                                       " ORDER BY split_part(key, '/', 2)) FROM skald.fence"),
               "a e f") == 0);
    keeper_clock_set(database, "2027-06-15 12:00+00");
    WAIT_UNTIL(
        strcmp(database_text(database, "SELECT string_agg(split_part(key, '/', 2), ' '"
                                       " ORDER BY split_part(key, '/', 2)) FROM skald.fence"),
               "e") == 0);
    keeper_stop(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_that_have_waited_too_long_expire_in_any_number),
        cmocka_unit_test(test_the_next_job_of_its_key_has_its_turn_when_one_expires),
        cmocka_unit_test(test_what_ended_is_forgotten_after_its_time_with_its_attempts),
        cmocka_unit_test(test_thousands_of_ended_jobs_are_forgotten_at_once),
        cmocka_unit_test(test_answers_to_commands_are_forgotten_when_nobody_can_ask_again),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
