/* The keeper of the service moves an operation; here it is only looked at. */
#include "cli/operation_wait.h"
#include "cli/table.h"
#include "cli/terminal.h"

#include "base/clock.h"

#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 200, LINE_MS = 5000 };
enum { ID, ACTION, STATE, TOTAL, SUCCEEDED, REFUSED, OBJECT = 14 };

const listing_column operation_columns[] = {
    {"id", "ID", LISTING_ID},
    {"action", "ACTION", LISTING_TEXT},
    {"state", "STATE", LISTING_TEXT},
    {"total", "TOTAL", LISTING_COUNT},
    {"succeeded", "OK", LISTING_COUNT},
    {"refused", "REFUSED", LISTING_COUNT},
    {"open", "OPEN", LISTING_COUNT},
    {"rate", "RATE", LISTING_REAL},
    {"actor", "ACTOR", LISTING_TEXT},
    {"reason", "REASON", LISTING_TEXT},
    {"filter", NULL, LISTING_TEXT},
    {"created_at", "BEGUN", LISTING_TIME},
    {"moved_at", NULL, LISTING_TIME},
    {"ended_at", "ENDED", LISTING_TIME},
    {"object", "OF", LISTING_TEXT},
    {"step", "STEP", LISTING_TEXT},
    {0},
};

static const skald_rows *load(cli_session *session, int64_t operation)
{
    return session_query(session, OPERATION_SQL " WHERE id = $1", operation);
}

/* Jobs or sagas that were refused, the first few: why. */
static const listing_column refused_columns[] = {
    {"job", "JOB", LISTING_ID},
    {"result", "WHY", LISTING_TEXT},
    {"done_at", NULL, LISTING_TIME},
    {0},
};

static const listing_column refused_saga_columns[] = {
    {"saga", "SAGA", LISTING_TEXT},
    {"result", "WHY", LISTING_TEXT},
    {"done_at", NULL, LISTING_TIME},
    {0},
};

static bool is_of_sagas(const skald_rows *row)
{
    return skald_rows_count(row) > 0 && strcmp(skald_rows_text(row, 0, OBJECT), "saga") == 0;
}

/* clang-format off */
#define REFUSED_SQL(object, table) \
    "SELECT " object ", result, " SQL_TIME("done_at") " FROM " table \
    " WHERE operation = $1 AND result <> 'ok' ORDER BY " object " LIMIT 50"
/* clang-format on */

static const skald_rows *refused_load(cli_session *session, int64_t operation, bool of_sagas)
{
    const char *sql = of_sagas ? REFUSED_SQL("saga", "skald.operation_saga")
                               : REFUSED_SQL("job", "skald.operation_item");
    return session_query(session, sql, operation);
}

static void print_lines(cli_session *session, const skald_rows *row, const skald_rows *refused)
{
    printf("%sOperation %s%s  %s, %s\n", skald_terminal_bold(stdout), skald_rows_text(row, 0, ID),
           skald_terminal_plain(stdout), skald_rows_text(row, 0, ACTION),
           skald_rows_text(row, 0, STATE));
    listing_fields(session, operation_columns, row, 0, TOTAL);
    if (skald_rows_count(refused) > 0) {
        puts("\nRefused, the first 50");
        listing_print(session, is_of_sagas(row) ? refused_saga_columns : refused_columns, refused,
                      "");
    }
    if (strcmp(skald_rows_text(row, 0, STATE), "running") == 0)
        printf("\nNext:      skald operation stop %s --reason TEXT\n", skald_rows_text(row, 0, ID));
}

int operation_print(cli_session *session, int64_t operation)
{
    const skald_rows *row = load(session, operation);
    if (row == NULL)
        return session_fail(session);
    const bool of_sagas = is_of_sagas(row);
    const skald_rows *refused = refused_load(session, operation, of_sagas);
    if (refused == NULL)
        return session_fail(session);
    if (skald_rows_count(row) == 0)
        return session_refuse(session, SKALD_EXIT_NO, "there is no operation %lld",
                              (long long)operation);
    if (!session->json) {
        print_lines(session, row, refused);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    listing_members(session, operation_columns, row, 0);
    skald_json_name(&session->out, of_sagas ? "refused_sagas" : "refused_jobs");
    listing_array(session, of_sagas ? refused_saga_columns : refused_columns, refused);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

/* --- waiting ------------------------------------------------------------------------------- */

static void say_progress(const skald_rows *row, bool terminal)
{
    const long long done =
        skald_rows_integer(row, 0, SUCCEEDED) + skald_rows_integer(row, 0, REFUSED);
    const long long total = skald_rows_integer(row, 0, TOTAL);
    if (terminal)
        fprintf(stderr, "\r%lld of %lld %ss ", done, total, skald_rows_text(row, 0, OBJECT));
    else
        fprintf(stderr, "operation=%s done=%lld total=%lld\n", skald_rows_text(row, 0, ID), done,
                total);
}

/* An operation moves while a process of the service runs. */
static bool say_who_works(cli_session *session)
{
    const skald_rows *rows = session_query(
        session, "SELECT count(*) FROM skald.process WHERE expires_at > clock_timestamp()");
    if (rows == NULL)
        return false;
    if (skald_rows_integer(rows, 0, 0) == 0)
        fputs("No process of the service runs; it goes on when one does. Ctrl-C ends the waiting, "
              "not the operation.\n",
              stderr);
    return true;
}

static int outcome(cli_session *session, int64_t operation, const skald_rows *row)
{
    const bool stopped = strcmp(skald_rows_text(row, 0, STATE), "stopped") == 0;
    const bool refused = skald_rows_integer(row, 0, REFUSED) > 0;
    const int exit_code = operation_print(session, operation);
    if (exit_code != EX_OK)
        return exit_code;
    if (stopped)
        return SKALD_EXIT_NO;
    return refused ? SKALD_EXIT_PARTLY : EX_OK;
}

int operation_wait(cli_session *session, int64_t operation)
{
    const bool terminal = isatty(STDERR_FILENO) == 1;
    const int every = terminal ? 1 : LINE_MS / LOOK_MS;
    if (!say_who_works(session))
        return session_fail(session);
    for (int looks = 1;; looks++) {
        session_forget(session);
        const skald_rows *row = load(session, operation);
        if (row == NULL)
            return session_fail(session);
        if (skald_rows_count(row) == 0)
            return operation_print(session, operation);
        const bool over = strcmp(skald_rows_text(row, 0, STATE), "running") != 0;
        if (terminal || (!over && looks % every == 0))
            say_progress(row, terminal);
        if (over && terminal)
            fputc('\n', stderr);
        if (over)
            return outcome(session, operation, row);
        skald_clock_sleep_ms(LOOK_MS);
    }
}
