/* A saga's id is whatever its starter chose, "order-42". */
#include "cli/saga_find.h"
#include "cli/table.h"

#include <string.h>

enum { PREFIX_MIN = 4, FOUND_MAX = 5 };

#define FOUND "SELECT id, definition, phase FROM skald.saga WHERE "

static int refuse_several(cli_session *session, const char *word, const skald_rows *rows)
{
    session_refuse(session, EX_USAGE, "\"%s\" may be several sagas; say which:", word);
    for (uint32_t i = 0; i < skald_rows_count(rows); i++)
        fprintf(stderr, "  %s  %s  %s\n", table_text(&session->arena, skald_rows_text(rows, i, 0)),
                skald_rows_text(rows, i, 1), skald_rows_text(rows, i, 2));
    return EX_USAGE;
}

bool saga_find(cli_session *session, const char *word, const char **id, int *exit_code)
{
    const skald_rows *rows = session_query(session, FOUND "id = $1", word);
    if (rows != NULL && skald_rows_count(rows) == 0 && strlen(word) >= PREFIX_MIN)
        rows = session_query(session, FOUND "starts_with(id, $1) ORDER BY id LIMIT $2", word,
                             (int)FOUND_MAX);
    if (rows == NULL) {
        *exit_code = session_fail(session);
    } else if (skald_rows_count(rows) == 0) {
        *exit_code =
            session_refuse(session, SKALD_EXIT_NO,
                           "there is no saga \"%s\"; \"skald saga list\" lists them", word);
    } else if (skald_rows_count(rows) > 1) {
        *exit_code = refuse_several(session, word, rows);
    } else {
        *id = skald_rows_text(rows, 0, 0);
        return true;
    }
    return false;
}
