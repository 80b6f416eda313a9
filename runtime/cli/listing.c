/* Every list command is a query and a list of columns. */
#include "cli/listing.h"
#include "cli/table.h"

#include "event/rfc3339.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_DEFAULT = 50 };

void listing_time(skald_json *json, bool null, int64_t time_us)
{
    char text[SKALD_RFC3339_SIZE];
    if (null || !skald_rfc3339_format(time_us, text))
        skald_json_null(json);
    else
        skald_json_text(json, text);
}

static void value_json(skald_json *json, listing_kind kind, const skald_rows *rows, uint32_t row,
                       int column)
{
    const bool null = skald_rows_null(rows, row, column);
    const char *text = skald_rows_text(rows, row, column);
    if (null || kind == LISTING_TEXT || kind == LISTING_BRIEF || kind == LISTING_ID)
        skald_json_text(json, text);
    else if (kind == LISTING_COUNT)
        skald_json_integer(json, skald_rows_integer(rows, row, column));
    else if (kind == LISTING_REAL)
        skald_json_real(json, strtod(text, NULL));
    else if (kind == LISTING_BOOLEAN)
        skald_json_boolean(json, skald_rows_boolean(rows, row, column));
    else
        listing_time(json, false, skald_rows_integer(rows, row, column));
}

void listing_members(cli_session *session, const listing_column *columns, const skald_rows *rows,
                     uint32_t row)
{
    for (int i = 0; columns[i].name != NULL; i++) {
        skald_json_name(&session->out, columns[i].name);
        value_json(&session->out, columns[i].kind, rows, row, i);
    }
}

const char *listing_value(cli_session *session, const listing_column *columns,
                          const skald_rows *rows, uint32_t row, int column)
{
    if (skald_rows_null(rows, row, column))
        return NULL;
    switch (columns[column].kind) {
    case LISTING_TIME:
        return session_when(session, skald_rows_integer(rows, row, column));
    case LISTING_BOOLEAN:
        return skald_rows_boolean(rows, row, column) ? "yes" : NULL;
    case LISTING_BRIEF: {
        const char *text = skald_rows_text(rows, row, column);
        return skald_arena_text_sized(&session->arena, text, strcspn(text, ":"));
    }
    default:
        return skald_rows_text(rows, row, column);
    }
}

static bool is_number(listing_kind kind)
{
    return kind == LISTING_COUNT || kind == LISTING_ID || kind == LISTING_REAL;
}

static void print_table(cli_session *session, const listing_column *columns, const skald_rows *rows)
{
    cli_table table;
    table_init(&table, &session->arena);
    for (int i = 0; columns[i].name != NULL; i++)
        if (columns[i].head != NULL)
            table_column(&table, columns[i].head, is_number(columns[i].kind));
    for (uint32_t row = 0; row < skald_rows_count(rows); row++)
        for (int i = 0; columns[i].name != NULL; i++)
            if (columns[i].head != NULL)
                table_cell(&table, listing_value(session, columns, rows, row, i));
    table_print(&table, stdout);
}

void listing_array(cli_session *session, const listing_column *columns, const skald_rows *rows)
{
    skald_json_open(&session->out, '[');
    for (uint32_t row = 0; row < skald_rows_count(rows); row++) {
        skald_json_open(&session->out, '{');
        listing_members(session, columns, rows, row);
        skald_json_close(&session->out, '}');
    }
    skald_json_close(&session->out, ']');
}

void listing_print(cli_session *session, const listing_column *columns, const skald_rows *rows,
                   const char *nothing)
{
    if (!session->json && skald_rows_count(rows) > 0) {
        print_table(session, columns, rows);
    } else if (!session->json) {
        fprintf(stderr, "%s\n", nothing);
    } else {
        listing_array(session, columns, rows);
        skald_json_end(&session->out);
    }
}

/* "breaker_open_ms" for people: "Breaker open ms". */
static const char *label_of(cli_session *session, const listing_column *column)
{
    char *label = skald_arena_text(&session->arena, column->name);
    if (label == NULL)
        return column->name;
    label[0] = (char)toupper((unsigned char)label[0]);
    for (char *at = label; *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
    return label;
}

void listing_fields(cli_session *session, const listing_column *columns, const skald_rows *rows,
                    uint32_t row, int first)
{
    for (int i = first; columns[i].name != NULL; i++) {
        const char *value = listing_value(session, columns, rows, row, i);
        if (value != NULL && *value != '\0')
            printf("  %-16s %s\n", label_of(session, &columns[i]),
                   table_text(&session->arena, value));
    }
}

int64_t listing_limit(const listing_page *page)
{
    return page->limit > 0 ? page->limit : LIMIT_DEFAULT;
}

void listing_more(const cli_session *session, const listing_page *page, const skald_rows *rows)
{
    const uint32_t count = skald_rows_count(rows);
    if (count > 0 && count == listing_limit(page))
        session_hint(session, "There may be more: add --after %s",
                     skald_rows_text(rows, count - 1, 0));
}
