/* A publisher, and followers that are watched by a trigger of their own database. */
#include "support/counting_pair.h"

#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include <signal.h>

/* Writes down what must never happen; raising an error would only make the follower try again. */
static void watch_positions(const char *database)
{
    database_run(database,
                 "CREATE TABLE public.fallen (what text);"
                 "CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
                 " IF new.epoch < old.epoch OR new.position < old.position"
                 " OR (new.holder <> coalesce(old.holder, gen_random_uuid())"
                 "     AND new.epoch = old.epoch)"
                 " THEN INSERT INTO public.fallen VALUES (format(''%s -> %s'', old, new));"
                 " END IF; RETURN NULL; END'");
    database_run(database, "CREATE TRIGGER watch AFTER UPDATE ON skald.position"
                           " FOR EACH ROW EXECUTE FUNCTION public.watch()");
}

counting_pair pair_begin(void)
{
    static int number;
    static char names[64][24];
    char *name = names[number++ % 64];
    snprintf(name, sizeof names[0], "orders%d", number);
    counting_pair pair = {.origin = strdup(database_new()), .following = strdup(database_new())};
    counting_prepare(pair.origin);
    counting_prepare(pair.following);
    watch_positions(pair.following);
    pair.publisher = counting_publisher(name, pair.origin, servers_nats_url());
    pair.child = (counting_child_options){.service = "payments",
                                          .stream = name,
                                          .database = pair.following,
                                          .nats_url = servers_nats_url()};
    return pair;
}

void pair_end(counting_pair *pair)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(pair->publisher, &error), &error);
    skald_service_free(pair->publisher);
    free(pair->origin);
    free(pair->following);
}

bool pair_load(counting_pair *pair)
{
    counting_publish(pair->publisher, pair->origin, PAIR_KEYS, PAIR_KEYS, 7);
    pair->published += PAIR_KEYS;
    return true;
}

void pair_expect(const counting_pair *pair)
{
    WAIT_UNTIL(counting_facts(pair->following) >= pair->published);
    counting_expect(pair->following, PAIR_KEYS, pair->published);
    assert_string_equal(
        database_text(pair->following, "SELECT string_agg(what, '; ') FROM public.fallen"), "");
    assert_int_equal(database_integer(pair->following, "SELECT count(*) FROM skald.job"), 0);
}

void pair_child_stop(test_child *child)
{
    child_signal(child, SIGTERM);
    if (child_wait(child) != 0)
        fail_msg("a follower said: %s", child_err(child));
    child_free(child);
}

#define HELD                                                                                       \
    " FROM skald.position AS p JOIN skald.process AS o ON o.id = p.holder"                         \
    " WHERE o.expires_at > clock_timestamp() AND NOT starts_with(p.follower, '@')"

bool pair_shares_are(const counting_pair *pair, const char *shares)
{
    const char *found = database_text(
        pair->following, "SELECT string_agg(share::text, '/' ORDER BY share DESC)"
                         " FROM (SELECT count(*) AS share" HELD " GROUP BY o.id) AS shares");
    return strcmp(found, shares) == 0;
}

bool pair_has_all(const counting_pair *pair, const test_child *child)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*)" HELD " AND o.pid = %d", (int)child_pid(child));
    return database_integer(pair->following, sql) == SKALD_PARTITIONS_DEFAULT;
}

void pair_outlives_kill(counting_pair *pair)
{
    test_child *killed = counting_child(&pair->child);
    test_child *staying = counting_child(&pair->child);
    WAIT_UNTIL(pair_load(pair) && pair_shares_are(pair, "8/8"));

    child_signal(killed, SIGKILL);

    WAIT_UNTIL(pair_load(pair) && pair_has_all(pair, staying));
    pair_expect(pair);
    child_free(killed);
    pair_child_stop(staying);
}

void pair_outlives_freeze(counting_pair *pair)
{
    test_child *frozen = counting_child(&pair->child);
    test_child *staying = counting_child(&pair->child);
    for (int round = 0; round < 3; round++) {
        WAIT_UNTIL(pair_load(pair) && pair_shares_are(pair, "8/8"));
        child_pause(frozen);
        WAIT_UNTIL(pair_load(pair) && pair_has_all(pair, staying));
        child_resume(frozen);
    }
    WAIT_UNTIL(pair_load(pair) && pair_shares_are(pair, "8/8"));

    pair_expect(pair);
    pair_child_stop(frozen);
    pair_child_stop(staying);
}
