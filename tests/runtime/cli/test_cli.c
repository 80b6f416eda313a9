/* The `skald` command without `dev`: help, mistakes, migrations. */
#include "support/child.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"

#include "schema/migrations.h"

static const char *cli(void)
{
    return test_variable("SKALD_CLI");
}

static void assert_ends(test_child *child, int exit_code)
{
    const int found = child_wait(child);
    if (found != exit_code)
        print_error("it said: %s%s\n", child_out(child), child_err(child));
    assert_int_equal(found, exit_code);
}

/* Usage errors go to stderr, and nothing goes to stdout. */
static void assert_usage_error(test_child *child, const char *sentence)
{
    assert_ends(child, 64);
    assert_string_equal(child_out(child), "");
    assert_string_equal(child_err(child), sentence);
    child_free(child);
}

static void append_help(FILE *out, const char *first, const char *second)
{
    test_child *child = child_run(cli(), "help", first, second, NULL);
    assert_ends(child, 0);
    assert_string_equal(child_err(child), "");
    fprintf(out, "---- skald help %s%s%s\n%s", first != NULL ? first : "",
            second != NULL ? " " : "", second != NULL ? second : "", child_out(child));
    child_free(child);
}

/* Compares with the file beside this test; SKALD_TEST_ACCEPT=1 writes it anew. */
static void assert_golden(const char *name, const char *text)
{
    char path[4096];
    char expected[65536];
    snprintf(path, sizeof path, "%s/tests/runtime/cli/%s", test_variable("SKALD_SOURCE_DIR"), name);
    FILE *file = fopen(path, getenv("SKALD_TEST_ACCEPT") != NULL ? "w+" : "r");
    assert_non_null(file);
    if (getenv("SKALD_TEST_ACCEPT") != NULL)
        assert_true(fputs(text, file) >= 0);
    rewind(file);
    expected[fread(expected, 1, sizeof expected - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void test_help_is_as_it_was_accepted(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    append_help(out, NULL, NULL);
    append_help(out, "dev", NULL);
    append_help(out, "dev", "env");
    append_help(out, "dev", "status");
    append_help(out, "dev", "stop");
    append_help(out, "dev", "reset");
    append_help(out, "dev", "psql");
    append_help(out, "migrate", "up");
    append_help(out, "migrate", "status");
    append_help(out, "migrate", "sql");
    append_help(out, "saga", "list");
    append_help(out, "saga", "show");
    append_help(out, "saga", "history");
    append_help(out, "saga", "graph");
    append_help(out, "saga", "retry");
    append_help(out, "saga", "skip");
    append_help(out, "saga", "resolve");
    append_help(out, "saga", "compensate");
    append_help(out, "saga", "cancel");
    append_help(out, "saga", "tasks");
    append_help(out, "saga", "debts");
    append_help(out, "saga", "definitions");
    append_help(out, "job", "list");
    append_help(out, "job", "show");
    append_help(out, "job", "replay");
    append_help(out, "job", "discard");
    append_help(out, "job", "cancel");
    append_help(out, "dead", "list");
    append_help(out, "dead", "show");
    append_help(out, "dead", "replay");
    append_help(out, "dead", "discard");
    append_help(out, "dead", "edit");
    append_help(out, "queue", "list");
    append_help(out, "queue", "show");
    append_help(out, "queue", "set");
    append_help(out, "queue", "pause");
    append_help(out, "queue", "resume");
    append_help(out, "schedule", "list");
    append_help(out, "schedule", "pause");
    append_help(out, "schedule", "resume");
    append_help(out, "schedule", "delete");
    append_help(out, "operation", "list");
    append_help(out, "operation", "show");
    append_help(out, "operation", "stop");
    append_help(out, "audit", "list");
    append_help(out, "suspect", "list");
    append_help(out, "version", NULL);
    append_help(out, "help", NULL);
    fclose(out);
    assert_golden("help.txt", text);
    free(text);
}

static void test_help_is_the_same_however_it_is_asked_for(void **state)
{
    (void)state;
    test_child *help = child_run(cli(), "help", "dev", NULL);
    test_child *flag = child_run(cli(), "dev", "--help", NULL);
    test_child *letter = child_run(cli(), "dev", "-h", NULL);
    assert_ends(flag, 0);
    assert_string_equal(child_out(help), child_out(flag));
    assert_string_equal(child_out(help), child_out(letter));
    child_free(help);
    child_free(flag);
    child_free(letter);
}

static void test_help_fits_eighty_columns(void **state)
{
    (void)state;
    char path[4096];
    char line[1024];
    snprintf(path, sizeof path, "%s/tests/runtime/cli/help.txt", test_variable("SKALD_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strcspn(line, "\n") > 80)
            print_error("too long: %s", line);
        assert_true(strcspn(line, "\n") <= 80);
    }
    fclose(file);
}

static void test_version_is_printed_for_people_and_programs(void **state)
{
    (void)state;
    test_child *people = child_run(cli(), "--version", NULL);
    test_child *programs = child_run(cli(), "version", "--json", NULL);
    assert_string_equal(child_out(people), "skald " SKALD_VERSION "\n");
    assert_string_equal(child_out(programs), "{\"version\":\"" SKALD_VERSION "\"}\n");
    child_free(people);
    child_free(programs);
}

static void test_mistakes_name_what_may_be_meant(void **state)
{
    (void)state;
    assert_usage_error(child_run(cli(), "migrat", NULL),
                       "skald: there is no command \"migrat\"; did you mean \"skald migrate\"?\n");
    assert_usage_error(
        child_run(cli(), "migrate", "satus", NULL),
        "skald: there is no command \"migrate satus\"; did you mean \"skald migrate status\"?\n");
    assert_usage_error(child_run(cli(), "bake", NULL),
                       "skald: there is no command \"bake\"; \"skald help\" lists them\n");
    assert_usage_error(child_run(cli(), "dev", "--ephemreal", NULL),
                       "skald dev: there is no option --ephemreal; did you mean --ephemeral?\n");
    assert_usage_error(child_run(cli(), "dev", "--name", NULL),
                       "skald dev: option --name needs a value\n");
    assert_usage_error(child_run(cli(), "version", "--", "now", NULL),
                       "skald version: \"now\" is one word too many; see \"skald help version\"\n");
    char numbers[80];
    snprintf(numbers, sizeof numbers, "skald migrate sql: --from and --to are 1 to %zu\n",
             skald_migrations.count);
    assert_usage_error(child_run(cli(), "migrate", "sql", "--to", "999", NULL), numbers);
    assert_usage_error(child_run(cli(), "dev", "--ephemeral", "--name", "x", NULL),
                       "skald dev: --ephemeral has no name and no directory of its own\n");
    assert_usage_error(child_run(cli(), "dev", "--name", "X", NULL),
                       "skald dev: name \"X\": 1 to 32 lower-case letters, digits and \"-\"\n");
}

static void test_half_a_command_lists_what_completes_it(void **state)
{
    (void)state;
    test_child *child = child_run(cli(), "migrate", NULL);
    assert_ends(child, 64);
    assert_contains(child_err(child), "skald: \"migrate\" needs one more word:");
    assert_contains(child_err(child), "skald migrate status");
    child_free(child);
}

/* ---- Migrations ---- */

static void test_migrate_brings_a_database_up_to_date(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    test_child *pending = child_run(cli(), "migrate", "status", "--pg", database, NULL);
    assert_ends(pending, 1);
    assert_contains(child_out(pending), "pending  -                     bus");
    test_child *up = child_run(cli(), "migrate", "up", "--pg", database, NULL);
    assert_ends(up, 0);
    assert_contains(child_out(up), "applied 0001 bus\n");
    test_child *again = child_run(cli(), "migrate", "up", "--pg", database, NULL);
    assert_ends(again, 0);
    assert_string_equal(child_out(again), "nothing to do: the schema is up to date\n");
    test_child *applied = child_run(cli(), "migrate", "status", "--pg", database, NULL);
    assert_ends(applied, 0);
    assert_contains(child_out(applied), "applied  20");
    child_free(pending);
    child_free(up);
    child_free(again);
    child_free(applied);
}

/* PostgreSQL reads the JSON, so that a mistake in it would show. */
static const char *json_value(const char *json, const char *path)
{
    char conninfo[SKALD_PATH_SIZE];
    char sql[4096];
    skald_servers_conninfo(servers(), "postgres", conninfo, sizeof conninfo);
    snprintf(sql, sizeof sql, "SELECT $j$%s$j$::jsonb #>> '%s'", json, path);
    return database_text(conninfo, sql);
}

static void test_migrate_speaks_json(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    test_child *pending = child_run(cli(), "migrate", "status", "--json", "--pg", database, NULL);
    assert_string_equal(json_value(child_out(pending), "{0,state}"), "pending");
    assert_string_equal(json_value(child_out(pending), "{0,applied_at}"), "");
    test_child *up = child_run(cli(), "migrate", "up", "-o", "json", "--pg", database, NULL);
    assert_string_equal(json_value(child_out(up), "{applied,0,name}"), "bus");
    test_child *again = child_run(cli(), "migrate", "up", "--json", "--pg", database, NULL);
    assert_string_equal(json_value(child_out(again), "{applied}"), "[]");
    child_free(pending);
    child_free(up);
    child_free(again);
}

static void test_migrate_follows_the_environment(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    char host[SKALD_PATH_SIZE + 16];
    char name[128];
    snprintf(host, sizeof host, "PGHOST=%s", skald_servers_socket_folder(servers()));
    snprintf(name, sizeof name, "PGDATABASE=%s",
             database_text(database, "SELECT current_database()"));
    const char *const argv[] = {cli(), "migrate", "up", NULL};
    const char *const environment[] = {host, name, "PGUSER=skald", "PGPORT", NULL};
    test_child *child = child_start(argv, environment);
    assert_ends(child, 0);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.migration"),
                     skald_migrations.count);
    child_free(child);
}

static void test_migrate_refuses_a_changed_schema(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "UPDATE skald.migration SET checksum = 'another'");
    test_child *up = child_run(cli(), "migrate", "up", "--pg", database, NULL);
    assert_ends(up, 78);
    assert_contains(child_err(up), "skald migrate up: database \"");
    assert_contains(child_err(up), "with another text than this program needs");
    test_child *status = child_run(cli(), "migrate", "status", "--pg", database, NULL);
    assert_ends(status, 1);
    assert_contains(child_out(status), "changed");
    child_free(up);
    child_free(status);
}

static void test_an_unreachable_database_is_said_with_69(void **state)
{
    (void)state;
    test_child *child =
        child_run(cli(), "migrate", "status", "--pg", "host=/nonexistent dbname=x", NULL);
    assert_ends(child, 69);
    assert_contains(child_err(child), "skald migrate status: ");
    child_free(child);
}

static void test_printed_sql_says_the_same_as_migrate(void **state)
{
    (void)state;
    const char *database = database_new_empty();
    test_child *up = child_run(cli(), "migrate", "sql", NULL);
    assert_ends(up, 0);
    database_run(database, child_out(up));
    test_child *status = child_run(cli(), "migrate", "status", "--pg", database, NULL);
    assert_ends(status, 0);
    test_child *down = child_run(cli(), "migrate", "sql", "--down", NULL);
    database_run(database, child_out(down));
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.migration"), 0);
    child_free(up);
    child_free(status);
    child_free(down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_is_as_it_was_accepted),
        cmocka_unit_test(test_help_is_the_same_however_it_is_asked_for),
        cmocka_unit_test(test_help_fits_eighty_columns),
        cmocka_unit_test(test_version_is_printed_for_people_and_programs),
        cmocka_unit_test(test_mistakes_name_what_may_be_meant),
        cmocka_unit_test(test_half_a_command_lists_what_completes_it),
        cmocka_unit_test(test_migrate_brings_a_database_up_to_date),
        cmocka_unit_test(test_migrate_speaks_json),
        cmocka_unit_test(test_migrate_follows_the_environment),
        cmocka_unit_test(test_migrate_refuses_a_changed_schema),
        cmocka_unit_test(test_an_unreachable_database_is_said_with_69),
        cmocka_unit_test(test_printed_sql_says_the_same_as_migrate),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
