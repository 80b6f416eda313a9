/* Making, configuring and starting the private PostgreSQL. */
#include "servers/postgres.h"

#include "pg/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Where PostgreSQL's port is only part of the socket's name, any number will do. */
#define SOCKET_PORT 5432

/* Written to the end of the cluster's own postgresql.conf; a path in it is relative to that file.
 */
#define INCLUDE_LINE                                                                               \
    "\ninclude_if_exists = '../postgres.conf' # written by skald dev at each start\n"

static skald_status initdb(const skald_postgres *postgres, const char *folder, skald_error *error)
{
    const char *const argv[] = {postgres->options.initdb,
                                "-D",
                                folder,
                                "-U",
                                SKALD_POSTGRES_USER,
                                "-A",
                                "trust",
                                "--auth-host=scram-sha-256",
                                "-E",
                                "UTF8",
                                "--locale=C.UTF-8",
                                "--no-sync",
                                NULL};
    const skald_process_plan plan = {.argv = argv,
                                     .account = postgres->server.account,
                                     .log = postgres->server.log,
                                     .death_signal = SIGTERM};
    char line[300];
    const skald_status status = skald_process_run(&plan, error);
    if (status == SKALD_OK)
        return SKALD_OK;
    skald_file_last_line(postgres->server.log, line, sizeof line);
    return skald_error_set(error, SKALD_UNAVAILABLE, "initdb failed: %s", line);
}

static skald_status add_include(const skald_postgres *postgres, const char *folder,
                                skald_error *error)
{
    char path[SKALD_PATH_SIZE];
    char text[60000];
    skald_path_set(path, "%s/postgresql.conf", folder);
    if (!skald_file_read(path, text, sizeof text - sizeof INCLUDE_LINE))
        return skald_error_set(error, SKALD_UNAVAILABLE, "%s cannot be read", path);
    strcat(text, INCLUDE_LINE);
    return skald_file_write(path, text, postgres->server.account, error);
}

static skald_status make_cluster(const skald_postgres *postgres, const char *folder,
                                 skald_error *error)
{
    const skald_status status = initdb(postgres, folder, error);
    return status == SKALD_OK ? add_include(postgres, folder, error) : status;
}

/* Makes the template under a name of our own and renames it, so that it is whole or not there. Who
 * comes second at that finds the first one's. */
static skald_status make_template(const skald_postgres *postgres, const char *template,
                                  skald_error *error)
{
    const skald_account *account = postgres->server.account;
    char fresh[SKALD_PATH_SIZE];
    skald_path_set(fresh, "%s.%d", template, (int)getpid());
    skald_status status = skald_folder_remove(fresh, account, error);
    if (status == SKALD_OK)
        status = make_cluster(postgres, fresh, error);
    if (status == SKALD_OK && rename(fresh, template) != 0 && access(template, F_OK) != 0)
        status = skald_error_set(error, SKALD_UNAVAILABLE, "%s cannot be made", template);
    if (access(fresh, F_OK) == 0)
        skald_folder_remove(fresh, account, NULL);
    return status;
}

/* The template is that of exactly this program: a later version at the same path gets its own. */
static skald_status name_template(const skald_postgres *postgres, char *out, skald_error *error)
{
    struct stat about;
    const char *program = postgres->options.postgres;
    if (stat(program, &about) != 0)
        return skald_error_set(error, SKALD_UNAVAILABLE, "%s: %s", program, strerror(errno));
    skald_path_set(out, "%s/initdb-%llu-%llu-%lld", postgres->options.template_folder,
                   (unsigned long long)about.st_ino, (unsigned long long)about.st_size,
                   (long long)about.st_mtime);
    return SKALD_OK;
}

/* A new cluster costs 0.6 s, a copy of one 0.15 s. */
static skald_status copy_template(const skald_postgres *postgres, skald_error *error)
{
    const skald_server *server = &postgres->server;
    char template[SKALD_PATH_SIZE];
    skald_status status = name_template(postgres, template, error);
    if (status == SKALD_OK && access(template, F_OK) != 0)
        status = make_template(postgres, template, error);
    return status == SKALD_OK ? skald_folder_copy(template, server->store, server->account, error)
                              : status;
}

/* The cluster is made beside its place and renamed, so that an interrupted start leaves none. */
static skald_status make_store(const skald_postgres *postgres, skald_error *error)
{
    const skald_server *server = &postgres->server;
    char fresh[SKALD_PATH_SIZE];
    if (postgres->options.template_folder != NULL && copy_template(postgres, error) == SKALD_OK)
        return SKALD_OK;
    skald_path_set(fresh, "%s.new", server->store);
    skald_status status = skald_folder_remove(server->store, server->account, error);
    if (status == SKALD_OK)
        status = skald_folder_remove(fresh, server->account, error);
    if (status == SKALD_OK)
        status = make_cluster(postgres, fresh, error);
    if (status == SKALD_OK && rename(fresh, server->store) != 0)
        status = skald_error_set(error, SKALD_UNAVAILABLE, "%s cannot be made", server->store);
    return status;
}

/* A port that is free now. Somebody may take it before PostgreSQL does; then its start says so. */
static int find_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = 0;
    if (probe >= 0 && bind(probe, (struct sockaddr *)&address, size) == 0 &&
        getsockname(probe, (struct sockaddr *)&address, &size) == 0)
        port = ntohs(address.sin_port);
    if (probe >= 0)
        close(probe);
    return port;
}

/* The port stays the same from start to start. */
static skald_status choose_port(skald_postgres *postgres, skald_error *error)
{
    char text[32] = "";
    postgres->port = SOCKET_PORT;
    if (!postgres->options.tcp)
        return SKALD_OK;
    postgres->port = skald_file_read(postgres->ports, text, sizeof text) ? atoi(text) : 0;
    if (postgres->port <= 0)
        postgres->port = find_free_port();
    snprintf(text, sizeof text, "%d\n", postgres->port);
    return skald_file_write(postgres->ports, text, postgres->server.account, error);
}

/* Containers often have only 64 MB there, which parallel queries overrun. */
static bool shared_memory_small(void)
{
    struct statvfs about;
    return statvfs("/dev/shm", &about) != 0 || about.f_blocks * about.f_frsize < (128u << 20);
}

/* What lies in the store goes with it, also when PostgreSQL was killed and never came back. */
static const char *shared_memory_type(const skald_postgres_options *options)
{
    return options->unsafe || shared_memory_small() ? "mmap" : "posix";
}

static skald_status write_settings(skald_postgres *postgres, const char *directory,
                                   skald_error *error)
{
    const skald_postgres_options *options = &postgres->options;
    char path[SKALD_PATH_SIZE];
    char text[SKALD_PATH_SIZE + 1024];
    skald_path_set(path, "%s/postgres.conf", directory);
    /* With fsync off, a synchronous commit costs next to nothing, and keeps what was committed when
     * PostgreSQL alone is killed. Hence it stays on. */
    snprintf(text, sizeof text,
             "# Written by skald dev at each start; put your own settings into "
             "postgres/postgresql.conf, after the include.\n"
             "listen_addresses = '%s'\n"
             "port = %d\n"
             "unix_socket_directories = '%s'\n"
             "max_connections = 300\n"
             "shared_buffers = '64MB'\n"
             "dynamic_shared_memory_type = '%s'\n"
             "log_line_prefix = '%%m [%%p] %%a '\n"
             "%s",
             options->tcp ? "127.0.0.1" : "", postgres->port, options->sockets,
             shared_memory_type(options),
             options->unsafe ? "fsync = off\nfull_page_writes = off\n" : "");
    return skald_file_write(path, text, postgres->server.account, error);
}

skald_status skald_postgres_init(skald_postgres *postgres, const skald_account *account,
                                 const char *directory, const skald_postgres_options *options,
                                 skald_error *error)
{
    *postgres = (skald_postgres){.options = *options};
    /* SIGINT is PostgreSQL's fast stop; on SIGTERM it would wait for its clients for ever. */
    skald_server_init(&postgres->server, "PostgreSQL", account, directory, "postgres", SIGINT);
    skald_path_set(postgres->ports, "%s/postgres.port", directory);
    skald_status status = SKALD_OK;
    if (access(postgres->server.store, F_OK) != 0)
        status = make_store(postgres, error);
    if (status == SKALD_OK)
        status = choose_port(postgres, error);
    return status == SKALD_OK ? write_settings(postgres, directory, error) : status;
}

skald_status skald_postgres_launch(skald_postgres *postgres, skald_error *error)
{
    const char *const argv[] = {postgres->options.postgres, "-D", postgres->server.store, NULL};
    return skald_server_launch(&postgres->server, argv, error);
}

/* postmaster.pid: the first line is the process, the eighth its state. Reading it needs no
 * connection and leaves no noise in the log. */
static bool is_ready(void *user)
{
    const skald_postgres *postgres = user;
    char path[SKALD_PATH_SIZE];
    char text[2048];
    skald_path_set(path, "%s/postmaster.pid", postgres->server.store);
    if (!skald_file_read(path, text, sizeof text) || atoi(text) != postgres->server.process.pid)
        return false;
    const char *line = text;
    for (int i = 1; i < 8 && line != NULL; i++)
        line = (line = strchr(line, '\n')) != NULL ? line + 1 : NULL;
    return line != NULL && strncmp(line, "ready", 5) == 0;
}

skald_status skald_postgres_await(skald_postgres *postgres, skald_error *error)
{
    return skald_server_await(&postgres->server, is_ready, postgres, error);
}

void skald_postgres_conninfo(const skald_postgres *postgres, const char *database, char *out,
                             size_t size)
{
    snprintf(out, size, "host=%s port=%d user=" SKALD_POSTGRES_USER " dbname=%s",
             postgres->options.sockets, postgres->port, database);
}

static bool is_plain_name(const char *name)
{
    const size_t size = strlen(name);
    return size > 0 && size < 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static skald_status connect_admin(skald_postgres *postgres, skald_pg **out, skald_error *error)
{
    char conninfo[SKALD_PATH_SIZE];
    skald_postgres_conninfo(postgres, "postgres", conninfo, sizeof conninfo);
    return skald_pg_open(out, conninfo, "skald dev", error);
}

/* CREATE DATABASE takes no parameters; the names are checked to need no quotes. */
static skald_status create(skald_pg *pg, const char *database, const char *template,
                           skald_error *error)
{
    char sql[256];
    skald_rows *rows = NULL;
    skald_status status =
        skald_pg_do(pg, &rows, error, "SELECT FROM pg_database WHERE datname = $1", database);
    const bool exists = status == SKALD_OK && skald_rows_count(rows) > 0;
    skald_rows_free(rows);
    if (status != SKALD_OK || exists)
        return status;
    snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\" TEMPLATE \"%s\"", database,
             template != NULL ? template : "template1");
    return skald_pg_script(pg, sql, error);
}

skald_status skald_postgres_create(skald_postgres *postgres, const char *database,
                                   const char *template, skald_error *error)
{
    skald_pg *pg = NULL;
    if (!is_plain_name(database) || (template != NULL && !is_plain_name(template)))
        return skald_error_set(error, SKALD_INVALID,
                               "database \"%s\": a name is lower-case letters, digits and \"_\"",
                               database);
    skald_status status = connect_admin(postgres, &pg, error);
    if (status == SKALD_OK)
        status = create(pg, database, template, error);
    skald_pg_close(pg);
    return status;
}

skald_status skald_postgres_password(skald_postgres *postgres, const char *password,
                                     skald_error *error)
{
    char sql[256];
    skald_pg *pg = NULL;
    if (!is_plain_name(password))
        return skald_error_set(error, SKALD_INVALID, "the password has unexpected characters");
    skald_status status = connect_admin(postgres, &pg, error);
    /* Like the above: no parameters here, and nothing in it that needs quotes. */
    snprintf(sql, sizeof sql, "ALTER ROLE " SKALD_POSTGRES_USER " PASSWORD '%s'", password);
    if (status == SKALD_OK)
        status = skald_pg_script(pg, sql, error);
    skald_pg_close(pg);
    return status;
}
