/* Servers for tests. */
typedef int test_servers_placeholder;
