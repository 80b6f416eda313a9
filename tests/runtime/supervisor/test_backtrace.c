/* Calls to text, and names of functions that the dynamic linker does not know. */
#include "support/test.h"

#include "supervisor/backtrace.h"
#include "supervisor/symbols.h"

#include <fcntl.h>
#include <unistd.h>

enum { SIZE = 4096, SMALL = 120 };

#define PLAIN static __attribute__((noinline)) void

static volatile int calls;

PLAIN a_function_that_is_static(char *out, size_t size)
{
    skald_backtrace_write(out, size, NULL);
    calls++;
}

PLAIN recurse(int depth, char *out)
{
    if (depth == 0)
        a_function_that_is_static(out, SIZE);
    else
        recurse(depth - 1, out);
    calls++;
}

static void test_static_functions_are_named(void **state)
{
    (void)state;
    char text[SIZE] = "";
    a_function_that_is_static(text, sizeof text);
    skald_symbols_fill(text, sizeof text);
    assert_contains(text, " a_function_that_is_static+0x");
    assert_contains(text, " test_static_functions_are_named+0x");
    assert_contains(text, " main+0x");
    assert_true(strncmp(text, "#0 ", 3) == 0);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_a_recursion_is_one_line(void **state)
{
    (void)state;
    char text[SIZE] = "";
    recurse(50, text);
    skald_symbols_fill(text, sizeof text);
    assert_contains(text, " times more\n");
    assert_contains(text, " test_a_recursion_is_one_line+0x");
}

static void test_only_whole_lines_are_written_where_room_is_short(void **state)
{
    (void)state;
    char text[SMALL + 1];
    text[SMALL] = 'X';
    a_function_that_is_static(text, SMALL);
    assert_int_equal(text[SMALL], 'X');
    assert_true(strlen(text) < SMALL);
    assert_true(text[0] == '\0' || text[strlen(text) - 1] == '\n');
    skald_symbols_fill(text, SMALL);
    assert_int_equal(text[SMALL], 'X');
}

/* A file is read as it is found: cut off at every length, nothing outside of it is looked at. */
static void test_a_file_that_is_cut_off_names_nothing(void **state)
{
    (void)state;
    static unsigned char bytes[4096];
    char path[] = "/tmp/skald-symbols-XXXXXX", name[64];
    uintptr_t into;
    const int self = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(read(self, bytes, sizeof bytes), sizeof bytes);
    close(self);
    const int file = mkstemp(path);
    for (size_t size = 0; size < sizeof bytes; size += 61) {
        assert_int_equal(ftruncate(file, 0), 0);
        assert_int_equal(pwrite(file, bytes, size, 0), size);
        assert_false(skald_symbols_find(path, 16, name, sizeof name, &into));
    }
    close(file);
    unlink(path);
    assert_false(skald_symbols_find("/nowhere", 16, name, sizeof name, &into));
    assert_false(skald_symbols_find("/proc", 16, name, sizeof name, &into));
}

static void test_other_lines_stay_as_they_are(void **state)
{
    (void)state;
    char text[SIZE] = "#0 known+0x1 (/bin/true+0x10)\nsomething else\n#1 ? (/nowhere+0x10)\n";
    skald_symbols_fill(text, sizeof text);
    assert_string_equal(text,
                        "#0 known+0x1 (/bin/true+0x10)\nsomething else\n#1 ? (/nowhere+0x10)\n");
}

int main(void)
{
    skald_backtrace_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static_functions_are_named),
        cmocka_unit_test(test_a_recursion_is_one_line),
        cmocka_unit_test(test_only_whole_lines_are_written_where_room_is_short),
        cmocka_unit_test(test_a_file_that_is_cut_off_names_nothing),
        cmocka_unit_test(test_other_lines_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
