/* A private PostgreSQL: listens on a Unix socket only, unless TCP is asked for. */
#ifndef SKALD_SERVERS_POSTGRES_H
#define SKALD_SERVERS_POSTGRES_H

#include "servers/server.h"

#define SKALD_POSTGRES_USER "skald"

typedef struct skald_postgres_options {
    const char *initdb; /* the programs */
    const char *postgres;
    const char *sockets;         /* the folder of its socket; short, see place.h */
    const char *template_folder; /* where freshly made clusters are kept to be copied; NULL: none */
    bool unsafe; /* fsync and full_page_writes off: a power cut may ruin the store */
    bool tcp;    /* listen on 127.0.0.1 too */
} skald_postgres_options;

typedef struct skald_postgres {
    skald_server server;
    skald_postgres_options options;
    char ports[SKALD_PATH_SIZE]; /* the file that remembers the TCP port */
    int port;
} skald_postgres;

/* Makes the cluster if there is none yet. Strings are borrowed until the end. */
skald_status skald_postgres_init(skald_postgres *postgres, const skald_account *account,
                                 const char *directory, const skald_postgres_options *options,
                                 skald_error *error);

/* Starts it; skald_postgres_await then waits until it takes connections. */
skald_status skald_postgres_launch(skald_postgres *postgres, skald_error *error);
skald_status skald_postgres_await(skald_postgres *postgres, skald_error *error);

/* The connection string of one of its databases. */
void skald_postgres_conninfo(const skald_postgres *postgres, const char *database, char *out,
                             size_t size);

/* Makes a database unless it exists; `template` NULL: an empty one. Names are lower-case letters,
 * digits and "_". */
skald_status skald_postgres_create(skald_postgres *postgres, const char *database,
                                   const char *template, skald_error *error);

/* Gives the role a password, which TCP connections need. */
skald_status skald_postgres_password(skald_postgres *postgres, const char *password,
                                     skald_error *error);

#endif
