/* The variables that lead a program to running dev servers: handed to commands, kept in the file
 * dev.env of the servers' directory, printed for other shells. */
#ifndef SKALD_CLI_ENVIRONMENT_H
#define SKALD_CLI_ENVIRONMENT_H

#include "servers/servers.h"
#include "json/write.h"

#include <stdio.h>

#define SKALD_ENVIRONMENT_FILE "dev.env"

/* What is empty is unset, so that nothing of the caller's leads elsewhere. */
#define SKALD_ENVIRONMENT_LIST(X)                                                                  \
    X(PGHOST)                                                                                      \
    X(PGPORT)                                                                                      \
    X(PGUSER)                                                                                      \
    X(PGDATABASE)                                                                                  \
    X(NATS_URL)                                                                                    \
    X(SKALD_ALLOW)                                                                                 \
    X(SKALD_DEV_NAME)                                                                              \
    X(SKALD_DEV_DIRECTORY)                                                                         \
    X(SKALD_DEV_PID)                                                                               \
    X(SKALD_DEV_MONITOR)                                                                           \
    X(SKALD_DEV_TCP)                                                                               \
    X(SKALD_DEV_EPHEMERAL)

typedef enum skald_environment_key {
#define SKALD_ENVIRONMENT_ENUM(name) SKALD_ENVIRONMENT_##name,
    SKALD_ENVIRONMENT_LIST(SKALD_ENVIRONMENT_ENUM)
#undef SKALD_ENVIRONMENT_ENUM
        SKALD_ENVIRONMENT_COUNT
} skald_environment_key;

typedef struct skald_environment {
    char values[SKALD_ENVIRONMENT_COUNT][SKALD_PATH_SIZE];
} skald_environment;

/* Of servers that this process owns. */
void skald_environment_of(skald_environment *out, const skald_servers *servers,
                          const skald_servers_options *options);

/* The file is private: it holds the token. Reading answers false unless the process that wrote it
 * still lives. */
skald_status skald_environment_write(const skald_environment *environment,
                                     const skald_account *account, skald_error *error);
bool skald_environment_read(skald_environment *out, const char *directory);

/* Unsets what would lead our own connections elsewhere. */
void skald_environment_clear(void);

/* Sets this process's environment, and puts the folder of `skald` first in PATH. */
void skald_environment_export(const skald_environment *environment);

/* As shell commands; as one JSON object, a value that may stand inside of others. */
void skald_environment_print(const skald_environment *environment, FILE *out);
void skald_environment_print_json(const skald_environment *environment, skald_json *json);

/* Where people and tools connect; the banner and JSON of `skald dev`. */
void skald_environment_banner(const skald_environment *environment, uint64_t ready_ms,
                              const char *command, FILE *out);

/* The pid of the owner. */
pid_t skald_environment_owner(const skald_environment *environment);

#endif
