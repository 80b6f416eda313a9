/* Running `skald` against a test's database, and reading what it says as a program would. */
#ifndef TEST_CLI_ASKING_H
#define TEST_CLI_ASKING_H

#include "support/child.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"

#include <jansson.h>

enum { WORDS_MAX = 32 };

/* Starts `skald` with these words, divided at blanks ("_" stands for one inside a word), and the
 * database. `variable` is "NAME=value" to set, or NULL. */
static inline test_child *skald_start(const char *database, const char *variable, const char *words)
{
    char copy[2048];
    const char *argv[WORDS_MAX] = {test_variable("SKALD_CLI")};
    size_t count = 1;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        for (char *at = word; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : *at;
        assert_true(count < WORDS_MAX - 3);
        argv[count++] = word;
    }
    argv[count++] = "--pg";
    argv[count++] = database;
    const char *const environment[] = {"SUDO_USER", "USER=ann", variable, NULL};
    return child_start(argv, environment);
}

static inline void skald_ends(test_child *child, int exit_code)
{
    const int found = child_wait(child);
    if (found != exit_code)
        print_error("it said: %s%s\n", child_out(child), child_err(child));
    assert_int_equal(found, exit_code);
}

static inline test_child *skald_run(const char *database, int exit_code, const char *words)
{
    test_child *child = skald_start(database, NULL, words);
    skald_ends(child, exit_code);
    return child;
}

/* What it prints as JSON; the caller gives it back with json_decref. */
static inline json_t *skald_json_of(const char *database, int exit_code, const char *words)
{
    char all[1024];
    json_error_t mistake;
    snprintf(all, sizeof all, "%s --json", words);
    test_child *child = skald_run(database, exit_code, all);
    json_t *json = json_loads(child_out(child), 0, &mistake);
    if (json == NULL)
        fail_msg("%s: %s in: %s", words, mistake.text, child_out(child));
    child_free(child);
    return json;
}

/* A value deep inside: "0.body.note"; the test fails when it is not there. */
static inline json_t *json_at(json_t *json, const char *path)
{
    char copy[256];
    json_t *at = json;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *name = strtok(copy, "."); name != NULL && at != NULL; name = strtok(NULL, "."))
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
    if (at == NULL)
        fail_msg("there is no %s in %s", path, json_dumps(json, 0));
    return at;
}

static inline void json_text_is(json_t *json, const char *path, const char *text)
{
    json_t *value = json_at(json, path);
    if (!json_is_string(value))
        fail_msg("%s is no text in %s", path, json_dumps(json, 0));
    assert_string_equal(json_string_value(value), text);
}

static inline void json_number_is(json_t *json, const char *path, int64_t number)
{
    json_t *value = json_at(json, path);
    if (!json_is_integer(value))
        fail_msg("%s is no number in %s", path, json_dumps(json, 0));
    assert_int_equal(json_integer_value(value), number);
}

static inline void says(const char *database, int exit_code, const char *words, const char *out)
{
    test_child *child = skald_run(database, exit_code, words);
    assert_contains(exit_code == 0 ? child_out(child) : child_err(child), out);
    if (exit_code != 0 && exit_code != 2)
        assert_string_equal(child_out(child), "");
    child_free(child);
}

#endif
