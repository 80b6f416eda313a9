/* skald saga show */
#include "cli/flow_timeline.h"
#include "cli/saga_columns.h"
#include "cli/saga_find.h"
#include "cli/saga_requests.h"
#include "cli/saga_steps.h"
#include "cli/table.h"
#include "cli/terminal.h"

#include <string.h>

enum { TURNS_SHOWN = 5, TURNS_IN_JSON = 50 };

typedef struct saga_show_options {
    session_options session;
} saga_show_options;

/* What there is beside the saga itself. */
static const listing_column child_columns[] = {
    {"id", "CHILD", LISTING_TEXT},
    {"definition", "DEFINITION", LISTING_TEXT},
    {"phase", "PHASE", LISTING_TEXT},
    {"started_at", "STARTED", LISTING_TIME},
    {"waits_for", "WAITS FOR", LISTING_TEXT},
    {0},
};

static const listing_column input_columns[] = {
    {"event", "WHAT", LISTING_TEXT},       {"about", "ABOUT", LISTING_TEXT},
    {"actor", "ACTOR", LISTING_TEXT},      {"reason", "REASON", LISTING_TEXT},
    {"created_at", "SINCE", LISTING_TIME}, {0},
};

static const listing_column lock_columns[] = {
    {"name", "LOCK", LISTING_TEXT},
    {"held", "HELD", LISTING_BOOLEAN},
    {"holder", "HOLDER", LISTING_TEXT},
    {"since", "SINCE", LISTING_TIME},
    {0},
};

/* clang-format off */
#define CHILDREN_SQL \
    "SELECT id, definition, phase, " SQL_TIME("started_at") ", coalesce(blocked, waits_for)" \
    " FROM skald.saga WHERE parent = $1 ORDER BY started_at, id LIMIT 100"
#define INPUTS_SQL \
    "SELECT event, coalesce(step, name, operation), actor, nullif(reason, ''), " \
    SQL_TIME("created_at") " FROM skald.saga_input WHERE saga = $1 ORDER BY id LIMIT 50"
#define LOCKS_SQL \
    "SELECT name, true, saga, " SQL_TIME("since") " FROM skald.saga_lock WHERE saga = $1" \
    " UNION ALL SELECT w.name, false, l.saga, " SQL_TIME("w.since") \
    " FROM skald.saga_lock_wait AS w LEFT JOIN skald.saga_lock AS l ON l.name = w.name" \
    " WHERE w.saga = $1 ORDER BY 2 DESC, 1"
/* clang-format on */

typedef struct show {
    cli_session *session;
    const skald_rows *row;
    const skald_rows *children;
    const skald_rows *inputs;
    const skald_rows *locks;
    saga_view view;
    saga_story story;
    bool blocked;
    bool served; /* a process of the service runs */
} show;

static bool load(show *of, const char *id)
{
    cli_session *session = of->session;
    if (!saga_view_load(session, id, &of->view) || !saga_story_load(session, &of->view, &of->story))
        return false;
    const skald_rows *processes = session_query(
        session, "SELECT count(*) FROM skald.process WHERE expires_at > clock_timestamp()");
    of->row = session_query(session, SAGA_SQL " WHERE s.id = $1", id);
    of->children = session_query(session, CHILDREN_SQL, id);
    of->inputs = session_query(session, INPUTS_SQL, id);
    of->locks = session_query(session, LOCKS_SQL, id);
    of->blocked = of->row != NULL && skald_rows_count(of->row) > 0 &&
                  !skald_rows_null(of->row, 0, SAGA_BLOCKED);
    of->served = processes != NULL && skald_rows_integer(processes, 0, 0) > 0;
    return processes != NULL && of->row != NULL && of->children != NULL && of->inputs != NULL &&
           of->locks != NULL;
}

static const char *safe(const show *of, int column)
{
    return table_text(&of->session->arena, skald_rows_text(of->row, 0, column));
}

/* --- for programs -------------------------------------------------------------------------- */

static void command_json(void *user, const char *command, const char *meaning)
{
    skald_json *json = user;
    skald_json_open(json, '{');
    skald_json_name(json, "command");
    skald_json_text(json, command);
    skald_json_name(json, "meaning");
    skald_json_text(json, meaning);
    skald_json_close(json, '}');
}

static void steps_member(const show *of)
{
    skald_json *json = &of->session->out;
    skald_json_name(json, "steps");
    if (of->view.saga != NULL)
        saga_steps_array(of->session, &of->view, &of->story);
    else
        skald_json_null(json);
    skald_json_name(json, "steps_trouble");
    skald_json_text(json, of->view.trouble);
}

static void print_json(const show *of)
{
    cli_session *session = of->session;
    skald_json *json = &session->out;
    skald_json_open(json, '{');
    listing_members(session, saga_columns, of->row, 0);
    steps_member(of);
    body_members(session, &of->view.state);
    skald_json_name(json, "children");
    listing_array(session, child_columns, of->children);
    skald_json_name(json, "locks");
    listing_array(session, lock_columns, of->locks);
    skald_json_name(json, "inputs");
    listing_array(session, input_columns, of->inputs);
    skald_json_name(json, "history");
    saga_story_array(session, of->story.rows, TURNS_IN_JSON);
    skald_json_name(json, "next");
    skald_json_open(json, '[');
    saga_commands(session, &of->view, of->blocked, command_json, json);
    skald_json_close(json, ']');
    skald_json_close(json, '}');
    skald_json_end(json);
}

/* --- for people ---------------------------------------------------------------------------- */

/* "compensating since 2 min ago: a step was refused" is what people come for, so it is in one
 * line. */
static void print_phase(const show *of)
{
    const story_change *whole = &of->story.whole;
    const char *phase = skald_rows_text(of->row, 0, SAGA_PHASE);
    const bool told = whole->to != NULL && strcmp(whole->to, phase) == 0;
    const int64_t since_us = told ? whole->at_us : skald_rows_integer(of->row, 0, SAGA_CHANGED);
    const char *why = told && strcmp(phase, "running") != 0 ? whole->why : NULL;
    printf("  %-12s %s since %s%s%s\n", "Phase", phase, session_when(of->session, since_us),
           why != NULL ? ": " : "", why != NULL ? table_text(&of->session->arena, why) : "");
}

static void print_fields(const show *of)
{
    static const struct {
        int column;
        const char *label;
    } fields[] = {
        {SAGA_STARTED, "Started"},
        {SAGA_ENDED, "Ended"},
        {SAGA_REASON, "Reason"},
        {SAGA_PARENT_OPERATION, "Child by"},
        {SAGA_ROOT, "Root"},
        {SAGA_CRASHES, "Crashes"},
        {SAGA_CORRELATION, "Correlation"},
        {SAGA_CAUSATION, "Caused by"},
        {SAGA_TRACE, "Trace"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = listing_value(of->session, saga_columns, of->row, 0, fields[i].column);
        if (value != NULL && *value != '\0')
            printf("  %-12s %s\n", fields[i].label, table_text(&of->session->arena, value));
    }
}

static void print_head(const show *of)
{
    if (of->blocked)
        printf("%sBLOCKED: %s%s\n", skald_terminal_bold(stdout), safe(of, SAGA_BLOCKED),
               skald_terminal_plain(stdout));
    printf("%sSaga %s%s  %s version %s\n", skald_terminal_bold(stdout), safe(of, SAGA_ID),
           skald_terminal_plain(stdout), skald_rows_text(of->row, 0, SAGA_DEFINITION),
           skald_rows_text(of->row, 0, SAGA_VERSION));
    print_phase(of);
    print_fields(of);
}

static void print_steps(const show *of)
{
    putchar('\n');
    if (of->view.saga != NULL)
        saga_steps_print(of->session, &of->view, &of->story);
    else
        printf("Its steps cannot be shown: %s\n",
               table_text(&of->session->arena, of->view.trouble));
}

static void print_list(const show *of, const char *head, const listing_column *columns,
                       const skald_rows *rows)
{
    if (skald_rows_count(rows) == 0)
        return;
    printf("\n%s\n", head);
    listing_print(of->session, columns, rows, "");
}

static void print_state(const show *of)
{
    const cli_body *state = &of->view.state;
    printf("\nState (%s, %zu bytes)\n", table_text(&of->session->arena, state->type),
           state->bytes.size);
    body_print(of->session, state);
}

static void print_story(const show *of)
{
    const uint32_t turns = skald_rows_count(of->story.rows);
    if (turns == 0)
        return;
    printf("\nLast happened (UTC)%s\n",
           turns > TURNS_SHOWN ? "; \"skald saga history\" has all" : "");
    saga_story_print(of->session, of->story.rows, TURNS_SHOWN);
}

/* Is there a time at which it goes on, beside the deadline of the whole? */
static bool is_timed(const show *of)
{
    const char *future = skald_rows_text(of->row, 0, SAGA_FUTURE);
    return strcmp(future, "time") == 0 || strcmp(future, "message") == 0 ||
           strcmp(future, "child") == 0;
}

/* "charge-card awaits its answer until 12:00:33.000 (in 12 s)". */
static void print_waits_for(const show *of)
{
    const bool due = !skald_rows_null(of->row, 0, SAGA_DUE) && is_timed(of) && !of->blocked;
    const bool ended = !skald_rows_null(of->row, 0, SAGA_ENDED);
    putchar('\n');
    if (!skald_rows_null(of->row, 0, SAGA_OWED))
        printf("Owed:      to undo %s\n", safe(of, SAGA_OWED));
    printf("Waits for: %s%s", ended ? "nothing, " : "", safe(of, SAGA_WAITS_FOR));
    if (due)
        printf(" (%s)", session_when(of->session, skald_rows_integer(of->row, 0, SAGA_DUE)));
    putchar('\n');
    if (!of->served && !ended)
        puts("           No process of the service runs: nothing moves until one does.");
}

/* Commands in one column, what they mean in the next. */
typedef struct next_lines {
    bool any;
    int width;
} next_lines;

static void command_measure(void *user, const char *command, const char *meaning)
{
    next_lines *lines = user;
    (void)meaning;
    lines->width = (int)strlen(command) > lines->width ? (int)strlen(command) : lines->width;
}

static void command_line(void *user, const char *command, const char *meaning)
{
    next_lines *lines = user;
    printf("%s %-*s%s%s\n",
           lines->any ? "          " : "Next:     ", *meaning != '\0' ? lines->width : 0, command,
           *meaning != '\0' ? "  " : "", meaning);
    lines->any = true;
}

static void print_commands(const show *of)
{
    next_lines lines = {0};
    saga_commands(of->session, &of->view, of->blocked, command_measure, &lines);
    saga_commands(of->session, &of->view, of->blocked, command_line, &lines);
}

static void print_people(const show *of)
{
    print_head(of);
    print_steps(of);
    print_list(of, "Children", child_columns, of->children);
    print_list(of, "Locks", lock_columns, of->locks);
    print_state(of);
    print_story(of);
    print_list(of, "Told to it and not yet dealt with", input_columns, of->inputs);
    print_waits_for(of);
    print_commands(of);
}

/* Of a choreographed saga, which is led by nobody, a declared flow has seen the events. */
static bool show_flow(cli_session *session, const char *key, bool *found)
{
    const skald_rows *rows = session_query(session, "SELECT 1 FROM skald.saga WHERE id = $1", key);
    if (rows == NULL)
        return false;
    return skald_rows_count(rows) > 0 || flow_timeline_print(session, key, NULL, found);
}

static int show_saga(cli_session *session, const char *word)
{
    bool found = false;
    if (!show_flow(session, word, &found))
        return session_fail(session);
    if (found)
        return EX_OK;
    const char *id = NULL;
    show of = {.session = session};
    int exit_code = EX_OK;
    if (!saga_find(session, word, &id, &exit_code))
        return exit_code;
    if (!load(&of, id))
        return session_fail(session);
    if (session->json)
        print_json(&of);
    else
        print_people(&of);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const saga_show_options *show_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald saga show: say which saga, by its id or the beginning of it\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_saga_show, &show_options->session, &exit_code))
        return exit_code;
    return session_end(&session, show_saga(&session, argv[0]));
}

static const skald_command_option options_table[] = {
    SESSION_TIME_OPTION(saga_show_options),
    SESSION_OPTIONS(saga_show_options),
    {0},
};

const skald_command skald_command_saga_show = {
    .name = "saga show",
    .purpose = "explain one saga: its steps, what it waits for, what helps",
    .examples = "  skald saga show order-42\n",
    .operands = "SAGA",
    .notes = "The commands at the end are those that the saga would take now. Steps are shown\n"
             "once a program that knows the definition has run, also when it is gone. A key\n"
             "that is no saga's but of a choreographed flow has the timeline of that flow.\n",
    .options = options_table,
    .options_size = sizeof(saga_show_options),
    .run = run,
};
