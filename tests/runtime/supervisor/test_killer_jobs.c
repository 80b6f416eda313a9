/* The same of jobs: an activity crashes, hangs and exits in every way. */
#include "support/killing.h"
#include "support/servers.h"
#include "support/test.h"

static void test_a_job_that_kills_is_dead_after_two_times_if_so_wanted_and_no_other_is_touched(
    void **state)
{
    (void)state;
    killing_expect_survival("jobs", 2);
}

int main(int argc, char **argv)
{
    killing_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_job_that_kills_is_dead_after_two_times_if_so_wanted_and_no_other_is_touched),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
