/* Statuses and how errors are filled. */
#include "support/test.h"

#include <skald/status.h>

static void test_every_status_has_a_name_and_a_text(void **state)
{
    (void)state;
#define CHECK(name, number, text)                                                                  \
    assert_int_equal(SKALD_##name, number);                                                        \
    assert_string_equal(skald_status_name(SKALD_##name), "SKALD_" #name);                          \
    assert_string_equal(skald_status_text(SKALD_##name), text);
    SKALD_STATUS_LIST(CHECK)
#undef CHECK
    assert_string_equal(skald_status_name((skald_status)9999), "SKALD_UNKNOWN");
    assert_true(strlen(skald_status_text((skald_status)9999)) > 0);
}

static void test_error_is_filled_and_its_status_returned(void **state)
{
    (void)state;
    skald_error error = {.sqlstate = "23505"};
    assert_int_equal(skald_error_set(&error, SKALD_FULL, "outbox %d: %s", 7, "full"), SKALD_FULL);
    assert_int_equal(error.status, SKALD_FULL);
    assert_string_equal(error.text, "outbox 7: full");
    assert_string_equal(error.sqlstate, "");
    assert_int_equal(skald_error_set(NULL, SKALD_FENCED, "nobody listens"), SKALD_FENCED);
}

static void test_old_text_can_be_part_of_the_new_one(void **state)
{
    (void)state;
    skald_error error;
    skald_error_set(&error, SKALD_BROKER, "no reply");
    skald_error_set(&error, SKALD_BROKER, "saga 42: %s", error.text);
    assert_string_equal(error.text, "saga 42: no reply");
}

static void test_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    /* Each of these has another number of bytes left over where the text must end. */
    const char *const characters[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (int shift = 0; shift < 4; shift++) {
        for (int c = 0; c < 4; c++) {
            char text[1024] = "";
            memset(text, '.', (size_t)shift);
            while (strlen(text) + 5 < sizeof text)
                strcat(text, characters[c]);
            skald_error error;
            skald_error_set(&error, SKALD_INVALID, "%s", text);
            const size_t size = strlen(error.text);
            assert_in_range(size, SKALD_ERROR_TEXT_SIZE - 4, SKALD_ERROR_TEXT_SIZE - 1);
            assert_int_equal((size - (size_t)shift) % strlen(characters[c]), 0);
            assert_memory_equal(error.text, text, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_name_and_a_text),
        cmocka_unit_test(test_error_is_filled_and_its_status_returned),
        cmocka_unit_test(test_old_text_can_be_part_of_the_new_one),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
