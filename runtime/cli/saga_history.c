/* skald saga history */
#include "cli/saga_find.h"
#include "cli/saga_story.h"
#include "cli/table.h"
#include "cli/terminal.h"

typedef struct saga_history_options {
    session_options session;
    int64_t limit;
} saga_history_options;

static void print_people(cli_session *session, const skald_rows *rows)
{
    for (uint32_t row = 0; row < skald_rows_count(rows); row++) {
        const char *actor = skald_rows_null(rows, row, STORY_ACTOR)
                                ? NULL
                                : skald_rows_text(rows, row, STORY_ACTOR);
        printf("%s%s%s  %s%s%s\n", skald_terminal_bold(stdout),
               skald_rows_text(rows, row, STORY_NUMBER), skald_terminal_plain(stdout),
               session_when(session, skald_rows_integer(rows, row, STORY_AT)),
               actor != NULL ? ", asked by " : "",
               actor != NULL ? table_text(&session->arena, actor) : "");
        saga_story_turn_print(session, rows, row);
    }
}

static int history(cli_session *session, const char *word, int64_t limit)
{
    const char *id = NULL;
    int exit_code = EX_OK;
    if (!saga_find(session, word, &id, &exit_code))
        return exit_code;
    const skald_rows *rows = session_query(session,
                                           "SELECT * FROM (" STORY_SQL
                                           " WHERE saga = $1 ORDER BY number DESC LIMIT $2) AS last"
                                           " ORDER BY number",
                                           id, limit > 0 ? skald_integer(limit) : skald_null());
    if (rows == NULL)
        return session_fail(session);
    if (session->json) {
        saga_story_array(session, rows, UINT32_MAX);
        skald_json_end(&session->out);
    } else if (skald_rows_count(rows) == 0) {
        fputs("Nothing has happened to it yet.\n", stderr);
    } else {
        print_people(session, rows);
    }
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const saga_history_options *history_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald saga history: say which saga, by its id or the beginning of it\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_saga_history, &history_options->session, &exit_code))
        return exit_code;
    return session_end(&session, history(&session, argv[0], history_options->limit));
}

static const skald_command_option options_table[] = {
    {"limit", "N", SKALD_OPTION_NUMBER, offsetof(saga_history_options, limit),
     "only the last N turns"},
    SESSION_TIME_OPTION(saga_history_options),
    SESSION_OPTIONS(saga_history_options),
    {0},
};

const skald_command skald_command_saga_history = {
    .name = "saga history",
    .purpose = "tell what has happened to one saga, from its start on",
    .examples = "  skald saga history order-42\n",
    .operands = "SAGA",
    .notes = "A turn is one transaction. Times in its lines are UTC, +2d is the second day.\n",
    .options = options_table,
    .options_size = sizeof(saga_history_options),
    .run = run,
};
