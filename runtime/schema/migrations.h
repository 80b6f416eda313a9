/* The migrations that this program carries inside itself; the texts are the files of migrations/,
 * made into C by runtime/cmake/EmbedMigrations.cmake. */
#ifndef SKALD_SCHEMA_MIGRATIONS_H
#define SKALD_SCHEMA_MIGRATIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct skald_migration {
    uint32_t number; /* 1, 2, 3, ... without gaps */
    const char *name;
    const char *up;
    const char *down;
    const char *checksum; /* SHA-256 of `up`, in hexadecimal */
} skald_migration;

typedef struct skald_migration_set {
    const skald_migration *items; /* by number */
    size_t count;
} skald_migration_set;

extern const skald_migration_set skald_migrations;

#endif
