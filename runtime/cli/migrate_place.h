/* What the `skald migrate` commands share: which database, and connecting to it. */
#ifndef SKALD_CLI_MIGRATE_PLACE_H
#define SKALD_CLI_MIGRATE_PLACE_H

#include "cli/command.h"

#include "pg/connection.h"

typedef struct migrate_options {
    const char *database; /* connection string or URI; NULL: the PG* variables */
    bool json;
    bool down;
    const char *from;
    const char *to;
} migrate_options;

#define MIGRATE_DATABASE_OPTION                                                                    \
    {                                                                                              \
        "pg", "CONNINFO", SKALD_OPTION_TEXT, offsetof(migrate_options, database),                  \
            "the database, as a connection string or URI;\notherwise the PG* variables say it"     \
    }
#define MIGRATE_JSON_OPTION                                                                        \
    {                                                                                              \
        "json", NULL, SKALD_OPTION_FLAG, offsetof(migrate_options, json), "print JSON"             \
    }

#endif
