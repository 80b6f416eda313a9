/* Killers of every kind, one message in a hundred of many keys, while more are published. */
#include "support/database.h"
#include "support/killing.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

enum { LOAD_COUNT = 2000, LOAD_CRASHES_MAX = 2 };

/* How long workers were away, as the log tells. */
static void absences_print(const char *log)
{
    static const char mark[] = "which ended ";
    long sum = 0, longest = 0, count = 0;
    for (const char *at = log; (at = strstr(at, mark)) != NULL; count++) {
        at += strlen(mark);
        const long ms = strtol(at, NULL, 10);
        sum += ms;
        longest = ms > longest ? ms : longest;
    }
    print_message("%ld workers replaced, away for %ld ms on average, %ld ms at most\n", count,
                  count > 0 ? sum / count : 0, longest);
}

static void test_killers_of_every_kind_under_load(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    int killed = 0, killers = 0;
    for (long i = 0; i < LOAD_COUNT; i++)
        killers += killing_crime(i) != NULL;
    assert_int_equal(killers, LOAD_COUNT / KILLING_BLOCK);
    test_child *child = killing_start(&pair, "load", LOAD_CRASHES_MAX);
    counting_publish(pair.publisher, pair.origin, KILLING_KEYS, LOAD_COUNT, 10);

    killing_await(&pair, child, &killed, killers);
    WAIT_UNTIL(counting_facts(pair.following) == LOAD_COUNT - killers);

    killing_expect(&pair, LOAD_COUNT - killers);
    assert_int_equal(database_integer(pair.following,
                                      "SELECT count(*) FROM skald.job WHERE state = 'dead'"
                                      " AND crashes = 2"),
                     killers);
    WAIT_UNTIL(killing_log_count(child, "WORKER-REPLACED") ==
               killing_log_count(child, "WORKER-CRASHED"));
    absences_print(child_err(child));
    pair_child_stop(child);
    pair_end(&pair);
}

int main(int argc, char **argv)
{
    killing_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killers_of_every_kind_under_load),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
