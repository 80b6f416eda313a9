/* Configuring and starting the private nats-server. It is spoken to through its files only. */
#include "servers/nats_server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static skald_status make_token(skald_nats_server *nats, const char *path, skald_error *error)
{
    unsigned char bytes[(SKALD_TOKEN_SIZE - 1) / 2];
    if (skald_file_read(path, nats->token, sizeof nats->token) &&
        strlen(nats->token) == sizeof nats->token - 1)
        return SKALD_OK;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return skald_error_set(error, SKALD_UNAVAILABLE, "no random bytes: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(nats->token + 2 * i, 3, "%02x", bytes[i]);
    return skald_file_write(path, nats->token, nats->server.account, error);
}

skald_status skald_nats_server_init(skald_nats_server *nats, const skald_account *account,
                                    const char *directory, const char *program, skald_error *error)
{
    char token[SKALD_PATH_SIZE];
    char ports[64] = "";
    *nats = (skald_nats_server){.program = program};
    skald_server_init(&nats->server, "nats-server", account, directory, "nats", SIGTERM);
    skald_path_set(nats->config, "%s/nats.conf", directory);
    skald_path_set(nats->ports, "%s/nats.port", directory);
    skald_path_set(nats->directory, "%s", directory);
    skald_path_set(token, "%s/token", directory);
    if (skald_file_read(nats->ports, ports, sizeof ports))
        sscanf(ports, "%d %d", &nats->port, &nats->monitor);
    const skald_status status = skald_folder_make(nats->server.store, account, error);
    return status == SKALD_OK ? make_token(nats, token, error) : status;
}

/* The token stands in a file because an argument would show in `ps`. The limits are given because
 * the default is a share of the disk, which small disks do not have. */
static skald_status write_config(const skald_nats_server *nats, skald_error *error)
{
    char text[4 * SKALD_PATH_SIZE];
    snprintf(text, sizeof text,
             "# Written by skald dev at each start.\n"
             "listen: \"127.0.0.1:%d\"\n"
             "http: \"127.0.0.1:%d\"\n"
             "ports_file_dir: \"%s\"\n"
             "server_name: \"skald-dev\"\n"
             "jetstream { store_dir: \"%s\", max_memory_store: 256MB, max_file_store: 16GB }\n"
             "authorization { token: \"%s\" }\n",
             nats->port > 0 ? nats->port : -1, nats->monitor > 0 ? nats->monitor : -1,
             nats->directory, nats->server.store, nats->token);
    return skald_file_write(nats->config, text, nats->server.account, error);
}

skald_status skald_nats_server_launch(skald_nats_server *nats, skald_error *error)
{
    const char *const argv[] = {nats->program, "-c", nats->config, NULL};
    const skald_status status = write_config(nats, error);
    return status == SKALD_OK ? skald_server_launch(&nats->server, argv, error) : status;
}

static void ports_file(const skald_nats_server *nats, char *path)
{
    skald_path_set(path, "%s/nats-server_%d.ports", nats->directory, (int)nats->server.process.pid);
}

static int port_after(const char *text, const char *prefix)
{
    const char *at = strstr(text, prefix);
    return at != NULL ? atoi(at + strlen(prefix)) : 0;
}

/* The server writes the file when it listens, which it does after JetStream has recovered. */
static bool is_ready(void *user)
{
    skald_nats_server *nats = user;
    char path[SKALD_PATH_SIZE];
    char text[2048];
    ports_file(nats, path);
    if (!skald_file_read(path, text, sizeof text) || strchr(text, '}') == NULL)
        return false;
    nats->port = port_after(text, "nats://127.0.0.1:");
    nats->monitor = port_after(text, "http://127.0.0.1:");
    return nats->port > 0 && nats->monitor > 0;
}

static skald_status remember_ports(skald_nats_server *nats, skald_error *error)
{
    char path[SKALD_PATH_SIZE];
    char text[64];
    ports_file(nats, path);
    unlink(path); /* after a kill the server would leave it behind */
    snprintf(text, sizeof text, "%d %d\n", nats->port, nats->monitor);
    return skald_file_write(nats->ports, text, nats->server.account, error);
}

skald_status skald_nats_server_await(skald_nats_server *nats, skald_error *error)
{
    const bool remembered = nats->port > 0;
    skald_status status = skald_server_await(&nats->server, is_ready, nats, error);
    if (status == SKALD_UNAVAILABLE && remembered && nats->server.process.pid == 0) {
        /* Somebody else may have the port by now. */
        nats->port = nats->monitor = 0;
        status = skald_nats_server_launch(nats, error);
        if (status == SKALD_OK)
            status = skald_server_await(&nats->server, is_ready, nats, error);
    }
    return status == SKALD_OK ? remember_ports(nats, error) : status;
}
