/* A report for programs. Values of columns are texts, as PostgreSQL writes them. */
#include "whatif/report.h"
#include "json/write.h"

#include <string.h>

static void text(skald_json *json, const char *name, const char *value)
{
    skald_json_name(json, name);
    skald_json_text(json, value);
}

static void fields(skald_json *json, const char *name, const char *value)
{
    skald_json_name(json, name);
    skald_json_raw(json, value != NULL ? value : "null");
}

static void count(skald_json *json, const char *name, uint64_t value)
{
    skald_json_name(json, name);
    skald_json_integer(json, (int64_t)value);
}

static void values(skald_json *json, const char *name, const skald_whatif_table *table,
                   const char **row)
{
    skald_json_name(json, name);
    if (row == NULL) {
        skald_json_null(json);
        return;
    }
    skald_json_open(json, '{');
    for (uint32_t i = 0; i < table->column_count; i++)
        text(json, table->columns[i], row[i]);
    skald_json_close(json, '}');
}

static void table_write(skald_json *json, const skald_whatif_table *table)
{
    skald_json_open(json, '{');
    text(json, "table", table->name);
    count(json, "inserted", table->inserted);
    count(json, "updated", table->updated);
    count(json, "deleted", table->deleted);
    skald_json_name(json, "rows");
    skald_json_open(json, '[');
    for (uint32_t i = 0; i < table->row_count; i++) {
        skald_json_open(json, '{');
        values(json, "before", table, table->rows[i].before);
        values(json, "after", table, table->rows[i].after);
        skald_json_close(json, '}');
    }
    skald_json_close(json, ']');
    text(json, "note", table->note);
    skald_json_close(json, '}');
}

static void message_write(skald_json *json, const skald_whatif_message *message)
{
    skald_json_open(json, '{');
    text(json, "kind", message->what);
    text(json, "type", message->type);
    text(json, "key", message->key);
    text(json, "for", message->addressee);
    text(json, "operation", message->operation);
    text(json, "due", message->due);
    fields(json, "fields", message->fields);
    skald_json_name(json, "body");
    skald_json_bytes(json, message->body);
    skald_json_close(json, '}');
}

static void messages_write(skald_json *json, const char *name, const skald_whatif_message *message)
{
    skald_json_name(json, name);
    skald_json_open(json, '[');
    for (; message != NULL; message = message->next)
        message_write(json, message);
    skald_json_close(json, ']');
}

static void job_write(skald_json *json, const skald_whatif_report *report)
{
    skald_json_name(json, "job");
    skald_json_open(json, '{');
    text(json, "id", report->job);
    text(json, "of", report->job_of);
    text(json, "state", report->job_state);
    text(json, "reason", report->job_reason);
    text(json, "handler", report->code);
    text(json, "assumed", report->pretended);
    skald_json_name(json, "message");
    message_write(json, &report->input);
    skald_json_close(json, '}');
}

static void change_write(skald_json *json, const char *name, const char *before, const char *after)
{
    skald_json_name(json, name);
    skald_json_open(json, '{');
    text(json, "before", before);
    text(json, "after", after);
    skald_json_close(json, '}');
}

static void lines_write(skald_json *json, const char *lines)
{
    skald_json_name(json, "lines");
    skald_json_open(json, '[');
    while (lines != NULL && *lines != '\0') {
        const size_t size = strcspn(lines, "\n");
        skald_json_text_sized(json, lines, size);
        lines += size + (lines[size] == '\n');
    }
    skald_json_close(json, ']');
}

static void saga_write(skald_json *json, const skald_whatif_report *report)
{
    skald_json_name(json, "saga");
    skald_json_open(json, '{');
    text(json, "id", report->saga);
    text(json, "definition", report->definition);
    count(json, "version", (uint64_t)report->version);
    text(json, "assumed", report->pretended);
    change_write(json, "phase", report->phase_before, report->phase_after);
    change_write(json, "waitsFor", report->waits_before, report->waits_after);
    skald_json_name(json, "state");
    skald_json_open(json, '{');
    fields(json, "before", report->state_before);
    fields(json, "after", report->state_after);
    skald_json_close(json, '}');
    lines_write(json, report->lines);
    skald_json_close(json, '}');
}

void skald_whatif_print_json(const skald_whatif_report *report, FILE *out)
{
    skald_json json = {.out = out, .pretty = true};
    skald_json_open(&json, '{');
    if (report->job != NULL)
        job_write(&json, report);
    else
        saga_write(&json, report);
    skald_json_name(&json, "outcome");
    skald_json_open(&json, '{');
    text(&json, "word", report->outcome);
    text(&json, "text", report->text);
    text(&json, "sqlstate", report->sqlstate);
    skald_json_close(&json, '}');
    skald_json_name(&json, "tables");
    skald_json_open(&json, '[');
    for (const skald_whatif_table *table = report->tables; table != NULL; table = table->next)
        table_write(&json, table);
    skald_json_close(&json, ']');
    messages_write(&json, "messages", report->messages);
    count(&json, "messagesMore", report->messages_more);
    messages_write(&json, "jobs", report->jobs);
    count(&json, "jobsMore", report->jobs_more);
    text(&json, "warning", report->warning);
    skald_json_close(&json, '}');
    skald_json_end(&json);
}
