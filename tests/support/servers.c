/* The test program's servers. */
#include "support/servers.h"

#include "support/database.h"
#include "support/pooler.h"
#include "support/test.h"

#include <assert.h>

static skald_servers *running;

/* Services that a test starts, in this process or another, must accept the fast settings. */
static void export_allowance(void)
{
    setenv("SKALD_ALLOW", skald_servers_allow(running), 1);
}

int servers_setup(void **state)
{
    const skald_servers_options options = {.ephemeral = true};
    skald_error error;
    (void)state;
    if (skald_servers_start(&running, &options, &error) != SKALD_OK) {
        print_error("the test's servers: %s\n", error.text);
        return -1;
    }
    export_allowance();
    return 0;
}

int servers_teardown(void **state)
{
    (void)state;
    pooler_stop();
    database_forget();
    skald_servers_stop(running);
    running = NULL;
    return 0;
}

skald_servers *servers(void)
{
    assert(running != NULL);
    return running;
}

const char *servers_nats_url(void)
{
    return skald_servers_nats_url(servers());
}

void servers_kill(skald_server_kind kind)
{
    skald_servers_kill_one(servers(), kind);
}

void servers_stop(skald_server_kind kind)
{
    skald_servers_stop_one(servers(), kind);
}

void servers_start(skald_server_kind kind)
{
    skald_error error;
    assert_ok(skald_servers_start_one(servers(), kind, &error), &error);
}
