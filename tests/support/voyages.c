/* Steps that do what a note says, the service around them, and questions to its tables. */
#include "support/voyages.h"

#include "support/database.h"
#include "support/test.h"

#include "base/clock.h"
#include "test/v1/voyages.pb-c.h"

#include <signal.h>
#include <unistd.h>

/* --- what a step does ------------------------------------------------------------------------ */

typedef struct order {
    char step[64];
    char direction[8];
    char what[64];
    long number; /* behind the word; -1: none */
    char rest[64];
} order;

/* The step is named by the operation's key: <id>/<step>/<direction>.<round>. */
static void order_step(order *out, const char *key)
{
    const char *last = strrchr(key, '/');
    const char *before = last;
    while (before > key && before[-1] != '/')
        before--;
    snprintf(out->step, sizeof out->step, "%.*s", (int)(last - before), before);
    snprintf(out->direction, sizeof out->direction, "%.*s", (int)strcspn(last + 1, "."), last + 1);
}

static order order_of(skald_context *context)
{
    order out = {.number = -1};
    order_step(&out, skald_idempotency_key(context));
    const Test__V1__Voyage *state = (const Test__V1__Voyage *)skald_saga_state(context);
    char wanted[80];
    const int size = snprintf(wanted, sizeof wanted, "%s.%s=", out.step, out.direction);
    for (const char *at = state->note; at != NULL && *at != '\0';) {
        const size_t length = strcspn(at, ";");
        if (strncmp(at, wanted, (size_t)size) == 0) {
            char text[64];
            snprintf(text, sizeof text, "%.*s", (int)length - size, at + size);
            const size_t word = strcspn(text, " ");
            snprintf(out.what, sizeof out.what, "%.*s", (int)word, text);
            if (text[word] == ' ') {
                snprintf(out.rest, sizeof out.rest, "%s", text + word + 1);
                out.number = strtol(out.rest, NULL, 10);
            }
        }
        at += length + (at[length] == ';');
    }
    return out;
}

static bool is(const order *todo, const char *what)
{
    return strcmp(todo->what, what) == 0;
}

/* Among the first attempts for which it is meant? */
static bool now(const skald_context *context, const order *todo)
{
    return todo->number < 0 || (long)skald_context_attempt(context) < todo->number;
}

static skald_status row_write(skald_context *context, const order *todo)
{
    return skald_exec(context,
                      "INSERT INTO logbook (saga, step, direction, key, undoes, attempt, process)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                      skald_saga_id(context), todo->step, todo->direction,
                      skald_idempotency_key(context), skald_saga_undoes(context),
                      (int64_t)skald_context_attempt(context), (int64_t)getpid());
}

static void take(skald_context *context, const char *word)
{
    Test__V1__Voyage *state = (Test__V1__Voyage *)skald_saga_state(context);
    char **took = skald_alloc(context, (state->n_took + 1) * sizeof *took);
    for (size_t i = 0; i < state->n_took; i++)
        took[i] = state->took[i];
    took[state->n_took] = skald_alloc(context, strlen(word) + 1);
    strcpy(took[state->n_took++], word);
    state->took = took;
}

static skald_status refusals(skald_context *context, const order *todo)
{
    if (is(todo, "refuse"))
        return skald_refuse(context, "%s says no", todo->step);
    if (is(todo, "fail") && now(context, todo))
        return skald_fail(context, "%s failed", todo->step);
    if (is(todo, "crash"))
        abort();
    return SKALD_OK;
}

static skald_status endings(skald_context *context, const order *todo)
{
    if (is(todo, "refuse-late"))
        return skald_refuse(context, "%s says no", todo->step);
    if (is(todo, "fail-late") && now(context, todo))
        return skald_fail(context, "%s failed", todo->step);
    if (is(todo, "sql") && now(context, todo))
        return skald_exec(context, "INSERT INTO logbook (attempt) VALUES ($1)", "no number");
    if (is(todo, "commit"))
        return skald_exec(context, "INSERT INTO strict (number) VALUES (1), (1)");
    return SKALD_OK;
}

skald_status voyage_local(skald_context *context)
{
    const order todo = order_of(context);
    skald_status status = SKALD_OK;
    if (is(&todo, "lock"))
        status = skald_lock(context, todo.rest);
    if (status == SKALD_OK)
        status = refusals(context, &todo);
    if (status == SKALD_OK)
        status = row_write(context, &todo);
    if (status == SKALD_OK)
        status = endings(context, &todo);
    if (status == SKALD_OK)
        take(context, todo.step);
    return status;
}

/* --- the outside ------------------------------------------------------------------------------ */

static skald_status outside(skald_context *context, const order *todo, const char *what)
{
    struct pg_result *rows = NULL;
    return skald_query(context, &rows,
                       "INSERT INTO called (saga, step, direction, what, key, undoes, attempt)"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                       skald_saga_id(context), todo->step, todo->direction, what,
                       skald_idempotency_key(context), skald_saga_undoes(context),
                       (int64_t)skald_context_attempt(context));
}

static skald_status gate_await(skald_context *context)
{
    for (int i = 0; i < 1000; i++) {
        struct pg_result *rows = NULL;
        skald_status status = skald_query(context, &rows, "SELECT 1 FROM gate WHERE saga = $1",
                                          skald_saga_id(context));
        if (status != SKALD_OK || PQntuples(rows) > 0)
            return status;
        skald_clock_sleep_ms(20);
        status = skald_heartbeat(context);
        if (status != SKALD_OK)
            return status;
    }
    return SKALD_FAILED;
}

static skald_status result_give(skald_context *context)
{
    Test__V1__Tide tide = TEST__V1__TIDE__INIT;
    tide.voyage = (char *)(uintptr_t)skald_saga_id(context);
    tide.height = 7;
    return skald_result(context, &tide.base);
}

skald_status voyage_activity(skald_context *context)
{
    const order todo = order_of(context);
    skald_status status = outside(context, &todo, "run");
    if (status == SKALD_OK)
        status = refusals(context, &todo);
    if (status == SKALD_OK && is(&todo, "wait"))
        status = gate_await(context);
    if (status == SKALD_OK && is(&todo, "unknown") && now(context, &todo))
        return SKALD_TIMEOUT;
    if (status == SKALD_OK)
        status = row_write(context, &todo);
    if (status == SKALD_OK)
        status = endings(context, &todo);
    return status == SKALD_OK && is(&todo, "result") ? result_give(context) : status;
}

/* The outside has seen the call under this key, or it has not. */
skald_status voyage_verify(skald_context *context)
{
    const order todo = order_of(context);
    struct pg_result *rows = NULL;
    skald_status status =
        skald_query(context, &rows, "SELECT 1 FROM called WHERE what = 'run' AND key = $1",
                    skald_idempotency_key(context));
    if (status != SKALD_OK)
        return status;
    if (PQntuples(rows) == 0)
        return SKALD_NOT_FOUND;
    status = outside(context, &todo, "verify");
    return status == SKALD_OK ? row_write(context, &todo) : status;
}

/* --- messages ----------------------------------------------------------------------------------
 */

skald_status voyage_compose(skald_context *context)
{
    Test__V1__Voyage *state = (Test__V1__Voyage *)skald_saga_state(context);
    const order todo = order_of(context);
    if (is(&todo, "compose-fails"))
        return skald_fail(context, "nothing to compose");
    Test__V1__Voyage child = TEST__V1__VOYAGE__INIT;
    child.id = state->id;
    child.note = state->note;
    child.number = state->number;
    return skald_command(context, &child.base);
}

skald_status voyage_accept(skald_context *context)
{
    const order todo = order_of(context);
    char word[128];
    const Test__V1__Tide *tide =
        (const Test__V1__Tide *)skald_saga_answer(context, &test__v1__tide__descriptor);
    const Test__V1__Voyage *child =
        (const Test__V1__Voyage *)skald_saga_answer(context, &test__v1__voyage__descriptor);
    if (tide != NULL)
        snprintf(word, sizeof word, "%s:%lld", todo.step, (long long)tide->height);
    else if (child != NULL)
        snprintf(word, sizeof word, "%s:%zu-took", todo.step, child->n_took);
    else
        snprintf(word, sizeof word, "%s:", todo.step);
    take(context, word);
    return SKALD_OK;
}

bool voyage_needed(const void *state, size_t size)
{
    (void)size;
    return ((const Test__V1__Voyage *)state)->number != 0;
}

/* --- the service -------------------------------------------------------------------------------
 */

static void definitions_register(skald_service *service, const skald_definition *const *definitions,
                                 const skald_saga_options *given)
{
    skald_saga_options options = SKALD_SAGA_OPTIONS_INIT;
    if (given != NULL && given->size != 0)
        options = *given;
    options.state = &test__v1__voyage__descriptor;
    options.id_field = "id";
    for (; *definitions != NULL; definitions++)
        (void)skald_orchestrate(service, *definitions, &options);
}

skald_service *voyages_service(const char *database, const voyages_options *options)
{
    skald_options service_options = SKALD_OPTIONS_INIT;
    service_options.database = database;
    service_options.nats_url = options->nats_url;
    service_options.allow = "fsync full_page_writes synchronous_commit";
    service_options.lease_ms = options->lease_ms != 0 ? options->lease_ms : 1000;
    skald_service *service = skald_service_open("harbour", &service_options);
    definitions_register(service, options->definitions, &options->options);
    if (options->unstarted)
        return service;
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);
    return service;
}

voyages voyages_prepare(void)
{
    voyages harbour = {.database = database_new()};
    database_run(harbour.database,
                 "CREATE TABLE logbook (at bigserial, saga text, step text, direction text,"
                 " key text, undoes text, attempt int, process int);"
                 "CREATE TABLE called (at bigserial, saga text, step text, direction text,"
                 " what text, key text, undoes text, attempt int);"
                 "CREATE TABLE strict (number int UNIQUE DEFERRABLE INITIALLY DEFERRED);"
                 "CREATE TABLE gate (saga text)");
    harbour.connection = PQconnectdb(harbour.database);
    assert_int_equal(PQstatus(harbour.connection), CONNECTION_OK);
    return harbour;
}

voyages voyages_begin(const voyages_options *options)
{
    voyages harbour = voyages_prepare();
    harbour.service = voyages_service(harbour.database, options);
    return harbour;
}

void voyages_stop(voyages *harbour)
{
    skald_error error = {0};
    if (harbour->service != NULL)
        assert_ok(skald_service_stop(harbour->service, &error), &error);
    skald_service_free(harbour->service);
    harbour->service = NULL;
}

void voyages_end(voyages *harbour)
{
    voyages_stop(harbour);
    PQfinish(harbour->connection);
}

/* --- sagas --------------------------------------------------------------------------------------
 */

bool voyages_start(voyages *harbour, const skald_definition *definition, const char *id,
                   const char *note, int64_t number)
{
    Test__V1__Voyage state = TEST__V1__VOYAGE__INIT;
    state.id = (char *)(uintptr_t)id;
    state.note = (char *)(uintptr_t)note;
    state.number = number;
    bool started = false;
    skald_error error = {0};
    assert_ok(skald_saga_start_on(harbour->service, harbour->connection, definition, NULL,
                                  &state.base, &started, &error),
              &error);
    skald_ring(harbour->service);
    return started;
}

void voyages_insert(voyages *harbour, const skald_definition *definition, const char *id,
                    const char *note, int64_t number)
{
    Test__V1__Voyage state = TEST__V1__VOYAGE__INIT;
    state.id = (char *)(uintptr_t)id;
    state.note = (char *)(uintptr_t)note;
    state.number = number;
    unsigned char body[1024];
    assert_true(test__v1__voyage__get_packed_size(&state) <= sizeof body);
    const int size = (int)test__v1__voyage__pack(&state, body);
    char partition[16], version[16], fingerprint[32];
    snprintf(partition, sizeof partition, "%u", skald_partition_of(id, strlen(id), 16));
    snprintf(version, sizeof version, "%u", definition->version);
    snprintf(fingerprint, sizeof fingerprint, "%lld",
             (long long)skald_definition_fingerprint(definition));
    const char *const values[] = {id,      partition,   definition->name,
                                  version, fingerprint, (const char *)body};
    const int lengths[] = {0, 0, 0, 0, 0, size};
    const int formats[] = {0, 0, 0, 0, 0, 1};
    PGresult *result = PQexecParams(
        harbour->connection,
        "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, state,"
        " state_type, due_at, root)"
        " VALUES ($1, $2, $3, $4, $5, $6, 'test.v1.Voyage', now(), $1)",
        6, NULL, values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(harbour->connection));
    PQclear(result);
}

void voyages_signal(voyages *harbour, const char *id, const char *name, int64_t height)
{
    Test__V1__Tide tide = TEST__V1__TIDE__INIT;
    tide.voyage = (char *)(uintptr_t)id;
    tide.height = height;
    skald_error error = {0};
    assert_ok(
        skald_saga_signal_on(harbour->service, harbour->connection, id, name, &tide.base, &error),
        &error);
    skald_ring(harbour->service);
}

void voyages_cancel(voyages *harbour, const char *id)
{
    skald_error error = {0};
    assert_ok(
        skald_saga_cancel_on(harbour->service, harbour->connection, id, "for the test", &error),
        &error);
    skald_ring(harbour->service);
}

void voyages_ask(voyages *harbour, const char *id, const char *event, const char *step)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.saga_input (partition, saga, event, step, actor, reason)"
             " SELECT partition, id, '%s', nullif('%s', ''), 'alice', 'the test wants it'"
             " FROM skald.saga WHERE id = '%s'",
             event, step, id);
    database_run(harbour->database, sql);
    skald_ring(harbour->service);
}

void voyages_open(voyages *harbour, const char *id)
{
    char sql[256];
    snprintf(sql, sizeof sql, "INSERT INTO gate VALUES ('%s')", id);
    database_run(harbour->database, sql);
}

/* --- questions ---------------------------------------------------------------------------------
 */

const char *voyages_column(const voyages *harbour, const char *id, const char *column)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT %s FROM skald.saga WHERE id = '%s'", column, id);
    return database_text(harbour->database, sql);
}

bool voyages_is(const voyages *harbour, const char *id, const char *phase)
{
    return strcmp(voyages_column(harbour, id, "phase"), phase) == 0;
}

bool voyages_awaits(const voyages *harbour, const char *id, const char *future)
{
    return strcmp(voyages_column(harbour, id, "future"), future) == 0;
}

const char *voyages_log(const voyages *harbour, const char *id)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(string_agg(step || '.' || direction, ' ' ORDER BY at), '')"
             " FROM logbook WHERE saga = '%s'",
             id);
    return database_text(harbour->database, sql);
}

const char *voyages_called(const voyages *harbour, const char *id)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(string_agg(step || '.' || direction || '.' || what, ' ' ORDER BY at),"
             " '') FROM called WHERE saga = '%s'",
             id);
    return database_text(harbour->database, sql);
}

const char *voyages_took(voyages *harbour, const char *id)
{
    static char out[1024];
    unsigned char state[4096];
    skald_saga_view view;
    skald_error error = {0};
    assert_ok(skald_saga_look_on(harbour->service, harbour->connection, id, &view, state,
                                 sizeof state, &error),
              &error);
    Test__V1__Voyage *voyage = test__v1__voyage__unpack(NULL, view.state_size, state);
    assert_non_null(voyage);
    out[0] = '\0';
    for (size_t i = 0; i < voyage->n_took; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i > 0 ? " " : "",
                 voyage->took[i]);
    test__v1__voyage__free_unpacked(voyage, NULL);
    return out;
}

/* --- as a process ------------------------------------------------------------------------------
 */

static const char child_word[] = "--voyages-child";

void voyages_child_become(int argc, char **argv, const skald_definition *const *definitions)
{
    if (argc != 3 || strcmp(argv[1], child_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[2];
    options.lease_ms = 1000;
    skald_service *service = skald_service_open("harbour", &options);
    definitions_register(service, definitions, NULL);
    exit(skald_main(service, 1, argv));
}

static test_child *child(const char *database, const char *crash, bool supervised)
{
    char setting[64] = "SKALD_CRASH";
    if (crash != NULL)
        snprintf(setting, sizeof setting, "SKALD_CRASH=%s", crash);
    const char *const argv[] = {"/proc/self/exe", child_word, database, NULL};
    const char *const environment[] = {
        "NATS_URL", setting, "SKALD_ALLOW=fsync full_page_writes synchronous_commit",
        supervised ? "SKALD_SUPERVISE=yes" : "SKALD_SUPERVISE=no", NULL};
    return child_start(argv, environment);
}

test_child *voyages_child(const char *database, const char *crash)
{
    return child(database, crash, false);
}

test_child *voyages_child_supervised(const char *database)
{
    return child(database, NULL, true);
}

void voyages_child_stop(test_child *child)
{
    child_signal(child, SIGTERM);
    const int code = child_wait(child);
    if (code != 0)
        fail_msg("a process of the harbour ended with %d: %s", code, child_err(child));
    child_free(child);
}
