/* A storm: some hundred sagas with steps of every kind, refusals, failures, timeouts, cancels and
 * doubled answers by a seed, while the engine's process is killed again and again. What the books
 * say afterwards is what counts. */
#include "support/database.h"
#include "support/random.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include "test/v1/voyages.pb-c.h"

#include <signal.h>

enum { BURSTS = 5, BURST_SAGAS = 32, NOTE_SIZE = 256 };

/* --- definitions ----------------------------------------------------------------------------- */

#define OFTEN "1ms..5ms, 50 times"

static skald_status load_compose(skald_context *context)
{
    const Test__V1__Voyage *state = (const Test__V1__Voyage *)skald_saga_state(context);
    Test__V1__Load load = TEST__V1__LOAD__INIT;
    load.voyage = (char *)(uintptr_t)skald_saga_id(context);
    load.note = state->note;
    return skald_command(context, &load.base);
}

static skald_status unload_compose(skald_context *context)
{
    Test__V1__Unload unload = TEST__V1__UNLOAD__INIT;
    unload.voyage = (char *)(uintptr_t)skald_saga_id(context);
    return skald_command(context, &unload.base);
}

#define LOAD                                                                                       \
    {                                                                                              \
        .name = "load",                                                                            \
        .run = {.participant = "harbour",                                                          \
                .command = "test.v1.Load",                                                         \
                .compose = load_compose,                                                           \
                .accept = voyage_accept,                                                           \
                .retry = "1ms..5ms, 3 times"},                                                     \
        .undo = {.participant = "harbour",                                                         \
                 .command = "test.v1.Unload",                                                      \
                 .compose = unload_compose,                                                        \
                 .retry = OFTEN},                                                                  \
    }

#define LOCAL(of_name)                                                                             \
    {                                                                                              \
        .name = of_name, .run = {.local = voyage_local, .retry = "1ms..5ms, 3 times"},             \
        .undo = {.local = voyage_local, .retry = OFTEN},                                           \
    }

#define ACTIVITY(of_name)                                                                          \
    {                                                                                              \
        .name = of_name,                                                                           \
        .run = {.activity = voyage_activity,                                                       \
                .verify = voyage_verify,                                                           \
                .retry = "1ms..5ms, 3 times"},                                                     \
        .undo = {.activity = voyage_activity, .verify = voyage_verify, .retry = OFTEN},            \
    }

static const skald_step part_steps[] = {LOCAL("x"), ACTIVITY("y")};
static const skald_definition part = {
    .name = "part", .version = 1, .steps = SKALD_STEPS(part_steps)};

static const skald_step both_steps[] = {ACTIVITY("b"), LOAD, LOCAL("d")};

static const skald_step gale_steps[] = {
    LOCAL("a"),
    {.name = "maybe",
     .only_if = voyage_needed,
     .run.local = voyage_local,
     .undo = {.local = voyage_local, .retry = OFTEN}},
    {.name = "both", .run.parallel = SKALD_STEPS(both_steps)},
    {.name = "tide", .run = {.wait_for = "tide", .timeout_ms = 3000}},
    {.name = "nap", .run.sleep_ms = 5},
    {.name = "part", .run = {.child = &part, .compose = voyage_compose}},
    LOCAL("c"),
    {.name = "z", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition gale = {
    .name = "gale", .version = 1, .steps = SKALD_STEPS(gale_steps)};

/* With a pivot: what stands behind it is owed. */
static const skald_step squall_steps[] = {
    LOCAL("a"),
    ACTIVITY("b"),
    {.name = "pay", .run.local = voyage_local, .pivot = true},
    {.name = "load",
     .run = {.participant = "harbour",
             .command = "test.v1.Load",
             .compose = load_compose,
             .retry = OFTEN}},
    {.name = "z", .run = {.local = voyage_local, .retry = OFTEN}},
};
static const skald_definition squall = {
    .name = "squall", .version = 1, .steps = SKALD_STEPS(squall_steps)};

/* --- the process that is killed --------------------------------------------------------------- */

static skald_status hold_write(skald_context *context, const char *voyage, const char *what)
{
    return skald_exec(context,
                      "INSERT INTO hold (voyage, what, key, undoes) VALUES ($1, $2, $3, $4)",
                      voyage, what, skald_command_operation(context),
                      skald_command_undoes(context) != NULL ? skald_command_undoes(context) : "");
}

SKALD_HANDLER(on_load, test__v1__load)
{
    const skald_status status = hold_write(context, event->voyage, "load");
    if (status == SKALD_OK && strstr(event->note, "load=refuse") != NULL)
        return skald_refuse(context, "no room");
    if (status == SKALD_OK && strstr(event->note, "load=fail") != NULL)
        return skald_fail(context, "the crane is broken");
    return status;
}

SKALD_HANDLER(on_unload, test__v1__unload)
{
    return hold_write(context, event->voyage, "unload");
}

static const char child_word[] = "storm";

static void become(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], child_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[2];
    options.lease_ms = 1000;
    skald_service *service = skald_service_open("harbour", &options);
    skald_saga_options saga = SKALD_SAGA_OPTIONS_INIT;
    saga.state = &test__v1__voyage__descriptor;
    (void)skald_orchestrate(service, &gale, &saga);
    (void)skald_orchestrate(service, &part, &saga);
    saga.commit_each = true;
    (void)skald_orchestrate(service, &squall, &saga);
    static const skald_policy quick = {.retry = "never"};
    skald_follow_options follow = SKALD_FOLLOW_OPTIONS_INIT;
    follow.policy = &quick;
    (void)skald_participate_with(service, "harbour", on_load, &follow);
    (void)skald_participate(service, "harbour", on_unload);
    exit(skald_main(service, 1, argv));
}

static test_child *engine_start(const voyages *harbour)
{
    const char *const argv[] = {"/proc/self/exe", child_word, harbour->database, NULL};
    static const char *const environment[] = {
        "NATS_URL", "SKALD_SUPERVISE=no", "SKALD_ALLOW=fsync full_page_writes synchronous_commit",
        NULL};
    return child_start(argv, environment);
}

static void engine_kill(test_child *engine)
{
    child_signal(engine, SIGKILL);
    assert_int_equal(child_wait(engine), 128 + SIGKILL);
    child_free(engine);
}

/* --- the weather ------------------------------------------------------------------------------ */

static void note_add(char *note, const char *what)
{
    const size_t used = strlen(note);
    snprintf(note + used, NOTE_SIZE - used, "%s%s", used > 0 ? ";" : "", what);
}

static void note_any(test_random *random, char *note, uint32_t percent, const char *const *words,
                     uint32_t count)
{
    if (random_chance(random, percent))
        note_add(note, words[random_below(random, count)]);
}

#define ANY(random, note, percent, ...)                                                            \
    do {                                                                                           \
        static const char *const words_[] = {__VA_ARGS__};                                         \
        note_any(random, note, percent, words_, sizeof words_ / sizeof *words_);                   \
    } while (0)

static void gale_note(test_random *random, char *note)
{
    ANY(random, note, 30, "a.run=fail 1", "a.run=fail-late 1", "a.run=sql 1", "a.run=refuse-late");
    ANY(random, note, 30, "b.run=fail 1", "b.run=unknown 1", "b.run=refuse", "b.run=fail",
        "b.run=fail-late 1");
    ANY(random, note, 20, "load=refuse", "load=fail");
    ANY(random, note, 20, "d.run=commit", "d.run=sql 2", "d.run=refuse");
    ANY(random, note, 20, "x.run=refuse", "y.run=refuse", "y.run=unknown 1", "y.run=fail");
    ANY(random, note, 30, "c.run=lock pier");
    ANY(random, note, 30, "z.run=refuse", "z.run=refuse-late", "z.run=sql 1", "z.run=commit");
    ANY(random, note, 40, "a.undo=fail 2", "b.undo=fail 1", "b.undo=unknown 1", "x.undo=sql 1",
        "y.undo=unknown 1");
}

static void squall_note(test_random *random, char *note)
{
    ANY(random, note, 30, "a.run=fail 1", "a.run=refuse");
    ANY(random, note, 30, "b.run=unknown 1", "b.run=refuse", "b.run=fail");
    ANY(random, note, 20, "pay.run=refuse", "pay.run=fail 1");
    ANY(random, note, 40, "z.run=fail 3", "z.run=fail-late 2", "z.run=sql 1", "z.run=lock pier");
}

static void tell(const voyages *harbour, const char *id, const char *event, const char *name)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.saga_input (partition, saga, event, name)"
             " VALUES (%u, '%s', '%s', nullif('%s', ''))",
             skald_partition_of(id, strlen(id), 16), id, event, name);
    database_run(harbour->database, sql);
}

static void saga_launch(voyages *harbour, test_random *random, int number)
{
    char id[32];
    char note[NOTE_SIZE] = "";
    snprintf(id, sizeof id, "s%03d", number);
    const bool is_gale = random_chance(random, 70);
    if (is_gale)
        gale_note(random, note);
    else
        squall_note(random, note);
    if (random_chance(random, 30))
        tell(harbour, id, "signal", "tide");
    voyages_insert(harbour, is_gale ? &gale : &squall, id, note, random_below(random, 2));
    if (random_chance(random, 60))
        tell(harbour, id, "signal", "tide");
    if (random_chance(random, 10))
        tell(harbour, id, "cancel", "");
}

/* Answers come twice, at once or long after: every third one, by its operation. */
static void answers_double(const voyages *harbour)
{
    database_run(
        harbour->database,
        "CREATE TABLE hold (at bigserial, voyage text, what text, key text, undoes text);"
        "CREATE TABLE told (LIKE skald.saga_input INCLUDING DEFAULTS);"
        "CREATE FUNCTION answer_double() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF hashtext(NEW.operation) % 3 = 0 THEN"
        "  INSERT INTO skald.saga_input (partition, saga, event, operation, name, type, body,"
        "   reason, message_id) SELECT NEW.partition, NEW.saga, NEW.event, NEW.operation, NEW.name,"
        "   NEW.type, NEW.body, NEW.reason, 'doubled'; END IF;"
        " INSERT INTO told SELECT NEW.*; RETURN NULL; END $$;"
        "CREATE TRIGGER doubled AFTER INSERT ON skald.saga_input FOR EACH ROW"
        " WHEN (NEW.event IN ('done', 'refused', 'child-completed', 'child-compensated')"
        "  AND NEW.message_id IS DISTINCT FROM 'doubled') EXECUTE FUNCTION answer_double()");
}

static void answers_again(const voyages *harbour)
{
    database_run(
        harbour->database,
        "INSERT INTO skald.saga_input (partition, saga, event, operation, name, type, body,"
        " reason, message_id) SELECT partition, saga, event, operation, name, type, body,"
        " reason, 'doubled' FROM told WHERE hashtext(operation || 'x') % 4 = 0");
}

/* --- the books -------------------------------------------------------------------------------- */

static void none(const voyages *harbour, const char *what, const char *sql)
{
    char text[2048];
    snprintf(
        text, sizeof text,
        "SELECT coalesce(string_agg(w::text, ' ' ORDER BY w::text), '') FROM (%s LIMIT 5) AS w",
        sql);
    const char *found = database_text(harbour->database, text);
    if (found[0] != '\0')
        fail_msg("%s: %s", what, found);
}

/* Everything that was done, by whomever: local steps and activities, and the participant. */
#define BOOKS                                                                                      \
    "(SELECT saga, step, direction, key, undoes, at FROM logbook UNION ALL"                        \
    " SELECT voyage, 'load', CASE what WHEN 'load' THEN 'run' ELSE 'undo' END, key, undoes, at"    \
    " FROM hold)"

static void books_check(const voyages *harbour)
{
    none(harbour, "done twice", "SELECT key FROM " BOOKS " AS b GROUP BY key HAVING count(*) > 1");
    none(harbour, "done in the end, and undone",
         "SELECT b.key FROM " BOOKS " AS b JOIN skald.saga AS s ON s.id = b.saga"
         " WHERE s.phase = 'completed' AND b.direction = 'undo'");
    none(harbour, "missing in a saga that is completed",
         "SELECT s.id, w.step FROM skald.saga AS s CROSS JOIN (VALUES ('gale', 'a'), ('gale', 'b'),"
         " ('gale', 'd'), ('gale', 'load'), ('gale', 'c'), ('gale', 'z'), ('squall', 'a'),"
         " ('squall', 'b'), ('squall', 'pay'), ('squall', 'load'), ('squall', 'z'), ('part', 'x'),"
         " ('part', 'y')) AS w(definition, step) WHERE s.phase = 'completed'"
         " AND s.definition = w.definition AND NOT EXISTS (SELECT FROM " BOOKS
         " AS b WHERE b.saga = s.id AND b.step = w.step AND b.direction = 'run')");
    none(harbour, "done and never undone",
         "SELECT r.key FROM " BOOKS " AS r JOIN skald.saga AS s ON s.id = r.saga"
         " WHERE s.phase = 'compensated' AND r.direction = 'run' AND NOT EXISTS (SELECT FROM " BOOKS
         " AS u WHERE u.undoes = r.key)");
    /* Of an activity nobody knows: its process may have been killed before it called. */
    none(harbour, "undone, and never done",
         "SELECT u.key FROM " BOOKS " AS u WHERE u.direction = 'undo' AND u.step NOT IN ('b', 'y')"
         " AND NOT EXISTS (SELECT FROM " BOOKS " AS r WHERE r.key = u.undoes)");
    none(harbour, "local steps or commands undone twice",
         "SELECT undoes FROM " BOOKS " AS b WHERE direction = 'undo' AND step NOT IN ('b', 'y')"
         " GROUP BY undoes HAVING count(*) > 1");
    none(harbour, "not in the reverse order",
         "SELECT r.key FROM logbook AS r JOIN logbook AS l ON l.saga = r.saga AND l.at > r.at"
         " AND l.direction = 'run' JOIN logbook AS ru ON ru.undoes = r.key"
         " JOIN logbook AS lu ON lu.undoes = l.key WHERE r.direction = 'run' AND lu.at > ru.at"
         " AND r.step IN ('a', 'maybe', 'c') AND l.step IN ('a', 'maybe', 'c')");
}

static void rest_check(const voyages *harbour)
{
    none(harbour, "owed", "SELECT saga, step FROM skald.v_debts");
    none(harbour, "stuck", "SELECT saga, why FROM skald.v_saga_stuck");
    none(harbour, "a person's task", "SELECT saga, step FROM skald.v_saga_task");
    none(harbour, "a job that is not over",
         "SELECT id, state FROM skald.job WHERE state IN ('waiting', 'running', 'dead', 'parked')");
    none(harbour, "a lock", "SELECT name FROM skald.saga_lock");
    none(harbour, "a place in the row for a lock", "SELECT name FROM skald.saga_lock_wait");
    none(harbour, "a child whose parent went on another way",
         "SELECT c.id FROM skald.saga AS c JOIN skald.saga AS p ON p.id = c.parent"
         " WHERE c.phase <> p.phase");
}

/* There was some weather. */
static void weather_check(const voyages *harbour)
{
    for (int i = 0; i < 2; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM skald.saga WHERE parent IS NULL AND phase = '%s'",
                 i == 0 ? "completed" : "compensated");
        assert_true(database_integer(harbour->database, sql) > BURST_SAGAS / 2);
    }
    assert_true(database_integer(harbour->database, "SELECT sum(stale)::bigint FROM skald.saga") >
                BURST_SAGAS);
}

static bool is_calm(const voyages *harbour)
{
    return database_integer(harbour->database,
                            "SELECT (SELECT count(*) FROM skald.saga WHERE ended_at IS NULL)"
                            " + (SELECT count(*) FROM skald.saga_input WHERE NOT early)"
                            " + (SELECT count(*) FROM skald.job WHERE state IN ('waiting',"
                            " 'running'))") == 0;
}

static int64_t turns(const voyages *harbour)
{
    return database_integer(harbour->database,
                            "SELECT coalesce(sum(turns), 0)::bigint FROM skald.saga");
}

static void test_nothing_is_done_twice_and_nothing_is_owed(void **state)
{
    (void)state;
    test_random random = random_begin();
    voyages harbour = voyages_prepare();
    answers_double(&harbour);
    test_child *engine = engine_start(&harbour);
    for (int burst = 0; burst < BURSTS; burst++) {
        const int64_t before = turns(&harbour);
        for (int i = 0; i < BURST_SAGAS; i++)
            saga_launch(&harbour, &random, burst * BURST_SAGAS + i);
        WAIT_UNTIL(turns(&harbour) > before + random_below(&random, 6 * BURST_SAGAS));
        engine_kill(engine);
        if (random_chance(&random, 50))
            answers_again(&harbour);
        engine = engine_start(&harbour);
    }
    WAIT_UNTIL(is_calm(&harbour));
    answers_again(&harbour);
    WAIT_UNTIL(is_calm(&harbour));
    voyages_child_stop(engine);
    books_check(&harbour);
    rest_check(&harbour);
    weather_check(&harbour);
    voyages_end(&harbour);
}

int main(int argc, char **argv)
{
    become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_done_twice_and_nothing_is_owed),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
