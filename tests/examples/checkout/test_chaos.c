/* The checkout while its services are killed at random. */
#include "examples/checkout/figures.h"
#include "examples/demo.h"

/* SKALD_CHAOS_S and SKALD_CHAOS_SEED make it longer, and repeat one. The provider is slow, so that
 * whoever is killed has calls in hand. */
static void test_whoever_is_killed_every_saga_ends_and_the_ledger_agrees(void **state)
{
    (void)state;
    const char *seconds = getenv("SKALD_CHAOS_S") != NULL ? getenv("SKALD_CHAOS_S") : "20";
    const char *seed = getenv("SKALD_CHAOS_SEED") != NULL ? getenv("SKALD_CHAOS_SEED") : "11";
    char orders[16];
    snprintf(orders, sizeof(orders), "%ld", 5 * strtol(seconds, NULL, 10));
    print_message("seed %s, %s s\n", seed, seconds);
    const char *const options[] = {
        "--mode", "orchestrated",       "--chaos", seconds, "--seed", seed, "--orders",
        orders,   "--provider-latency", "300",     NULL};
    test_child *demo = demo_start("checkout", options);

    demo_ends(demo, 0);

    json_t *figures = demo_figures(demo);
    check_books(figures, strtol(orders, NULL, 10), "orchestrated");
    assert_true(demo_number(figures, "kills") > 0);
    json_decref(figures);
    child_free(demo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whoever_is_killed_every_saga_ends_and_the_ledger_agrees),
    };
    return cmocka_run_group_tests(tests, demo_adopt_orphans, NULL);
}
