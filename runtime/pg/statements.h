/* Which SQL texts are prepared on a connection, and under what names.
 *
 * A plan made while a table was empty stays bad when it grows, so every name is forgotten after a
 * while and prepared anew. */
#ifndef SKALD_PG_STATEMENTS_H
#define SKALD_PG_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SKALD_STATEMENTS_MAX = 256,
    SKALD_STATEMENT_NAME_SIZE = 24,
    SKALD_STATEMENT_AGE_MS_MAX = 60000
};

typedef struct skald_statement {
    char *sql;
    uint64_t hash;
    char name[SKALD_STATEMENT_NAME_SIZE];
    uint64_t prepared_ms;
    bool confirmed; /* PostgreSQL has said that it is prepared */
    bool expired;   /* of no more use, however young */
} skald_statement;

typedef struct skald_statements {
    skald_statement slots[SKALD_STATEMENTS_MAX];
    uint64_t names_given;
} skald_statements;

void skald_statements_done(skald_statements *statements);

/* The entry for `sql`, or NULL. An entry that is too old or expired has its name moved to `stale`
 * (otherwise
 * ""), to be deallocated, and is gone. */
skald_statement *skald_statements_find(skald_statements *statements, const char *sql,
                                       uint64_t now_ms, char stale[SKALD_STATEMENT_NAME_SIZE]);

/* A new entry with a fresh name, not confirmed yet; NULL when the table is full or without memory:
 * then send the statement unprepared. */
skald_statement *skald_statements_add(skald_statements *statements, const char *sql,
                                      uint64_t now_ms);

/* After a failed pipeline: what was not confirmed may not exist; forget it. */
void skald_statements_forget_unconfirmed(skald_statements *statements);

#endif
