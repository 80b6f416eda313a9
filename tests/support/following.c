/* The service, its handler, and what is asked of its database. */
#include "support/following.h"

#include "support/counting.h"
#include "support/database.h"
#include "support/test.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

static _Atomic(following_behaviour *) now_behaviour;

static skald_status handle(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *event = (const Test__V1__Counted *)message;
    const skald_status status = skald_exec(
        context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key, event->number);
    following_behaviour *behaviour = atomic_load(&now_behaviour);
    return status != SKALD_OK || behaviour == NULL ? status : behaviour(context, event);
}

static const skald_handler handler[1] = {{"following", &test__v1__counted__descriptor, handle}};

/* --- the log -------------------------------------------------------------------------------- */

enum { LOG_IDS_MAX = 64 };
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char id[32];
    unsigned count;
} log_ids[LOG_IDS_MAX];

static unsigned *log_slot(const char *id)
{
    size_t i = 0;
    while (i < LOG_IDS_MAX - 1 && log_ids[i].id[0] != '\0' && strcmp(log_ids[i].id, id) != 0)
        i++;
    snprintf(log_ids[i].id, sizeof log_ids[i].id, "%s", id);
    return &log_ids[i].count;
}

static void log_write(void *user, skald_log_level level, const char *id, const char *text)
{
    (void)user;
    (void)level;
    pthread_mutex_lock(&log_mutex);
    (*log_slot(id))++;
    pthread_mutex_unlock(&log_mutex);
    if (getenv("TEST_LOG") != NULL)
        fprintf(stderr, "%s %s\n", id, text);
}

unsigned following_log_count(const char *id)
{
    pthread_mutex_lock(&log_mutex);
    const unsigned count = *log_slot(id);
    pthread_mutex_unlock(&log_mutex);
    return count;
}

/* --- the service ---------------------------------------------------------------------------- */

void following_behave(following_behaviour *behaviour)
{
    atomic_store(&now_behaviour, behaviour);
}

skald_service *following_start(const char *database, const following_options *given)
{
    following_behave(given->behaviour);
    pthread_mutex_lock(&log_mutex);
    memset(log_ids, 0, sizeof log_ids);
    pthread_mutex_unlock(&log_mutex);
    counting_prepare(database);
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.allow = "fsync full_page_writes synchronous_commit";
    options.lease_ms = 3000; /* a stop gives everything back, so nobody waits for it */
    options.workers = given->workers;
    options.log = log_write;
    skald_service *service = skald_service_open("shop", &options);
    skald_follow_options follow = SKALD_FOLLOW_OPTIONS_INIT;
    follow.policy = given->policy;
    follow.expire_ms = given->expire_ms;
    skald_error error = {0};
    assert_int_equal(skald_follow_with(service, "shop", handler, &follow), SKALD_OK);
    assert_ok(skald_service_start(service, &error), &error);
    return service;
}

void following_end(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

/* --- publishing ----------------------------------------------------------------------------- */

void following_publish(skald_service *service, const char *database, const char *key,
                       const char *note)
{
    PGconn *connection = PQconnectdb(database);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    PQclear(PQexec(connection, "BEGIN"));
    PGresult *result = PQexecParams(connection,
                                    "INSERT INTO counter VALUES ($1, 1) ON CONFLICT (key) DO UPDATE"
                                    " SET number = counter.number + 1 RETURNING number",
                                    1, NULL, &key, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("counter: %s", PQerrorMessage(connection));
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    event.key = (char *)(uintptr_t)key;
    event.number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    event.note = (char *)(uintptr_t)note;
    PQclear(result);
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = key;
    skald_error error = {0};
    assert_ok(skald_publish_on(service, connection, &event.base, &options, &error), &error);
    result = PQexec(connection, "COMMIT");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    PQfinish(connection);
    skald_ring(service);
}

/* --- asking --------------------------------------------------------------------------------- */

static const char *text_of(const char *database, const char *format, const char *value)
{
    char sql[1024];
    snprintf(sql, sizeof sql, format, value);
    return database_text(database, sql);
}

const char *following_facts(const char *database, const char *key)
{
    return text_of(database,
                   "SELECT string_agg(number::text, ' ' ORDER BY at) FROM fact"
                   " WHERE key = '%s'",
                   key);
}

const char *following_jobs(const char *database, const char *key)
{
    return text_of(database,
                   "SELECT string_agg(state || '/' || attempts || '/' || coalesce(error_class,"
                   " ''), ' ' ORDER BY position) FROM skald.job WHERE key = '%s'",
                   key);
}

int64_t following_count(const char *database, const char *format, const char *value)
{
    return strtoll(text_of(database, format, value), NULL, 10);
}

void following_fill(const char *database, bool full)
{
    database_run(database,
                 "CREATE OR REPLACE FUNCTION fullness_stay() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN NEW.full_since := OLD.full_since; RETURN NEW; END';"
                 "CREATE OR REPLACE TRIGGER fullness_stay BEFORE UPDATE OF full_since"
                 " ON skald.follower FOR EACH ROW"
                 " WHEN (current_setting('application_name') LIKE 'skald/%')"
                 " EXECUTE FUNCTION fullness_stay()");
    database_run(database, full ? "UPDATE skald.follower SET full_since = skald.now()"
                                  " WHERE name = 'shop'"
                                : "UPDATE skald.follower SET full_since = NULL");
}

void following_clock_ahead(const char *database, const char *interval)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS public.clock (ahead interval);"
             "DELETE FROM public.clock; INSERT INTO public.clock VALUES ('%s');"
             "CREATE OR REPLACE FUNCTION skald.now() RETURNS timestamptz LANGUAGE sql AS"
             " 'SELECT clock_timestamp() + (SELECT ahead FROM public.clock)'",
             interval);
    database_run(database, sql);
}
