/* A table for people: no borders, upper-case heads, numbers to the right. */
#ifndef SKALD_CLI_TABLE_H
#define SKALD_CLI_TABLE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 24 };

typedef struct cli_table {
    skald_arena *arena;
    size_t column_count;
    const char *heads[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX];
    const char **cells; /* row by row, without the heads */
    size_t cell_count;
    size_t cell_room;
} cli_table;

void table_init(cli_table *table, skald_arena *arena);
void table_column(cli_table *table, const char *head, bool right);

/* The next cell, row by row; NULL is "-". */
void table_cell(cli_table *table, const char *text);

/* On a terminal each line is cut to its width; in a pipe nothing is. */
void table_print(const cli_table *table, FILE *out);

/* `text` for a line on a terminal: what is no letter, such as an escape sequence that somebody put
 * into a key, becomes "?", a line break a blank. */
const char *table_text(skald_arena *arena, const char *text);

/* How many columns the terminal has; 0 when `out` is none. */
size_t table_terminal_width(FILE *out);

#endif
