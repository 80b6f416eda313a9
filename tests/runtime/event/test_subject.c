/* Subjects and the partition in them. */
#include "support/test.h"

#include "event/cloudevents.h"

static void test_subject_names_service_partition_and_type(void **state)
{
    (void)state;
    skald_arena arena;
    skald_arena_init(&arena, 0);
    skald_message message = {.kind = SKALD_KIND_EVENT, .partition = 7, .type = "shop.v1.Paid"};
    assert_string_equal(skald_subject_of("orders", &message, &arena),
                        "orders.event.07.shop.v1.Paid");
    message.partition = 255;
    assert_string_equal(skald_subject_of("orders", &message, &arena),
                        "orders.event.255.shop.v1.Paid");
    skald_arena_done(&arena);
}

static void test_partition_is_read_back(void **state)
{
    (void)state;
    skald_arena arena;
    skald_arena_init(&arena, 0);
    for (uint32_t partition = 0; partition < 256; partition++) {
        const skald_message message = {
            .kind = SKALD_KIND_EVENT, .partition = partition, .type = "T"};
        const char *subject = skald_subject_of("a", &message, &arena);
        skald_subject read;
        assert_true(skald_subject_read(&read, subject, "a"));
        assert_int_equal(read.kind, SKALD_KIND_EVENT);
        assert_int_equal(read.partition, partition);
        assert_true(skald_subject_agrees(&read, &message));
    }
    skald_arena_done(&arena);
}

static void test_commands_and_replies_name_whom_they_are_for(void **state)
{
    (void)state;
    const skald_kind kinds[] = {SKALD_KIND_COMMAND, SKALD_KIND_REPLY};
    const char *const subjects[] = {"orders.command.stock.07.shop.v1.Hold",
                                    "orders.reply.stock.07.shop.v1.Hold"};
    skald_arena arena = {0};
    for (int i = 0; i < 2; i++) {
        const skald_message message = {
            .kind = kinds[i], .partition = 7, .type = "shop.v1.Hold", .addressee = "stock"};
        const skald_message other = {
            .kind = kinds[i], .partition = 7, .type = "shop.v1.Hold", .addressee = "stocks"};
        const skald_message event = {.kind = SKALD_KIND_EVENT, .partition = 7};
        assert_string_equal(skald_subject_of("orders", &message, &arena), subjects[i]);
        skald_subject read;
        assert_true(skald_subject_read(&read, subjects[i], "orders"));
        assert_int_equal(read.partition, 7);
        assert_true(skald_subject_agrees(&read, &message));
        assert_false(skald_subject_agrees(&read, &other));
        assert_false(skald_subject_agrees(&read, &event));
    }
    skald_arena_done(&arena);
}

static void test_other_subjects_have_no_partition(void **state)
{
    (void)state;
    skald_subject read;
    const char *const others[] = {"",
                                  "orders",
                                  "orders.event.07",
                                  "orders.event.07.",
                                  "orders.event.7.T",
                                  "orders.event.007.T",
                                  "orders.event.256.T",
                                  "orders.event.-1.T",
                                  "orders.event.0x.T",
                                  "orders.event..T",
                                  "orders.command.07.T",
                                  "orders.command..07.T",
                                  "orders.command.stock.7.T",
                                  "orders.command.stock.07",
                                  "orders.reply.07.T",
                                  "orders.question.stock.07.T",
                                  "orders2.event.07.T",
                                  "order.event.07.T",
                                  "Orders.event.07.T"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(skald_subject_read(&read, others[i], "orders"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject_names_service_partition_and_type),
        cmocka_unit_test(test_partition_is_read_back),
        cmocka_unit_test(test_commands_and_replies_name_whom_they_are_for),
        cmocka_unit_test(test_other_subjects_have_no_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
