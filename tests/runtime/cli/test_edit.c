/* Showing and editing dead letters beside a service that runs. */
#include "dead.h"

#include "support/errands.h"

#include <sys/stat.h>
#include <unistd.h>

static bool facts_are(const given *shop, const char *facts)
{
    return strcmp(following_facts(shop->database, "k"), facts) == 0;
}

/* A file with this text; its name has no blank and no "_". */
static const char *file_of(const char *text)
{
    static char path[SKALD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/body-%d.json", skald_servers_socket_folder(servers()),
             (int)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static test_child *edit_with_file(const given *shop, int exit_code, const char *json)
{
    char words[SKALD_PATH_SIZE + 128];
    snprintf(words, sizeof words, "dead edit %lld --reason misspelt --file %s",
             (long long)shop->job, file_of(json));
    return skald_run(shop->database, exit_code, words);
}

/* --- showing ------------------------------------------------------------------------------- */

static void test_bodies_are_shown_as_json_once_a_handler_of_their_type_has_run(void **state)
{
    (void)state;
    const given shop = given_dead();
    json_t *job = skald_json_of(shop.database, 0, words_of("job show %lld", shop.job));
    json_text_is(job, "body.key", "k");
    json_text_is(job, "body.number", "2");
    json_text_is(job, "body.note", "currency");
    json_text_is(job, "error_class", "currency");
    json_number_is(job, "behind", 2);
    json_text_is(job, "attempts.0.error", "cannot: currency");
    json_decref(job);
    says(shop.database, 0, words_of("job show %lld", shop.job),
         "  {\n    \"key\": \"k\",\n    \"number\": \"2\",\n    \"note\": \"currency\"\n  }\n");
    following_end(shop.service);
}

/* --- editing ------------------------------------------------------------------------------- */

static void test_an_edited_message_runs_in_the_place_of_the_old_one(void **state)
{
    (void)state;
    const given shop = given_dead();
    test_child *child = edit_with_file(&shop, 0, "{\"key\": \"k\", \"number\": 2, \"note\": \"\"}");
    assert_contains(child_out(child), words_of("replaces job %lld, message ", shop.job));
    WAIT_UNTIL(facts_are(&shop, "1 2 3 4"));
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "1 2 3 4 5"));
    json_t *old = skald_json_of(shop.database, 0, words_of("job show %lld", shop.job));
    json_text_is(old, "state", "replaced");
    json_text_is(old, "body.note", "currency");
    json_decref(old);
    json_t *audit = skald_json_of(shop.database, 0, "audit list");
    json_text_is(audit, "0.action", "edit");
    json_text_is(audit, "0.actor", "ann");
    json_text_is(audit, "0.reason", "misspelt");
    json_decref(audit);
    child_free(child);
    following_end(shop.service);
}

/* It fails again, is dead again, and is edited again: a chain that leads back to the first. */
static void test_an_edit_can_be_edited(void **state)
{
    (void)state;
    given shop = given_dead();
    child_free(edit_with_file(&shop, 0, "{\"key\": \"k\", \"number\": 2, \"note\": \"again\"}"));
    WAIT_UNTIL(following_count(shop.database,
                               "SELECT count(*) FROM skald.job WHERE state = 'dead'"
                               " AND error_class = '%s'",
                               "again") == 1);
    const int64_t first = shop.job;
    shop.job = database_integer(shop.database, "SELECT id FROM skald.job WHERE state = 'dead'");
    assert_int_not_equal(first, shop.job);
    child_free(edit_with_file(&shop, 0, "{\"key\": \"k\", \"number\": 2}"));
    WAIT_UNTIL(facts_are(&shop, "1 2 3 4"));
    json_t *old = skald_json_of(shop.database, 0, words_of("job show %lld", first));
    json_text_is(old, "replaced_by", words_of("%lld", shop.job));
    json_decref(old);
    following_end(shop.service);
}

static void test_a_wrong_edit_changes_nothing_and_names_the_place(void **state)
{
    (void)state;
    const given shop = given_dead();
    test_child *child = edit_with_file(&shop, 65, "{\"number\": \"two\"}");
    assert_contains(child_err(child), "test.v1.Counted.number: a whole number is wanted");
    assert_string_equal(child_out(child), "");
    child_free(child);
    child = edit_with_file(&shop, 65, "{\"number\": 2,}");
    assert_contains(child_err(child), "no JSON at line 1");
    child_free(child);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.job"), 3);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.audit"), 0);
    following_end(shop.service);
}

static test_child *edit_in(const given *shop, const char *editor, int exit_code)
{
    test_child *child = skald_start(shop->database, editor,
                                    words_of("dead edit %lld --reason misspelt", shop->job));
    skald_ends(child, exit_code);
    return child;
}

static void test_a_body_is_edited_in_the_editor_of_the_person(void **state)
{
    (void)state;
    const given shop = given_dead();
    test_child *same = edit_in(&shop, "VISUAL=true", 1);
    assert_contains(child_err(same), "it was not changed, nothing is done");
    test_child *broken = edit_in(&shop, "VISUAL=false", 69);
    assert_contains(child_err(broken), "the editor ended with 1");
    test_child *edited = edit_in(&shop, "VISUAL=sed -i s/currency//", 0);
    assert_contains(child_out(edited), "replaces job");
    WAIT_UNTIL(facts_are(&shop, "1 2 3 4"));
    child_free(same);
    child_free(broken);
    child_free(edited);
    following_end(shop.service);
}

/* Nobody types twice: what could not be taken stays in a file that only its owner can read. */
static void test_a_mistake_in_the_editor_keeps_what_was_written(void **state)
{
    (void)state;
    const given shop = given_dead();
    char path[512];
    struct stat facts;
    test_child *child = edit_in(&shop, "VISUAL=sed -i s/number/nubmer/", 65);
    assert_contains(child_err(child), "test.v1.Counted.nubmer: test.v1.Counted has no such field");
    const char *place = strstr(child_err(child), "what you wrote is in ");
    assert_non_null(place);
    assert_int_equal(sscanf(place, "what you wrote is in %511s", path), 1);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    child_free(child);
    following_end(shop.service);
}

static void test_a_printed_body_can_be_given_back(void **state)
{
    (void)state;
    const given shop = given_dead();
    test_child *printed = skald_run(shop.database, 0, words_of("dead edit %lld --print", shop.job));
    assert_string_equal(
        child_out(printed),
        "{\n  \"key\": \"k\",\n  \"number\": \"2\",\n  \"note\": \"currency\"\n}\n");
    following_behave(NULL);
    child_free(edit_with_file(&shop, 0, child_out(printed)));
    WAIT_UNTIL(facts_are(&shop, "1 2 3 4"));
    child_free(printed);
    following_end(shop.service);
}

static void test_what_is_not_given_up_is_not_edited(void **state)
{
    (void)state;
    given shop = given_dead();
    shop.job = database_integer(shop.database, "SELECT max(id) FROM skald.job");
    test_child *child = edit_with_file(&shop, 77, "{\"number\": 3}");
    assert_contains(child_err(child), "is parked, only what failed or was given up is edited");
    child_free(child);
    following_end(shop.service);
}

static void test_an_edited_job_of_a_queue_runs_again(void **state)
{
    (void)state;
    char id[37];
    errands shop = errands_begin(&(errands_options){0});
    errands_add(&shop, "k", 1, "refuse", NULL, id);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DEAD);
    const given job = {
        .database = shop.database,
        .job = database_integer(shop.database, "SELECT id FROM skald.job WHERE state = 'dead'")};
    child_free(edit_with_file(&job, 0, "{\"key\": \"k\", \"number\": 1}"));
    WAIT_UNTIL(errands_done(&shop) == 1);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE state ="
                                                     " 'replaced'"),
                     1);
    errands_end(&shop);
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_are_shown_as_json_once_a_handler_of_their_type_has_run),
        cmocka_unit_test(test_an_edited_message_runs_in_the_place_of_the_old_one),
        cmocka_unit_test(test_an_edit_can_be_edited),
        cmocka_unit_test(test_a_wrong_edit_changes_nothing_and_names_the_place),
        cmocka_unit_test(test_a_body_is_edited_in_the_editor_of_the_person),
        cmocka_unit_test(test_a_mistake_in_the_editor_keeps_what_was_written),
        cmocka_unit_test(test_a_printed_body_can_be_given_back),
        cmocka_unit_test(test_what_is_not_given_up_is_not_edited),
        cmocka_unit_test(test_an_edited_job_of_a_queue_runs_again),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
