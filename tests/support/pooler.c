/* One PgBouncer per test program. */
#include "support/pooler.h"

#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include <signal.h>
#include <unistd.h>

#define POOLER_PORT 6432
#define POOLED_MAX 64
#define POOLED_SIZE 1200

static skald_account account;
static skald_process process;
static char *pooled[POOLED_MAX];
static size_t pooled_count;

/* Few sessions, so that transactions really change them. */
static void write_config(const char *path)
{
    char text[8 * SKALD_PATH_SIZE];
    skald_error error;
    const char *folder = skald_servers_socket_folder(servers());
    snprintf(text, sizeof text,
             "[databases]\n* = host=%s port=%d user=%s\n"
             "[pgbouncer]\nlisten_addr =\nlisten_port = %d\nunix_socket_dir = %s\n"
             "auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n"
             "max_client_conn = 500\nlogfile = %s/pooler.log\n",
             folder, skald_servers_postgres_port(servers()), SKALD_POSTGRES_USER, POOLER_PORT,
             folder, skald_servers_directory(servers()));
    assert_ok(skald_file_write(path, text, &account, &error), &error);
}

static void start(void)
{
    char config[SKALD_PATH_SIZE];
    char socket_path[SKALD_PATH_SIZE];
    skald_error error;
    assert_ok(skald_account_choose(&account, &error), &error);
    skald_path_set(config, "%s/pooler.ini", skald_servers_directory(servers()));
    skald_path_set(socket_path, "%s/.s.PGSQL.%d", skald_servers_socket_folder(servers()),
                   POOLER_PORT);
    write_config(config);
    /* Debian keeps it in a folder that an ordinary user's PATH does not name. */
    static const char beside[] = "/usr/sbin/pgbouncer";
    const char *const program = access(beside, X_OK) == 0 ? beside : "pgbouncer";
    const char *const argv[] = {program, "-q", config, NULL};
    const skald_process_plan plan = {.argv = argv, .account = &account, .death_signal = SIGTERM};
    assert_ok(skald_process_start(&process, &plan, &error), &error);
    WAIT_UNTIL(access(socket_path, F_OK) == 0);
}

static const char *name_in(const char *database)
{
    const char *name = strstr(database, "dbname=");
    assert_non_null(name);
    return name + strlen("dbname=");
}

const char *pooler_of(const char *database)
{
    if (process.pid == 0)
        start();
    assert_true(pooled_count < POOLED_MAX);
    char *conninfo = malloc(POOLED_SIZE);
    assert_non_null(conninfo);
    snprintf(conninfo, POOLED_SIZE, "host=%s port=%d user=%s dbname=%s",
             skald_servers_socket_folder(servers()), POOLER_PORT, SKALD_POSTGRES_USER,
             name_in(database));
    pooled[pooled_count++] = conninfo;
    return conninfo;
}

void pooler_stop(void)
{
    skald_process_stop(&process, SIGTERM);
    while (pooled_count > 0)
        free(pooled[--pooled_count]);
}
