/* What goes into a queue, from a transaction and from a handler, and what comes out of it. */
#include "support/database.h"
#include "support/errands.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

static skald_error error;

static void test_a_job_is_run_and_its_effects_events_and_result_are_there(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 7, "result", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_int_equal(database_integer(shop.database, "SELECT number FROM errand"), 7);
    assert_string_equal(database_text(shop.database, "SELECT type || ' ' || key FROM skald.outbox"),
                        "test.v1.Answered k");
    unsigned char result[64];
    skald_job_view view;
    assert_ok(
        skald_job_look_on(shop.service, shop.connection, id, &view, result, sizeof result, &error),
        &error);
    assert_string_equal(view.result_type, "test.v1.Answered");
    Test__V1__Answered *answer = test__v1__answered__unpack(NULL, view.result_size, result);
    assert_non_null(answer);
    assert_int_equal(answer->number, 7);
    test__v1__answered__free_unpacked(answer, NULL);
    assert_true(view.progress > 0.99);
    errands_end(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_is_run_and_its_effects_events_and_result_are_there),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
