/* sagas/ decides and does nothing: its objects call a few functions of libc and keep no state. */
#include "support/test.h"

static const char *const allowed_names[] = {
    "memcpy",
    "memset",
    "memmove",
    "memcmp",
    "memchr",
    "bcmp",
    "strlen",
    "strcmp",
    "strncmp",
    "snprintf",
    "vsnprintf",
    "qsort",
    "__memcpy_chk",
    "__memset_chk",
    "__snprintf_chk",
    "__vsnprintf_chk",
    "__assert_fail",
    "abort",
    "__stack_chk_fail",
    "_GLOBAL_OFFSET_TABLE_",
};
static const char *const allowed_prefixes[] = {"skald_",  "__asan_", "__ubsan_",    "__tsan_",
                                               "__gcov_", "__llvm_", "__sanitizer_"};

static bool allowed(const char *symbol)
{
    for (size_t i = 0; i < sizeof allowed_names / sizeof *allowed_names; i++) {
        if (strcmp(symbol, allowed_names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof allowed_prefixes / sizeof *allowed_prefixes; i++) {
        if (strncmp(symbol, allowed_prefixes[i], strlen(allowed_prefixes[i])) == 0)
            return true;
    }
    return false;
}

typedef struct symbols {
    int undefined_count;
    int forbidden_count; /* called and not allowed */
    int state_count;     /* variables that can change */
} symbols;

/* Constant tables of pointers lie in .data.rel.ro; sanitizers describe constants and places in
 * variables of their own. */
static bool is_state(const char *name, const char *type, const char *section)
{
    return strpbrk(type, "bBdDC") != NULL && strncmp(section, ".data.rel.ro", 12) != 0 &&
           strncmp(name, ".L", 2) != 0 && strncmp(name, "__", 2) != 0 && strchr(name, '.') == NULL;
}

/* A line of nm in format sysv: name|value|type|kind|size|line|section, with blanks around. */
static void line_read(symbols *found, char *line, bool say)
{
    char *parts[7] = {0};
    for (int i = 0; i < 7; i++) {
        char *part = strsep(&line, "|");
        static char nothing[1];
        parts[i] = part == NULL ? nothing : part + strspn(part, " ");
        parts[i][strcspn(parts[i], " \n")] = '\0';
    }
    if (strcmp(parts[2], "U") == 0) {
        const bool fine = allowed(parts[0]);
        found->undefined_count++;
        found->forbidden_count += fine ? 0 : 1;
        if (!fine && say)
            print_error("sagas calls %s\n", parts[0]);
    } else if (is_state(parts[0], parts[2], parts[6])) {
        found->state_count++;
        if (say)
            print_error("sagas keeps state in %s\n", parts[0]);
    }
}

static symbols symbols_read(const char *objects, bool say)
{
    char command[1024];
    snprintf(command, sizeof command, "find '%s' -name '*.o' -exec nm --format=sysv {} +", objects);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    symbols found = {0};
    char line[1024];
    while (fgets(line, sizeof line, pipe) != NULL)
        line_read(&found, line, say);
    assert_int_equal(pclose(pipe), 0);
    return found;
}

static void test_sagas_calls_nothing_but_a_few_functions_of_libc_and_keeps_no_state(void **state)
{
    (void)state;
    char objects[512];
    snprintf(objects, sizeof objects, "%s/CMakeFiles/skald_sagas.dir",
             test_variable("SKALD_BINARY_DIR"));
    const symbols found = symbols_read(objects, true);
    /* Nothing found would mean that nm was shown the wrong place. */
    assert_true(found.undefined_count > 0);
    assert_int_equal(found.forbidden_count, 0);
    assert_int_equal(found.state_count, 0);
}

static void test_this_check_sees_the_state_and_the_calls_of_other_objects(void **state)
{
    (void)state;
    char objects[512];
    snprintf(objects, sizeof objects, "%s/CMakeFiles/skald_runtime.dir/runtime/base",
             test_variable("SKALD_BINARY_DIR"));
    const symbols found = symbols_read(objects, false);
    assert_true(found.forbidden_count > 0);
    assert_true(found.state_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sagas_calls_nothing_but_a_few_functions_of_libc_and_keeps_no_state),
        cmocka_unit_test(test_this_check_sees_the_state_and_the_calls_of_other_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
