/* One private PostgreSQL and nats-server for a test program, started before its first test:
 *
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {cmocka_unit_test(test_...), ...};
 *         return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
 *     }
 *
 * Call everything here from the test's own thread, which is main's. */
#ifndef TEST_SUPPORT_SERVERS_H
#define TEST_SUPPORT_SERVERS_H

#include "servers/servers.h"

int servers_setup(void **state);
int servers_teardown(void **state);

/* For skald_servers_kill_one() and its like. */
skald_servers *servers(void);

/* With the token in it. */
const char *servers_nats_url(void);

/* Kill, stop and start with the failure already checked. */
void servers_kill(skald_server_kind kind);
void servers_stop(skald_server_kind kind);
void servers_start(skald_server_kind kind);

#endif
