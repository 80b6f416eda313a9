/* Starts services and writes down what they say. */
#include "support/keeper.h"

#include "support/database.h"
#include "support/test.h"
#include "support/wait.h"

#include <pthread.h>

enum { IDS_MAX = 64, ID_SIZE = 40, TEXT_SIZE = 1024 };

static struct {
    char id[ID_SIZE];
    unsigned count;
    char text[TEXT_SIZE];
} said[IDS_MAX];
static unsigned said_count;
static pthread_mutex_t said_mutex = PTHREAD_MUTEX_INITIALIZER;

static unsigned said_find(const char *id)
{
    unsigned i = 0;
    while (i < said_count && strcmp(said[i].id, id) != 0)
        i++;
    return i;
}

static void say(void *user, skald_log_level level, const char *id, const char *text)
{
    (void)user, (void)level;
    if (getenv("TEST_LOG") != NULL)
        fprintf(stderr, "%s %s\n", id, text);
    pthread_mutex_lock(&said_mutex);
    const unsigned at = said_find(id);
    if (at < IDS_MAX) {
        said_count += at == said_count;
        snprintf(said[at].id, ID_SIZE, "%s", id);
        snprintf(said[at].text, TEXT_SIZE, "%s", text);
        said[at].count++;
    }
    pthread_mutex_unlock(&said_mutex);
}

unsigned keeper_log_count(const char *id)
{
    pthread_mutex_lock(&said_mutex);
    const unsigned at = said_find(id);
    const unsigned count = at < said_count ? said[at].count : 0;
    pthread_mutex_unlock(&said_mutex);
    return count;
}

const char *keeper_log_text(const char *id)
{
    static char text[TEXT_SIZE];
    pthread_mutex_lock(&said_mutex);
    const unsigned at = said_find(id);
    snprintf(text, sizeof text, "%s", at < said_count ? said[at].text : "");
    pthread_mutex_unlock(&said_mutex);
    return text;
}

void keeper_clock_set(const char *database, const char *time)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION skald.now() RETURNS timestamptz LANGUAGE sql"
             " AS $$SELECT timestamptz '%s'$$",
             time);
    database_run(database, sql);
}

void keeper_clock_shift(const char *database, const char *interval)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION skald.now() RETURNS timestamptz LANGUAGE sql"
             " AS $$SELECT clock_timestamp() + interval '%s'$$",
             interval);
    database_run(database, sql);
}

skald_options keeper_options(const char *database, const char *nats_url)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = nats_url;
    options.lease_ms = 1000;
    options.log = say;
    return options;
}

skald_service *keeper_service(const char *name, const skald_options *options)
{
    skald_service *service = skald_service_open(name, options);
    assert_non_null(service);
    return service;
}

void keeper_start(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);
}

void keeper_stop(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

/* A job that does not matter any more is expired once in a turn: when two of them, put there one
 * after the other, are, a whole turn lies between. */
void keeper_turn_await(const char *database)
{
    for (int i = 0; i < 2; i++) {
        database_run(database,
                     "INSERT INTO skald.job (queue, state, message_id, type, key, partition, body,"
                     " expires_at) VALUES ('@publish', 'waiting', gen_random_uuid(), 'sentinel',"
                     " '', 0, '', '-infinity')");
        WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job WHERE state ="
                                              " 'waiting' AND type = 'sentinel'") == 0);
    }
    database_run(database, "DELETE FROM skald.job WHERE type = 'sentinel'");
}
