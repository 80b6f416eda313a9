/* The checkout's programs, started one by one against the test's own servers. */
#ifndef TEST_EXAMPLES_CHECKOUT_PROGRAM_H
#define TEST_EXAMPLES_CHECKOUT_PROGRAM_H

#include "support/child.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"

#include <signal.h>
#include <unistd.h>

typedef char program_setting[512];

/* Runs a file of SQL, named from the root of the repository. */
static inline void program_apply(const char *database, const char *file)
{
    char path[512];
    char sql[8192] = "";
    snprintf(path, sizeof(path), "%s/%s", test_variable("SKALD_SOURCE_DIR"), file);
    FILE *opened = fopen(path, "r");
    assert_non_null(opened);
    assert_true(fread(sql, 1, sizeof(sql) - 1, opened) > 0);
    fclose(opened);
    database_run(database, sql);
}

/* Starts build/examples/checkout/`name` on `database` (NULL: it has none), with two more settings,
 * "NAME=value" or NULL. */
static inline test_child *program_start(const char *name, const char *database, const char *first,
                                        const char *second)
{
    program_setting path;
    program_setting host;
    program_setting port;
    program_setting dbname = "PGDATABASE=";
    program_setting user = "PGUSER=";
    program_setting nats;
    program_setting allow;
    snprintf(path, sizeof(path), "%s/examples/checkout/%s", test_variable("SKALD_BINARY_DIR"),
             name);
    snprintf(host, sizeof(host), "PGHOST=%s", skald_servers_socket_folder(servers()));
    snprintf(port, sizeof(port), "PGPORT=%d", skald_servers_postgres_port(servers()));
    snprintf(nats, sizeof(nats), "NATS_URL=%s", servers_nats_url());
    snprintf(allow, sizeof(allow), "SKALD_ALLOW=%s", skald_servers_allow(servers()));
    if (database != NULL) {
        snprintf(dbname, sizeof(dbname), "PGDATABASE=%s",
                 database_text(database, "SELECT current_database()"));
        snprintf(user, sizeof(user), "PGUSER=%s", database_text(database, "SELECT current_user"));
    }
    const char *const argv[] = {path, NULL};
    const char *const environment[] = {
        host, port, dbname, user, nats, allow, first, first != NULL ? second : NULL, NULL};
    return child_start(argv, environment);
}

/* Ends it in order. */
static inline void program_stop(test_child *program)
{
    child_signal(program, SIGTERM);
    const int code = child_wait(program);
    if (code != 0)
        fail_msg("exit code %d: %s", code, child_err(program));
    child_free(program);
}

/* An empty file with a name of its own, for a port to be written into. `path` ends with XXXXXX. */
static inline void program_port_file(char *path)
{
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
}

/* 0 until the program has written it. */
static inline unsigned program_port(const char *path)
{
    char text[16] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    const char *line = fgets(text, sizeof(text), file);
    fclose(file);
    return line != NULL ? (unsigned)strtoul(line, NULL, 10) : 0;
}

#endif
