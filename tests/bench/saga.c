/* Sagas of four local durable steps; every tenth is refused at the third and undone. Each step
 * changes the state and leaves one INSERT behind, so that all sides write the same rows. By hand
 * four commits per saga: one saga after another on each connection (the floor, as a team would
 * write it, with nothing protected), or 64 at a time in sets (the ceiling). */
#include "bench/by_hand.h"

#include "test/v1/events.pb-c.h"

#include <inttypes.h>
#include <pthread.h>
#include <skald/orchestration.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STEPS = 4,
    SET = 64,
    HAND_THREADS = 8, /* more lose, fewer do not fill a group commit */
    SET_THREADS = 2,  /* as many as the engine has by default */
    ID_SIZE = 24,
    CHUNK = 1000, /* of a backlog in one statement */
    LATENCIES_SECOND = 50,
    WARM_UP = 10,
    LOOK_US = 20,
};

static void id_write(char out[ID_SIZE], uint32_t i)
{
    snprintf(out, ID_SIZE, "saga-%07u", i);
}

static bool refused(const char *id)
{
    return id[strlen(id) - 1] == '9';
}

/* ---- Statements ---- */

static PGresult *must(PGconn *connection, PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        bench_die("%s", PQerrorMessage(connection));
    return result;
}

static uint64_t number_of(PGconn *connection, const char *sql)
{
    PGresult *result = must(connection, PQexec(connection, sql));
    const uint64_t number = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

static void hex_write(char *out, size_t size, skald_bytes bytes)
{
    size_t at = (size_t)snprintf(out, size, "\\x");
    for (size_t i = 0; i < bytes.size && at + 3 <= size; i++)
        at += (size_t)snprintf(out + at, size - at, "%02x", ((const unsigned char *)bytes.data)[i]);
}

/* `sql` takes ids and partitions as arrays, and the state. */
static void backlog_make(const bench_database *database, const char *sql, uint32_t count)
{
    static char ids[CHUNK * ID_SIZE];
    static char partitions[CHUNK * 4];
    char state[1024];
    hex_write(state, sizeof state, bench_body(0));
    PGconn *connection = hand_connect(database);
    for (uint32_t i = 0; i < count;) {
        size_t id_size = 0, partition_size = 0;
        for (uint32_t n = 0; n < CHUNK && i < count; n++, i++) {
            char id[ID_SIZE];
            id_write(id, i);
            const char before = n == 0 ? '{' : ',';
            id_size += (size_t)snprintf(ids + id_size, ID_SIZE, "%c%s", before, id);
            partition_size +=
                (size_t)snprintf(partitions + partition_size, 5, "%c%u", before,
                                 skald_partition_of(id, strlen(id), SKALD_PARTITIONS_DEFAULT));
        }
        strcpy(ids + id_size, "}");
        strcpy(partitions + partition_size, "}");
        const char *const values[] = {ids, partitions, state};
        PQclear(must(connection, PQexecParams(connection, sql, 3, NULL, values, NULL, NULL, 0)));
    }
    hand_run(connection, "ANALYZE");
    hand_run(connection, "CHECKPOINT");
    PQfinish(connection);
}

/* Sessions hand in what they counted when they end. */
static uint64_t commits_of(const bench_database *database)
{
    PGconn *connection = hand_connect(database);
    while (number_of(connection, "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                                 " current_database() AND backend_type = 'client backend'") > 1)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    const uint64_t commits =
        number_of(connection, "SELECT xact_commit FROM pg_stat_database WHERE datname ="
                              " current_database()");
    PQfinish(connection);
    return commits;
}

static void commits_note(bench_round *bench, figure_id id, const bench_database *database,
                         uint64_t before)
{
    const double commits = (double)(commits_of(database) - before);
    figures_note(bench->figures, id, commits * 1000 / bench->events, NULL);
}

/* Every side must have done all of it once. */
static void facts_check(const bench_database *database, uint32_t sagas)
{
    PGconn *connection = hand_connect(database);
    const uint64_t facts = number_of(connection, "SELECT count(*) FROM fact");
    const uint64_t undone = number_of(connection, "SELECT count(*) FROM fact WHERE number < 0");
    if (facts != (uint64_t)sagas * STEPS || undone != sagas / 10 * 2)
        bench_die("%" PRIu64 " facts of %u sagas, %" PRIu64 " of them undone", facts, sagas,
                  undone);
    PQfinish(connection);
}

/* ---- Latency ---- */

/* Starts saga number `i`, answers when that was committed, and returns when its end is. */
typedef uint64_t through_function(void *user, uint32_t i);

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void latency_measure(bench_round *bench, figure_id p50, figure_id p99,
                            through_function *through, void *user)
{
    const uint32_t count = bench->hops / 2;
    uint64_t *taken = calloc(count, sizeof *taken);
    if (taken == NULL)
        bench_die("no memory");
    uint64_t next_ns = bench_clock_ns();
    for (uint32_t i = 0; i < WARM_UP + count; i++) {
        const uint64_t now_ns = bench_clock_ns();
        if (next_ns > now_ns)
            nanosleep(&(struct timespec){.tv_nsec = (long)(next_ns - now_ns)}, NULL);
        const uint64_t started_ns = through(user, i);
        if (i >= WARM_UP)
            taken[i - WARM_UP] = bench_clock_ns() - started_ns;
        next_ns += 1000000000u / LATENCIES_SECOND;
    }
    qsort(taken, count, sizeof *taken, compare);
    figures_note(bench->figures, p50, (double)taken[count / 2] / 1e3, NULL);
    figures_note(bench->figures, p99, (double)taken[count * 99 / 100] / 1e3, NULL);
    free(taken);
}

/* ---- Ours ---- */

static atomic_uint_fast64_t facts; /* that steps have left; the commit is at hand */

/* In sagas' worth: whoever takes all of them one step further has done as much as who takes a few
 * of them to their ends. */
static uint64_t sagas_done(void *unused)
{
    (void)unused;
    return atomic_load(&facts) / STEPS;
}

static skald_status fact_add(skald_context *context, int64_t number)
{
    Test__V1__Counted *state = (Test__V1__Counted *)skald_saga_state(context);
    state->number = number;
    atomic_fetch_add(&facts, 1);
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)",
                      skald_saga_id(context), number);
}

static skald_status reserve(skald_context *context)
{
    return fact_add(context, 1);
}

static skald_status charge(skald_context *context)
{
    return fact_add(context, 2);
}

static skald_status pack(skald_context *context)
{
    return refused(skald_saga_id(context)) ? skald_refuse(context, "nothing left")
                                           : fact_add(context, 3);
}

static skald_status ship(skald_context *context)
{
    return fact_add(context, 4);
}

static skald_status refund(skald_context *context)
{
    return fact_add(context, -2);
}

static skald_status release(skald_context *context)
{
    return fact_add(context, -1);
}

static const skald_step order_steps[] = {
    {.name = "reserve", .run.local = reserve, .undo.local = release},
    {.name = "charge", .run.local = charge, .undo.local = refund},
    {.name = "pack", .run.local = pack, .undo.local = refund},
    {.name = "ship", .run.local = ship},
};
static const skald_definition order = {
    .name = "order", .version = 1, .steps = SKALD_STEPS(order_steps)};

static skald_service *orders_open(bench_round *bench, const bench_database *database,
                                  bool commit_each)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database->conninfo;
    options.allow = skald_servers_allow(bench->servers);
    skald_saga_options sagas = SKALD_SAGA_OPTIONS_INIT;
    sagas.state = &test__v1__counted__descriptor;
    sagas.commit_each = commit_each;
    skald_service *service = skald_service_open("orders", &options);
    skald_error error = {0};
    (void)skald_orchestrate(service, &order, &sagas);
    bench_must(skald_service_start(service, &error), "orders", &error);
    return service;
}

static void all_await(const bench_database *database)
{
    PGconn *connection = hand_connect(database);
    while (number_of(connection, "SELECT count(*) FROM skald.saga WHERE ended_at IS NULL") > 0)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    PQfinish(connection);
}

static void ours(bench_round *bench, bool commit_each, figure_id rate, figure_id commits)
{
    const bench_database database = bench_database_new(bench, "saga");
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, state_type,"
             " state, due_at, waits_for, root) SELECT s.id, s.partition, 'order', 1, %" PRId64 ","
             " 'test.v1.Counted', $3::bytea, now(), 'it has not begun', s.id"
             " FROM unnest($1::text[], $2::smallint[]) AS s(id, partition)",
             (int64_t)skald_definition_fingerprint(&order));
    backlog_make(&database, sql, bench->events);
    atomic_store(&facts, 0);
    const uint64_t before = commits_of(&database);
    skald_service *service = orders_open(bench, &database, commit_each);
    bench_rate(bench, rate, sagas_done, NULL, bench->events);
    all_await(&database);
    bench_service_end(service);
    commits_note(bench, commits, &database, before);
    facts_check(&database, bench->events);
    bench_database_drop(bench, &database);
}

typedef struct our_orders {
    skald_service *service;
    PGconn *connection;
} our_orders;

static uint64_t ours_through(void *user, uint32_t i)
{
    const our_orders *orders = user;
    char id[ID_SIZE];
    id_write(id, i);
    Test__V1__Counted state = TEST__V1__COUNTED__INIT;
    char note[BENCH_NOTE_SIZE + 1];
    memset(note, 'n', BENCH_NOTE_SIZE);
    note[BENCH_NOTE_SIZE] = '\0';
    state.note = note;
    skald_error error = {0};
    bench_must(skald_saga_start_on(orders->service, orders->connection, &order, id, &state.base,
                                   NULL, &error),
               "starting", &error);
    const uint64_t started_ns = bench_clock_ns();
    skald_ring(orders->service);
    bench_await(sagas_done, NULL, i + 1, LOOK_US);
    skald_saga_view view = {0};
    while (!view.ended)
        bench_must(
            skald_saga_look_on(orders->service, orders->connection, id, &view, NULL, 0, &error),
            "looking", &error);
    return started_ns;
}

static void ours_latency(bench_round *bench, bool commit_each, figure_id p50, figure_id p99)
{
    const bench_database database = bench_database_new(bench, "saga_latency");
    atomic_store(&facts, 0);
    our_orders orders = {orders_open(bench, &database, commit_each), hand_connect(&database)};
    latency_measure(bench, p50, p99, ours_through, &orders);
    bench_service_end(orders.service);
    PQfinish(orders.connection);
    facts_check(&database, WARM_UP + bench->hops / 2);
    bench_database_drop(bench, &database);
}

/* ---- By hand ---- */

/* What commit number `step` of a saga writes. That it was refused is committed with the first
 * undo. */
static int number_at(const char *id, int step)
{
    return refused(id) && step >= 2 ? step - STEPS : step + 1;
}

static const char *phase_at(const char *id, int step)
{
    if (step < 2)
        return "running";
    if (step < STEPS - 1)
        return refused(id) ? "compensating" : "running";
    return refused(id) ? "compensated" : "completed";
}

static bench_database hand_database(bench_round *bench, const char *purpose, uint32_t backlog)
{
    const bench_database database = bench_database_new(bench, purpose);
    bench_run(&database, "CREATE TABLE plain (id text PRIMARY KEY, step int NOT NULL DEFAULT 0,"
                         " phase text NOT NULL DEFAULT 'new', state bytea NOT NULL, changed_at"
                         " timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 60)");
    backlog_make(&database,
                 "INSERT INTO plain (id, state) SELECT s.id, $3::bytea"
                 " FROM unnest($1::text[], $2::smallint[]) AS s(id, partition)",
                 backlog);
    return database;
}

static PGconn *hand_open(const bench_database *database)
{
    PGconn *connection = hand_connect(database);
    PQclear(must(connection, PQprepare(connection, "start",
                                       "INSERT INTO plain (id, state) VALUES ($1, $2)", 0, NULL)));
    PQclear(must(connection,
                 PQprepare(connection, "step",
                           "WITH s AS (UPDATE plain SET step = $2::int, phase = $3, state = $4,"
                           " changed_at = now() WHERE id = $1)"
                           " INSERT INTO fact (key, number) VALUES ($1, $2::int)",
                           0, NULL)));
    PQclear(must(connection,
                 PQprepare(connection, "set",
                           "WITH u AS (SELECT * FROM unnest($1::text[], $2::int[], $3::text[],"
                           " $4::bytea[]) AS u(id, number, phase, state)),"
                           " s AS (UPDATE plain AS p SET step = u.number, phase = u.phase,"
                           "  state = u.state, changed_at = now() FROM u WHERE p.id = u.id)"
                           " INSERT INTO fact (key, number) SELECT u.id, u.number FROM u",
                           0, NULL)));
    return connection;
}

/* One saga: four statements, each its own transaction. */
static void hand_saga(PGconn *connection, uint32_t i)
{
    char id[ID_SIZE];
    id_write(id, i);
    for (int step = 0; step < STEPS; step++) {
        char number[12];
        const skald_bytes state = bench_body(i + (uint32_t)step);
        snprintf(number, sizeof number, "%d", number_at(id, step));
        const char *const values[] = {id, number, phase_at(id, step), state.data};
        PQclear(must(connection, PQexecPrepared(connection, "step", 4, values,
                                                (const int[]){0, 0, 0, (int)state.size},
                                                (const int[]){0, 0, 0, 1}, 0)));
    }
}

/* Sagas from `first` on, side by side: four statements for all of them. */
static void hand_set(PGconn *connection, uint32_t first, uint32_t count)
{
    for (int step = 0; step < STEPS; step++) {
        static _Thread_local char lists[4][SET * 600];
        size_t sizes[4] = {0};
        for (uint32_t n = 0; n < count; n++) {
            char id[ID_SIZE];
            char hex[560];
            const char before = n == 0 ? '{' : ',';
            id_write(id, first + n);
            hex_write(hex, sizeof hex, bench_body(first + n + (uint32_t)step));
            sizes[0] += (size_t)snprintf(lists[0] + sizes[0], 600, "%c%s", before, id);
            sizes[1] +=
                (size_t)snprintf(lists[1] + sizes[1], 600, "%c%d", before, number_at(id, step));
            sizes[2] +=
                (size_t)snprintf(lists[2] + sizes[2], 600, "%c%s", before, phase_at(id, step));
            sizes[3] += (size_t)snprintf(lists[3] + sizes[3], 600, "%c\"\\%s\"", before, hex);
        }
        for (int list = 0; list < 4; list++)
            strcpy(lists[list] + sizes[list], "}");
        const char *const values[] = {lists[0], lists[1], lists[2], lists[3]};
        PQclear(must(connection, PQexecPrepared(connection, "set", 4, values, NULL, NULL, 0)));
    }
}

typedef struct hand_work {
    const bench_database *database;
    uint32_t count;
    uint32_t at_once;
    atomic_uint_fast32_t next;
    atomic_uint_fast64_t done;
} hand_work;

static uint64_t hand_done(void *work)
{
    return atomic_load(&((hand_work *)work)->done);
}

static void *hand_thread(void *argument)
{
    hand_work *work = argument;
    PGconn *connection = hand_open(work->database);
    for (;;) {
        const uint32_t first = (uint32_t)atomic_fetch_add(&work->next, work->at_once);
        if (first >= work->count)
            break;
        const uint32_t left = work->count - first;
        const uint32_t count = left < work->at_once ? left : work->at_once;
        if (work->at_once == 1)
            hand_saga(connection, first);
        else
            hand_set(connection, first, count);
        atomic_fetch_add(&work->done, count);
    }
    PQfinish(connection);
    return NULL;
}

static void by_hand(bench_round *bench, uint32_t at_once, int threads, figure_id rate,
                    figure_id commits)
{
    const bench_database database = hand_database(bench, "saga_hand", bench->events);
    hand_work work = {.database = &database, .count = bench->events, .at_once = at_once};
    pthread_t started[HAND_THREADS];
    for (uint32_t i = 0; i < BENCH_KEYS; i++)
        (void)bench_body(i); /* made once, before threads share them */
    const uint64_t before = commits_of(&database);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&started[i], NULL, hand_thread, &work) != 0)
            bench_die("no thread");
    }
    bench_rate(bench, rate, hand_done, &work, bench->events);
    for (int i = 0; i < threads; i++)
        pthread_join(started[i], NULL);
    commits_note(bench, commits, &database, before);
    facts_check(&database, bench->events);
    bench_database_drop(bench, &database);
}

static uint64_t hand_through(void *user, uint32_t i)
{
    PGconn *connection = user;
    char id[ID_SIZE];
    id_write(id, i);
    const skald_bytes state = bench_body(i);
    const char *const values[] = {id, state.data};
    PQclear(must(connection,
                 PQexecPrepared(connection, "start", 2, values, (const int[]){0, (int)state.size},
                                (const int[]){0, 1}, 0)));
    const uint64_t started_ns = bench_clock_ns();
    hand_saga(connection, i);
    return started_ns;
}

static void hand_latency(bench_round *bench)
{
    const bench_database database = hand_database(bench, "saga_hand_latency", 0);
    PGconn *connection = hand_open(&database);
    latency_measure(bench, FIGURE_SAGA_HAND_P50, FIGURE_SAGA_HAND_P99, hand_through, connection);
    PQfinish(connection);
    bench_database_drop(bench, &database);
}

void bench_saga(bench_round *bench)
{
    by_hand(bench, 1, HAND_THREADS, FIGURE_SAGA_HAND, FIGURE_SAGA_HAND_COMMITS);
    ours(bench, false, FIGURE_SAGA, FIGURE_SAGA_COMMITS);
    ours(bench, true, FIGURE_SAGA_EACH, FIGURE_SAGA_EACH_COMMITS);
    by_hand(bench, SET, SET_THREADS, FIGURE_SAGA_SET, FIGURE_SAGA_SET_COMMITS);
    hand_latency(bench);
    ours_latency(bench, false, FIGURE_SAGA_P50, FIGURE_SAGA_P99);
    ours_latency(bench, true, FIGURE_SAGA_EACH_P50, FIGURE_SAGA_EACH_P99);
}
