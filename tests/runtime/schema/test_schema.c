/* Migrations: applied once, refused when they are not ours, said in one sentence. */
#include "support/database.h"
#include "support/pooler.h"
#include "support/servers.h"
#include "support/test.h"

#include "pg/connection.h"
#include "schema/schema.h"

#include <pthread.h>

/* Stands for a later program: the first migration is the real one's place, with other contents. */
static const skald_migration three[] = {
    {1, "first", "CREATE TABLE skald.first (a int);", "DROP TABLE skald.first;", "checksum-1"},
    {2, "second", "CREATE TABLE skald.second (a int);", "DROP TABLE skald.second;", "checksum-2"},
    {3, "third", "CREATE TABLE skald.third (a int);", "DROP TABLE skald.third;", "checksum-3"},
};

static const skald_migration_set set_of_one = {three, 1};
static const skald_migration_set set_of_three = {three, 3};

static skald_pg *connect_to(const char *database)
{
    skald_pg *pg = NULL;
    skald_error error;
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    return pg;
}

static void count_applied(void *user, const skald_migration *migration)
{
    (void)migration;
    ++*(size_t *)user;
}

static size_t migrate(const char *database, const skald_migration_set *set)
{
    size_t applied = 0;
    skald_error error;
    skald_pg *pg = connect_to(database);
    assert_ok(skald_schema_migrate(pg, set, count_applied, &applied, &error), &error);
    skald_pg_close(pg);
    return applied;
}

static skald_error verify(const char *database, const skald_migration_set *set)
{
    skald_error error = {0};
    skald_pg *pg = connect_to(database);
    skald_schema_verify(pg, set, &error);
    skald_pg_close(pg);
    return error;
}

/* The sentence, with the changing name of the database replaced by "DB". */
static void assert_refused(const char *database, const skald_migration_set *set,
                           const char *expected)
{
    char sentence[SKALD_ERROR_TEXT_SIZE];
    const skald_error error = verify(database, set);
    assert_int_equal(error.status, SKALD_SCHEMA);
    snprintf(sentence, sizeof sentence, expected,
             database_text(database, "SELECT current_database()"));
    assert_string_equal(error.text, sentence);
}

static void test_each_migration_is_applied_once(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    assert_int_equal(migrate(database, &set_of_one), 1);
    assert_int_equal(migrate(database, &set_of_three), 2);
    assert_int_equal(migrate(database, &set_of_three), 0);
    assert_string_equal(
        database_text(database, "SELECT string_agg(number || name || checksum, ' ' ORDER BY number)"
                                "  FROM skald.migration"),
        "1firstchecksum-1 2secondchecksum-2 3thirdchecksum-3");
    assert_int_equal(verify(database, &set_of_three).status, SKALD_OK);
}

static void test_list_tells_applied_from_pending(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    skald_migration_entry entries[SKALD_MIGRATIONS_MAX];
    size_t count = 0;
    skald_error error;
    migrate(database, &set_of_one);
    skald_pg *pg = connect_to(database);
    assert_ok(skald_schema_list(pg, &set_of_three, entries, &count, &error), &error);
    skald_pg_close(pg);
    assert_int_equal(count, 3);
    assert_int_equal(entries[0].state, SKALD_MIGRATION_APPLIED);
    assert_int_equal(strlen(entries[0].applied_at), strlen("2026-01-01T00:00:00Z"));
    assert_int_equal(entries[1].state, SKALD_MIGRATION_PENDING);
    assert_string_equal(entries[1].applied_at, "");
    assert_string_equal(entries[2].name, "third");
}

static void test_a_database_without_schema_is_refused_with_the_remedy(void **state)
{
    (void)state;
    assert_refused(database_new_empty(), &skald_migrations,
                   "database \"%s\" has no Skald schema: run \"skald migrate up\" with the same "
                   "PG* settings");
}

static void test_an_older_schema_is_refused_with_the_remedy(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    migrate(database, &set_of_one);
    assert_refused(database, &set_of_three,
                   "database \"%s\" has 1 of the 3 migrations this program needs: run \"skald "
                   "migrate up\" with the same PG* settings");
}

static void test_a_newer_schema_is_refused(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    migrate(database, &set_of_three);
    assert_refused(database, &set_of_one,
                   "database \"%s\" has migration 2 \"second\" of a newer program, this one ends "
                   "at 1: run the newer one");
}

static void test_a_changed_migration_is_refused_and_nothing_is_applied_after_it(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    skald_error error;
    migrate(database, &set_of_one);
    database_run(database, "UPDATE skald.migration SET checksum = 'another'");
    assert_refused(database, &set_of_three,
                   "database \"%s\" has migration 1 \"first\" with another text than this program "
                   "needs: use the program that made it, or another database");
    skald_pg *pg = connect_to(database);
    assert_status(skald_schema_migrate(pg, &set_of_three, NULL, NULL, &error), SKALD_SCHEMA,
                  &error);
    skald_pg_close(pg);
    assert_string_equal(database_text(database, "SELECT to_regclass('skald.second')"), "");
}

static void test_a_failing_migration_leaves_nothing_and_keeps_those_before_it(void **state)
{
    (void)state;
    const skald_migration broken[] = {
        three[0],
        {2, "broken", "CREATE TABLE skald.half (a int); SELECT 1 / 0;", "", "checksum"},
    };
    const skald_migration_set set = {broken, 2};
    const char *database = database_new_empty();
    size_t applied = 0;
    skald_error error;
    skald_pg *pg = connect_to(database);
    assert_status(skald_schema_migrate(pg, &set, count_applied, &applied, &error), SKALD_DATABASE,
                  &error);
    assert_string_equal(error.sqlstate, "22012");
    skald_pg_close(pg);
    assert_int_equal(applied, 1);
    assert_string_equal(database_text(database, "SELECT to_regclass('skald.half')"), "");
    assert_int_equal(database_integer(database, "SELECT max(number) FROM skald.migration"), 1);
}

#define CONTENDERS 8

typedef struct contender {
    pthread_t thread;
    const char *database;
    const skald_migration_set *set;
    size_t applied;
    skald_status status;
    skald_error error;
} contender;

static void *contend(void *user)
{
    contender *self = user;
    skald_pg *pg = NULL;
    self->status = skald_pg_open(&pg, self->database, "test", &self->error);
    if (self->status == SKALD_OK)
        self->status =
            skald_schema_migrate(pg, self->set, count_applied, &self->applied, &self->error);
    skald_pg_close(pg);
    return NULL;
}

/* Many programs migrate the same database at the same time; how many migrations they applied in
 * all. */
static size_t migrate_at_once(const char *database, const skald_migration_set *set)
{
    contender contenders[CONTENDERS];
    size_t applied = 0;
    for (size_t i = 0; i < CONTENDERS; i++) {
        contenders[i] = (contender){.database = database, .set = set};
        assert_int_equal(pthread_create(&contenders[i].thread, NULL, contend, &contenders[i]), 0);
    }
    for (size_t i = 0; i < CONTENDERS; i++) {
        pthread_join(contenders[i].thread, NULL);
        assert_ok(contenders[i].status, &contenders[i].error);
        applied += contenders[i].applied;
    }
    return applied;
}

static void test_programs_that_migrate_at_once_apply_each_migration_once(void **state)
{
    (void)state;
    /* A migration that sleeps makes sure that all of them have arrived before it is done. */
    const skald_migration slow[] = {
        {1, "slow", "CREATE TABLE skald.slow (a int); SELECT pg_sleep(0.2);", "", "a"},
        {2, "next", "CREATE TABLE skald.next (a int);", "", "b"},
    };
    const skald_migration_set set = {slow, 2};
    assert_int_equal(migrate_at_once(database_new_empty(), &set), 2);
}

static void test_a_transaction_pooler_may_stand_between(void **state)
{
    (void)state;
    const char *database = pooler_of(database_new_empty());
    assert_int_equal(migrate_at_once(database, &skald_migrations), skald_migrations.count);
    skald_pg *pg = connect_to(database);
    assert_true(skald_pg_pooled(pg));
    skald_pg_close(pg);
}

/* What `skald migrate sql` prints. */
static char *print(uint32_t from, uint32_t to, bool down)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    skald_schema_print(&skald_migrations, from, to, down, out);
    fclose(out);
    return text;
}

static void test_printed_sql_makes_the_schema_and_takes_it_back(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    const uint32_t last = (uint32_t)skald_migrations.count;
    char *up = print(1, last, false);
    char *down = print(1, last, true);
    database_run(database, up);
    assert_int_equal(verify(database, &skald_migrations).status, SKALD_OK);
    assert_int_equal(migrate(database, &skald_migrations), 0);
    database_run(database, down);
    assert_int_equal(
        database_integer(database,
                         "SELECT count(*) FROM pg_class"
                         " WHERE relnamespace = 'skald'::regnamespace AND relkind <> 'i'"),
        1); /* skald.migration itself */
    assert_int_equal(migrate(database, &skald_migrations), skald_migrations.count);
    free(up);
    free(down);
}

static void test_every_table_and_function_has_a_comment(void **state)
{
    (void)state;
    const char *database = database_new();
    assert_string_equal(
        database_text(database,
                      "SELECT string_agg(relname, ' ') FROM pg_class"
                      " WHERE relnamespace = 'skald'::regnamespace AND relkind IN ('r', 'p', 'v')"
                      "   AND NOT relispartition AND obj_description(oid, 'pg_class') IS NULL"),
        "");
    assert_string_equal(database_text(database, "SELECT string_agg(proname, ' ') FROM pg_proc"
                                                " WHERE pronamespace = 'skald'::regnamespace"
                                                "   AND obj_description(oid, 'pg_proc') IS NULL"),
                        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_migration_is_applied_once),
        cmocka_unit_test(test_list_tells_applied_from_pending),
        cmocka_unit_test(test_a_database_without_schema_is_refused_with_the_remedy),
        cmocka_unit_test(test_an_older_schema_is_refused_with_the_remedy),
        cmocka_unit_test(test_a_newer_schema_is_refused),
        cmocka_unit_test(test_a_changed_migration_is_refused_and_nothing_is_applied_after_it),
        cmocka_unit_test(test_a_failing_migration_leaves_nothing_and_keeps_those_before_it),
        cmocka_unit_test(test_programs_that_migrate_at_once_apply_each_migration_once),
        cmocka_unit_test(test_a_transaction_pooler_may_stand_between),
        cmocka_unit_test(test_printed_sql_makes_the_schema_and_takes_it_back),
        cmocka_unit_test(test_every_table_and_function_has_a_comment),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
