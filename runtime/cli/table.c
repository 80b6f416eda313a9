/* Widths are those of letters on a terminal: some take two columns, some none. */
#include "cli/table.h"
#include "cli/terminal.h"

#include "base/utf8.h"

#include <langinfo.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { CELLS_FIRST = 256, GAP = 2 };

void table_init(cli_table *table, skald_arena *arena)
{
    *table = (struct cli_table){.arena = arena};
}

void table_column(cli_table *table, const char *head, bool right)
{
    if (table->column_count == TABLE_COLUMNS_MAX)
        return;
    table->heads[table->column_count] = head;
    table->right[table->column_count++] = right;
}

/* --- text that may be shown ---------------------------------------------------------------- */

/* One letter of valid UTF-8; how many bytes it has. */
static size_t letter_read(const char *text, uint32_t *letter)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x80) {
        *letter = at[0];
        return 1;
    }
    if (at[0] < 0xE0) {
        *letter = (at[0] & 0x1Fu) << 6 | (at[1] & 0x3Fu);
        return 2;
    }
    if (at[0] < 0xF0) {
        *letter = (at[0] & 0xFu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
        return 3;
    }
    *letter = (at[0] & 7u) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6 | (at[3] & 0x3Fu);
    return 4;
}

/* Controls, and the marks that turn the direction of what follows. */
static bool must_not_show(uint32_t letter)
{
    return letter < 0x20 || (letter >= 0x7F && letter < 0xA0) ||
           (letter >= 0x202A && letter <= 0x202E) || (letter >= 0x2066 && letter <= 0x2069);
}

const char *table_text(skald_arena *arena, const char *text)
{
    const size_t size = strlen(text);
    char *out = skald_arena_alloc(arena, size + 1);
    size_t used = 0;
    if (out == NULL)
        return "";
    for (size_t i = 0; i < size;) {
        uint32_t letter = 0;
        const size_t room = size - i < 4 ? size - i : 4;
        if (skald_utf8_valid_size(text + i, room) == 0) {
            out[used++] = '?';
            i++;
            continue;
        }
        const size_t bytes = letter_read(text + i, &letter);
        if (letter == '\n' || letter == '\t')
            out[used++] = ' ';
        else if (must_not_show(letter))
            out[used++] = '?';
        else
            for (size_t j = 0; j < bytes; j++)
                out[used++] = text[i + j];
        i += bytes;
    }
    return out;
}

static size_t letter_width(uint32_t letter)
{
    const int width = wcwidth((wchar_t)letter);
    return width < 0 ? 1 : (size_t)width;
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    for (uint32_t letter = 0; *text != '\0'; width += letter_width(letter))
        text += letter_read(text, &letter);
    return width;
}

/* --- cells --------------------------------------------------------------------------------- */

static bool room_make(cli_table *table)
{
    if (table->cell_count < table->cell_room)
        return true;
    const size_t room = table->cell_room == 0 ? CELLS_FIRST : table->cell_room * 2;
    const char **cells = skald_arena_alloc(table->arena, room * sizeof *cells);
    if (cells == NULL)
        return false;
    if (table->cell_count > 0)
        memcpy(cells, table->cells, table->cell_count * sizeof *cells);
    table->cells = cells;
    table->cell_room = room;
    return true;
}

void table_cell(cli_table *table, const char *text)
{
    if (!room_make(table))
        return;
    table->cells[table->cell_count++] =
        text == NULL || *text == '\0' ? "-" : table_text(table->arena, text);
}

/* --- printing ------------------------------------------------------------------------------ */

typedef struct table_line {
    FILE *out;
    size_t used;  /* columns of the terminal */
    size_t width; /* of the terminal; 0: no limit */
    size_t owed;  /* blanks, written only when something follows */
} table_line;

/* Says in the last column that there is more. */
static void cut(table_line *line)
{
    if (line->used < line->width)
        fprintf(line->out, "%*s%s", (int)(line->width - line->used - 1), "",
                strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\xE2\x80\xA6" : ">");
    line->used = line->width;
}

static void letters_print(table_line *line, const char *text)
{
    uint32_t letter = 0;
    for (; *text != '\0' && (line->width == 0 || line->used < line->width);) {
        const size_t bytes = letter_read(text, &letter);
        const size_t width = letter_width(letter);
        const bool last = text[bytes] == '\0';
        if (line->width > 0 && line->used + width + (last ? 0 : 1) > line->width) {
            cut(line);
            return;
        }
        fwrite(text, 1, bytes, line->out);
        line->used += width;
        text += bytes;
    }
}

static void cell_print(table_line *line, const char *text, size_t width, bool right)
{
    const size_t own = text_width(text);
    const size_t blanks = width - own;
    line->owed += right ? blanks : 0;
    if (line->width > 0 && line->used + line->owed >= line->width) {
        cut(line);
        return;
    }
    fprintf(line->out, "%*s", (int)line->owed, "");
    line->used += line->owed;
    letters_print(line, text);
    line->owed = (right ? 0 : blanks) + GAP;
}

static void row_print(const cli_table *table, const char *const *cells, const size_t *widths,
                      size_t terminal, FILE *out)
{
    table_line line = {.out = out, .width = terminal};
    for (size_t i = 0; i < table->column_count; i++)
        cell_print(&line, cells[i], widths[i], table->right[i]);
}

size_t table_terminal_width(FILE *out)
{
    struct winsize size = {0};
    if (isatty(fileno(out)) != 1)
        return 0;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void table_print(const cli_table *table, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX];
    const size_t terminal = table_terminal_width(out);
    if (table->column_count == 0)
        return;
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = text_width(table->heads[i]);
    for (size_t i = 0; i < table->cell_count; i++) {
        const size_t width = text_width(table->cells[i]);
        size_t *widest = &widths[i % table->column_count];
        *widest = width > *widest ? width : *widest;
    }
    fputs(skald_terminal_bold(out), out);
    row_print(table, table->heads, widths, terminal, out);
    fprintf(out, "%s\n", skald_terminal_plain(out));
    for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count) {
        row_print(table, table->cells + i, widths, terminal, out);
        fputc('\n', out);
    }
}
