/* What the figures of the checkout's demo must say. */
#ifndef TEST_EXAMPLES_CHECKOUT_FIGURES_H
#define TEST_EXAMPLES_CHECKOUT_FIGURES_H

#include "examples/demo.h"

/* Whoever had an eye on the orders, the flow or the sagas, has seen each of them end as it did, and
 * nothing is owed. */
static inline void check_ways(const json_t *figures, int64_t orders, const char *mode)
{
    const json_t *ways = json_object_get(figures, "ways");
    assert_string_equal(json_string_value(json_object_get(ways, "mode")), mode);
    assert_int_equal(demo_number(ways, "well"), demo_number(figures, "confirmed"));
    assert_int_equal(demo_number(ways, "well") + demo_number(ways, "badly"), orders);
    assert_int_equal(demo_number(ways, "open"), 0);
    assert_int_equal(demo_number(ways, "owed"), 0);
}

/* `orders` orders, of every kind some, ended as they must. */
static inline void check_books(const json_t *figures, int64_t orders, const char *mode)
{
    assert_int_equal(demo_number(figures, "orders"), orders);
    assert_int_equal(demo_number(figures, "confirmed") + demo_number(figures, "cancelled") +
                         demo_number(figures, "payment_failed"),
                     orders);
    assert_true(demo_number(figures, "cancelled") > 0);
    assert_true(demo_number(figures, "payment_failed") > 0);
    assert_int_equal(demo_number(figures, "lost"), 0);
    assert_int_equal(demo_number(figures, "doubled"), 0);
    assert_true(demo_holds(figures, "money_ok"));
    assert_true(demo_holds(figures, "stock_ok"));
    assert_true(demo_holds(figures, "mail_ok"));
    assert_true(demo_holds(figures, "analytics_ok"));
    check_ways(figures, orders, mode);
}

#endif
