/* A new version of a program, deployed while sagas of the old one owe refunds: `plan` says what can
 * be moved, moves it, and the new program pays what is owed, once. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include "service/plan.h"

#include <stdlib.h>

/* The provider of the old program is down for good: its refunds fail. */
static skald_status refund_in_vain(skald_context *context)
{
    return skald_fail(context, "the provider is away");
}

static const skald_step old_steps[] = {
    {.name = "charge",
     .run.activity = voyage_activity,
     .undo = {.activity = refund_in_vain, .retry = "50ms..100ms for 72h"}},
    {.name = "hold", .run = {.wait_for = "go", .timeout_ms = 3600 * 1000}},
    {.name = "ship", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "confirm", .run.local = voyage_local, .pivot = true},
};
static const skald_definition old = {
    .name = "order", .version = 1, .steps = SKALD_STEPS(old_steps)};

/* Refunds work, and there is a step more at the end. */
static const skald_step new_steps[] = {
    {.name = "charge", .run.activity = voyage_activity, .undo.activity = voyage_activity},
    {.name = "hold", .run = {.wait_for = "go", .timeout_ms = 3600 * 1000}},
    {.name = "ship", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "confirm", .run.local = voyage_local, .pivot = true},
    {.name = "thank", .run.local = voyage_local},
};
static const skald_definition newer = {
    .name = "order", .version = 2, .steps = SKALD_STEPS(new_steps)};

static const skald_definition *const only_old[] = {&old, NULL};
static const skald_definition *const only_new[] = {&newer, NULL};

enum { ORDERS = 40 }; /* every second one is refused when it is shipped */

static int64_t count(const voyages *harbour, const char *sql)
{
    return database_integer(harbour->database, sql);
}

/* Half of them owe a refund that fails again and again, the others wait; then the old program ends.
 */
static voyages owing(void)
{
    const voyages_options options = {.definitions = only_old};
    voyages harbour = voyages_begin(&options);
    for (int i = 0; i < ORDERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "o-%d", i);
        voyages_start(&harbour, &old, id, i % 2 == 0 ? "ship.run=refuse" : "", i);
        if (i % 2 == 0)
            voyages_signal(&harbour, id, "go", 1);
    }
    WAIT_UNTIL(count(&harbour, "SELECT count(*) FROM skald.v_debts WHERE step = 'charge'") ==
               ORDERS / 2);
    WAIT_UNTIL(count(&harbour,
                     "SELECT count(*) FROM skald.saga WHERE future = 'message' AND phase ="
                     " 'running'") == ORDERS / 2);
    WAIT_UNTIL(count(&harbour,
                     "SELECT count(DISTINCT saga) FROM skald.saga_history WHERE lines LIKE"
                     " '%the provider is away%'") == ORDERS / 2);
    voyages_stop(&harbour);
    return harbour;
}

/* What `plan` with these words says, by a program that knows the new definition only. */
static char *plan(const voyages *harbour, int argc, char **argv, int exit_code)
{
    const voyages_options options = {.definitions = only_new, .unstarted = true};
    skald_service *service = voyages_service(harbour->database, &options);
    char *text = NULL;
    size_t size = 0;
    int code = -1;
    skald_error error = {0};
    FILE *out = open_memstream(&text, &size);
    assert_ok(skald_plan_sagas(service, argc, argv, out, &code, &error), &error);
    fclose(out);
    skald_service_free(service);
    if (code != exit_code)
        fail_msg("plan ended with %d:\n%s", code, text);
    return text;
}

static void test_what_is_owed_is_paid_once_by_the_next_version(void **state)
{
    (void)state;
    voyages harbour = owing();
    char *said = plan(&harbour, 0, NULL, 0);
    assert_contains(said, "order                          1       2       40          0        0");
    free(said);
    assert_int_equal(count(&harbour, "SELECT count(*) FROM skald.saga WHERE version = 2"), 0);
    char *words[] = {"--apply"};
    free(plan(&harbour, 1, words, 0));
    assert_int_equal(count(&harbour, "SELECT count(*) FROM skald.saga WHERE version = 2"), ORDERS);
    assert_int_equal(count(&harbour, "SELECT count(*) FROM skald.v_debts"), ORDERS / 2);

    const voyages_options options = {.definitions = only_new};
    harbour.service = voyages_service(harbour.database, &options);
    for (int i = 1; i < ORDERS; i += 2) {
        char id[16];
        snprintf(id, sizeof id, "o-%d", i);
        voyages_signal(&harbour, id, "go", 1);
    }

    WAIT_UNTIL(count(&harbour, "SELECT count(*) FROM skald.saga WHERE ended_at IS NOT NULL") ==
               ORDERS);
    assert_int_equal(count(&harbour, "SELECT count(*) FROM skald.v_debts"), 0);
    assert_string_equal(voyages_log(&harbour, "o-0"), "charge.run charge.undo");
    assert_string_equal(voyages_log(&harbour, "o-1"), "charge.run ship.run confirm.run thank.run");
    assert_int_equal(count(&harbour,
                           "SELECT count(*) FROM (SELECT saga, step, direction FROM logbook"
                           " GROUP BY 1, 2, 3 HAVING count(*) > 1) AS twice"),
                     0);
    assert_int_equal(count(&harbour, "SELECT count(*) FROM logbook WHERE direction = 'undo'"),
                     ORDERS / 2);
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_owed_is_paid_once_by_the_next_version),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
