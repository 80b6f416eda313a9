/* Many dead letters at once: looked at, frozen, worked off, stopped. */
#include "dead.h"

/* --- many at once -------------------------------------------------------------------------- */

enum { KEYS = 6 };

/* Keys "a0" to "a5" have one dead message each, of two causes. */
static given given_many(void)
{
    given shop = {.database = database_new()};
    char key[16];
    shop.service = following_start(
        shop.database, &(following_options){.behaviour = fail_by_note, .policy = &holding});
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "a%d", i);
        following_publish(shop.service, shop.database, key, i < 2 ? "network" : "currency");
    }
    WAIT_UNTIL(database_integer(shop.database,
                                "SELECT count(*) FROM skald.job WHERE state = 'dead'") == KEYS);
    return shop;
}

/* As the service's keeper does, in case this one has none. */
static void keeper_work(const given *shop)
{
    database_run(shop->database,
                 "SELECT skald.operation_work(id, 1000, 1, skald.now()) FROM skald.operation");
}

static void test_a_preview_says_what_would_be_changed_and_changes_nothing(void **state)
{
    (void)state;
    const given shop = given_many();
    json_t *preview =
        skald_json_of(shop.database, 0, "dead replay --error-class currency --dry-run");
    json_text_is(preview, "action", "replay");
    json_number_is(preview, "jobs", 4);
    json_number_is(preview, "groups.0.jobs", 4);
    assert_int_equal(json_array_size(json_at(preview, "groups")), 1);
    json_t *all = skald_json_of(shop.database, 0, "dead discard --all --dry-run");
    json_number_is(all, "jobs", KEYS);
    assert_string_not_equal(json_string_value(json_at(all, "set")),
                            json_string_value(json_at(preview, "set")));
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.operation"), 0);
    json_decref(preview);
    json_decref(all);
    following_end(shop.service);
}

static void test_a_replay_waits_until_all_have_run(void **state)
{
    (void)state;
    const given shop = given_many();
    following_behave(NULL);
    test_child *child = skald_start(shop.database, NULL,
                                    "dead replay --all --reason mended --yes --wait --rate 500");
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM skald.operation") == 1);
    keeper_work(&shop);
    skald_ends(child, 0);
    assert_contains(child_out(child), "Operation 1  replay, done\n");
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM fact") == KEYS);
    json_t *operation = skald_json_of(shop.database, 0, "operation show 1 --wait");
    json_number_is(operation, "total", KEYS);
    json_number_is(operation, "succeeded", KEYS);
    json_text_is(operation, "reason", "mended");
    assert_int_equal(json_array_size(json_at(operation, "refused_jobs")), 0);
    json_decref(operation);
    child_free(child);
    following_end(shop.service);
}

/* The set is frozen: what was dealt with meanwhile is refused, and the exit code says so. */
static void test_a_set_that_was_partly_changed_meanwhile_exits_with_2(void **state)
{
    (void)state;
    const given shop = given_dead();
    following_end(shop.service);
    says(shop.database, 0, words_of("dead discard %lld --reason old --yes", shop.job),
         "operation 1: discard of 1 jobs has begun");
    says(shop.database, 0, words_of("job replay %lld --reason no", shop.job), "ok");
    keeper_work(&shop);
    json_t *operation = skald_json_of(shop.database, 2, "operation show 1 --wait");
    json_number_is(operation, "refused", 1);
    json_text_is(operation, "refused_jobs.0.result",
                 words_of("job %lld is parked by now", shop.job));
    json_decref(operation);
}

static void test_a_set_can_be_named_and_is_refused_when_it_has_changed(void **state)
{
    (void)state;
    const given shop = given_many();
    following_end(shop.service);
    char words[256];
    json_t *preview = skald_json_of(shop.database, 0, "dead discard --all --dry-run");
    snprintf(words, sizeof words, "dead discard --all --reason old --yes --set %s",
             json_string_value(json_at(preview, "set")));
    database_run(shop.database, "SELECT skald.job_discard(min(id), 'me', 'x') FROM skald.job");
    test_child *child = skald_run(shop.database, 75, words);
    assert_contains(child_err(child), "the set is no longer");
    child_free(child);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.operation"), 0);
    json_decref(preview);
    preview = skald_json_of(shop.database, 0, "dead discard --all --dry-run");
    snprintf(words, sizeof words, "dead discard --all --reason old --yes --set %s",
             json_string_value(json_at(preview, "set")));
    says(shop.database, 0, words, "operation 1: discard of 5 jobs has begun");
    json_decref(preview);
}

static void test_nobody_changes_many_by_mistake(void **state)
{
    (void)state;
    const given shop = given_many();
    following_end(shop.service);
    says(shop.database, 64, "dead replay --reason x --yes", "say which: jobs, --fingerprint");
    says(shop.database, 64, "dead replay --all --reason x", "would replay 6 jobs, set ");
    says(shop.database, 64, "dead replay --all --yes", "say why: --reason TEXT");
    says(shop.database, 64, "dead replay --all --reason x --yes --rate fast", "--rate is jobs per");
    says(shop.database, 1, "dead replay --type no.Such --reason x --yes", "nothing that is dead");
    says(shop.database, 1, "dead replay 99999 --reason x --yes", "there is no job \"99999\"");
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.operation"), 0);
}

static void test_an_operation_is_stopped(void **state)
{
    (void)state;
    const given shop = given_many();
    following_end(shop.service);
    json_t *begun = skald_json_of(shop.database, 0, "dead discard --all --reason old --yes");
    json_text_is(begun, "id", "1");
    json_text_is(begun, "state", "running");
    json_decref(begun);
    says(shop.database, 0, "operation stop 1 --reason wrong", "operation 1: ok\n");
    says(shop.database, 77, "operation stop 1 --reason wrong", "operation 1 is stopped already");
    says(shop.database, 1, "operation stop x --reason wrong", "there is no operation \"x\"");
    json_t *operations = skald_json_of(shop.database, 0, "operation list --state stopped");
    json_number_is(operations, "0.open", KEYS);
    json_decref(operations);
    json_t *stopped = skald_json_of(shop.database, 1, "operation show 1 --wait");
    json_text_is(stopped, "state", "stopped");
    json_decref(stopped);
    says(shop.database, 1, "operation show 9", "there is no operation 9");
    says(shop.database, 64, "operation show nine", "say which operation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_preview_says_what_would_be_changed_and_changes_nothing),
        cmocka_unit_test(test_a_replay_waits_until_all_have_run),
        cmocka_unit_test(test_a_set_that_was_partly_changed_meanwhile_exits_with_2),
        cmocka_unit_test(test_a_set_can_be_named_and_is_refused_when_it_has_changed),
        cmocka_unit_test(test_nobody_changes_many_by_mistake),
        cmocka_unit_test(test_an_operation_is_stopped),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
