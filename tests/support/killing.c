/* The follower is a supervised program; victims of killings from outside say which process they are
 * in. */
#include "support/killing.h"
#include "support/crime.h"
#include "support/database.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <signal.h>
#include <unistd.h>

/* --- the follower --------------------------------------------------------------------------- */

/* argv: program, this word, stream, database, plan, crashes_max. */
/* Filling a stack takes a sanitizer more than a second on a busy machine. */
enum { ARGUMENTS = 6, LIMIT_MS = 4000 };
static const char program_word[] = "--killing-follower";

static const char *plan_wanted;

const char *killing_crime(long index)
{
    const long block = index / KILLING_BLOCK;
    return index % KILLING_BLOCK == block * 37 % KILLING_BLOCK ? crimes[block % crime_count].name
                                                               : NULL;
}

static const char *crime_of(const Test__V1__Counted *event)
{
    const long key = strtol(event->key + 1, NULL, 10);
    if (strcmp(plan_wanted, "load") == 0)
        return killing_crime((long)(event->number - 1) * KILLING_KEYS + key);
    return key < crime_count && event->number == 2 ? crimes[key].name : NULL;
}

static skald_status live_or_die(skald_context *context, const Test__V1__Counted *event)
{
    const char *name = crime_of(event);
    if (name != NULL) {
        char line[64];
        const int size = snprintf(line, sizeof line, "%s as %d\n", name, (int)getpid());
        (void)!write(1, line, (size_t)size);
        crime_commit(name);
    }
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                      event->number);
}

/* What the outside sees of a job is what it commits, or its end. */
static skald_status activity_killing(skald_context *context, const ProtobufCMessage *message)
{
    const skald_status status = live_or_die(context, (const Test__V1__Counted *)message);
    return status;
}

static const skald_activity activity[1] = {
    {"activity_killing", &test__v1__counted__descriptor, activity_killing, NULL}};

/* By the plan "jobs" its message becomes a job, which is what kills. */
SKALD_HANDLER(on_counted_killing, test__v1__counted)
{
    if (strcmp(plan_wanted, "jobs") == 0)
        return skald_enqueue(context, "errands", &event->base, NULL);
    const skald_status status = live_or_die(context, event);
    return status;
}

void killing_become(int argc, char **argv)
{
    if (argc != ARGUMENTS || strcmp(argv[1], program_word) != 0)
        return;
    const skald_policy policy = {
        .retry = "1ms..20ms", .dead = SKALD_DEAD_GOES_ON, .crashes_max = (uint32_t)atoi(argv[5])};
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[3];
    options.handler_ms = LIMIT_MS;
    options.batch_max = 32;
    options.policy = &policy;
    plan_wanted = argv[4];
    skald_service *service = skald_service_open("payments", &options);
    skald_queue_options queue = SKALD_QUEUE_OPTIONS_INIT;
    queue.timeout_ms = LIMIT_MS;
    (void)skald_queue(service, "errands", activity, &queue);
    (void)skald_follow(service, argv[2], on_counted_killing);
    exit(skald_main(service, 1, argv));
}

test_child *killing_start(const counting_pair *pair, const char *plan, int crashes_max)
{
    char nats[256], crashes[16];
    snprintf(crashes, sizeof crashes, "%d", crashes_max);
    snprintf(nats, sizeof nats, "NATS_URL=%s", pair->child.nats_url);
    const char *const argv[] = {
        "/proc/self/exe", program_word, pair->child.stream, pair->following, plan, crashes, NULL};
    return child_start(
        argv,
        (const char *const[]){nats, "SKALD_ALLOW=fsync full_page_writes synchronous_commit", NULL});
}

/* --- books ---------------------------------------------------------------------------------- */

int64_t killing_dead(const counting_pair *pair)
{
    return database_integer(pair->following, "SELECT count(*) FROM skald.job WHERE state = 'dead'");
}

void killing_expect(const counting_pair *pair, int count)
{
    assert_int_equal(counting_facts(pair->following), count);
    assert_int_equal(
        database_integer(pair->following, "SELECT count(DISTINCT (key, number)) FROM fact"), count);
    assert_string_equal(
        database_text(pair->following,
                      "SELECT coalesce(string_agg(format('%s: %s after %s', key, number, before),"
                      " '; '), '') FROM (SELECT key, number, lag(number) OVER (PARTITION BY key"
                      " ORDER BY at) AS before FROM fact) AS f WHERE number < before"),
        "");
    assert_int_equal(
        database_integer(pair->following,
                         "SELECT count(*) FROM skald.job WHERE state NOT IN ('dead', 'done')"),
        0);
    assert_int_equal(database_integer(pair->following, "SELECT count(*) FROM skald.suspect"), 0);
}

int killing_log_count(test_child *child, const char *id)
{
    int count = 0;
    char what[64];
    snprintf(what, sizeof what, "id=%s ", id);
    for (const char *at = child_err(child); (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static bool killing_victims(test_child *child, int *killed)
{
    const char *at = child_out(child);
    for (int i = 0; (at = strstr(at, "victim as ")) != NULL; i++) {
        at += strlen("victim as ");
        if (i == *killed) {
            kill((pid_t)atoi(at), SIGKILL);
            ++*killed;
        }
    }
    return true;
}

void killing_await(const counting_pair *pair, test_child *child, int *killed, int count)
{
    /* Many starts take their time on a busy machine: each crash is a fact of its own. */
    while (killing_dead(pair) < count) {
        const int crashed = killing_log_count(child, "WORKER-CRASHED");
        WAIT_UNTIL(
            killing_victims(child, killed) &&
            (killing_dead(pair) >= count || killing_log_count(child, "WORKER-CRASHED") > crashed));
    }
}

/* --- attempts ------------------------------------------------------------------------------ */

enum { KEYS = 20, COUNT = 80 };

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return false;
#endif
}

/* What is asked of the attempts of one dead message. An attempt is "lost" when its process was
 * ended by another one, at a time when nobody could tell which. */
static const char *attempts(const counting_pair *pair, int key, const char *what)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT %s FROM skald.attempt AS a JOIN skald.job AS j ON j.id = a.job"
             " WHERE j.state = 'dead' AND j.key = 'k%d' AND a.outcome IN ('crashed', 'timed out')",
             what, key);
    return database_text(pair->following, sql);
}

static int attempts_count(const counting_pair *pair, int key, const char *which)
{
    char what[256];
    snprintf(what, sizeof what, "count(*) FILTER (WHERE %s)", which);
    return atoi(attempts(pair, key, what));
}

/* Each attempt tells how its process ended: by what it did itself, at least once; or, when a
 * neighbour's end left no word of who it was, by that. */
static void expect_quarantine(const counting_pair *pair, int key, int crashes)
{
    const crime *of = &crimes[key];
    char own[128], neighbours[256], named[256];
    print_message("crime %s: %s\n", of->name,
                  attempts(pair, key, "string_agg(a.outcome || ' ' || a.signal, ', ')"));
    assert_int_equal(attempts_count(pair, key, "true"), crashes);
    /* A sanitizer ends some of them itself, and slows others down until they are past their time.
     * How it ended is asked of it in test_supervisor.c. */
    if (is_sanitized())
        return;
    snprintf(own, sizeof own, "a.outcome = '%s' AND a.signal = '%s'",
             of->timed_out ? "timed out" : "crashed", of->ending);
    snprintf(neighbours, sizeof neighbours,
             "NOT (%s) AND a.outcome = 'crashed' AND (a.signal IN ('SIGKILL', 'exit 3') OR"
             " a.backtrace IS NULL)",
             own);
    const int by_itself = attempts_count(pair, key, own);
    assert_true(by_itself > 0);
    assert_int_equal(by_itself + attempts_count(pair, key, neighbours), crashes);
    /* Two threads that crash at once leave one report: the other has its signal and no backtrace.
     * Above the end of the stack there is nothing but the recursion. */
    char traced[192];
    snprintf(traced, sizeof traced, "%s AND a.backtrace IS NOT NULL", own);
    snprintf(named, sizeof named, "a.backtrace LIKE '%%%s%%'",
             strcmp(of->name, "overflow") == 0 ? "crime_overflow" : "\\_killing");
    if (of->backtrace && attempts_count(pair, key, named) != attempts_count(pair, key, traced))
        fail_msg("not in all of these: %s\n%s", named,
                 attempts(pair, key, "string_agg(a.signal || E'\\n' || a.backtrace, E'\\n')"));
}

void killing_expect_survival(const char *plan, int crashes)
{
    counting_pair pair = pair_begin();
    int killed = 0;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.job WHERE crashes = %d", crashes);
    counting_publish(pair.publisher, pair.origin, KEYS, COUNT, 1);
    test_child *child = killing_start(&pair, plan, crashes);

    killing_await(&pair, child, &killed, crime_count);

    WAIT_UNTIL(counting_facts(pair.following) == COUNT - crime_count);
    killing_expect(&pair, COUNT - crime_count);
    for (int i = 0; i < crime_count; i++)
        expect_quarantine(&pair, i, crashes);
    assert_int_equal(database_integer(pair.following, sql), crime_count);
    WAIT_UNTIL(killing_log_count(child, "WORKER-REPLACED") ==
               killing_log_count(child, "WORKER-CRASHED"));
    assert_true(killing_log_count(child, "WORKER-CRASHED") >= crashes);
    pair_child_stop(child);
    pair_end(&pair);
}
