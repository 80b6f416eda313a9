/* Jobs of one key of an ordered queue run one after another; those of an unordered one need not. */
#include "support/database.h"
#include "support/errands.h"
#include "support/random.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static skald_error error;

static const errands_options ordered = {.queue = SKALD_QUEUE_OPTIONS_INIT};

/* What was done out of the order of its key; "" when nothing was. */
static const char *disorder(const errands *shop)
{
    return database_text(
        shop->database,
        "SELECT coalesce(string_agg(format('%s: number %s came as %s', key, number, n), '; '), '')"
        " FROM (SELECT key, number, row_number() OVER (PARTITION BY key ORDER BY at) AS n"
        " FROM errand) AS e WHERE number <> n");
}

/* What the job that was enqueued last waits for. */
static const char *waits_for(const errands *shop)
{
    return database_text(shop->database,
                         "SELECT waits_for FROM skald.v_job ORDER BY id DESC LIMIT 1");
}

static void test_jobs_of_a_key_run_in_order_through_failures(void **state)
{
    (void)state;
    test_random random = random_begin();
    errands shop = errands_begin(&ordered);
    for (int number = 1; number <= 15; number++) {
        for (int key = 0; key < 4; key++) {
            char name[16];
            snprintf(name, sizeof name, "k%d", key);
            errands_add(&shop, name, number, random_chance(&random, 30) ? "fail 2" : "", NULL,
                        NULL);
        }
    }

    WAIT_UNTIL(errands_done(&shop) == 60);

    assert_string_equal(disorder(&shop), "");
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE state <> 'done'"), 0);
    errands_end(&shop);
}

static void test_a_job_waits_while_one_of_its_key_runs(void **state)
{
    (void)state;
    errands shop = errands_begin(&ordered);
    errands_add(&shop, "k", 1, "wait", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    errands_add(&shop, "k", 2, "", NULL, NULL);
    errands_add(&shop, "other", 1, "", NULL, NULL);
    errands_add(&shop, "k", 3, "", NULL, NULL);

    /* The other key goes on; and those behind do not even look due any more. */
    WAIT_UNTIL(errands_done(&shop) == 1);
    WAIT_UNTIL(strcmp(waits_for(&shop), "an earlier job of its key") == 0);
    assert_int_equal(errands_seen(&shop), 2);
    errands_open(&shop, "k");

    WAIT_UNTIL(errands_done(&shop) == 4);
    assert_string_equal(disorder(&shop), "");
    errands_end(&shop);
}

static void test_jobs_without_a_key_do_not_wait_for_each_other(void **state)
{
    (void)state;
    errands shop = errands_begin(&ordered);
    errands_add(&shop, "", 1, "wait", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    errands_add(&shop, "", 2, "", NULL, NULL);

    WAIT_UNTIL(errands_done(&shop) == 1);

    errands_open(&shop, "");
    WAIT_UNTIL(errands_done(&shop) == 2);
    errands_end(&shop);
}

static void test_jobs_of_an_unordered_queue_overtake_each_other(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    errands_add(&shop, "k", 1, "wait", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    errands_add(&shop, "k", 2, "", NULL, NULL);

    WAIT_UNTIL(errands_done(&shop) == 1);

    assert_int_equal(database_integer(shop.database, "SELECT number FROM errand"), 2);
    errands_open(&shop, "k");
    WAIT_UNTIL(errands_done(&shop) == 2);
    errands_end(&shop);
}

static int64_t job_id(const errands *shop, const char *id)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT id FROM skald.job WHERE message_id = '%s'", id);
    return database_integer(shop->database, sql);
}

/* What a person does; answers what the database says. */
static const char *person(const errands *shop, const char *deed, const char *id)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT skald.job_%s(%lld, 'test', 'because')", deed,
             (long long)job_id(shop, id));
    return database_text(shop->database, sql);
}

/* A dead job of key k with two jobs behind it, which wait. */
static errands held_key(char id[37])
{
    errands shop = errands_begin(&ordered);
    errands_add(&shop, "k", 1, "refuse 1", NULL, id);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DEAD);
    errands_add(&shop, "k", 2, "", NULL, NULL);
    errands_add(&shop, "k", 3, "", NULL, NULL);
    WAIT_UNTIL(strcmp(waits_for(&shop), "an earlier job of its key") == 0);
    assert_int_equal(errands_done(&shop), 0);
    return shop;
}

static void test_a_dead_job_holds_its_key_until_it_is_replayed(void **state)
{
    (void)state;
    char id[37];
    errands shop = held_key(id);

    assert_string_equal(person(&shop, "replay", id), "ok");

    WAIT_UNTIL(errands_done(&shop) == 3);
    assert_string_equal(disorder(&shop), "");
    assert_int_equal(errands_state(&shop, id), SKALD_JOB_DONE);
    errands_end(&shop);
}

static void test_a_dead_job_holds_its_key_until_it_is_discarded(void **state)
{
    (void)state;
    char id[37];
    errands shop = held_key(id);

    assert_string_equal(person(&shop, "discard", id), "ok");

    WAIT_UNTIL(errands_done(&shop) == 2);
    assert_string_equal(
        database_text(shop.database,
                      "SELECT string_agg(number::text, ' ' ORDER BY at) FROM errand"),
        "2 3");
    errands_end(&shop);
}

static void test_a_key_goes_on_behind_a_dead_job_when_the_policy_says_so(void **state)
{
    (void)state;
    static const skald_policy policy = {.retry = "1ms..5ms", .dead = SKALD_DEAD_GOES_ON};
    errands_options options = ordered;
    options.policy = &policy;
    errands shop = errands_begin(&options);
    char id[37];
    errands_add(&shop, "k", 1, "refuse", NULL, id);
    errands_add(&shop, "k", 2, "", NULL, NULL);

    WAIT_UNTIL(errands_done(&shop) == 1);

    assert_int_equal(errands_state(&shop, id), SKALD_JOB_DEAD);
    errands_end(&shop);
}

static void test_a_cancelled_job_lets_the_next_of_its_key_begin(void **state)
{
    (void)state;
    errands shop = errands_begin(&ordered);
    char id[37];
    errands_add(&shop, "k", 1, "later 3600000", NULL, id);
    WAIT_UNTIL(errands_look(&shop, id).attempts == 1);
    errands_add(&shop, "k", 2, "", NULL, NULL);
    WAIT_UNTIL(strcmp(waits_for(&shop), "an earlier job of its key") == 0);

    assert_ok(skald_cancel_on(shop.service, shop.connection, id, "no need", &error), &error);
    skald_ring(shop.service);

    WAIT_UNTIL(errands_done(&shop) == 1);
    assert_int_equal(errands_state(&shop, id), SKALD_JOB_CANCELLED);
    errands_end(&shop);
}

static void test_a_key_whose_first_job_somebody_deleted_is_mended(void **state)
{
    (void)state;
    char id[37];
    errands shop = held_key(id);
    database_run(shop.database, "DELETE FROM skald.job WHERE state = 'dead'");
    /* At the start at the latest. */
    errands_stop(&shop);
    shop.service = errands_service(shop.database, &ordered);

    WAIT_UNTIL(errands_done(&shop) == 2);

    errands_end(&shop);
}

static void test_a_queue_that_becomes_unordered_while_it_runs_lets_all_begin(void **state)
{
    (void)state;
    char id[37];
    errands shop = held_key(id);

    database_run(shop.database, "UPDATE skald.queue SET ordered = false WHERE name = 'errands'");

    WAIT_UNTIL(errands_done(&shop) == 2);
    errands_end(&shop);
}

/* Three processes, and the keys of one transaction are never run at once. */
static void test_order_holds_across_processes(void **state)
{
    (void)state;
    enum { KEYS = 20, COUNT = 20 };
    test_random random = random_begin();
    errands shop = errands_begin(&ordered);
    const errands_child_options child = {.ordered = true};
    test_child *children[2];
    for (int i = 0; i < 2; i++)
        children[i] = errands_child(shop.database, &child);
    for (int number = 1; number <= COUNT; number++) {
        for (int key = 0; key < KEYS; key++) {
            char name[16];
            snprintf(name, sizeof name, "k%d", key);
            errands_add(&shop, name, number,
                        random_chance(&random, 10)   ? "fail 1"
                        : random_chance(&random, 50) ? "sleep 5"
                                                     : "",
                        NULL, NULL);
        }
    }

    WAIT_UNTIL(errands_done(&shop) == KEYS * COUNT);

    assert_string_equal(disorder(&shop), "");
    for (int i = 0; i < 2; i++)
        errands_child_stop(children[i]);
    errands_end(&shop);
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_of_a_key_run_in_order_through_failures),
        cmocka_unit_test(test_a_job_waits_while_one_of_its_key_runs),
        cmocka_unit_test(test_jobs_without_a_key_do_not_wait_for_each_other),
        cmocka_unit_test(test_jobs_of_an_unordered_queue_overtake_each_other),
        cmocka_unit_test(test_a_dead_job_holds_its_key_until_it_is_replayed),
        cmocka_unit_test(test_a_dead_job_holds_its_key_until_it_is_discarded),
        cmocka_unit_test(test_a_key_goes_on_behind_a_dead_job_when_the_policy_says_so),
        cmocka_unit_test(test_a_cancelled_job_lets_the_next_of_its_key_begin),
        cmocka_unit_test(test_a_key_whose_first_job_somebody_deleted_is_mended),
        cmocka_unit_test(test_a_queue_that_becomes_unordered_while_it_runs_lets_all_begin),
        cmocka_unit_test(test_order_holds_across_processes),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
