/* A report for people: short values, changed columns only. */
#include "whatif/report.h"

#include <string.h>

enum { VALUE_SHOWN_MAX = 80, HEX_SHOWN_MAX = 32 };

/* --- values ---------------------------------------------------------------------------------- */

static void value_print(const char *value, FILE *out)
{
    if (value == NULL) {
        fputs("NULL", out);
        return;
    }
    size_t shown = strnlen(value, VALUE_SHOWN_MAX);
    while (shown == VALUE_SHOWN_MAX && shown > 0 && ((unsigned char)value[shown] & 0xc0) == 0x80)
        shown--;
    for (size_t i = 0; i < shown; i++)
        fputc((unsigned char)value[i] < ' ' ? ' ' : value[i], out);
    if (value[shown] != '\0')
        fputs("...", out);
}

static void body_print(const skald_whatif_message *message, FILE *out)
{
    if (message->fields != NULL) {
        fprintf(out, "      %s\n", message->fields);
        return;
    }
    fprintf(out, "      %zu bytes", message->body.size);
    const unsigned char *data = message->body.data;
    for (size_t i = 0; i < message->body.size && i < HEX_SHOWN_MAX; i++)
        fprintf(out, "%s%02x", i == 0 ? ", hex " : "", data[i]);
    fputs(message->body.size > HEX_SHOWN_MAX ? "...\n" : "\n", out);
}

/* --- rows ------------------------------------------------------------------------------------ */

static void values_print(const skald_whatif_table *table, const char **values, char sign, FILE *out)
{
    fprintf(out, "      %c", sign);
    for (uint32_t i = 0; values != NULL && i < table->column_count; i++) {
        fprintf(out, " %s=", table->columns[i]);
        value_print(values[i], out);
    }
    fputc('\n', out);
}

static bool same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static void update_print(const skald_whatif_table *table, const skald_whatif_row *row, FILE *out)
{
    fputs("      ~", out);
    for (uint32_t i = 0; i < table->column_count; i++) {
        fprintf(out, " %s=", table->columns[i]);
        value_print(row->before[i], out);
        if (same(row->before[i], row->after[i]))
            continue;
        fputs(" -> ", out);
        value_print(row->after[i], out);
    }
    fputc('\n', out);
}

static void row_print(const skald_whatif_table *table, const skald_whatif_row *row, FILE *out)
{
    if (row->before != NULL && row->after != NULL)
        update_print(table, row, out);
    else if (row->after != NULL)
        values_print(table, row->after, '+', out);
    else
        values_print(table, row->before, '-', out);
}

static void table_print(const skald_whatif_table *table, FILE *out)
{
    fprintf(out, "  %s: %llu inserted, %llu updated, %llu deleted\n", table->name,
            (unsigned long long)table->inserted, (unsigned long long)table->updated,
            (unsigned long long)table->deleted);
    for (uint32_t i = 0; i < table->row_count; i++)
        row_print(table, &table->rows[i], out);
    const uint64_t all = table->inserted + table->updated + table->deleted;
    if (table->row_count > 0 && all > table->row_count)
        fprintf(out, "      and %llu more\n", (unsigned long long)(all - table->row_count));
    if (table->note != NULL)
        fprintf(out, "      (%s)\n", table->note);
}

/* --- messages -------------------------------------------------------------------------------- */

static void message_print(const skald_whatif_message *message, FILE *out)
{
    fprintf(out, "  %s %s", message->what, message->type);
    if (message->key != NULL && message->key[0] != '\0')
        fprintf(out, " key \"%s\"", message->key);
    if (message->addressee != NULL)
        fprintf(out, " for \"%s\"", message->addressee);
    if (message->operation != NULL)
        fprintf(out, ", operation %s", message->operation);
    if (message->due != NULL)
        fprintf(out, ", due %s", message->due);
    fputc('\n', out);
    body_print(message, out);
}

static void messages_print(const char *title, const skald_whatif_message *message, uint64_t more,
                           FILE *out)
{
    if (message != NULL)
        fprintf(out, "%s\n", title);
    for (; message != NULL; message = message->next)
        message_print(message, out);
    if (more > 0)
        fprintf(out, "  and %llu more\n", (unsigned long long)more);
}

/* --- the report ------------------------------------------------------------------------------ */

static void job_print(const skald_whatif_report *report, FILE *out)
{
    fprintf(out, "Job %s of \"%s\", %s", report->job, report->job_of, report->job_state);
    if (report->job_reason != NULL && report->job_reason[0] != '\0')
        fprintf(out, ": %s", report->job_reason);
    fputc('\n', out);
    message_print(&report->input, out);
    if (report->pretended != NULL)
        fprintf(out, "Assumed: %s\n", report->pretended);
    if (report->code != NULL)
        fprintf(out, "Handler \"%s\" of this program\n", report->code);
}

static void change_print(const char *what, const char *before, const char *after, FILE *out)
{
    if (before == NULL && after == NULL)
        return;
    fprintf(out, "  %s: %s\n", what, before != NULL ? before : "-");
    if (after != NULL && !same(before, after))
        fprintf(out, "  %*s  -> %s\n", (int)strlen(what), "", after);
}

static void lines_print(const char *lines, FILE *out)
{
    if (lines == NULL || lines[0] == '\0')
        return;
    fputs("What it would write into its history:\n", out);
    while (*lines != '\0') {
        const size_t size = strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
}

static void saga_print(const skald_whatif_report *report, FILE *out)
{
    fprintf(out, "Saga \"%s\", %s version %lld\n", report->saga, report->definition,
            (long long)report->version);
    if (report->pretended != NULL)
        fprintf(out, "Assumed: %s\n", report->pretended);
    change_print("phase", report->phase_before, report->phase_after, out);
    change_print("waits for", report->waits_before, report->waits_after, out);
    change_print("state", report->state_before, report->state_after, out);
    lines_print(report->lines, out);
}

static void outcome_print(const skald_whatif_report *report, FILE *out)
{
    fprintf(out, "Outcome: %s", report->outcome);
    if (report->text != NULL)
        fprintf(out, ": %s", report->text);
    if (report->sqlstate != NULL)
        fprintf(out, " (SQLSTATE %s)", report->sqlstate);
    fputc('\n', out);
}

void skald_whatif_print(const skald_whatif_report *report, FILE *out)
{
    if (report->job != NULL)
        job_print(report, out);
    else
        saga_print(report, out);
    outcome_print(report, out);
    if (report->tables != NULL)
        fputs("Rows\n", out);
    for (const skald_whatif_table *table = report->tables; table != NULL; table = table->next)
        table_print(table, out);
    messages_print("Messages", report->messages, report->messages_more, out);
    messages_print("Jobs, none of which was begun", report->jobs, report->jobs_more, out);
    if (report->warning != NULL)
        fprintf(out, "Attention: %s\n", report->warning);
    else
        fputs("Nothing of it was kept.\n", out);
}
