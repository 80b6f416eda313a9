/* Hands of threads, and what is made of them when their process has ended: all in one process,
 * whose memory is read as if it were a dead one's. */
#include "support/test.h"

#include "base/clock.h"
#include "supervisor/harvest.h"
#include "supervisor/supervised.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONG_MS = 3600000, THREADS = 8, SEGV_STATUS = SIGSEGV, KILL_STATUS = SIGKILL };

static skald_shared_worker *shared;

static int shared_setup(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    skald_hand_share(shared);
    skald_supervised_known("one");
    return 0;
}

static int shared_teardown(void **state)
{
    (void)state;
    skald_hand_share(NULL);
    munmap(shared, sizeof *shared);
    return 0;
}

static skald_hand_work letter(int64_t position)
{
    return (skald_hand_work){
        .subscription = "letters", .code = "on_letter", .partition = 1, .position = position};
}

static skald_hand *taken(int64_t position)
{
    const skald_hand_work work = letter(position);
    skald_hand *hand = skald_hand_claim();
    skald_hand_take(hand, &work, LONG_MS);
    return hand;
}

/* --- hands ---------------------------------------------------------------------------------- */

static void test_a_thread_has_one_hand_until_it_gives_it_back(void **state)
{
    (void)state;
    skald_hand *hand = skald_hand_claim();
    assert_ptr_equal(hand, &shared->hands[0]);
    assert_ptr_equal(skald_hand_claim(), hand);
    skald_hand_release(hand);
    assert_int_equal(atomic_load(&shared->hands[0].thread), 0);
    assert_ptr_equal(skald_hand_claim(), hand);
    skald_hand_release(hand);
}

static void *take_and_put(void *unused)
{
    (void)unused;
    for (int round = 0; round < 200; round++) {
        skald_hand *hand = taken(round + 1);
        assert_int_equal(atomic_load(&hand->thread), gettid());
        skald_hand_extend(hand, LONG_MS);
        skald_hand_put(hand);
        skald_hand_release(hand);
    }
    return NULL;
}

static void test_threads_never_share_a_hand(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_put, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&shared->hand_count) <= THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(atomic_load(&shared->hands[i].thread), 0);
}

static void test_without_a_supervisor_a_hand_is_as_good_and_nobody_looks(void **state)
{
    (void)state;
    assert_true(skald_hand_supervised());
    skald_hand_share(NULL);
    assert_false(skald_hand_supervised());
    skald_hand *hand = taken(1);
    assert_non_null(hand);
    assert_int_equal(atomic_load(&shared->hand_count), 0);
    skald_hand_release(hand);
    static skald_crash crash;
    assert_false(skald_crash_next(&crash));
    skald_crash_noted(&crash);
}

static void test_when_all_hands_are_given_out_one_that_nobody_reads_is_left(void **state)
{
    (void)state;
    for (int i = 0; i < SKALD_HANDS_MAX; i++)
        atomic_store(&shared->hands[i].thread, 1);
    skald_hand *hand = taken(1);
    assert_true(hand < shared->hands || hand >= shared->hands + SKALD_HANDS_MAX);
    skald_hand_release(hand);
}

static void test_time_is_up_only_for_what_is_in_hand(void **state)
{
    (void)state;
    const uint64_t far_us = skald_hand_clock_us() + UINT64_C(2000) * LONG_MS;
    skald_hand *hand = skald_hand_claim();
    assert_false(skald_hand_past(hand, far_us));
    taken(1);
    assert_false(skald_hand_past(hand, skald_hand_clock_us()));
    assert_true(skald_hand_past(hand, far_us));
    skald_hand_extend(hand, 4 * LONG_MS);
    assert_false(skald_hand_past(hand, far_us));
    skald_hand_put(hand);
    skald_hand_extend(hand, 1);
    assert_false(skald_hand_past(hand, far_us));
    skald_hand_release(hand);
}

static void test_a_loop_is_missed_once_it_has_turned_and_workers_only_while_they_are_idle(
    void **state)
{
    (void)state;
    assert_int_equal(skald_hand_silent_since_ms(shared), 0);
    skald_hand_beat(SKALD_BEAT_LEASES);
    skald_hand_beat(SKALD_BEATS_MAX);
    assert_true(skald_hand_silent_since_ms(shared) > 0);
    atomic_store(&shared->beats_ms[SKALD_BEAT_WORKERS], 5);
    assert_int_equal(skald_hand_silent_since_ms(shared), 5);
    skald_hand *hand = taken(1);
    assert_true(skald_hand_silent_since_ms(shared) > 5);
    skald_hand_release(hand);
    assert_int_equal(skald_hand_silent_since_ms(shared), 5);
}

/* --- the harvest ---------------------------------------------------------------------------- */

/* Another thread's, that has ended without giving it back. */
static void *leave_taken(void *position)
{
    taken(*(const int64_t *)position);
    return NULL;
}

static void taken_elsewhere(int64_t position)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, leave_taken, &position), 0);
    pthread_join(thread, NULL);
}

static skald_harvest harvest(int status)
{
    skald_harvest out;
    skald_harvest_take(&out, shared, 77, status);
    return out;
}

static void expect_crash(int64_t position, const char *signal, bool sure, bool timed_out)
{
    static skald_crash crash;
    assert_true(skald_crash_next(&crash));
    assert_int_equal(crash.work.position, position);
    assert_string_equal(crash.signal, signal);
    assert_int_equal(crash.sure, sure);
    assert_int_equal(crash.timed_out, timed_out);
    assert_string_equal(crash.process_id, "one");
    assert_int_equal(crash.pid, 77);
    assert_in_range(skald_clock_wall_us() - crash.started_us, 0, 60000000);
}

static void expect_no_more(void)
{
    static skald_crash crash;
    assert_false(skald_crash_next(&crash));
}

static void test_empty_hands_leave_nothing_but_the_process(void **state)
{
    (void)state;
    skald_hand_put(taken(1));
    const skald_harvest out = harvest(KILL_STATUS);
    assert_int_equal(out.taken, 0);
    expect_no_more();
    char id[SKALD_PROCESS_ID];
    assert_true(skald_dead_next(id));
    assert_string_equal(id, "one");
    skald_dead_noted();
    assert_false(skald_dead_next(id));
}

static void test_the_only_one_in_hand_is_sure(void **state)
{
    (void)state;
    taken_elsewhere(5);
    assert_int_equal(harvest(KILL_STATUS).suspects, 1);
    expect_crash(5, "SIGKILL", true, false);
    expect_no_more();
}

static void test_several_in_hand_are_suspects(void **state)
{
    (void)state;
    taken_elsewhere(5);
    taken_elsewhere(6);
    assert_int_equal(harvest(KILL_STATUS).suspects, 2);
    expect_crash(5, "SIGKILL", false, false);
    expect_crash(6, "SIGKILL", false, false);
    expect_no_more();
}

static void test_whoever_has_written_down_its_end_is_the_one(void **state)
{
    (void)state;
    taken_elsewhere(5);
    taken_elsewhere(6);
    atomic_store(&shared->reports[1].ending, SIGFPE);
    const skald_harvest out = harvest(SEGV_STATUS);
    assert_int_equal(out.taken, 2);
    assert_int_equal(out.suspects, 1);
    expect_crash(6, "SIGFPE", true, false);
    expect_no_more();
}

static void test_whoever_was_past_its_time_is_the_one(void **state)
{
    (void)state;
    taken_elsewhere(5);
    taken_elsewhere(6);
    atomic_store(&shared->reports[0].timed_out, true);
    harvest(KILL_STATUS);
    expect_crash(5, "SIGKILL", true, true);
    expect_no_more();
}

static void test_exit_codes_are_told_as_such(void **state)
{
    (void)state;
    taken_elsewhere(5);
    atomic_store(&shared->reports[0].ending, SKALD_ENDING_EXIT + 3);
    harvest(3 << 8);
    expect_crash(5, "exit 3", true, false);
    char text[16];
    skald_harvest_ending(text, 4 << 8);
    assert_string_equal(text, "exit 4");
}

static void test_a_crash_stays_until_it_is_noted(void **state)
{
    (void)state;
    static skald_crash first, again;
    taken_elsewhere(5);
    taken_elsewhere(6);
    harvest(KILL_STATUS);
    assert_true(skald_crash_next(&first));
    expect_crash(6, "SIGKILL", false, false);
    skald_crash_noted(&first);
    expect_no_more();

    /* The worker that was told of it has ended too, before it could note the second one. */
    skald_supervised_known("two");
    harvest(KILL_STATUS);
    assert_true(skald_crash_next(&again));
    assert_int_equal(again.work.position, 6);
    assert_string_equal(again.process_id, "one");
    skald_crash_noted(&again);
    expect_no_more();
    assert_int_equal(shared->crash_count, 0);
    assert_int_equal(shared->dead_count, 2);
}

static void test_more_crashes_than_there_is_room_for_are_counted(void **state)
{
    (void)state;
    for (int i = 0; i < SKALD_CRASHES_MAX; i++) {
        taken_elsewhere(i + 1);
        assert_int_equal(harvest(KILL_STATUS).lost, 0);
    }
    taken_elsewhere(1);
    assert_int_equal(harvest(KILL_STATUS).lost, 1);
    assert_int_equal(shared->crash_count, SKALD_CRASHES_MAX);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, shared_setup, shared_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_thread_has_one_hand_until_it_gives_it_back),
        TEST(test_threads_never_share_a_hand),
        TEST(test_without_a_supervisor_a_hand_is_as_good_and_nobody_looks),
        TEST(test_when_all_hands_are_given_out_one_that_nobody_reads_is_left),
        TEST(test_time_is_up_only_for_what_is_in_hand),
        TEST(test_a_loop_is_missed_once_it_has_turned_and_workers_only_while_they_are_idle),
        TEST(test_empty_hands_leave_nothing_but_the_process),
        TEST(test_the_only_one_in_hand_is_sure),
        TEST(test_several_in_hand_are_suspects),
        TEST(test_whoever_has_written_down_its_end_is_the_one),
        TEST(test_whoever_was_past_its_time_is_the_one),
        TEST(test_exit_codes_are_told_as_such),
        TEST(test_a_crash_stays_until_it_is_noted),
        TEST(test_more_crashes_than_there_is_room_for_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
