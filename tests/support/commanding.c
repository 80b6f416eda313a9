/* The services, their handlers and what is asked of their databases. */
#include "support/commanding.h"

#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"

#include "test/v1/events.pb-c.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <unistd.h>

/* --- how often code ran ---------------------------------------------------------------------- */

enum { CALLS_MAX = 256 };
static pthread_mutex_t calls_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char operation[96];
    int count;
} calls[CALLS_MAX];

/* Counts this call, and answers how many there were before. */
static int call_count(const char *operation, bool count)
{
    pthread_mutex_lock(&calls_mutex);
    int i = 0;
    while (i < CALLS_MAX - 1 && calls[i].operation[0] != '\0' &&
           strcmp(calls[i].operation, operation) != 0)
        i++;
    if (count)
        snprintf(calls[i].operation, sizeof calls[i].operation, "%s", operation);
    const int before = calls[i].count;
    calls[i].count += count;
    pthread_mutex_unlock(&calls_mutex);
    return before;
}

/* An operation's key without the service of its saga. */
static const char *within_service(const char *key)
{
    const char *slash = strchr(key, '/');
    return slash != NULL ? slash + 1 : key;
}

int commanding_calls(const char *operation_of_saga)
{
    return call_count(operation_of_saga, false);
}

/* --- user code ------------------------------------------------------------------------------- */

static skald_status reply(skald_context *context, const Test__V1__Counted *command)
{
    Test__V1__Answered answer = TEST__V1__ANSWERED__INIT;
    answer.key = command->key;
    answer.number = command->number;
    return skald_reply(context, &answer.base);
}

static skald_status publish(skald_context *context, const Test__V1__Counted *command)
{
    Test__V1__Answered event = TEST__V1__ANSWERED__INIT;
    event.key = command->key;
    return skald_publish(context, &event.base);
}

static skald_status effect(skald_context *context, const Test__V1__Counted *command)
{
    return skald_exec(context,
                      "INSERT INTO effect (saga, operation, undoes, message) VALUES ($1, $2, $3,"
                      " $4)",
                      command->key, skald_command_operation(context),
                      skald_command_undoes(context) != NULL ? skald_command_undoes(context) : "",
                      skald_context_message(context)->id);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* What a note says that handlers and activities do alike. */
static skald_status common(skald_context *context, const Test__V1__Counted *command,
                           const char *note, int before)
{
    if (strcmp(note, "reply") == 0)
        return reply(context, command);
    if (strcmp(note, "refuse") == 0)
        return skald_refuse(context, "sold out: %s", command->key);
    if (strcmp(note, "fail") == 0)
        return skald_fail(context, "the shelf is stuck");
    if (starts_with(note, "fail ") && before < atoi(note + 5))
        return skald_fail(context, "the shelf is stuck");
    if (strcmp(note, "die") == 0)
        abort();
    return SKALD_OK;
}

static skald_status later(skald_context *context, const Test__V1__Counted *command)
{
    Test__V1__Counted input = *command;
    skald_enqueue_options options = SKALD_ENQUEUE_OPTIONS_INIT;
    const bool unique = strcmp(command->note, "later-unique") == 0;
    if (strcmp(command->note, "later-nothing") == 0)
        return skald_reply_later(context);
    input.note = command->note + (unique ? strlen("later-unique") : strlen("later "));
    options.unique = unique ? "u" : NULL;
    /* Another job before it answers nothing. */
    Test__V1__Counted other = *command;
    static char nothing[] = "nothing";
    other.note = nothing;
    skald_status status = skald_enqueue(context, "work", &other.base, NULL);
    if (status == SKALD_OK)
        status = skald_enqueue(context, "work", &input.base, &options);
    return status == SKALD_OK ? skald_reply_later(context) : status;
}

/* Says so, and is never heard of again, as long as table "gate" is empty. */
static skald_status stand_still(skald_context *context)
{
    struct pg_result *rows = NULL;
    const skald_status status = skald_query(context, &rows, "SELECT count(*) FROM gate");
    if (status != SKALD_OK || strcmp(PQgetvalue(rows, 0, 0), "0") != 0)
        return status;
    (void)!write(1, "waits\n", 6);
    for (;;)
        pause();
}

SKALD_HANDLER(on_command, test__v1__counted)
{
    const char *note = event->note;
    const int before = call_count(within_service(skald_command_operation(context)), true);
    if (strcmp(note, "refuse-first") == 0)
        return skald_refuse(context, "sold out: %s", event->key);
    if (starts_with(note, "early ") && before < atoi(note + 6))
        return skald_not_yet(context, "not here yet");
    if (starts_with(note, "later"))
        return later(context, event);
    skald_status status = effect(context, event);
    if (strcmp(note, "sql") == 0)
        return skald_exec(context, "SELECT 1 / $1", 0);
    if (strcmp(note, "publish") == 0)
        return publish(context, event);
    if (strcmp(note, "skip") == 0)
        return skald_skip(context, "it is there");
    if (strcmp(note, "twice") == 0) {
        (void)reply(context, event);
        return reply(context, event);
    }
    if (status == SKALD_OK && strcmp(note, "wait") == 0)
        status = stand_still(context);
    return status == SKALD_OK ? common(context, event, note, before) : status;
}

/* Events of the same type: a command must never come here. */
SKALD_HANDLER(on_event, test__v1__counted)
{
    return skald_exec(context, "INSERT INTO event (key, note) VALUES ($1, $2)", event->key,
                      event->note);
}

static skald_status gate_wait(skald_context *context)
{
    for (;;) {
        struct pg_result *rows = NULL;
        skald_status status = skald_query(context, &rows, "SELECT count(*) FROM gate");
        if (status == SKALD_OK && strcmp(PQgetvalue(rows, 0, 0), "0") != 0)
            return SKALD_OK;
        if (status == SKALD_OK)
            status = skald_heartbeat(context);
        if (status != SKALD_OK)
            return status;
        usleep(2000); /* between two looks, not for a time */
    }
}

SKALD_ACTIVITY(do_work, test__v1__counted)
{
    if (strcmp(input->note, "nothing") == 0)
        return SKALD_OK;
    const int before = call_count(within_service(skald_idempotency_key(context)), true);
    skald_status status = effect(context, input);
    if (status == SKALD_OK && strcmp(input->note, "gate") == 0)
        return gate_wait(context);
    return status == SKALD_OK ? common(context, input, input->note, before) : status;
}

/* --- services --------------------------------------------------------------------------------- */

static const skald_policy brisk = {.retry = "2 at once, 1ms..20ms", .crashes_max = 2};

static void log_write(void *user, skald_log_level level, const char *id, const char *text)
{
    (void)user;
    (void)level;
    if (getenv("TEST_LOG") != NULL)
        fprintf(stderr, "%s %s\n", id, text);
}

static skald_options options_of(const char *database, const char *nats_url)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = nats_url;
    options.allow = "fsync full_page_writes synchronous_commit";
    options.lease_ms = 3000;
    options.policy = &brisk;
    options.log = log_write;
    return options;
}

static void take_part(skald_service *service, const char *commander)
{
    skald_queue_options queue = SKALD_QUEUE_OPTIONS_INIT;
    queue.timeout_ms = 30000;
    (void)skald_follow(service, commander, on_event);
    (void)skald_participate(service, commander, on_command);
    (void)skald_queue(service, "work", do_work, &queue);
}

static void start(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);
}

void commanding_stock_start(commanding *pair)
{
    const skald_options options =
        options_of(pair->stock_database, pair->nats ? servers_nats_url() : NULL);
    pair->stock = skald_service_open(pair->participant, &options);
    take_part(pair->stock, pair->commander);
    if (!pair->nats) {
        assert_int_equal(skald_follow_replies(pair->stock, pair->participant), SKALD_OK);
        pair->sagas = pair->stock;
    }
    start(pair->stock);
}

void commanding_stock_stop(commanding *pair)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(pair->stock, &error), &error);
    skald_service_free(pair->stock);
    if (!pair->nats)
        pair->sagas = NULL;
    pair->stock = NULL;
}

static char *name_new(const char *word, int number)
{
    static char names[128][24];
    static int count;
    char *name = names[count++ % 128];
    snprintf(name, sizeof names[0], "%s%d", word, number);
    return name;
}

static void tables_make(const char *database)
{
    database_run(database, "CREATE TABLE effect (at bigserial, saga text, operation text, undoes"
                           " text, message text);"
                           "CREATE TABLE event (at bigserial, key text, note text);"
                           "CREATE TABLE gate (open boolean)");
}

commanding commanding_prepare(bool nats)
{
    static int number;
    commanding pair = {.nats = nats, .stock_database = strdup(database_new())};
    memset(calls, 0, sizeof calls);
    number++;
    tables_make(pair.stock_database);
    if (!nats) {
        pair.commander = pair.participant = "shop";
        pair.sagas_database = pair.stock_database;
        return pair;
    }
    pair.commander = name_new("sagas", number);
    pair.participant = name_new("stock", number);
    pair.sagas_database = strdup(database_new());
    const skald_options options = options_of(pair.sagas_database, servers_nats_url());
    pair.sagas = skald_service_open(pair.commander, &options);
    assert_int_equal(skald_follow_replies(pair.sagas, pair.participant), SKALD_OK);
    start(pair.sagas);
    return pair;
}

commanding commanding_begin(bool nats)
{
    commanding pair = commanding_prepare(nats);
    commanding_stock_start(&pair);
    return pair;
}

void commanding_end(commanding *pair)
{
    skald_error error = {0};
    if (pair->stock != NULL)
        commanding_stock_stop(pair);
    if (pair->sagas != NULL) {
        assert_ok(skald_service_stop(pair->sagas, &error), &error);
        skald_service_free(pair->sagas);
    }
    if (pair->nats)
        free(pair->sagas_database);
    free(pair->stock_database);
}

/* --- a process of its own --------------------------------------------------------------------- */

static const char child_word[] = "--commanding-child";

void commanding_child_become(int argc, char **argv)
{
    if (argc != 5 || strcmp(argv[1], child_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[4];
    options.lease_ms = 1000;
    options.policy = &brisk;
    skald_service *service = skald_service_open(argv[2], &options);
    take_part(service, argv[3]);
    exit(skald_main(service, 1, argv));
}

test_child *commanding_child(const commanding *pair, bool supervised, const char *crash)
{
    char nats[256], point[64] = "SKALD_CRASH";
    snprintf(nats, sizeof nats, "NATS_URL=%s", servers_nats_url());
    if (crash != NULL)
        snprintf(point, sizeof point, "SKALD_CRASH=%s", crash);
    const char *const argv[] = {"/proc/self/exe", child_word,           pair->participant,
                                pair->commander,  pair->stock_database, NULL};
    const char *const environment[] = {
        nats, point, supervised ? "SKALD_SUPERVISE" : "SKALD_SUPERVISE=no",
        "SKALD_ALLOW=fsync full_page_writes synchronous_commit", NULL};
    return child_start(argv, environment);
}

/* --- commands --------------------------------------------------------------------------------- */

void commanding_write(commanding *pair, char kind, const char *addressee, const char *type,
                      const char *key, const char *control, const void *body, size_t size)
{
    char partition[16];
    const char kind_text[] = {kind, '\0'};
    snprintf(partition, sizeof partition, "%u",
             skald_partition_of(key, strlen(key), SKALD_PARTITIONS_DEFAULT));
    PGconn *connection = PQconnectdb(pair->sagas_database);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    const char *const values[] = {partition, kind_text, type, key,
                                  addressee, control,   body, pair->commander};
    const int sizes[] = {0, 0, 0, 0, 0, 0, (int)size, 0};
    const int formats[] = {0, 0, 0, 0, 0, 0, 1, 0};
    PGresult *result = PQexecParams(
        connection,
        "INSERT INTO skald.outbox (event_id, partition, kind, type, key, addressee, control, body)"
        " VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, replace($6, '@', $8), $7)",
        8, NULL, values, sizes, formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    if (pair->sagas != NULL)
        skald_ring(pair->sagas);
}

void commanding_send(commanding *pair, const char *saga, const char *operation, const char *undoes,
                     const char *note)
{
    char control[512];
    int size =
        snprintf(control, sizeof control, "Skald-Operation: @/%s/hold/%s\n", saga, operation);
    if (undoes != NULL)
        snprintf(control + size, sizeof control - (size_t)size, "Skald-Undoes: @/%s/hold/%s\n",
                 saga, undoes);
    Test__V1__Counted command = TEST__V1__COUNTED__INIT;
    command.key = (char *)(uintptr_t)saga;
    command.number = 7;
    command.note = (char *)(uintptr_t)note;
    unsigned char body[512];
    const size_t body_size = test__v1__counted__pack(&command, body);
    commanding_write(pair, 'c', pair->participant, "test.v1.Counted", saga, control, body,
                     body_size);
}

/* --- asking ----------------------------------------------------------------------------------- */

static const char *text_of(const char *database, const char *format, const char *saga)
{
    char sql[1024];
    snprintf(sql, sizeof sql, format, saga);
    return database_text(database, sql);
}

const char *commanding_answers(const commanding *pair, const char *saga)
{
    return text_of(pair->sagas_database,
                   "SELECT string_agg(regexp_replace(operation, '^.*/', '') || ' ' || event"
                   " || coalesce(': ' || reason, '') || coalesce(' ' || type, ''), ', '"
                   " ORDER BY id) FROM skald.saga_input WHERE saga = '%s'",
                   saga);
}

bool commanding_answered(const commanding *pair, const char *saga, const char *answers)
{
    return strcmp(commanding_answers(pair, saga), answers) == 0;
}

const char *commanding_effects(const commanding *pair, const char *saga)
{
    return text_of(pair->stock_database,
                   "SELECT string_agg(regexp_replace(operation, '^.*/', ''), ' ' ORDER BY at)"
                   " FROM effect WHERE saga = '%s'",
                   saga);
}

const char *commanding_fence(const commanding *pair, const char *saga)
{
    return text_of(pair->stock_database,
                   "SELECT string_agg(regexp_replace(key, '^.*/', '') || ' ' || state, ', '"
                   " ORDER BY key) FROM skald.fence WHERE key LIKE '%%/%s/%%'",
                   saga);
}

const char *commanding_jobs(const commanding *pair)
{
    return database_text(pair->stock_database,
                         "SELECT string_agg(state || '/' || reason, ', ' ORDER BY id)"
                         " FROM skald.job WHERE body <> '' AND state <> 'done'");
}
