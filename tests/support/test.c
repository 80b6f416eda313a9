/* Asserts with reasons. */
#include "support/test.h"

/* SKALD_TEST_ONLY="test_*pattern*" runs just those tests of a program. */
__attribute__((constructor)) static void filter_set(void)
{
    const char *pattern = getenv("SKALD_TEST_ONLY");
    if (pattern != NULL)
        cmocka_set_test_filter(pattern);
}

void test_status(skald_status status, skald_status expected, const skald_error *error,
                 const char *call, const char *file, int line)
{
    if (status == expected)
        return;
    print_error("%s answered %s instead of %s: %s\n", call, skald_status_name(status),
                skald_status_name(expected),
                error != NULL && status != SKALD_OK ? error->text : "");
    _fail(file, line);
}

void test_contains(const char *text, const char *part, const char *file, int line)
{
    if (text != NULL && strstr(text, part) != NULL)
        return;
    print_error("\"%s\" is not in: %s\n", part, text != NULL ? text : "(NULL)");
    _fail(file, line);
}

const char *test_variable(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        fail_msg("%s is not set; run this test with ctest or tests/run", name);
    return value;
}
