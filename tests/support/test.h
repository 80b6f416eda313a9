/* What every test begins with: cmocka, and asserts that print the reason of a failure. */
#ifndef TEST_SUPPORT_TEST_H
#define TEST_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <skald/status.h>

/* assert_status(call(..., &error), SKALD_FENCED, &error) */
#define assert_status(call, expected, error)                                                       \
    test_status((call), (expected), (error), #call, __FILE__, __LINE__)

#define assert_ok(call, error) assert_status(call, SKALD_OK, error)

/* Does `text` hold `part`? */
#define assert_contains(text, part) test_contains((text), (part), __FILE__, __LINE__)

void test_status(skald_status status, skald_status expected, const skald_error *error,
                 const char *call, const char *file, int line);
void test_contains(const char *text, const char *part, const char *file, int line);

/* The value of an environment variable that ctest sets: SKALD_CLI, SKALD_SOURCE_DIR,
 * SKALD_BINARY_DIR. Fails the test when it is missing. */
const char *test_variable(const char *name);

#endif
