/* The demos as a person runs them, with everything they start; only their build is spared. */
#ifndef TEST_EXAMPLES_DEMO_H
#define TEST_EXAMPLES_DEMO_H

#include "support/child.h"
#include "support/test.h"
#include "support/wait.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Starts examples/EXAMPLE/demo --no-build --json with these options, which end with NULL. */
static inline test_child *demo_start(const char *example, const char *const options[])
{
    char script[512];
    char build[512];
    const char *argv[32] = {script, "--no-build", "--json"};
    snprintf(script, sizeof(script), "%s/examples/%s/demo", test_variable("SKALD_SOURCE_DIR"),
             example);
    snprintf(build, sizeof(build), "SKALD_BUILD_DIR=%s", test_variable("SKALD_BINARY_DIR"));
    for (size_t i = 0; options[i] != NULL; i++) {
        assert_true(i + 4 < sizeof(argv) / sizeof(argv[0]));
        argv[i + 3] = options[i];
    }
    const char *const environment[] = {build, NULL};
    return child_start(argv, environment);
}

/* Waits for its end; fails the test, with what it said, when that is not `code`. */
static inline void demo_ends(test_child *demo, int code)
{
    const int ended = child_wait(demo);
    if (ended != code)
        print_error("%s\n%s\n", child_out(demo), child_err(demo));
    assert_int_equal(ended, code);
}

/* The last line of what it wrote; to be freed with json_decref. */
static inline json_t *demo_figures(test_child *demo)
{
    const char *text = child_out(demo);
    const char *line = text;
    for (const char *next = text; (next = strchr(next, '\n')) != NULL && next[1] != '\0';)
        line = ++next;
    json_t *figures = json_loads(line, 0, NULL);
    if (figures == NULL)
        fail_msg("the last line is no JSON: %s\nstderr: %s", text, child_err(demo));
    return figures;
}

static inline int64_t demo_number(const json_t *figures, const char *name)
{
    const json_t *value = json_object_get(figures, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static inline bool demo_holds(const json_t *figures, const char *name)
{
    const json_t *value = json_object_get(figures, name);
    assert_true(json_is_boolean(value));
    return json_is_true(value);
}

static inline double demo_real(const json_t *figures, const char *name)
{
    const json_t *value = json_object_get(figures, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* The driver and the script give one and the same help, which names these options. */
static inline void demo_helps(const char *example, const char *const names[])
{
    char driver[512];
    char script[512];
    snprintf(driver, sizeof(driver), "%s/examples/%s/%s-demo", test_variable("SKALD_BINARY_DIR"),
             example, example);
    snprintf(script, sizeof(script), "%s/examples/%s/demo", test_variable("SKALD_SOURCE_DIR"),
             example);
    test_child *built = child_run(driver, "--help", NULL);
    test_child *unbuilt = child_run(script, "--help", NULL);
    assert_int_equal(child_wait(built), 0);
    assert_int_equal(child_wait(unbuilt), 0);
    for (size_t i = 0; names[i] != NULL; i++)
        assert_contains(child_out(built), names[i]);
    assert_string_equal(child_out(unbuilt), child_out(built));
    child_free(built);
    child_free(unbuilt);
}

/* A wrong value is refused by name. */
static inline void demo_refuses(const char *example, const char *option, const char *value)
{
    char driver[512];
    char sentence[128];
    snprintf(driver, sizeof(driver), "%s/examples/%s/%s-demo", test_variable("SKALD_BINARY_DIR"),
             example, example);
    snprintf(sentence, sizeof(sentence), "%s %s", option, value);
    test_child *demo = child_run(driver, option, value, NULL);
    assert_int_equal(child_wait(demo), 64);
    assert_contains(child_err(demo), sentence);
    child_free(demo);
}

/* As a group's setup: descendants whose parents have ended become ours, so that none can hide. */
static inline int demo_adopt_orphans(void **state)
{
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static inline bool demo_nothing_runs(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

#endif
