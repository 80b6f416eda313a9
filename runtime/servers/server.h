/* What a private PostgreSQL and a private nats-server have in common: a store, a log, a process,
 * and a lock that every process of the server inherits, so that "all of it is gone" is a fact to
 * wait for. */
#ifndef SKALD_SERVERS_SERVER_H
#define SKALD_SERVERS_SERVER_H

#include "servers/files.h"
#include "servers/process.h"

#define SKALD_READY_MS 60000u

typedef struct skald_server {
    const char *title;
    const skald_account *account;
    char store[SKALD_PATH_SIZE]; /* the folder that holds its data */
    char log[SKALD_PATH_SIZE];
    char lock[SKALD_PATH_SIZE];
    int stop_signal; /* asks for an orderly stop; also sent when we die */
    skald_process process;
} skald_server;

void skald_server_init(skald_server *server, const char *title, const skald_account *account,
                       const char *directory, const char *name, int stop_signal);

/* Waits until nothing of an earlier one runs on this store, then starts the program. It is not
 * ready yet: wait with skald_server_await. */
skald_status skald_server_launch(skald_server *server, const char *const *argv, skald_error *error);

/* Asks `ready` until it says true. SKALD_UNAVAILABLE, with the log's last line, when the process
 * ends before that. */
skald_status skald_server_await(skald_server *server, bool (*ready)(void *user), void *user,
                                skald_error *error);

/* Both return when no process of the server is left. */
void skald_server_stop(skald_server *server);
void skald_server_kill(skald_server *server);

/* The store of a stopped server: emptied; copied aside under a label; replaced by that copy. */
skald_status skald_server_wipe(skald_server *server, skald_error *error);
skald_status skald_server_save(skald_server *server, const char *label, skald_error *error);
skald_status skald_server_restore(skald_server *server, const char *label, skald_error *error);

#endif
