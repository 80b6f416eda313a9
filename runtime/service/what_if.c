/* The word "what-if" of a service's program: it has the code, so it can show what that would do. */
#include "schema/schema.h"
#include "service/service_inside.h"
#include "whatif/whatif.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { EXIT_NOT_GOOD = 1 };

typedef struct words {
    const char *job, *saga, *step;
    bool json;
} words;

static const char help[] =
    "Usage: %s what-if --job ID [--json]\n"
    "       %s what-if --saga ID [--step NAME] [--json]\n"
    "\n"
    "Runs the code of this program on what is stored, in a transaction that is always rolled "
    "back,\n"
    "and shows the rows it would change and the messages and jobs it would write.\n"
    "\n"
    "  --job ID     a message that is parked or dead, by the number of its job or its own id\n"
    "  --saga ID    what this saga would do next; a time or a person it waits for is taken to "
    "have\n"
    "               come\n"
    "  --step NAME  the step that is to be tried again\n"
    "  --json       for programs\n"
    "\n"
    "Activities are never called, and on_start is not. It gives up rather than hold up the "
    "running\n"
    "service for long. What a handler does outside its database is not held back.\n"
    "\n"
    "Exit codes: 0 it would succeed, 1 it would not, 64 usage, 65 no such job or saga, others as "
    "for\n"
    "run.\n";

/* --- words ----------------------------------------------------------------------------------- */

/* The value behind an option, as "--job 7" or "--job=7"; NULL: this is another one. */
static const char *value_take(const char *name, int argc, char **argv, int *at)
{
    const size_t size = strlen(name);
    if (strncmp(argv[*at], name, size) != 0)
        return NULL;
    if (argv[*at][size] == '=')
        return argv[*at] + size + 1;
    return argv[*at][size] == '\0' && *at + 1 < argc ? argv[++*at] : NULL;
}

static bool word_take(words *out, int argc, char **argv, int *at)
{
    static const char *const names[] = {"--job", "--saga", "--step"};
    const char **const values[] = {&out->job, &out->saga, &out->step};
    if (strcmp(argv[*at], "--json") == 0) {
        out->json = true;
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = value_take(names[i], argc, argv, at);
        if (value != NULL) {
            *values[i] = value;
            return true;
        }
    }
    return false;
}

static bool words_take(words *out, int argc, char **argv)
{
    *out = (words){0};
    for (int i = 2; i < argc; i++) {
        if (!word_take(out, argc, argv, &i))
            return false;
    }
    return (out->job != NULL) != (out->saga != NULL) && (out->step == NULL || out->saga != NULL);
}

/* --- the service, as far as it is needed ------------------------------------------------------ */

/* Reads only: what a start would write is not written here. */
static skald_status database_check(skald_service *service, skald_error *error)
{
    skald_pg *pg = NULL;
    skald_rows *rows = NULL;
    skald_status status =
        skald_pg_open(&pg, service->options.database, service->application, error);
    if (status == SKALD_OK)
        status = skald_schema_verify(pg, &skald_migrations, error);
    if (status == SKALD_OK)
        status = skald_pg_do(pg, &rows, error, "SELECT name, partitions FROM skald.service");
    if (status == SKALD_OK &&
        (skald_rows_count(rows) == 0 || strcmp(skald_rows_text(rows, 0, 0), service->name) != 0))
        status = skald_error_set(
            error, SKALD_SCHEMA, "this is not the database of service \"%s\": it belongs to %s",
            service->name,
            skald_rows_count(rows) == 0 ? "nobody yet" : skald_rows_text(rows, 0, 0));
    if (status == SKALD_OK)
        service->hub.partitions = (uint32_t)skald_rows_integer(rows, 0, 1);
    skald_rows_free(rows);
    skald_pg_close(pg);
    return status;
}

static skald_status prepare(skald_service *service, skald_error *error)
{
    if (service == NULL)
        return skald_error_set(error, SKALD_INVALID, "the service is NULL");
    if (service->mistake.status != SKALD_OK) {
        *error = service->mistake;
        return error->status;
    }
    skald_service_known(service);
    const skald_status status = skald_service_sagas_check(service, error);
    return status == SKALD_OK ? database_check(service, error) : status;
}

static skald_status what_if(skald_service *service, const words *given, bool *good,
                            skald_error *error)
{
    const skald_whatif_options options = {
        .hub = &service->hub,
        .followers = service->followers,
        .queues = service->work_queues,
        .job = given->job,
        .saga = given->saga,
        .step = given->step,
    };
    skald_whatif_report report = {0};
    const skald_status status = skald_whatif_run(&options, &report, error);
    if (status == SKALD_OK && given->json)
        skald_whatif_print_json(&report, stdout);
    else if (status == SKALD_OK)
        skald_whatif_print(&report, stdout);
    *good = report.good;
    skald_whatif_report_done(&report);
    return status;
}

int skald_what_if_word(skald_service *service, int argc, char **argv)
{
    words given;
    const char *program = argv[0];
    if (argc == 3 && strcmp(argv[2], "--help") == 0) {
        printf(help, program, program);
        return EX_OK;
    }
    if (!words_take(&given, argc, argv)) {
        fprintf(stderr, help, program, program);
        return EX_USAGE;
    }
    skald_error error = {0};
    bool good = false;
    skald_status status = prepare(service, &error);
    if (status == SKALD_OK)
        status = what_if(service, &given, &good, &error);
    if (status != SKALD_OK)
        fprintf(stderr, "%s: what-if: %s\n", service == NULL ? "skald" : service->name, error.text);
    if (status == SKALD_NOT_FOUND)
        return EX_DATAERR;
    return status != SKALD_OK ? skald_exit_code(status) : good ? EX_OK : EXIT_NOT_GOOD;
}
