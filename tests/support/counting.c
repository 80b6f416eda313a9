/* Publisher, handler and books of the counting services. */
#include "support/counting.h"

#include "support/database.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <libpq-fe.h>
#include <time.h>

/* --- publishing ----------------------------------------------------------------------------- */

void counting_prepare(const char *database)
{
    database_run(
        database,
        "CREATE TABLE IF NOT EXISTS counter (key text PRIMARY KEY, number bigint NOT NULL);"
        "CREATE TABLE IF NOT EXISTS fact (at bigserial, key text, number bigint,"
        " process int DEFAULT pg_backend_pid())");
}

static void execute(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
}

/* The business row is locked before the event is inserted: that makes position order the order of
 * the key's history. */
static int64_t number_next(PGconn *connection, const char *key)
{
    PGresult *result = PQexecParams(connection,
                                    "INSERT INTO counter VALUES ($1, 1) ON CONFLICT (key) DO UPDATE"
                                    " SET number = counter.number + 1 RETURNING number",
                                    1, NULL, &key, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("counter: %s", PQerrorMessage(connection));
    const int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

void counting_publish(skald_service *service, const char *database, int keys, int count,
                      int per_transaction)
{
    PGconn *connection = PQconnectdb(database);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    for (int i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i % keys);
        if (i % per_transaction == 0)
            execute(connection, "BEGIN");
        Test__V1__Counted event = TEST__V1__COUNTED__INIT;
        event.key = key;
        event.number = number_next(connection, key);
        skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
        options.key = key;
        skald_error error = {0};
        assert_ok(skald_publish_on(service, connection, &event.base, &options, &error), &error);
        if ((i + 1) % per_transaction == 0 || i + 1 == count) {
            execute(connection, "COMMIT");
            skald_ring(service);
        }
    }
    PQfinish(connection);
}

skald_service *counting_publisher(const char *name, const char *database, const char *nats_url)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = nats_url;
    options.allow = "fsync full_page_writes synchronous_commit";
    options.lease_ms = 1000;
    skald_service *service = skald_service_open(name, &options);
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);
    return service;
}

/* --- following ------------------------------------------------------------------------------ */

static int handler_ms;

static skald_status handle_counted(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *event = (const Test__V1__Counted *)message;
    if (handler_ms > 0)
        nanosleep(&(struct timespec){.tv_sec = handler_ms / 1000,
                                     .tv_nsec = handler_ms % 1000 * 1000000L},
                  NULL);
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                      event->number);
}

const skald_handler counting_handler[1] = {
    {"counting", &test__v1__counted__descriptor, handle_counted}};

static const char child_word[] = "--counting-child";

void counting_child_become(int argc, char **argv)
{
    if (argc != 8 || strcmp(argv[1], child_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[4];
    options.lease_ms = (uint32_t)atoi(argv[5]);
    options.workers = (uint32_t)atoi(argv[6]);
    options.policy = &(const skald_policy){.retry = "1ms..20ms"};
    handler_ms = atoi(argv[7]);
    skald_service *service = skald_service_open(argv[2], &options);
    (void)skald_follow(service, argv[3], counting_handler);
    exit(skald_main(service, 1, argv));
}

test_child *counting_child(const counting_child_options *options)
{
    char lease[16], workers[16], handler[16], nats[256] = "NATS_URL", crash[64] = "SKALD_CRASH";
    snprintf(lease, sizeof lease, "%d", options->lease_ms > 0 ? options->lease_ms : 1000);
    snprintf(workers, sizeof workers, "%d", options->workers);
    snprintf(handler, sizeof handler, "%d", options->handler_ms);
    if (options->nats_url != NULL)
        snprintf(nats, sizeof nats, "NATS_URL=%s", options->nats_url);
    if (options->crash != NULL)
        snprintf(crash, sizeof crash, "SKALD_CRASH=%s", options->crash);
    const char *const argv[] = {"/proc/self/exe", child_word,        options->service,
                                options->stream,  options->database, lease,
                                workers,          handler,           NULL};
    const char *const environment[] = {nats, crash, "SKALD_SUPERVISE=no",
                                       "SKALD_ALLOW=fsync full_page_writes synchronous_commit",
                                       NULL};
    return child_start(argv, environment);
}

/* --- the books ------------------------------------------------------------------------------ */

int64_t counting_facts(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM fact");
}

void counting_await(test_child *follower, const char *database, int64_t count)
{
    WAIT_UNTIL(counting_facts(database) >= count || !child_running(follower));
    if (counting_facts(database) < count)
        fail_msg("the follower ended: %s", child_err(follower));
}

void counting_expect(const char *database, int keys, int count)
{
    assert_int_equal(counting_facts(database), count);
    assert_int_equal(database_integer(database, "SELECT count(DISTINCT key) FROM fact"), keys);
    /* Written down in order: the n-th fact of a key is number n. */
    assert_string_equal(
        database_text(
            database,
            "SELECT coalesce(string_agg(format('%s: number %s came as %s', key, number, n),"
            " '; '), '') FROM (SELECT key, number, row_number() OVER (PARTITION BY key"
            " ORDER BY at) AS n FROM fact) AS f WHERE number <> n"),
        "");
}
