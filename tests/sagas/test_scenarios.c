/* Every path of a saga as a story that was read and accepted: the files in scenarios/. With
 * SKALD_TEST_ACCEPT=1 they are written anew; read the difference before it is committed. */
#include "support/test.h"

#include <dirent.h>

#include "scenario/definitions.h"
#include "scenario/scenario.h"
#include "transitions.h"

enum { SCENARIOS_MAX = 64, PATH_SIZE = 4096 };

typedef struct files {
    size_t count;
    char names[SCENARIOS_MAX][256];
} files;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void folder_path(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/tests/sagas/scenarios/%s", test_variable("SKALD_SOURCE_DIR"), name);
}

static files files_find(void)
{
    files found = {0};
    char path[PATH_SIZE];
    folder_path(path, sizeof path, "");
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".txt") != 0)
            continue;
        assert_true(found.count < SCENARIOS_MAX);
        snprintf(found.names[found.count++], sizeof found.names[0], "%.255s", entry->d_name);
    }
    closedir(folder);
    qsort(found.names, found.count, sizeof found.names[0], by_name);
    return found;
}

static char *file_read(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = NULL;
    size_t size = 0;
    if (getdelim(&text, &size, '\0', file) < 0)
        fail_msg("%s is empty", path);
    fclose(file);
    return text;
}

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void difference_print(const char *name, const char *expected, const char *found)
{
    int line = 1;
    while (*expected != '\0' && *expected == *found) {
        line += *expected == '\n' ? 1 : 0;
        expected++;
        found++;
    }
    print_error("%s differs in line %d:\n  accepted: %.*s\n  found:    %.*s\n", name, line,
                (int)strcspn(expected, "\n"), expected, (int)strcspn(found, "\n"), found);
}

static bool scenario_is_as_accepted(const char *name)
{
    char path[PATH_SIZE];
    folder_path(path, sizeof path, name);
    char *accepted = file_read(path);
    char *found = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&found, &size);
    scenario_run(accepted, out);
    fclose(out);
    const bool same = strcmp(accepted, found) == 0;
    const bool readable = strstr(found, "\n?? ") == NULL;
    if (!readable)
        print_error("%s holds a command that cannot be read\n", name);
    if (!same && getenv("SKALD_TEST_ACCEPT") != NULL)
        file_write(path, found);
    else if (!same)
        difference_print(name, accepted, found);
    free(accepted);
    free(found);
    return readable && (same || getenv("SKALD_TEST_ACCEPT") != NULL);
}

static void test_every_scenario_is_as_it_was_accepted(void **state)
{
    (void)state;
    const files found = files_find();
    int wrong = 0;
    for (size_t i = 0; i < found.count; i++)
        wrong += scenario_is_as_accepted(found.names[i]) ? 0 : 1;
    assert_true(found.count >= 20);
    assert_int_equal(wrong, 0);
}

static int rows_missing(const skald_transition *rows, size_t count, const uint32_t *hits,
                        const char *table)
{
    int missing = 0;
    for (size_t i = 0; i < count; i++) {
        if (hits[i] > 0)
            continue;
        print_error("no scenario takes row %zu of the %s: %s\n", i, table, rows[i].why);
        missing++;
    }
    return missing;
}

/* Runs behind the test above, whose scenarios it counts. */
static void test_scenarios_take_every_row_of_the_tables(void **state)
{
    (void)state;
    const int missing =
        rows_missing(skald_transitions, skald_transition_count, scenario_rows, "steps") +
        rows_missing(skald_saga_transitions, skald_saga_transition_count, scenario_saga_rows,
                     "saga");
    assert_int_equal(missing, 0);
}

static void mistake_tell(void *context, const char *sentence)
{
    (void)context;
    print_error("%s\n", sentence);
}

static void test_definitions_of_scenarios_have_no_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; scenario_definition_at(i) != NULL; i++)
        assert_int_equal(skald_definition_check(scenario_definition_at(i), mistake_tell, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions_of_scenarios_have_no_mistakes),
        cmocka_unit_test(test_every_scenario_is_as_it_was_accepted),
        cmocka_unit_test(test_scenarios_take_every_row_of_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
