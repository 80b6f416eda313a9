/* Both servers together: start, stop, and what tests do to one of them. */
#include "servers/servers.h"

#include "servers/binaries.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct skald_servers {
    skald_place place;
    skald_binaries binaries;
    skald_postgres postgres;
    skald_nats_server nats;
    char template_folder[SKALD_PATH_SIZE];
    char nats_url[128];
    char monitor_url[64];
};

static skald_status take_place(skald_servers *servers, const skald_servers_options *options,
                               skald_error *error)
{
    if (options->ephemeral)
        return skald_place_take_ephemeral(&servers->place, !options->safe, error);
    const char *name = options->name != NULL ? options->name : "default";
    const skald_status status = skald_place_find(&servers->place, name, options->directory, error);
    return status == SKALD_OK ? skald_place_take(&servers->place, error) : status;
}

static skald_status init_postgres(skald_servers *servers, const skald_servers_options *options,
                                  skald_error *error)
{
    /* Kept state gets a cluster of its own, with its own system identifier. */
    const bool cached =
        options->ephemeral && skald_place_cache(&servers->place.account, servers->template_folder);
    const skald_postgres_options postgres = {
        .initdb = servers->binaries.initdb,
        .postgres = servers->binaries.postgres,
        .sockets = servers->place.sockets,
        .template_folder = cached ? servers->template_folder : NULL,
        .unsafe = options->ephemeral && !options->safe,
        .tcp = options->postgres_tcp,
    };
    return skald_postgres_init(&servers->postgres, &servers->place.account,
                               servers->place.directory, &postgres, error);
}

static skald_status init(skald_servers *servers, const skald_servers_options *options,
                         skald_error *error)
{
    skald_status status = skald_binaries_find(&servers->binaries, error);
    if (status == SKALD_OK)
        status = take_place(servers, options, error);
    if (status == SKALD_OK)
        status =
            skald_nats_server_init(&servers->nats, &servers->place.account,
                                   servers->place.directory, servers->binaries.nats_server, error);
    return status == SKALD_OK ? init_postgres(servers, options, error) : status;
}

static skald_status start_nats(skald_servers *servers, skald_error *error)
{
    const skald_status status = skald_nats_server_await(&servers->nats, error);
    snprintf(servers->nats_url, sizeof servers->nats_url, "nats://%s@127.0.0.1:%d",
             servers->nats.token, servers->nats.port);
    snprintf(servers->monitor_url, sizeof servers->monitor_url, "http://127.0.0.1:%d",
             servers->nats.monitor);
    return status;
}

/* Both come up at the same time. */
static skald_status start_both(skald_servers *servers, skald_error *error)
{
    skald_status status = skald_postgres_launch(&servers->postgres, error);
    if (status == SKALD_OK)
        status = skald_nats_server_launch(&servers->nats, error);
    if (status == SKALD_OK)
        status = start_nats(servers, error);
    if (status == SKALD_OK)
        status = skald_postgres_await(&servers->postgres, error);
    if (status == SKALD_OK)
        status = skald_postgres_create(&servers->postgres, SKALD_SERVERS_DATABASE, NULL, error);
    if (status == SKALD_OK && servers->postgres.options.tcp)
        status = skald_postgres_password(&servers->postgres, servers->nats.token, error);
    return status;
}

skald_status skald_servers_start(skald_servers **out, const skald_servers_options *options,
                                 skald_error *error)
{
    skald_servers *servers = calloc(1, sizeof *servers);
    if (servers == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the servers");
    servers->place.lock = -1;
    skald_status status = init(servers, options, error);
    if (status == SKALD_OK)
        status = start_both(servers, error);
    if (status == SKALD_OK)
        *out = servers;
    else
        skald_servers_stop(servers);
    return status;
}

void skald_servers_stop(skald_servers *servers)
{
    if (servers == NULL)
        return;
    if (servers->nats.server.process.pid != 0)
        skald_server_stop(&servers->nats.server);
    if (servers->postgres.server.process.pid != 0)
        skald_server_stop(&servers->postgres.server);
    skald_place_leave(&servers->place);
    free(servers);
}

static bool running(skald_server *server, char *reason, size_t size)
{
    char how[32];
    char line[300];
    if (skald_process_running(&server->process))
        return true;
    skald_process_describe(server->process.status, how, sizeof how);
    skald_file_last_line(server->log, line, sizeof line);
    snprintf(reason, size, "%s ended with %s: %s", server->title, how, line);
    return false;
}

bool skald_servers_running(skald_servers *servers, char *reason, size_t size)
{
    return running(&servers->nats.server, reason, size) &&
           running(&servers->postgres.server, reason, size);
}

const char *skald_servers_directory(const skald_servers *servers)
{
    return servers->place.directory;
}

const char *skald_servers_socket_folder(const skald_servers *servers)
{
    return servers->place.sockets;
}

int skald_servers_postgres_port(const skald_servers *servers)
{
    return servers->postgres.port;
}

const char *skald_servers_nats_url(const skald_servers *servers)
{
    return servers->nats_url;
}

const char *skald_servers_monitor_url(const skald_servers *servers)
{
    return servers->monitor_url;
}

const char *skald_servers_token(const skald_servers *servers)
{
    return servers->nats.token;
}

const char *skald_servers_allow(const skald_servers *servers)
{
    return servers->postgres.options.unsafe ? SKALD_SERVERS_ALLOW : "";
}

void skald_servers_conninfo(const skald_servers *servers, const char *database, char *out,
                            size_t size)
{
    skald_postgres_conninfo(&servers->postgres, database, out, size);
}

skald_status skald_servers_create_database(skald_servers *servers, const char *database,
                                           const char *template, skald_error *error)
{
    return skald_postgres_create(&servers->postgres, database, template, error);
}

static skald_server *pick(skald_servers *servers, skald_server_kind kind)
{
    return kind == SKALD_SERVER_NATS ? &servers->nats.server : &servers->postgres.server;
}

pid_t skald_servers_pid(const skald_servers *servers, skald_server_kind kind)
{
    return kind == SKALD_SERVER_NATS ? servers->nats.server.process.pid
                                     : servers->postgres.server.process.pid;
}

void skald_servers_stop_one(skald_servers *servers, skald_server_kind kind)
{
    skald_server_stop(pick(servers, kind));
}

void skald_servers_kill_one(skald_servers *servers, skald_server_kind kind)
{
    skald_server_kill(pick(servers, kind));
}

skald_status skald_servers_start_one(skald_servers *servers, skald_server_kind kind,
                                     skald_error *error)
{
    skald_status status = kind == SKALD_SERVER_NATS
                              ? skald_nats_server_launch(&servers->nats, error)
                              : skald_postgres_launch(&servers->postgres, error);
    if (status != SKALD_OK)
        return status;
    return kind == SKALD_SERVER_NATS ? start_nats(servers, error)
                                     : skald_postgres_await(&servers->postgres, error);
}

skald_status skald_servers_wipe(skald_servers *servers, skald_server_kind kind, skald_error *error)
{
    assert(kind == SKALD_SERVER_NATS);
    return skald_server_wipe(pick(servers, kind), error);
}

skald_status skald_servers_save(skald_servers *servers, skald_server_kind kind, const char *label,
                                skald_error *error)
{
    return skald_server_save(pick(servers, kind), label, error);
}

skald_status skald_servers_restore(skald_servers *servers, skald_server_kind kind,
                                   const char *label, skald_error *error)
{
    return skald_server_restore(pick(servers, kind), label, error);
}
