/* skald saga graph */
#include "cli/saga_find.h"
#include "cli/saga_view.h"

#include "diagram.h"

#include <string.h>

typedef struct saga_graph_options {
    session_options session;
    const char *definition;
    int64_t version;
    const char *format;
} saga_graph_options;

typedef size_t picture_draw(const skald_plan *plan, const skald_saga *saga, char *out, size_t size);

static const struct {
    const char *name;
    picture_draw *draw;
} formats[] = {
    {"mermaid", skald_diagram_mermaid}, {"dot", skald_diagram_dot}, {"svg", skald_diagram_svg}};

static picture_draw *format_find(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (name == NULL || strcmp(name, formats[i].name) == 0)
            return formats[i].draw;
    return NULL;
}

static int print(cli_session *session, const char *format, const char *picture)
{
    if (!session->json) {
        fputs(picture, stdout);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "format");
    skald_json_text(&session->out, format != NULL ? format : formats[0].name);
    skald_json_name(&session->out, "graph");
    skald_json_text(&session->out, picture);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

static int draw(cli_session *session, const saga_graph_options *options, const skald_plan *plan,
                const skald_saga *saga)
{
    picture_draw *of = format_find(options->format);
    const size_t size = of(plan, saga, NULL, 0) + 1;
    char *picture = skald_arena_alloc(&session->arena, size);
    if (picture == NULL)
        return session_refuse(session, EX_OSERR, "no memory for a picture");
    of(plan, saga, picture, size);
    return print(session, options->format, picture);
}

static int of_definition(cli_session *session, const saga_graph_options *options)
{
    const skald_plan *plan = NULL;
    const char *trouble = NULL;
    if (!saga_plan_load(session, options->definition, options->version, &plan, &trouble))
        return session_fail(session);
    if (plan == NULL)
        return session_refuse(session, EX_DATAERR, "it cannot be drawn: %s", trouble);
    return draw(session, options, plan, NULL);
}

static int of_saga(cli_session *session, const saga_graph_options *options, const char *word)
{
    const char *id = NULL;
    saga_view view;
    int exit_code = EX_OK;
    if (!saga_find(session, word, &id, &exit_code))
        return exit_code;
    if (!saga_view_load(session, id, &view))
        return session_fail(session);
    if (view.saga == NULL)
        return session_refuse(session, EX_DATAERR, "it cannot be drawn: %s", view.trouble);
    return draw(session, options, view.plan, view.saga);
}

static int run(const void *options, int argc, char **argv)
{
    const saga_graph_options *graph_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if ((argc == 1) == (graph_options->definition != NULL) || argc > 1) {
        fputs("skald saga graph: say which saga, or --definition NAME\n", stderr);
        return EX_USAGE;
    }
    if (format_find(graph_options->format) == NULL) {
        fputs("skald saga graph: --format is mermaid, dot or svg\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_saga_graph, &graph_options->session, &exit_code))
        return exit_code;
    return session_end(&session, argc == 1 ? of_saga(&session, graph_options, argv[0])
                                           : of_definition(&session, graph_options));
}

static const skald_command_option options_table[] = {
    {"definition", "NAME", SKALD_OPTION_TEXT, offsetof(saga_graph_options, definition),
     "the plan itself, without a saga on it"},
    {"version", "N", SKALD_OPTION_NUMBER, offsetof(saga_graph_options, version),
     "of this version; otherwise the highest"},
    {"format", "F", SKALD_OPTION_TEXT, offsetof(saga_graph_options, format),
     "mermaid (as without it), dot or svg"},
    SESSION_OPTIONS(saga_graph_options),
    {0},
};

const skald_command skald_command_saga_graph = {
    .name = "saga graph",
    .purpose = "draw a saga with the state of each step, or a definition",
    .examples = "  skald saga graph order-42 --format svg > order-42.svg\n"
                "  skald saga graph --definition checkout\n",
    .operands = "[SAGA]",
    .options = options_table,
    .options_size = sizeof(saga_graph_options),
    .run = run,
};
