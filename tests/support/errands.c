/* The activity, the service around it, and questions to its tables. */
#include "support/errands.h"

#include "support/database.h"
#include "support/test.h"

#include "base/clock.h"
#include "test/v1/events.pb-c.h"

#include <signal.h>
#include <unistd.h>

static const skald_policy quick = {.retry = "1ms..20ms", .not_yet = "1ms..20ms"};

/* --- the activity --------------------------------------------------------------------------- */

static bool told(const char *note, const char *word, long *number)
{
    const size_t size = strlen(word);
    if (strncmp(note, word, size) != 0 || (note[size] != '\0' && note[size] != ' '))
        return false;
    *number = note[size] == ' ' ? strtol(note + size, NULL, 10) : -1;
    return true;
}

/* The outside sees each call. */
static skald_status outside(skald_context *context, const char *what, int64_t number)
{
    struct pg_result *rows = NULL;
    return skald_query(context, &rows,
                       "INSERT INTO called (what, number, idempotency_key, process)"
                       " VALUES ($1, $2, $3, $4)",
                       what, number, skald_idempotency_key(context), (int64_t)getpid());
}

static skald_status gate_look(skald_context *context, const char *key, bool *open)
{
    struct pg_result *rows = NULL;
    const skald_status status =
        skald_query(context, &rows, "SELECT 1 FROM gate WHERE key = $1", key);
    *open = status == SKALD_OK && PQntuples(rows) > 0;
    return status;
}

static skald_status gate_await(skald_context *context, const char *key, bool alive)
{
    bool open = false;
    skald_status status = gate_look(context, key, &open);
    /* At most as many questions as a handler may ask; then it is a test that hangs. */
    for (int i = 0; i < 1000 && !open && status == SKALD_OK; i++) {
        skald_clock_sleep_ms(20);
        status = alive ? skald_heartbeat(context) : SKALD_OK;
        if (status == SKALD_OK)
            status = gate_look(context, key, &open);
    }
    return status;
}

static skald_status answer_give(skald_context *context, const Test__V1__Counted *input)
{
    Test__V1__Answered answer = TEST__V1__ANSWERED__INIT;
    answer.key = input->key;
    answer.number = input->number;
    skald_status status = skald_publish(context, &answer.base);
    return status == SKALD_OK ? skald_result(context, &answer.base) : status;
}

static skald_status more_add(skald_context *context, const Test__V1__Counted *input)
{
    skald_status status = SKALD_OK;
    for (int i = 1; i <= 2 && status == SKALD_OK; i++) {
        Test__V1__Counted next = TEST__V1__COUNTED__INIT;
        next.key = input->key;
        next.number = input->number * 10 + i;
        status = skald_enqueue(context, "errands", &next.base, NULL);
    }
    return status;
}

static skald_status errand_effect(skald_context *context, const Test__V1__Counted *input)
{
    return skald_exec(
        context, "INSERT INTO errand (key, number, attempt, process) VALUES ($1, $2, $3, $4)",
        input->key, input->number, (int64_t)skald_context_attempt(context), (int64_t)getpid());
}

/* What was done stays, also when the rest need not be. */
static skald_status errand_skip(skald_context *context, const Test__V1__Counted *input)
{
    const skald_status status = errand_effect(context, input);
    return status == SKALD_OK ? skald_skip(context, "need not be done") : status;
}

/* Calls of this job before this one; every one has been seen outside. */
static long calls_before(skald_context *context)
{
    struct pg_result *rows = NULL;
    const skald_status status =
        skald_query(context, &rows, "SELECT count(*) FROM called WHERE idempotency_key = $1",
                    skald_idempotency_key(context));
    return status == SKALD_OK ? strtol(PQgetvalue(rows, 0, 0), NULL, 10) - 1 : 0;
}

static skald_status errand_do(skald_context *context, const Test__V1__Counted *input)
{
    const char *note = input->note;
    const long attempt = (long)skald_context_attempt(context);
    long number = 0;
    if (told(note, "fail", &number) && (number < 0 || attempt < number))
        return skald_fail(context, "errand %lld failed", (long long)input->number);
    if (told(note, "sql", &number))
        return skald_exec(context, "INSERT INTO errand (key, number) VALUES ('x', $1)",
                          "no number");
    if (told(note, "refuse", &number) && (number < 0 || calls_before(context) < number))
        return skald_dead(context, "errand %lld can never be done", (long long)input->number);
    if (told(note, "early", &number) && calls_before(context) < number)
        return skald_not_yet(context, "errand %lld is too early", (long long)input->number);
    if (told(note, "later", &number) && attempt == 0)
        return skald_retry_after(context, (uint64_t)number, "come back later");
    if (told(note, "skip", &number))
        return errand_skip(context, input);
    if (told(note, "unknown", &number) && attempt == 0)
        return SKALD_TIMEOUT;
    if (told(note, "wait", &number))
        return gate_await(context, input->key, true);
    if (told(note, "deaf", &number))
        return gate_await(context, input->key, false);
    if (told(note, "sleep", &number))
        skald_clock_sleep_ms((uint64_t)number);
    if (told(note, "result", &number))
        return answer_give(context, input);
    if (told(note, "more", &number))
        return more_add(context, input);
    if (told(note, "progress", &number)) {
        const skald_status status = skald_progress(context, 0.5, "half of it");
        return status == SKALD_OK ? gate_await(context, input->key, true) : status;
    }
    return SKALD_OK;
}

static skald_status errand_run(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *input = (const Test__V1__Counted *)message;
    skald_status status = outside(context, "run", input->number);
    if (status == SKALD_OK)
        status = errand_do(context, input);
    return status == SKALD_OK ? errand_effect(context, input) : status;
}

/* Asks the outside. */
static skald_status errand_verify(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *input = (const Test__V1__Counted *)message;
    struct pg_result *rows = NULL;
    skald_status status = skald_query(context, &rows,
                                      "SELECT 1 FROM called WHERE what = 'run'"
                                      " AND idempotency_key = $1",
                                      skald_idempotency_key(context));
    if (status != SKALD_OK)
        return status;
    if (PQntuples(rows) == 0)
        return SKALD_NOT_FOUND;
    status = outside(context, "verify", input->number);
    if (status == SKALD_OK && strcmp(input->note, "result") == 0)
        status = answer_give(context, input);
    return status == SKALD_OK ? errand_effect(context, input) : status;
}

static const skald_activity errand[1] = {
    {"errand", &test__v1__counted__descriptor, errand_run, errand_verify}};

/* A handler that hands its message on to the queue as a job; its note may name another queue. */
static skald_status hand_on(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *event = (const Test__V1__Counted *)message;
    Test__V1__Counted input = *event;
    input.note = (char *)(uintptr_t) "";
    return skald_enqueue(context, event->note[0] == '\0' ? "errands" : event->note, &input.base,
                         NULL);
}

static const skald_handler handing_on[1] = {
    {"handing_on", &test__v1__counted__descriptor, hand_on}};

/* --- the service ---------------------------------------------------------------------------- */

skald_service *errands_service(const char *database, const errands_options *options)
{
    static const errands_options nothing;
    if (options == NULL)
        options = &nothing;
    skald_options service_options = SKALD_OPTIONS_INIT;
    service_options.database = database;
    service_options.nats_url = options->nats_url;
    service_options.allow = "fsync full_page_writes synchronous_commit";
    service_options.lease_ms = options->lease_ms != 0 ? options->lease_ms : 1000;
    service_options.drain_ms = options->drain_ms;
    service_options.policy = options->policy != NULL ? options->policy : &quick;
    skald_queue_options queue = options->queue;
    if (queue.size == 0) {
        queue = (skald_queue_options)SKALD_QUEUE_OPTIONS_INIT;
        queue.unordered = true;
    }
    skald_service *service = skald_service_open("shop", &service_options);
    skald_error error = {0};
    assert_int_equal(skald_queue(service, "errands", errand, &queue), SKALD_OK);
    if (options->handing_on)
        assert_int_equal(skald_follow(service, "shop", handing_on), SKALD_OK);
    assert_ok(skald_service_start(service, &error), &error);
    return service;
}

errands errands_prepare(void)
{
    errands shop = {.database = database_new()};
    database_run(
        shop.database,
        "CREATE TABLE errand (at bigserial, key text, number bigint, attempt int,"
        " process int);"
        "CREATE TABLE called (at bigserial, what text, number bigint, idempotency_key text,"
        " process int, called_at timestamptz DEFAULT clock_timestamp());"
        "CREATE TABLE gate (key text)");
    shop.connection = PQconnectdb(shop.database);
    assert_int_equal(PQstatus(shop.connection), CONNECTION_OK);
    return shop;
}

errands errands_begin(const errands_options *options)
{
    errands shop = errands_prepare();
    shop.service = errands_service(shop.database, options);
    return shop;
}

void errands_stop(errands *shop)
{
    skald_error error = {0};
    if (shop->service != NULL)
        assert_ok(skald_service_stop(shop->service, &error), &error);
    skald_service_free(shop->service);
    shop->service = NULL;
}

void errands_end(errands *shop)
{
    errands_stop(shop);
    PQfinish(shop->connection);
}

void errands_add(errands *shop, const char *key, int64_t number, const char *note,
                 const skald_enqueue_options *options, char id[37])
{
    skald_enqueue_options keyed = SKALD_ENQUEUE_OPTIONS_INIT;
    if (options != NULL)
        keyed = *options;
    keyed.key = key;
    Test__V1__Counted input = TEST__V1__COUNTED__INIT;
    input.key = (char *)(uintptr_t)key;
    input.number = number;
    input.note = (char *)(uintptr_t)note;
    skald_error error = {0};
    assert_ok(skald_enqueue_on(shop->service, shop->connection, "errands", &input.base, &keyed, id,
                               &error),
              &error);
    skald_ring(shop->service);
}

skald_job_view errands_look(errands *shop, const char *id)
{
    skald_job_view view;
    skald_error error = {0};
    assert_ok(skald_job_look_on(shop->service, shop->connection, id, &view, NULL, 0, &error),
              &error);
    return view;
}

skald_job_state errands_state(errands *shop, const char *id)
{
    return errands_look(shop, id).state;
}

void errands_open(errands *shop, const char *key)
{
    char sql[128];
    snprintf(sql, sizeof sql, "INSERT INTO gate VALUES ('%s')", key);
    database_run(shop->database, sql);
}

int64_t errands_done(const errands *shop)
{
    return database_integer(shop->database, "SELECT count(*) FROM errand");
}

int64_t errands_seen(const errands *shop)
{
    return database_integer(shop->database, "SELECT count(*) FROM called WHERE what = 'run'");
}

/* --- as a process --------------------------------------------------------------------------- */

static const char child_word[] = "--errands-child";

void errands_child_become(int argc, char **argv)
{
    if (argc != 8 || strcmp(argv[1], child_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[2];
    options.lease_ms = (uint32_t)atoi(argv[4]);
    options.drain_ms = (uint32_t)atoi(argv[5]);
    options.policy = &quick;
    skald_queue_options queue = SKALD_QUEUE_OPTIONS_INIT;
    queue.threads = (uint32_t)atoi(argv[3]);
    queue.timeout_ms = (uint32_t)atoi(argv[6]);
    queue.unordered = strcmp(argv[7], "ordered") != 0;
    skald_service *service = skald_service_open("shop", &options);
    (void)skald_queue(service, "errands", errand, &queue);
    exit(skald_main(service, 1, argv));
}

test_child *errands_child(const char *database, const errands_child_options *options)
{
    char threads[16], lease[16], drain[16], timeout[16], nats[256] = "NATS_URL",
                                                         crash[64] = "SKALD_CRASH";
    snprintf(threads, sizeof threads, "%d", options->threads);
    snprintf(lease, sizeof lease, "%d", options->lease_ms > 0 ? options->lease_ms : 1000);
    snprintf(drain, sizeof drain, "%d", options->drain_ms);
    snprintf(timeout, sizeof timeout, "%d", options->timeout_ms);
    if (options->nats_url != NULL)
        snprintf(nats, sizeof nats, "NATS_URL=%s", options->nats_url);
    if (options->crash != NULL)
        snprintf(crash, sizeof crash, "SKALD_CRASH=%s", options->crash);
    const char *const argv[] = {"/proc/self/exe",
                                child_word,
                                database,
                                threads,
                                lease,
                                drain,
                                timeout,
                                options->ordered ? "ordered" : "unordered",
                                NULL};
    const char *const environment[] = {nats, crash,
                                       "SKALD_ALLOW=fsync full_page_writes synchronous_commit",
                                       "SKALD_SUPERVISE=no", NULL};
    return child_start(argv, environment);
}

void errands_child_stop(test_child *child)
{
    child_signal(child, SIGTERM);
    const int code = child_wait(child);
    if (code != 0)
        fail_msg("a process of the queue ended with %d: %s", code, child_err(child));
    child_free(child);
}
