/* A private nats-server: JetStream on files, a token, loopback only. */
#ifndef SKALD_SERVERS_NATS_SERVER_H
#define SKALD_SERVERS_NATS_SERVER_H

#include "servers/server.h"

#define SKALD_TOKEN_SIZE 33 /* 32 hexadecimal digits */

typedef struct skald_nats_server {
    skald_server server;
    const char *program;
    char config[SKALD_PATH_SIZE];
    char ports[SKALD_PATH_SIZE]; /* the file that remembers the ports */
    char directory[SKALD_PATH_SIZE];
    char token[SKALD_TOKEN_SIZE];
    int port;    /* 0 before the first start; the same ever after */
    int monitor; /* the port of its HTTP monitoring */
} skald_nats_server;

/* Makes store and token if there are none yet. `program` is borrowed. */
skald_status skald_nats_server_init(skald_nats_server *nats, const skald_account *account,
                                    const char *directory, const char *program, skald_error *error);

/* Starts it; skald_nats_server_await then waits until it takes connections. */
skald_status skald_nats_server_launch(skald_nats_server *nats, skald_error *error);
skald_status skald_nats_server_await(skald_nats_server *nats, skald_error *error);

#endif
