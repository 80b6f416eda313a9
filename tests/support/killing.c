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
enum { ARGUMENTS = 6 };
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

SKALD_HANDLER(on_counted_killing, test__v1__counted)
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

void killing_become(int argc, char **argv)
{
    if (argc != ARGUMENTS || strcmp(argv[1], program_word) != 0)
        return;
    const skald_policy policy = {
        .retry = "1ms..20ms", .dead = SKALD_DEAD_GOES_ON, .crashes_max = (uint32_t)atoi(argv[5])};
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[3];
    options.handler_ms = 1000;
    options.batch_max = 32;
    options.policy = &policy;
    plan_wanted = argv[4];
    skald_service *service = skald_service_open("payments", &options);
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
