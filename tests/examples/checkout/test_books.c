/* The demo's comparison of the books: it must be able to fail. Each test falsifies one figure of
 * books that agree. */
#include "driver/books.h"
#include "support/test.h"

/* Three orders, one of each kind, all as they must have ended. */
typedef struct test_shelf {
    book_order orders[3];
    demo_books books;
} test_shelf;

static void fill(test_shelf *shelf)
{
    *shelf = (test_shelf){.orders = {{.id = "a",
                                      .kind = ORDER_GOOD,
                                      .sku = 1,
                                      .quantity = 2,
                                      .state = STATE_CONFIRMED,
                                      .total_cents = 2500,
                                      .endings = 1,
                                      .charges = 1,
                                      .reservations = 1,
                                      .reserved = 2,
                                      .shipments = 1,
                                      .mails = 1,
                                      .ledger_lines = 1,
                                      .charged_cents = 2500},
                                     {.id = "b",
                                      .kind = ORDER_REFUSED_CARD,
                                      .quantity = 1,
                                      .state = STATE_PAYMENT_FAILED,
                                      .total_cents = 100,
                                      .endings = 1,
                                      .refusals = 1},
                                     {.id = "c",
                                      .kind = ORDER_OUT_OF_STOCK,
                                      .sku = SKU_COUNT - 1,
                                      .quantity = 1,
                                      .state = STATE_CANCELLED,
                                      .total_cents = 900,
                                      .endings = 1,
                                      .charges = 1,
                                      .refunds = 1,
                                      .ledger_lines = 2,
                                      .charged_cents = 900,
                                      .refunded_cents = 900}},
                          .books = {.order_count = 3,
                                    .stock_initial = {[1] = 10},
                                    .stock_on_hand = {[1] = 8},
                                    .analytics_confirmed = 1,
                                    .analytics_confirmed_cents = 2500,
                                    .analytics_cancelled = 1,
                                    .ways = {.well = 1, .badly = 2}}};
    shelf->books.orders = shelf->orders;
}

static demo_verdict check(const test_shelf *shelf)
{
    demo_verdict verdict;
    books_check(&shelf->books, &verdict);
    return verdict;
}

static void test_books_that_agree_are_good(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);

    const demo_verdict verdict = check(&shelf);

    assert_true(verdict_is_good(&verdict));
    assert_int_equal(verdict.confirmed, 1);
    assert_int_equal(verdict.cancelled, 1);
    assert_int_equal(verdict.payment_failed, 1);
    assert_int_equal(verdict.charged_cents - verdict.refunded_cents, 2500);
}

static void test_an_order_that_never_ended_is_lost(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[0].state = STATE_CREATED;
    shelf.orders[0].endings = 0;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_int_equal(verdict.lost, 1);
    assert_false(verdict.money_ok);
}

static void test_an_order_that_its_service_forgot_is_lost(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[1].state = STATE_MISSING;
    shelf.orders[1].endings = 0;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_int_equal(verdict.lost, 1);
}

static void test_an_event_that_ended_an_order_twice_is_doubled(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[2].endings = 2;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_int_equal(verdict.doubled, 1);
}

static void test_a_refused_card_that_got_its_goods_is_wrong(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[1].state = STATE_CONFIRMED;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_int_equal(verdict.wrong, 1);
    assert_false(verdict.money_ok);
}

static void test_one_more_charge_in_the_ledger_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[0].ledger_lines = 2;
    shelf.orders[0].charged_cents = 5000;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_false(verdict.money_ok);
}

static void test_a_charge_without_its_refund_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[2].ledger_lines = 1;
    shelf.orders[2].refunded_cents = 0;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict.money_ok);
}

/* Sums alone would not see this: what one customer overpaid, another one saved. */
static void test_money_taken_from_the_wrong_customer_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[0].charged_cents -= 900;
    shelf.orders[2].refunded_cents -= 900;

    const demo_verdict verdict = check(&shelf);

    assert_int_equal(verdict.charged_cents - verdict.refunded_cents, 2500);
    assert_false(verdict.money_ok);
}

static void test_a_ledger_line_of_a_stranger_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.books.strangers = 1;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict.money_ok);
    assert_int_equal(verdict.doubled, 1);
}

static void test_an_item_that_left_the_shelf_unsold_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.books.stock_on_hand[1]--;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_false(verdict.stock_ok);
}

static void test_a_parcel_sent_twice_is_doubled(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[0].shipments = 2;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_int_equal(verdict.doubled, 1);
}

static void test_a_mail_sent_twice_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[0].mails = 2;

    const demo_verdict verdict = check(&shelf);

    assert_int_equal(verdict.doubled, 1);
    assert_false(verdict.mail_ok);
}

static void test_a_mail_that_was_not_sent_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.orders[0].mails = 0;

    const demo_verdict verdict = check(&shelf);

    assert_int_equal(verdict.lost, 1);
    assert_false(verdict.mail_ok);
}

static void test_a_sum_of_analytics_that_is_off_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.books.analytics_confirmed_cents++;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_false(verdict.analytics_ok);
}

static void test_an_undo_that_is_owed_when_all_has_ended_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.books.ways.owed = 1;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_false(verdict.ways_ok);
}

static void test_a_saga_that_ended_otherwise_than_its_order_does_not_agree(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    shelf.books.ways.well = 2;
    shelf.books.ways.badly = 1;

    const demo_verdict verdict = check(&shelf);

    assert_false(verdict_is_good(&verdict));
    assert_false(verdict.ways_ok);
}

static void test_orders_are_found_by_their_id(void **state)
{
    (void)state;
    test_shelf shelf;
    fill(&shelf);
    memcpy(shelf.orders[0].id, "z", 2);

    books_sort(&shelf.books);

    assert_int_equal(books_find(&shelf.books, "z")->kind, ORDER_GOOD);
    assert_int_equal(books_find(&shelf.books, "b")->kind, ORDER_REFUSED_CARD);
    assert_null(books_find(&shelf.books, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_books_that_agree_are_good),
        cmocka_unit_test(test_an_order_that_never_ended_is_lost),
        cmocka_unit_test(test_an_order_that_its_service_forgot_is_lost),
        cmocka_unit_test(test_an_event_that_ended_an_order_twice_is_doubled),
        cmocka_unit_test(test_a_refused_card_that_got_its_goods_is_wrong),
        cmocka_unit_test(test_one_more_charge_in_the_ledger_does_not_agree),
        cmocka_unit_test(test_a_charge_without_its_refund_does_not_agree),
        cmocka_unit_test(test_money_taken_from_the_wrong_customer_does_not_agree),
        cmocka_unit_test(test_a_ledger_line_of_a_stranger_does_not_agree),
        cmocka_unit_test(test_an_item_that_left_the_shelf_unsold_does_not_agree),
        cmocka_unit_test(test_a_parcel_sent_twice_is_doubled),
        cmocka_unit_test(test_a_mail_sent_twice_does_not_agree),
        cmocka_unit_test(test_a_mail_that_was_not_sent_does_not_agree),
        cmocka_unit_test(test_a_sum_of_analytics_that_is_off_does_not_agree),
        cmocka_unit_test(test_an_undo_that_is_owed_when_all_has_ended_does_not_agree),
        cmocka_unit_test(test_a_saga_that_ended_otherwise_than_its_order_does_not_agree),
        cmocka_unit_test(test_orders_are_found_by_their_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
