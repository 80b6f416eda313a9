/* The private servers, one by one and together. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static void test_a_new_database_has_the_schema(void **state)
{
    (void)state;
    const char *database = database_new();
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_database_has_the_schema),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
