/* Memory that is freed all at once. */
#include "support/random.h"
#include "support/test.h"

#include "base/arena.h"

#include <stdalign.h>

static void test_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    test_random random = random_begin();
    skald_arena arena;
    skald_arena_init(&arena, 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            const size_t size = random_below(&random, 600);
            unsigned char *memory = skald_arena_alloc(&arena, size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
            /* Zero although the last one wrote all of its own: nothing is handed out twice, and a
             * block used again after a reset is cleared. */
            for (size_t b = 0; b < size; b++)
                assert_int_equal(memory[b], 0);
            memset(memory, 0xFF, size);
        }
        skald_arena_reset(&arena);
    }
    skald_arena_done(&arena);
}

static void test_limit_holds_and_reset_gives_it_back(void **state)
{
    (void)state;
    skald_arena arena;
    skald_arena_init(&arena, 1024);
    assert_non_null(skald_arena_alloc(&arena, 1024));
    assert_null(skald_arena_alloc(&arena, 1));
    skald_arena_reset(&arena);
    assert_null(skald_arena_alloc(&arena, 1025));
    assert_null(skald_arena_alloc(&arena, SIZE_MAX));
    assert_null(skald_arena_alloc(&arena, SIZE_MAX - 8));
    assert_non_null(skald_arena_alloc(&arena, 512));
    assert_non_null(skald_arena_alloc(&arena, 512));
    assert_null(skald_arena_alloc(&arena, 1));
    skald_arena_done(&arena);
    skald_arena_done(&arena);
}

static void test_texts_and_bytes_are_copied(void **state)
{
    (void)state;
    skald_arena arena;
    skald_arena_init(&arena, 0);
    char text[] = "order-1";
    const char *copy = skald_arena_text(&arena, text);
    const char *part = skald_arena_text_sized(&arena, text, 5);
    const skald_bytes bytes = skald_arena_bytes(&arena, (skald_bytes){text, 3});
    const char *formatted = skald_arena_format(&arena, "%s/%d", text, 7);
    memset(text, 'x', sizeof text - 1);
    assert_string_equal(copy, "order-1");
    assert_string_equal(part, "order");
    assert_memory_equal(bytes.data, "ord", 3);
    assert_int_equal(bytes.size, 3);
    assert_string_equal(formatted, "order-1/7");
    assert_null(skald_arena_text(&arena, NULL));
    assert_null(skald_arena_text_sized(&arena, NULL, 0));
    skald_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(test_limit_holds_and_reset_gives_it_back),
        cmocka_unit_test(test_texts_and_bytes_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
