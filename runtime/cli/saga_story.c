/* Lines are those of sagas/transcript.h; anything else in a turn, such as who asked for it, is
 * shown and not understood. */
#include "cli/saga_story.h"
#include "cli/table.h"

#include <string.h>

/* --- understanding lines ------------------------------------------------------------------- */

typedef struct line_parts {
    const char *name; /* of the step, or "(saga)" */
    size_t name_size;
    const char *to;
    size_t to_size;
    const char *why;
    size_t why_size;
} line_parts;

static const char *blanks_pass(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

static const char *word_pass(const char *at, const char *end)
{
    while (at < end && *at != ' ')
        at++;
    return at;
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* "12:00:03.000 charge-card       running -> done             done: it is done" */
static bool line_read(const char *line, size_t size, line_parts *out)
{
    const char *end = line + size;
    if (size > 0 && *line == '+')
        line = blanks_pass(word_pass(line, end), end);
    if (end - line < 13 || !is_digit(line[0]) || line[2] != ':' || line[5] != ':')
        return false;
    out->name = blanks_pass(word_pass(line, end), end);
    const char *at = word_pass(out->name, end);
    out->name_size = (size_t)(at - out->name);
    out->to = blanks_pass(at, end);
    at = word_pass(out->to, end);
    if (end - at >= 4 && memcmp(at, " -> ", 4) == 0) {
        out->to = at + 4;
        at = word_pass(out->to, end);
    }
    out->to_size = (size_t)(at - out->to);
    out->why = blanks_pass(at, end);
    out->why_size = (size_t)(end - out->why);
    return out->to_size > 0 && *out->to != '=';
}

static story_change *change_of(saga_story *story, const saga_view *view, const line_parts *parts)
{
    if (parts->name_size == 6 && memcmp(parts->name, "(saga)", 6) == 0)
        return &story->whole;
    const uint8_t step = view->plan != NULL
                             ? skald_plan_find(view->plan, parts->name, parts->name_size)
                             : SKALD_STEP_NONE;
    return step != SKALD_STEP_NONE ? &story->steps[step] : NULL;
}

static void line_take(cli_session *session, saga_story *story, const saga_view *view,
                      const char *line, size_t size, int64_t at_us)
{
    line_parts parts;
    if (!line_read(line, size, &parts))
        return;
    story_change *change = change_of(story, view, &parts);
    if (change != NULL)
        *change = (story_change){
            at_us,
            skald_arena_text_sized(&session->arena, parts.to, parts.to_size),
            skald_arena_text_sized(&session->arena, parts.why, parts.why_size),
        };
}

/* The next line of a turn; false behind the last. */
static bool line_next(const char **at, const char **line, size_t *size)
{
    if (*at == NULL)
        return false;
    *line = *at;
    *size = strcspn(*at, "\n");
    *at = (*at)[*size] == '\n' ? *at + *size + 1 : NULL;
    return true;
}

bool saga_story_load(cli_session *session, const saga_view *view, saga_story *out)
{
    *out = (saga_story){0};
    out->rows = session_query(session,
                              "SELECT * FROM (" STORY_SQL " WHERE saga = $1 ORDER BY number DESC"
                              " LIMIT $2) AS last ORDER BY number",
                              view->id, (int)STORY_TURNS_MAX);
    if (out->rows == NULL)
        return false;
    for (uint32_t row = 0; row < skald_rows_count(out->rows); row++) {
        const char *at = skald_rows_text(out->rows, row, STORY_LINES);
        const char *line = NULL;
        size_t size = 0;
        while (line_next(&at, &line, &size))
            line_take(session, out, view, line, size, skald_rows_integer(out->rows, row, STORY_AT));
    }
    return true;
}

/* --- showing them -------------------------------------------------------------------------- */

static uint32_t first_of(const skald_rows *rows, uint32_t turns_max)
{
    const uint32_t count = skald_rows_count(rows);
    return count > turns_max ? count - turns_max : 0;
}

void saga_story_turn_print(cli_session *session, const skald_rows *rows, uint32_t row)
{
    const char *at = skald_rows_text(rows, row, STORY_LINES);
    const char *line = NULL;
    size_t size = 0;
    while (line_next(&at, &line, &size))
        printf("  %s\n",
               table_text(&session->arena, skald_arena_text_sized(&session->arena, line, size)));
}

void saga_story_print(cli_session *session, const skald_rows *rows, uint32_t turns_max)
{
    for (uint32_t row = first_of(rows, turns_max); row < skald_rows_count(rows); row++)
        saga_story_turn_print(session, rows, row);
}

static void turn_object(cli_session *session, const skald_rows *rows, uint32_t row)
{
    skald_json *json = &session->out;
    const char *at = skald_rows_text(rows, row, STORY_LINES);
    const char *line = NULL;
    size_t size = 0;
    skald_json_open(json, '{');
    skald_json_name(json, "number");
    skald_json_integer(json, skald_rows_integer(rows, row, STORY_NUMBER));
    skald_json_name(json, "at");
    listing_time(json, false, skald_rows_integer(rows, row, STORY_AT));
    skald_json_name(json, "actor");
    skald_json_text(json, skald_rows_null(rows, row, STORY_ACTOR)
                              ? NULL
                              : skald_rows_text(rows, row, STORY_ACTOR));
    skald_json_name(json, "lines");
    skald_json_open(json, '[');
    while (line_next(&at, &line, &size))
        skald_json_text_sized(json, line, size);
    skald_json_close(json, ']');
    skald_json_close(json, '}');
}

void saga_story_array(cli_session *session, const skald_rows *rows, uint32_t turns_max)
{
    skald_json_open(&session->out, '[');
    for (uint32_t row = first_of(rows, turns_max); row < skald_rows_count(rows); row++)
        turn_object(session, rows, row);
    skald_json_close(&session->out, ']');
}
