/* Which statements are prepared: found by text, forgotten with age or after a failure. */
#include "support/test.h"

#include "pg/statements.h"

static char stale[SKALD_STATEMENT_NAME_SIZE];

static void test_a_statement_is_found_by_its_text(void **state)
{
    (void)state;
    skald_statements statements = {0};
    assert_null(skald_statements_find(&statements, "SELECT 1", 0, stale));
    skald_statement *one = skald_statements_add(&statements, "SELECT 1", 0);
    skald_statement *two = skald_statements_add(&statements, "SELECT 2", 0);
    assert_non_null(one);
    assert_string_not_equal(one->name, two->name);
    assert_false(one->confirmed);
    char text[] = "SELECT 1";
    assert_ptr_equal(skald_statements_find(&statements, text, 0, stale), one);
    assert_string_equal(stale, "");
    skald_statements_done(&statements);
}

/* A plan made while a table was empty must not stay. */
static void test_an_old_statement_is_forgotten_and_its_name_given_out_to_be_deallocated(
    void **state)
{
    (void)state;
    skald_statements statements = {0};
    char name[SKALD_STATEMENT_NAME_SIZE];
    skald_statement *one = skald_statements_add(&statements, "SELECT 1", 1000);
    memcpy(name, one->name, sizeof name);
    const uint64_t last_ms = 1000 + SKALD_STATEMENT_AGE_MS_MAX - 1;
    assert_ptr_equal(skald_statements_find(&statements, "SELECT 1", last_ms, stale), one);
    assert_null(skald_statements_find(&statements, "SELECT 1", last_ms + 1, stale));
    assert_string_equal(stale, name);
    assert_null(skald_statements_find(&statements, "SELECT 1", last_ms + 1, stale));
    assert_string_equal(stale, "");
    /* The old name may still exist in PostgreSQL, so the new one differs. */
    one = skald_statements_add(&statements, "SELECT 1", last_ms + 1);
    assert_string_not_equal(one->name, name);
    skald_statements_done(&statements);
}

static void test_after_a_failure_only_what_was_confirmed_is_still_known(void **state)
{
    (void)state;
    skald_statements statements = {0};
    skald_statements_add(&statements, "SELECT 1", 0)->confirmed = true;
    (void)skald_statements_add(&statements, "SELECT 2", 0);
    skald_statements_forget_unconfirmed(&statements);
    assert_non_null(skald_statements_find(&statements, "SELECT 1", 0, stale));
    assert_null(skald_statements_find(&statements, "SELECT 2", 0, stale));
    skald_statements_done(&statements);
}

/* A program that builds its SQL anew for each value must not fill PostgreSQL's memory. */
static void test_the_table_has_an_end_and_what_is_in_it_stays_known(void **state)
{
    (void)state;
    skald_statements statements = {0};
    char sql[32];
    int added = 0;
    for (int i = 0; i < 10 * SKALD_STATEMENTS_MAX; i++) {
        snprintf(sql, sizeof sql, "SELECT %d", i);
        added += skald_statements_add(&statements, sql, 0) != NULL;
    }
    assert_in_range(added, 1, SKALD_STATEMENTS_MAX);
    int found = 0;
    for (int i = 0; i < 10 * SKALD_STATEMENTS_MAX; i++) {
        snprintf(sql, sizeof sql, "SELECT %d", i);
        found += skald_statements_find(&statements, sql, 0, stale) != NULL;
    }
    assert_int_equal(found, added);
    skald_statements_done(&statements);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_statement_is_found_by_its_text),
        cmocka_unit_test(
            test_an_old_statement_is_forgotten_and_its_name_given_out_to_be_deallocated),
        cmocka_unit_test(test_after_a_failure_only_what_was_confirmed_is_still_known),
        cmocka_unit_test(test_the_table_has_an_end_and_what_is_in_it_stays_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
