/* A job has a number in this database, and its message an id everywhere. */
#include "cli/job_find.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIX_MIN = 4, FOUND_MAX = 5 };

static bool is_number(const char *word)
{
    const size_t size = strlen(word);
    return size > 0 && size <= 18 && strspn(word, "0123456789") == size;
}

/* The same message may be a job of several followers. */
static int refuse_several(const cli_session *session, const char *word, const skald_rows *rows)
{
    session_refuse(session, EX_USAGE, "\"%s\" may be several jobs; say which:", word);
    for (uint32_t i = 0; i < skald_rows_count(rows); i++)
        fprintf(stderr, "  %s  %s  %s  %s\n", skald_rows_text(rows, i, 0),
                skald_rows_text(rows, i, 1), skald_rows_text(rows, i, 2),
                skald_rows_text(rows, i, 3));
    return EX_USAGE;
}

#define FOUND "SELECT id, message_id, coalesce(follower, queue), state FROM skald.job WHERE "

bool job_find(cli_session *session, const char *word, int64_t *job, int *exit_code)
{
    const skald_rows *rows = NULL;
    if (is_number(word))
        rows = session_query(session, FOUND "id = $1::bigint", word);
    if (rows == NULL || skald_rows_count(rows) == 0)
        rows = session_query(session, FOUND "message_id = $1 ORDER BY id DESC LIMIT $2", word,
                             (int)FOUND_MAX);
    if (rows != NULL && skald_rows_count(rows) == 0 && strlen(word) >= PREFIX_MIN)
        rows = session_query(session, FOUND "starts_with(message_id, $1) ORDER BY id DESC LIMIT $2",
                             word, (int)FOUND_MAX);
    if (rows == NULL) {
        *exit_code = session_fail(session);
    } else if (skald_rows_count(rows) == 0) {
        *exit_code = session_refuse(session, SKALD_EXIT_NO,
                                    "there is no job \"%s\"; \"skald job list\" lists them", word);
    } else if (skald_rows_count(rows) > 1) {
        *exit_code = refuse_several(session, word, rows);
    } else {
        *job = skald_rows_integer(rows, 0, 0);
        return true;
    }
    return false;
}
