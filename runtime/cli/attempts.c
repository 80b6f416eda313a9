/* skald.attempt has a row for each attempt that did not succeed. */
#include "cli/attempts.h"
#include "cli/listing.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER, OUTCOME, STARTED, ENDED, TOOK_MS, SQLSTATE, SIGNAL, HOST, PID, CLASS, ERROR, TRACE };

static const listing_column columns[] = {
    {"number", "#", LISTING_COUNT},     {"outcome", "OUTCOME", LISTING_TEXT},
    {"started_at", NULL, LISTING_TIME}, {"ended_at", "ENDED", LISTING_TIME},
    {"took_ms", NULL, LISTING_REAL},    {"sqlstate", "SQLSTATE", LISTING_TEXT},
    {"signal", "SIGNAL", LISTING_TEXT}, {"host", "HOST", LISTING_TEXT},
    {"pid", "PID", LISTING_COUNT},      {"error_class", "CLASS", LISTING_TEXT},
    {"error", "ERROR", LISTING_TEXT},   {"backtrace", NULL, LISTING_TEXT},
    {"process", NULL, LISTING_TEXT},    {0},
};

/* clang-format off */
#define ATTEMPTS_SQL \
    "SELECT number, outcome, " SQL_TIME("started_at") ", " SQL_TIME("ended_at") \
    ", round(extract(epoch FROM ended_at - started_at) * 1000, 3), sqlstate, signal, host, pid," \
    " error_class, error, backtrace, process FROM skald.attempt WHERE job = $1 ORDER BY number"
/* clang-format on */

static const skald_rows *load(cli_session *session, int64_t job)
{
    return session_query(session, ATTEMPTS_SQL, job);
}

/* A column in which no attempt has anything is left out: most have no signal. */
static bool column_used(const skald_rows *rows, int column)
{
    for (uint32_t row = 0; row < skald_rows_count(rows); row++) {
        const char *text = skald_rows_text(rows, row, column);
        if (text != NULL && *text != '\0')
            return true;
    }
    return false;
}

static const char *took(cli_session *session, const skald_rows *rows, uint32_t row)
{
    const char *ms = skald_rows_text(rows, row, TOOK_MS);
    return ms == NULL ? NULL : session_span(session, (int64_t)(strtod(ms, NULL) * 1000));
}

static void print_table(cli_session *session, const skald_rows *rows)
{
    static const int shown[] = {NUMBER,   OUTCOME, ENDED, TOOK_MS, SIGNAL,
                                SQLSTATE, HOST,    PID,   CLASS,   ERROR};
    const size_t count = sizeof shown / sizeof *shown;
    cli_table table;
    table_init(&table, &session->arena);
    for (size_t i = 0; i < count; i++)
        if (column_used(rows, shown[i]))
            table_column(&table, shown[i] == TOOK_MS ? "TOOK" : columns[shown[i]].head,
                         shown[i] == NUMBER || shown[i] == PID || shown[i] == TOOK_MS);
    for (uint32_t row = 0; row < skald_rows_count(rows); row++)
        for (size_t i = 0; i < count; i++)
            if (column_used(rows, shown[i]))
                table_cell(&table, shown[i] == TOOK_MS
                                       ? took(session, rows, row)
                                       : listing_value(session, columns, rows, row, shown[i]));
    table_print(&table, stdout);
}

static void print_backtrace(cli_session *session, const skald_rows *rows, uint32_t row)
{
    const char *backtrace = skald_rows_text(rows, row, TRACE);
    if (backtrace == NULL || *backtrace == '\0')
        return;
    printf("\nBacktrace of attempt %s\n", skald_rows_text(rows, row, NUMBER));
    char *copy = skald_arena_text(&session->arena, backtrace);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
        printf("  %s\n", table_text(&session->arena, line));
}

bool attempts_print(cli_session *session, int64_t job)
{
    const skald_rows *rows = load(session, job);
    if (rows == NULL)
        return false;
    if (skald_rows_count(rows) == 0)
        return true;
    puts("\nAttempts that did not succeed");
    print_table(session, rows);
    for (uint32_t row = 0; row < skald_rows_count(rows); row++)
        print_backtrace(session, rows, row);
    return true;
}

bool attempts_member(cli_session *session, int64_t job)
{
    const skald_rows *rows = load(session, job);
    if (rows == NULL)
        return false;
    skald_json_name(&session->out, "attempts");
    listing_array(session, columns, rows);
    return true;
}
