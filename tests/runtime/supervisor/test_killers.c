/* Messages that kill: a supervised follower meets a handler that crashes, hangs and exits in every
 * way. Such a message is tried until it is dead; all others are done once each and in order. */
#include "support/killing.h"
#include "support/servers.h"
#include "support/test.h"

static void test_a_message_that_kills_is_dead_after_three_times_and_no_other_is_touched(
    void **state)
{
    (void)state;
    killing_expect_survival("messages", 3);
}

int main(int argc, char **argv)
{
    killing_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_message_that_kills_is_dead_after_three_times_and_no_other_is_touched),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
