/* A private PostgreSQL and a private nats-server, for `skald dev` and for the tests.
 *
 * They live in one directory, run as the caller's user (as root: as another, see account.h), listen
 * on a Unix socket and on loopback with a token, never touch a server that is already on the
 * machine, and die with the thread that started them. All calls belong to that thread. */
#ifndef SKALD_SERVERS_SERVERS_H
#define SKALD_SERVERS_SERVERS_H

#include "servers/nats_server.h"
#include "servers/place.h"
#include "servers/postgres.h"

/* Zero means default. */
typedef struct skald_servers_options {
    const char *name;      /* "default" */
    const char *directory; /* of kept state; default: by name, see place.h */
    bool ephemeral;        /* a new directory, deleted at the end; PostgreSQL without fsync */
    bool safe;             /* ephemeral, but with fsync */
    bool postgres_tcp;     /* PostgreSQL listens on 127.0.0.1 too */
} skald_servers_options;

typedef struct skald_servers skald_servers;

typedef enum skald_server_kind {
    SKALD_SERVER_POSTGRES,
    SKALD_SERVER_NATS,
} skald_server_kind;

/* What SKALD_ALLOW must name for services to accept an ephemeral PostgreSQL. */
#define SKALD_SERVERS_ALLOW "fsync full_page_writes"

/* The database that is there from the first start on. */
#define SKALD_SERVERS_DATABASE "skald"

/* Starts both and returns when both take connections. SKALD_CONFLICT when another process runs the
 * kept servers of this name. Stop them with skald_servers_stop. */
skald_status skald_servers_start(skald_servers **out, const skald_servers_options *options,
                                 skald_error *error);

/* Stops both, deletes what is ephemeral, and frees. NULL is accepted. */
void skald_servers_stop(skald_servers *servers);

/* Do both still run? If not, `reason` says which one ended and how. */
bool skald_servers_running(skald_servers *servers, char *reason, size_t size);

/* ---- Where they are; texts live as long as the servers ---- */

const char *skald_servers_directory(const skald_servers *servers);
const char *skald_servers_socket_folder(const skald_servers *servers); /* PGHOST */
int skald_servers_postgres_port(const skald_servers *servers);         /* PGPORT */
const char *skald_servers_nats_url(const skald_servers *servers);      /* with the token */
const char *skald_servers_monitor_url(const skald_servers *servers);   /* of nats-server, HTTP */
const char *skald_servers_token(
    const skald_servers *servers); /* NATS's, and PostgreSQL's over TCP */

/* The unsafe settings they run with, as SKALD_ALLOW names them; empty when there are none. */
const char *skald_servers_allow(const skald_servers *servers);

/* A connection string for one of the databases. */
void skald_servers_conninfo(const skald_servers *servers, const char *database, char *out,
                            size_t size);

/* Makes a database unless it exists, as a copy of `template` (NULL: empty). */
skald_status skald_servers_create_database(skald_servers *servers, const char *database,
                                           const char *template, skald_error *error);

/* ---- One server at a time, for tests of what happens when it goes ---- */

pid_t skald_servers_pid(const skald_servers *servers, skald_server_kind kind);

/* An orderly end; a sudden one (SIGKILL). Both return when no process of it is left. */
void skald_servers_stop_one(skald_servers *servers, skald_server_kind kind);
void skald_servers_kill_one(skald_servers *servers, skald_server_kind kind);

/* Starts it again, at the same address. */
skald_status skald_servers_start_one(skald_servers *servers, skald_server_kind kind,
                                     skald_error *error);

/* The store of a stopped server: emptied (NATS only); copied aside under a label; replaced by that
 * copy. */
skald_status skald_servers_wipe(skald_servers *servers, skald_server_kind kind, skald_error *error);
skald_status skald_servers_save(skald_servers *servers, skald_server_kind kind, const char *label,
                                skald_error *error);
skald_status skald_servers_restore(skald_servers *servers, skald_server_kind kind,
                                   const char *label, skald_error *error);

#endif
