/* Locks between sagas (Eventuate: lock and stash). */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

static const skald_step berth_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "lock", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "hold", .run.activity = voyage_activity, .undo.local = voyage_local},
    {.name = "z", .run.local = voyage_local},
};
static const skald_definition berth = {
    .name = "berth", .version = 1, .steps = SKALD_STEPS(berth_steps)};

static const skald_step crossing_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "hold", .run.activity = voyage_activity, .undo.local = voyage_local},
    {.name = "lock", .run.local = voyage_local, .undo.local = voyage_local},
};
static const skald_definition crossing = {
    .name = "crossing", .version = 1, .steps = SKALD_STEPS(crossing_steps)};

static const skald_definition hasty = {
    .name = "hasty", .version = 1, .steps = SKALD_STEPS(crossing_steps), .deadline_ms = 1500};

static const skald_definition *const all[] = {&berth, &crossing, &hasty, NULL};

static voyages begin(void)
{
    const voyages_options options = {.definitions = all};
    return voyages_begin(&options);
}

static int64_t locks(const voyages *harbour)
{
    return database_integer(harbour->database, "SELECT (SELECT count(*) FROM skald.saga_lock)"
                                               " + (SELECT count(*) FROM skald.saga_lock_wait)");
}

static void test_who_comes_second_waits_for_the_end_of_the_first(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &berth, "one", "lock.run=lock pier;hold.run=wait", 1);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM called") == 1);
    voyages_start(&harbour, &berth, "two", "lock.run=lock pier", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "two", "lock"));
    voyages_start(&harbour, &berth, "three", "lock.run=lock pier", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "three", "lock"));
    /* What was done before the lock is committed, and nothing behind it. */
    assert_string_equal(voyages_log(&harbour, "two"), "a.run");
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_stuck"),
                     0);

    voyages_open(&harbour, "one");

    WAIT_UNTIL(voyages_is(&harbour, "three", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "two", "completed"));
    assert_string_equal(voyages_log(&harbour, "two"), "a.run lock.run hold.run z.run");
    assert_string_equal(database_text(harbour.database,
                                      "SELECT string_agg(saga, ' ' ORDER BY at) FROM logbook"
                                      " WHERE step = 'lock'"),
                        "one two three");
    assert_int_equal(locks(&harbour), 0);
    voyages_end(&harbour);
}

static void test_who_waits_can_be_cancelled(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &berth, "one", "lock.run=lock pier;hold.run=wait", 1);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM called") == 1);
    voyages_start(&harbour, &berth, "two", "lock.run=lock pier;hold.run=refuse", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "two", "lock"));
    voyages_cancel(&harbour, "two");
    /* The lock is still held: what would be undone at once is not waited for. */
    WAIT_UNTIL(voyages_is(&harbour, "two", "compensated"));
    assert_string_equal(voyages_log(&harbour, "two"), "a.run a.undo");
    assert_int_equal(locks(&harbour), 1);
    voyages_open(&harbour, "one");
    WAIT_UNTIL(voyages_is(&harbour, "one", "completed"));
    assert_int_equal(locks(&harbour), 0);
    voyages_end(&harbour);
}

/* Each has what the other wants: a person takes one back. */
static void test_a_ring_of_waiters_is_broken_by_a_cancel(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &crossing, "one", "a.run=lock pier;hold.run=wait;lock.run=lock crane",
                  1);
    voyages_start(&harbour, &crossing, "two", "a.run=lock crane;hold.run=wait;lock.run=lock pier",
                  1);
    WAIT_UNTIL(locks(&harbour) == 2);
    voyages_open(&harbour, "one");
    voyages_open(&harbour, "two");
    WAIT_UNTIL(voyages_awaits(&harbour, "one", "lock"));
    WAIT_UNTIL(voyages_awaits(&harbour, "two", "lock"));
    voyages_cancel(&harbour, "one");
    WAIT_UNTIL(voyages_is(&harbour, "one", "compensated"));
    WAIT_UNTIL(voyages_is(&harbour, "two", "completed"));
    assert_string_equal(voyages_log(&harbour, "one"), "a.run hold.run hold.undo a.undo");
    assert_int_equal(locks(&harbour), 0);
    voyages_end(&harbour);
}

static void test_a_deadline_passes_for_one_that_waits_too(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &berth, "one", "lock.run=lock pier;hold.run=wait", 1);
    WAIT_UNTIL(locks(&harbour) == 1);
    voyages_start(&harbour, &hasty, "two", "lock.run=lock pier", 1);
    WAIT_UNTIL(voyages_is(&harbour, "two", "compensated"));
    assert_string_equal(voyages_log(&harbour, "two"), "a.run hold.run hold.undo a.undo");
    assert_int_equal(locks(&harbour), 1);
    voyages_open(&harbour, "one");
    voyages_end(&harbour);
}

static void test_many_share_one_lock_and_none_overlap(void **state)
{
    (void)state;
    voyages harbour = begin();
    for (int i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        voyages_start(&harbour, &berth, id, "lock.run=lock pier", 1);
    }
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga WHERE phase ="
                                                  " 'completed'") == 30);
    /* Between the first row of a saga behind the lock and its last stands no other's. */
    assert_int_equal(database_integer(harbour.database,
                                      "SELECT count(*) FROM logbook AS l JOIN logbook AS z ON"
                                      " z.saga = l.saga AND z.step = 'z' JOIN logbook AS o ON"
                                      " o.saga <> l.saga AND o.step = 'lock' AND o.at BETWEEN l.at"
                                      " AND z.at WHERE l.step = 'lock'"),
                     0);
    assert_int_equal(locks(&harbour), 0);
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_comes_second_waits_for_the_end_of_the_first),
        cmocka_unit_test(test_who_waits_can_be_cancelled),
        cmocka_unit_test(test_a_ring_of_waiters_is_broken_by_a_cancel),
        cmocka_unit_test(test_a_deadline_passes_for_one_that_waits_too),
        cmocka_unit_test(test_many_share_one_lock_and_none_overlap),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
