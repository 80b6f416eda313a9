/* The text field at the end of a path. */
#include "support/test.h"
#include "test/v1/events.pb-c.h"

#include "codec/text_at.h"

static const ProtobufCMessageDescriptor *const type = &test__v1__everything__descriptor;

static void test_a_text_is_found_where_the_path_leads(void **state)
{
    (void)state;
    static char near[] = "near";
    static char far[] = "far";
    Test__V1__Everything inner = TEST__V1__EVERYTHING__INIT;
    Test__V1__Everything outer = TEST__V1__EVERYTHING__INIT;
    inner.text = far;
    outer.text = near;
    outer.child = &inner;
    assert_string_equal(skald_text_at(&outer.base, "text"), "near");
    assert_string_equal(skald_text_at(&outer.base, "child.text"), "far");
    assert_string_equal(skald_text_at(&outer.base, "child.child.text"), "");
    assert_string_equal(skald_text_at(&inner.base, "child.text"), "");
}

/* What a oneof does not hold is not set, whatever its memory holds. */
static void test_only_the_chosen_member_of_a_oneof_is_there(void **state)
{
    (void)state;
    static char word[] = "chosen";
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    assert_string_equal(skald_text_at(&message.base, "choice_text"), "");
    message.choice_case = TEST__V1__EVERYTHING__CHOICE_CHOICE_TEXT;
    message.choice_text = word;
    assert_string_equal(skald_text_at(&message.base, "choice_text"), "chosen");
    assert_string_equal(skald_text_at(&message.base, "choice_child.text"), "");
}

static void test_a_path_that_leads_to_no_text_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *reason;
    } paths[] = {
        {"nothing", "test.v1.Everything has no field \"nothing\""},
        {"child.nothing", "test.v1.Everything has no field \"nothing\" (of \"child.nothing\")"},
        {"", "has no field \"\""},
        {"text.child", "field \"text\" of test.v1.Everything is no message"},
        {"child", "field \"child\" of test.v1.Everything is no text"},
        {"int32_value", "field \"int32_value\" of test.v1.Everything is no text"},
        {"children.text", "field \"children\" of test.v1.Everything is repeated"},
        {"texts", "field \"texts\" of test.v1.Everything is repeated"},
        {"data", "field \"data\" of test.v1.Everything is no text"},
    };
    skald_error error = {0};
    assert_ok(skald_text_at_check(type, "child.child.choice_text", &error), &error);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_status(skald_text_at_check(type, paths[i].path, &error), SKALD_INVALID, &error);
        assert_contains(error.text, paths[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_is_found_where_the_path_leads),
        cmocka_unit_test(test_only_the_chosen_member_of_a_oneof_is_there),
        cmocka_unit_test(test_a_path_that_leads_to_no_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
