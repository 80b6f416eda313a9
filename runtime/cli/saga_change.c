/* A saga is told by a row that its engine brings to it. Whether it can do what is asked is looked
 * at before, so that the answer comes at once and not in its history; who decides is the engine. */
#include "cli/saga_change.h"
#include "cli/json_edit.h"
#include "cli/saga_find.h"
#include "cli/saga_requests.h"
#include "cli/saga_where.h"

#include "words.h"

#include <string.h>

typedef struct saga_changes {
    cli_session session;
    const saga_request *request;
    const saga_change_options *options;
    int changed;
    int exit_code; /* of the last refusal */
} saga_changes;

static const char *event_of(const saga_changes *changes)
{
    return skald_saga_event_words(changes->request->kind);
}

/* --- one saga ------------------------------------------------------------------------------ */

/* The step that is named, or the only one that is a person's task; NULL where it cannot be told,
 * which the database then says. */
static const char *step_meant(const saga_changes *changes, const saga_view *view)
{
    const char *only = NULL;
    if (!changes->request->of_step || changes->options->step != NULL)
        return changes->options->step;
    for (uint8_t i = 0; view->saga != NULL && i < view->plan->step_count; i++) {
        const uint8_t state = view->saga->steps[i].state;
        if (state != SKALD_STEP_HANDED_OVER && state != SKALD_STEP_UNDO_HANDED_OVER)
            continue;
        if (only != NULL)
            return NULL;
        only = view->plan->steps[i].step->name;
    }
    return only;
}

/* The new state, where one is given. */
static int state_take(saga_changes *changes, const saga_view *view, skald_param *state)
{
    cli_session *session = &changes->session;
    const saga_change_options *options = changes->options;
    json_edit edit = {
        .body = &view->state,
        .what = skald_arena_format(&session->arena, "the state of saga %s", view->id),
        .name = "state.json",
    };
    *state = skald_null();
    if (changes->request->kind != SKALD_EVENT_RETRY_NEW_INPUT)
        return EX_OK;
    int exit_code = json_edit_begin(session, &edit);
    if (exit_code == EX_OK)
        exit_code = options->state_json != NULL
                        ? json_edit_by_file(session, &edit, options->state_json)
                        : json_edit_by_editor(session, &edit);
    *state = skald_bytea(edit.changed.data != NULL ? edit.changed.data : "", edit.changed.size);
    return exit_code;
}

static void print_result(saga_changes *changes, const char *id, const char *step,
                         const char *result)
{
    cli_session *session = &changes->session;
    if (!session->json) {
        if (strcmp(result, "ok") == 0)
            printf("saga %s: asked to %s%s%s\n", id, event_of(changes), step != NULL ? " " : "",
                   step != NULL ? step : "");
        return;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "saga");
    skald_json_text(&session->out, id);
    skald_json_name(&session->out, "request");
    skald_json_text(&session->out, event_of(changes));
    skald_json_name(&session->out, "step");
    skald_json_text(&session->out, step);
    skald_json_name(&session->out, "result");
    skald_json_text(&session->out, result);
    skald_json_close(&session->out, '}');
}

static int refuse(saga_changes *changes, const saga_view *view, const char *step, const char *why)
{
    const char *sentence =
        skald_arena_format(&changes->session.arena, "saga \"%s\"%s%s: %s", view->id,
                           step != NULL ? ", step " : "", step != NULL ? step : "", why);
    print_result(changes, view->id, step, sentence);
    return session_refused(&changes->session, sentence);
}

static int ask(saga_changes *changes, const saga_view *view)
{
    cli_session *session = &changes->session;
    const char *step = step_meant(changes, view);
    const bool named = step != NULL || !changes->request->of_step;
    const char *why = named ? saga_refusal(view, changes->request->kind, step) : NULL;
    skald_param state;
    if (why != NULL)
        return refuse(changes, view, step, why);
    const int exit_code = state_take(changes, view, &state);
    if (exit_code != EX_OK)
        return exit_code;
    const skald_rows *rows =
        session_query(session, "SELECT skald.saga_ask($1, $2, $3, $4, $5, $6)", view->id,
                      event_of(changes), step, state, session->actor, session->reason);
    if (rows == NULL)
        return session_fail(session);
    const char *result = skald_rows_text(rows, 0, 0);
    print_result(changes, view->id, step, result);
    if (strcmp(result, "ok") != 0)
        return session_refused(session, result);
    changes->changed++;
    session_hint(session, "What comes of it: skald saga show %s", view->id);
    return EX_OK;
}

static void change_one(saga_changes *changes, const char *word)
{
    cli_session *session = &changes->session;
    const char *id = NULL;
    saga_view view;
    if (!saga_find(session, word, &id, &changes->exit_code))
        return;
    const int exit_code =
        saga_view_load(session, id, &view) ? ask(changes, &view) : session_fail(session);
    if (exit_code != EX_OK)
        changes->exit_code = exit_code;
}

static int change_each(saga_changes *changes, int argc, char **argv)
{
    skald_json *json = &changes->session.out;
    if (changes->session.json)
        skald_json_open(json, '[');
    for (int i = 0; i < argc; i++)
        change_one(changes, argv[i]);
    if (changes->session.json) {
        skald_json_close(json, ']');
        skald_json_end(json);
    }
    const bool partly = changes->exit_code != EX_OK && changes->changed > 0;
    return partly ? SKALD_EXIT_PARTLY : changes->exit_code;
}

/* --- many ---------------------------------------------------------------------------------- */

static int change_many(saga_changes *changes, bulk_change *bulk)
{
    const char *step = NULL;
    if (!saga_where_read(&changes->session, changes->options->where, &bulk->filter, &step))
        return EX_USAGE;
    bulk->action = event_of(changes);
    if (changes->request->of_step)
        bulk->step = changes->options->step != NULL ? changes->options->step : step;
    return bulk_run(&changes->session, bulk);
}

/* --- both ---------------------------------------------------------------------------------- */

static bool options_valid(const saga_changes *changes, int argc, bulk_change *bulk, int *exit_code)
{
    const saga_change_options *options = changes->options;
    const cli_session *session = &changes->session;
    const bool many = options->where != NULL;
    *exit_code = EX_USAGE;
    if (many == (argc > 0))
        session_refuse(session, EX_USAGE, "say which: sagas by their ids, or --where");
    else if (!many && (options->bulk.dry_run || options->bulk.wait || options->bulk.set != NULL ||
                       options->bulk.rate != NULL))
        session_refuse(session, EX_USAGE, "--dry-run, --set, --rate and --wait belong to --where");
    else if (many && changes->request->kind == SKALD_EVENT_RETRY_NEW_INPUT)
        session_refuse(session, EX_USAGE, "a new state is given to one saga, not with --where");
    else if (argc > 1 && changes->request->kind == SKALD_EVENT_RETRY_NEW_INPUT)
        session_refuse(session, EX_USAGE, "a new state is given to one saga at a time");
    else
        return bulk_rate_read(bulk, session, exit_code);
    return false;
}

int saga_change_run(const saga_request *request, const saga_change_options *options, int argc,
                    char **argv)
{
    saga_changes changes = {
        .session.command = request->command, .request = request, .options = options};
    bulk_change bulk = {.object = &bulk_sagas, .options = &options->bulk};
    int exit_code = EX_OK;
    if (!options_valid(&changes, argc, &bulk, &exit_code))
        return exit_code;
    const bool opened =
        options->where != NULL && options->bulk.dry_run
            ? session_open(&changes.session, request->command, &options->session, &exit_code)
            : session_open_change(&changes.session, request->command, &options->session,
                                  &exit_code);
    if (!opened)
        return exit_code;
    exit_code =
        options->where != NULL ? change_many(&changes, &bulk) : change_each(&changes, argc, argv);
    return session_end(&changes.session, exit_code);
}
