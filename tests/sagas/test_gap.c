/* The gap-free reader against a model of the database: writers draw positions, hold the lock,
 * commit late or roll back, and the reader sees snapshots and lock holders at moments of chance. */
#include "support/random.h"
#include "support/test.h"

#include "gap.h"

enum {
    STEPS = 1000000,
    POSITIONS_MAX = STEPS + 16,
    WRITERS = 12,
    ROWS_MAX = 4, /* of one transaction */
    READING_MAX = 64,
    KEYS = 6,
};

typedef enum row_state {
    ROW_NEVER, /* not drawn */
    ROW_OPEN,  /* drawn by a transaction that has not ended */
    ROW_COMMITTED,
    ROW_ROLLED_BACK,
    ROW_DELIVERED,
} row_state;

typedef enum writer_phase { IDLE, LOCKED, COMMITTED_NOT_UNLOCKED } writer_phase;

/* What a reader can do wrong; the simulation must notice each. */
typedef enum planted_bug {
    BUG_NONE,
    BUG_SUSPECTS_NOTED_TOO_EARLY, /* before the reading that showed the gap */
    BUG_LAST_READING_TOO_EARLY,   /* before the suspects were seen gone */
    BUG_GAP_PASSED_AT_ONCE,
} planted_bug;

typedef struct writer {
    writer_phase phase;
    uint32_t transaction;
    int key;
    int row_count;
    int64_t rows[ROWS_MAX];
} writer;

typedef struct reading {
    size_t count;
    int64_t positions[READING_MAX];
} reading;

typedef struct lookup {
    size_t count;
    skald_gap_suspect holders[WRITERS];
} lookup;

typedef struct world {
    test_random random;
    planted_bug bug;
    int64_t last_drawn;
    writer writers[WRITERS];
    bool key_locked[KEYS];
    unsigned char rows[POSITIONS_MAX]; /* row_state */
    skald_gap gap;
    lookup stale_lookup; /* made before the last reading; this and the next two for planted bugs */
    lookup next_stale_lookup;
    reading stale_reading;
    bool quiet; /* nobody writes any more */
    bool lookup_due;
    uint64_t delivered;
    uint64_t dead;
    uint64_t skipped;
    uint64_t stalled; /* a lookup or a reading that should have moved on and did not */
} world;

static world it;

static world *world_begin(uint64_t seed, planted_bug bug)
{
    memset(&it, 0, sizeof it);
    it.random.state = seed;
    it.bug = bug;
    skald_gap_init(&it.gap, 0);
    return &it;
}

/* ---- the writers ---- */

static void writer_draw(world *w, writer *one)
{
    if (one->row_count == ROWS_MAX || w->last_drawn + 1 >= POSITIONS_MAX)
        return;
    one->rows[one->row_count++] = ++w->last_drawn;
    w->rows[w->last_drawn] = ROW_OPEN;
}

/* The business row of the key is locked first, then the outbox, and only then a position is drawn.
 */
static void writer_start(world *w, writer *one)
{
    const int key = (int)random_below(&w->random, KEYS);
    if (w->key_locked[key])
        return;
    w->key_locked[key] = true;
    one->key = key;
    one->phase = LOCKED;
    one->transaction++;
    one->row_count = 0;
}

static void rows_end(world *w, writer *one, row_state state)
{
    for (int i = 0; i < one->row_count; i++)
        w->rows[one->rows[i]] = (unsigned char)state;
}

static void writer_unlock(world *w, writer *one)
{
    w->key_locked[one->key] = false;
    one->phase = IDLE;
}

static void writer_step(world *w, writer *one)
{
    switch (one->phase) {
    case IDLE:
        writer_start(w, one);
        break;
    case LOCKED:
        if (random_chance(&w->random, 50)) {
            writer_draw(w, one);
        } else if (random_chance(&w->random, 20)) {
            rows_end(w, one, ROW_ROLLED_BACK);
            writer_unlock(w, one);
        } else if (random_chance(&w->random, 40)) {
            /* The commit is visible first; the lock is released a moment later. */
            rows_end(w, one, ROW_COMMITTED);
            one->phase = COMMITTED_NOT_UNLOCKED;
        }
        break;
    case COMMITTED_NOT_UNLOCKED:
        writer_unlock(w, one);
        break;
    }
}

static void writers_step(world *w)
{
    if (!w->quiet)
        writer_step(w, &w->writers[random_below(&w->random, WRITERS)]);
}

/* ---- the reader ---- */

static void snapshot_take(world *w, reading *out)
{
    const size_t limit = 1 + random_below(&w->random, READING_MAX);
    out->count = 0;
    for (int64_t i = w->gap.position + 1; i <= w->last_drawn && out->count < limit; i++) {
        if (w->rows[i] == ROW_COMMITTED)
            out->positions[out->count++] = i;
    }
}

/* PostgreSQL collects the locks of one backend after the other, while the others go on. */
static void holders_look(world *w, lookup *out)
{
    out->count = 0;
    for (int32_t i = 0; i < WRITERS; i++) {
        if (w->writers[i].phase != IDLE)
            out->holders[out->count++] = (skald_gap_suspect){i, w->writers[i].transaction};
        if (random_chance(&w->random, 20))
            writers_step(w);
    }
}

/* Every position that was passed must have been delivered just now or be rolled back. */
static void passed_check(world *w, int64_t before, const reading *seen, size_t delivered)
{
    for (size_t i = 0; i < delivered; i++)
        w->rows[seen->positions[i]] = ROW_DELIVERED;
    for (int64_t i = before + 1; i <= w->gap.position; i++) {
        if (w->rows[i] == ROW_ROLLED_BACK)
            w->dead++;
        else if (w->rows[i] == ROW_DELIVERED)
            w->delivered++;
        else
            w->skipped++;
    }
}

static void reader_read(world *w)
{
    reading now;
    snapshot_take(w, &now);
    const bool use_stale = w->bug == BUG_LAST_READING_TOO_EARLY &&
                           w->gap.phase == SKALD_GAP_CLEARED && w->stale_reading.count > 0;
    const reading *seen = use_stale ? &w->stale_reading : &now;
    const int64_t before = w->gap.position;
    if (w->bug == BUG_GAP_PASSED_AT_ONCE && w->gap.phase == SKALD_GAP_SEEN)
        w->gap.phase = SKALD_GAP_CLEARED;
    const bool cleared = w->gap.phase == SKALD_GAP_CLEARED;
    const size_t delivered = skald_gap_read(&w->gap, seen->positions, seen->count);
    w->stalled += cleared && seen->count > 0 && delivered == 0 ? 1 : 0;
    passed_check(w, before, seen, delivered);
    w->lookup_due = delivered < seen->count;
    w->stale_lookup = w->next_stale_lookup;
    if (w->bug == BUG_SUSPECTS_NOTED_TOO_EARLY)
        holders_look(w, &w->next_stale_lookup);
    if (w->bug == BUG_LAST_READING_TOO_EARLY)
        snapshot_take(w, &w->stale_reading);
}

static bool suspects_gone(const world *w)
{
    for (size_t i = 0; i < w->gap.suspect_count; i++) {
        const writer *one = &w->writers[w->gap.suspects[i].backend];
        if (one->phase != IDLE && one->transaction == w->gap.suspects[i].transaction)
            return false;
    }
    return w->gap.phase == SKALD_GAP_SUSPECTED;
}

static void reader_look(world *w)
{
    lookup now;
    const bool gone = suspects_gone(w);
    holders_look(w, &now);
    const bool use_stale = w->bug == BUG_SUSPECTS_NOTED_TOO_EARLY && w->gap.phase == SKALD_GAP_SEEN;
    const lookup *seen = use_stale ? &w->stale_lookup : &now;
    skald_gap_suspects(&w->gap, seen->holders, seen->count);
    w->stalled += gone && w->gap.phase != SKALD_GAP_CLEARED ? 1 : 0;
    w->lookup_due = false;
}

/* Sometimes the reader reads again although it could look at the locks: allowed, and must do no
 * harm. */
static void reader_step(world *w)
{
    if (w->lookup_due && random_chance(&w->random, 80)) {
        reader_look(w);
        return;
    }
    reader_read(w);
}

static void simulate(world *w, uint32_t steps)
{
    const uint32_t reader_percent = 5 + random_below(&w->random, 60);
    for (uint32_t i = 0; i < steps; i++) {
        if (random_chance(&w->random, reader_percent))
            reader_step(w);
        else
            writers_step(w);
    }
}

static void writers_end(world *w)
{
    for (int i = 0; i < WRITERS; i++) {
        if (w->writers[i].phase == LOCKED)
            rows_end(w, &w->writers[i], i % 2 == 0 ? ROW_COMMITTED : ROW_ROLLED_BACK);
        w->writers[i].phase = IDLE;
    }
    w->quiet = true;
}

static int64_t last_committed(const world *w)
{
    int64_t last = w->gap.position;
    for (int64_t i = last + 1; i <= w->last_drawn; i++) {
        if (w->rows[i] == ROW_COMMITTED)
            last = i;
    }
    return last;
}

/* ---- the tests ---- */

static void test_no_committed_row_is_ever_skipped_and_no_gap_outlives_its_suspects(void **state)
{
    (void)state;
    test_random random = random_begin();
    uint64_t delivered = 0;
    uint64_t dead = 0;
    for (int round = 0; round < 20; round++) {
        world *w = world_begin(random_next(&random), BUG_NONE);
        simulate(w, STEPS / 20);
        assert_int_equal(w->skipped, 0);
        assert_int_equal(w->stalled, 0);
        delivered += w->delivered;
        dead += w->dead;
    }
    printf("%llu rows delivered, %llu dead positions passed\n", (unsigned long long)delivered,
           (unsigned long long)dead);
    assert_true(delivered > 10000);
    assert_true(dead > 1000);
}

static void test_everything_is_delivered_once_the_writers_have_ended(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int round = 0; round < 200; round++) {
        world *w = world_begin(random_next(&random), BUG_NONE);
        simulate(w, 2000);
        writers_end(w);
        const int64_t last = last_committed(w);
        /* A cut reading delivers a row at least; a gap costs two readings and two lookups. */
        for (int64_t i = 0; w->gap.position < last && i < 4 * POSITIONS_MAX; i++) {
            if (w->lookup_due)
                reader_look(w);
            else
                reader_read(w);
        }
        assert_int_equal(w->gap.position, last);
        assert_int_equal(w->skipped, 0);
    }
}

static void bug_expect(planted_bug bug)
{
    test_random random = random_begin();
    uint64_t skipped = 0;
    for (int round = 0; round < 20 && skipped == 0; round++) {
        world *w = world_begin(random_next(&random), bug);
        simulate(w, STEPS / 20);
        skipped = w->skipped;
    }
    assert_true(skipped > 0);
}

static void test_simulation_catches_suspects_noted_too_early(void **state)
{
    (void)state;
    bug_expect(BUG_SUSPECTS_NOTED_TOO_EARLY);
}

static void test_simulation_catches_a_last_reading_made_too_early(void **state)
{
    (void)state;
    bug_expect(BUG_LAST_READING_TOO_EARLY);
}

static void test_simulation_catches_a_gap_passed_at_once(void **state)
{
    (void)state;
    bug_expect(BUG_GAP_PASSED_AT_ONCE);
}

static void test_rows_without_a_gap_are_delivered_at_once(void **state)
{
    (void)state;
    skald_gap gap;
    skald_gap_init(&gap, 10);
    const int64_t positions[] = {11, 12, 13};
    assert_int_equal(skald_gap_read(&gap, positions, 3), 3);
    assert_int_equal(gap.position, 13);
    assert_int_equal(gap.phase, SKALD_GAP_NONE);
    assert_int_equal(skald_gap_read(&gap, NULL, 0), 0);
    assert_int_equal(gap.position, 13);
}

static void test_gap_waits_for_its_suspects_and_not_for_later_writers(void **state)
{
    (void)state;
    skald_gap gap;
    skald_gap_init(&gap, 0);
    const int64_t positions[] = {1, 3};
    const skald_gap_suspect suspects[] = {{4, 100}, {5, 100}};
    const skald_gap_suspect one_left[] = {{5, 100}, {6, 7}};
    const skald_gap_suspect only_later[] = {{4, 101}, {5, 101}, {6, 7}};

    assert_int_equal(skald_gap_read(&gap, positions, 2), 1);
    skald_gap_suspects(&gap, suspects, 2);
    assert_int_equal(gap.phase, SKALD_GAP_SUSPECTED);
    assert_int_equal(skald_gap_read(&gap, positions + 1, 1), 0);
    skald_gap_suspects(&gap, one_left, 2);
    assert_int_equal(gap.phase, SKALD_GAP_SUSPECTED);
    assert_int_equal(skald_gap_read(&gap, positions + 1, 1), 0);

    /* The same backends in newer transactions are nobody's suspects. */
    skald_gap_suspects(&gap, only_later, 3);
    assert_int_equal(gap.phase, SKALD_GAP_CLEARED);
    assert_int_equal(skald_gap_read(&gap, positions + 1, 1), 1);
    assert_int_equal(gap.position, 3);
}

static void test_late_row_is_delivered_before_those_behind_it(void **state)
{
    (void)state;
    skald_gap gap;
    skald_gap_init(&gap, 0);
    const skald_gap_suspect suspect = {1, 1};
    const int64_t before[] = {2, 3};
    const int64_t after[] = {1, 2, 3};
    assert_int_equal(skald_gap_read(&gap, before, 2), 0);
    skald_gap_suspects(&gap, &suspect, 1);
    assert_int_equal(skald_gap_read(&gap, after, 3), 3);
    assert_int_equal(gap.position, 3);
    assert_int_equal(gap.phase, SKALD_GAP_NONE);
}

static void test_one_round_decides_all_gaps_below_the_horizon_and_none_above(void **state)
{
    (void)state;
    skald_gap gap;
    skald_gap_init(&gap, 0);
    const int64_t first[] = {2, 5, 9};
    const int64_t second[] = {2, 5, 9, 11};
    assert_int_equal(skald_gap_read(&gap, first, 3), 0);
    skald_gap_suspects(&gap, NULL, 0);
    assert_int_equal(gap.phase, SKALD_GAP_CLEARED);
    /* 10 was drawn after the suspects were noted, as far as anyone knows. */
    assert_int_equal(skald_gap_read(&gap, second, 4), 3);
    assert_int_equal(gap.position, 9);
    assert_int_equal(gap.phase, SKALD_GAP_SEEN);
}

static void test_verdict_holds_when_a_reading_was_cut_short(void **state)
{
    (void)state;
    skald_gap gap;
    skald_gap_init(&gap, 0);
    const int64_t whole[] = {2, 5, 9};
    assert_int_equal(skald_gap_read(&gap, whole, 3), 0);
    skald_gap_suspects(&gap, NULL, 0);
    assert_int_equal(skald_gap_read(&gap, whole, 1), 1);
    assert_int_equal(skald_gap_read(&gap, whole + 1, 2), 2);
    assert_int_equal(gap.position, 9);
    assert_int_equal(gap.phase, SKALD_GAP_NONE);
}

static void test_more_holders_than_fit_keep_the_gap_open_until_they_fit(void **state)
{
    (void)state;
    enum { MANY = SKALD_GAP_SUSPECTS_MAX + 1 };
    static skald_gap gap;
    static skald_gap_suspect holders[MANY];
    for (int i = 0; i < MANY; i++)
        holders[i] = (skald_gap_suspect){i, 1};
    skald_gap_init(&gap, 0);
    const int64_t position = 2;
    assert_int_equal(skald_gap_read(&gap, &position, 1), 0);
    skald_gap_suspects(&gap, holders, MANY);
    skald_gap_suspects(&gap, holders, MANY);
    assert_int_equal(gap.phase, SKALD_GAP_SUSPECTED);
    /* The first of them has ended; the rest fits and is noted. */
    skald_gap_suspects(&gap, holders + 1, MANY - 1);
    assert_int_equal(gap.phase, SKALD_GAP_SUSPECTED);
    assert_int_equal(skald_gap_read(&gap, &position, 1), 0);
    skald_gap_suspects(&gap, holders, 1);
    assert_int_equal(gap.phase, SKALD_GAP_CLEARED);
    assert_int_equal(skald_gap_read(&gap, &position, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_committed_row_is_ever_skipped_and_no_gap_outlives_its_suspects),
        cmocka_unit_test(test_everything_is_delivered_once_the_writers_have_ended),
        cmocka_unit_test(test_simulation_catches_suspects_noted_too_early),
        cmocka_unit_test(test_simulation_catches_a_last_reading_made_too_early),
        cmocka_unit_test(test_simulation_catches_a_gap_passed_at_once),
        cmocka_unit_test(test_rows_without_a_gap_are_delivered_at_once),
        cmocka_unit_test(test_gap_waits_for_its_suspects_and_not_for_later_writers),
        cmocka_unit_test(test_late_row_is_delivered_before_those_behind_it),
        cmocka_unit_test(test_one_round_decides_all_gaps_below_the_horizon_and_none_above),
        cmocka_unit_test(test_verdict_holds_when_a_reading_was_cut_short),
        cmocka_unit_test(test_more_holders_than_fit_keep_the_gap_open_until_they_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
