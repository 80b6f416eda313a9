/* Fresh databases are copies of one that is migrated once per test program. */
#include "support/database.h"

#include "support/servers.h"
#include "support/test.h"

#include "pg/connection.h"
#include "schema/schema.h"

#define DATABASES_MAX 1024
#define ANSWERS 8
#define ANSWER_SIZE 8192
#define CONNINFO_SIZE 1200
#define TEMPLATE "skald_template"

static char *conninfos[DATABASES_MAX];
static size_t conninfo_count;
static bool template_made;

static skald_pg *connect_to(const char *database)
{
    skald_pg *pg = NULL;
    skald_error error;
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    return pg;
}

static void make_template(void)
{
    char conninfo[CONNINFO_SIZE];
    skald_error error;
    assert_ok(skald_servers_create_database(servers(), TEMPLATE, NULL, &error), &error);
    skald_servers_conninfo(servers(), TEMPLATE, conninfo, sizeof conninfo);
    skald_pg *pg = connect_to(conninfo);
    assert_ok(skald_schema_migrate(pg, &skald_migrations, NULL, NULL, &error), &error);
    skald_pg_close(pg);
    template_made = true;
}

static const char *create(const char *template)
{
    char name[32];
    skald_error error;
    assert_true(conninfo_count < DATABASES_MAX);
    snprintf(name, sizeof name, "test_%zu", conninfo_count);
    assert_ok(skald_servers_create_database(servers(), name, template, &error), &error);
    char *conninfo = malloc(CONNINFO_SIZE);
    assert_non_null(conninfo);
    skald_servers_conninfo(servers(), name, conninfo, CONNINFO_SIZE);
    conninfos[conninfo_count++] = conninfo;
    return conninfo;
}

const char *database_new(void)
{
    if (!template_made)
        make_template();
    return create(TEMPLATE);
}

const char *database_new_empty(void)
{
    return create(NULL);
}

void database_run(const char *database, const char *sql)
{
    skald_error error;
    skald_pg *pg = connect_to(database);
    /* Nothing of a script that met another transaction in a deadlock has happened. */
    skald_status status = skald_pg_script(pg, sql, &error);
    while (status == SKALD_CONFLICT)
        status = skald_pg_script(pg, sql, &error);
    assert_ok(status, &error);
    skald_pg_close(pg);
}

const char *database_text(const char *database, const char *sql)
{
    static char answers[ANSWERS][ANSWER_SIZE];
    static unsigned next;
    char *answer = answers[next++ % ANSWERS];
    skald_rows *rows = NULL;
    skald_error error;
    skald_pg *pg = connect_to(database);
    assert_ok(skald_pg_run(pg, &rows, sql, 0, NULL, &error), &error);
    const char *text = skald_rows_count(rows) > 0 ? skald_rows_text(rows, 0, 0) : NULL;
    snprintf(answer, ANSWER_SIZE, "%s", text != NULL ? text : "");
    skald_rows_free(rows);
    skald_pg_close(pg);
    return answer;
}

const char *database_digest(const char *database)
{
    return database_text(
        database, "SELECT md5(string_agg(query_to_xml(format('SELECT t::text FROM %s AS t ORDER BY"
                  " 1', c.oid::regclass), true, false, '')::text, '' ORDER BY c.oid))"
                  " FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace <> ALL"
                  " (ARRAY['pg_catalog', 'information_schema']::regnamespace[])");
}

int64_t database_integer(const char *database, const char *sql)
{
    return strtoll(database_text(database, sql), NULL, 10);
}

void database_forget(void)
{
    while (conninfo_count > 0)
        free(conninfos[--conninfo_count]);
    template_made = false;
}
