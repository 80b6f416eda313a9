/* The rules by which a lane takes messages in: what is committed or queued is not taken again, what
 * is missing is noticed, what is too much is dropped and comes again. */
#include "support/random.h"
#include "support/test.h"

#include "followers/lane.h"

static skald_item *item_at(int64_t position, int64_t previous)
{
    const skald_message message = {.position = position, .previous = previous, .key = "k"};
    skald_item *item = skald_item_new(&message, NULL);
    assert_non_null(item);
    return item;
}

/* Offers, and frees what the lane did not take. */
static skald_lane_answer offer(skald_lane *lane, int64_t position, int64_t previous, bool repair)
{
    skald_item *item = item_at(position, previous);
    const skald_lane_answer answer = skald_lane_offer(lane, item, repair);
    if (answer != SKALD_LANE_QUEUED)
        skald_item_free(item);
    return answer;
}

/* A lane that was taken at `position`, for which the stream has been read anew. */
static skald_lane lane_at(int64_t position)
{
    skald_lane lane = {0};
    skald_lane_take(&lane, 1, position);
    skald_lane_rewind(&lane);
    return lane;
}

/* Takes out everything and checks that it is exactly these positions. */
static void expect_queue(skald_lane *lane, const int64_t *positions, uint32_t count)
{
    uint32_t popped = 0;
    skald_item *first = skald_lane_pop(lane, UINT32_MAX, &popped);
    assert_int_equal(popped, count);
    const skald_item *item = first;
    for (uint32_t i = 0; i < count; i++, item = item->next) {
        assert_int_equal(item->message.position, positions[i]);
        assert_ptr_equal(item->lane, lane);
    }
    assert_null(item);
    assert_int_equal(lane->count, 0);
    skald_item_free_all(first);
}

static void test_messages_are_queued_in_the_order_they_are_offered(void **state)
{
    (void)state;
    skald_lane lane = lane_at(10);
    assert_int_equal(offer(&lane, 12, 10, false), SKALD_LANE_QUEUED);
    assert_int_equal(offer(&lane, 15, 12, false), SKALD_LANE_QUEUED);
    assert_int_equal(lane.fed, 15);
    assert_int_equal(lane.position, 10);
    expect_queue(&lane, (const int64_t[]){12, 15}, 2);
}

static void test_what_is_committed_or_queued_is_a_repeat(void **state)
{
    (void)state;
    skald_lane lane = lane_at(10);
    assert_int_equal(offer(&lane, 9, 8, false), SKALD_LANE_REPEATED);
    assert_int_equal(offer(&lane, 10, 9, false), SKALD_LANE_REPEATED);
    assert_int_equal(offer(&lane, 12, 10, false), SKALD_LANE_QUEUED);
    assert_int_equal(offer(&lane, 12, 10, false), SKALD_LANE_REPEATED);
    assert_int_equal(offer(&lane, 11, 10, false), SKALD_LANE_REPEATED);
    expect_queue(&lane, (const int64_t[]){12}, 1);
}

static void test_a_lane_that_is_not_held_or_leaving_takes_nothing(void **state)
{
    (void)state;
    skald_lane never = {0};
    assert_int_equal(offer(&never, 1, 0, false), SKALD_LANE_REFUSED);
    skald_lane leaving = lane_at(0);
    leaving.leaving = true;
    assert_int_equal(offer(&leaving, 1, 0, false), SKALD_LANE_REFUSED);
    assert_int_equal(offer(&leaving, 1, 0, true), SKALD_LANE_REFUSED);
}

/* Whoever reads the stream may be far ahead of a lane that was just taken. */
static void test_a_lane_just_taken_waits_until_the_stream_is_read_anew(void **state)
{
    (void)state;
    skald_lane lane = {0};
    skald_lane_take(&lane, 3, 10);
    assert_int_equal(offer(&lane, 20, -1, false), SKALD_LANE_REFUSED);
    assert_int_equal(offer(&lane, 11, 10, true), SKALD_LANE_REFUSED);
    skald_lane_rewind(&lane);
    assert_int_equal(offer(&lane, 11, 10, false), SKALD_LANE_QUEUED);
    assert_int_equal(lane.epoch, 3);
    expect_queue(&lane, (const int64_t[]){11}, 1);
}

static void test_a_message_whose_predecessor_was_not_seen_stops_the_lane_for_repair(void **state)
{
    (void)state;
    skald_lane lane = lane_at(10);
    assert_int_equal(offer(&lane, 15, 12, false), SKALD_LANE_MISSING);
    assert_int_equal(lane.missing_before, 15);
    /* Nothing passes, not even what would fit, but the repair. */
    assert_int_equal(offer(&lane, 12, 10, false), SKALD_LANE_REFUSED);
    assert_int_equal(offer(&lane, 16, 15, false), SKALD_LANE_REFUSED);
    assert_int_equal(offer(&lane, 12, 10, true), SKALD_LANE_QUEUED);
    assert_int_equal(offer(&lane, 15, 12, true), SKALD_LANE_QUEUED);
    skald_lane_rewind(&lane);
    assert_int_equal(lane.missing_before, 0);
    assert_int_equal(offer(&lane, 15, 12, false), SKALD_LANE_REPEATED);
    assert_int_equal(offer(&lane, 16, 15, false), SKALD_LANE_QUEUED);
    expect_queue(&lane, (const int64_t[]){12, 15, 16}, 3);
}

static void test_an_unknown_predecessor_misses_nothing(void **state)
{
    (void)state;
    skald_lane lane = lane_at(10);
    assert_int_equal(offer(&lane, 15, -1, false), SKALD_LANE_QUEUED);
    expect_queue(&lane, (const int64_t[]){15}, 1);
}

/* Its predecessor lies before where the lane was: that happens after a start in the midst. */
static void test_a_predecessor_before_the_lanes_place_misses_nothing(void **state)
{
    (void)state;
    skald_lane lane = lane_at(10);
    assert_int_equal(offer(&lane, 15, 3, false), SKALD_LANE_QUEUED);
    expect_queue(&lane, (const int64_t[]){15}, 1);
}

static void test_a_message_without_a_readable_position_is_kept_and_moves_nothing(void **state)
{
    (void)state;
    skald_lane lane = lane_at(10);
    assert_int_equal(offer(&lane, 0, -1, false), SKALD_LANE_QUEUED);
    assert_int_equal(lane.fed, 10);
    assert_int_equal(offer(&lane, 11, 10, false), SKALD_LANE_QUEUED);
    expect_queue(&lane, (const int64_t[]){0, 11}, 2);
}

static void test_a_full_lane_drops_until_it_is_rewound_and_then_goes_on_without_a_hole(void **state)
{
    (void)state;
    skald_lane lane = lane_at(0);
    for (int64_t i = 1; i <= SKALD_LANE_ITEMS_MAX; i++)
        assert_int_equal(offer(&lane, i, i - 1, false), SKALD_LANE_QUEUED);
    const int64_t next = SKALD_LANE_ITEMS_MAX + 1;
    assert_int_equal(offer(&lane, next, next - 1, false), SKALD_LANE_REFUSED);
    assert_true(lane.dropped);
    assert_int_equal(lane.fed, SKALD_LANE_ITEMS_MAX);

    /* Room alone does not help: what was dropped must come first. */
    uint32_t popped = 0;
    skald_item_free_all(skald_lane_pop(&lane, 100, &popped));
    assert_int_equal(popped, 100);
    assert_int_equal(offer(&lane, next + 1, next, false), SKALD_LANE_REFUSED);

    skald_lane_rewind(&lane);
    assert_int_equal(offer(&lane, next, next - 1, false), SKALD_LANE_QUEUED);
    assert_int_equal(offer(&lane, next + 1, next, false), SKALD_LANE_QUEUED);
    skald_lane_lose(&lane);
}

static void test_pop_takes_from_the_front_and_no_more_than_asked(void **state)
{
    (void)state;
    skald_lane lane = lane_at(0);
    uint32_t popped = 7;
    assert_null(skald_lane_pop(&lane, 10, &popped));
    assert_int_equal(popped, 0);
    for (int64_t i = 1; i <= 5; i++)
        assert_int_equal(offer(&lane, i, i - 1, false), SKALD_LANE_QUEUED);
    skald_item *first = skald_lane_pop(&lane, 2, &popped);
    assert_int_equal(popped, 2);
    assert_int_equal(first->message.position, 1);
    assert_int_equal(first->next->message.position, 2);
    assert_null(first->next->next);
    skald_item_free_all(first);
    expect_queue(&lane, (const int64_t[]){3, 4, 5}, 3);
    /* The queue can be used again after it was emptied. */
    assert_int_equal(offer(&lane, 6, 5, false), SKALD_LANE_QUEUED);
    expect_queue(&lane, (const int64_t[]){6}, 1);
}

static void test_a_lost_lane_forgets_its_queue_and_begins_anew_where_it_is_taken(void **state)
{
    (void)state;
    skald_lane lane = lane_at(0);
    assert_int_equal(offer(&lane, 1, 0, false), SKALD_LANE_QUEUED);
    assert_int_equal(offer(&lane, 5, 3, false), SKALD_LANE_MISSING);
    skald_lane_lose(&lane);
    assert_int_equal(offer(&lane, 2, 1, false), SKALD_LANE_REFUSED);
    skald_lane_take(&lane, 2, 0);
    skald_lane_rewind(&lane);
    assert_int_equal(offer(&lane, 1, 0, false), SKALD_LANE_QUEUED);
    expect_queue(&lane, (const int64_t[]){1}, 1);
}

/* ---- A stream that repeats, loses and is read anew, against what must come out ---- */

enum { STEPS = 200000, POSITIONS = 4000 };

/* The lane's history: which positions belong to it, ascending. */
typedef struct history {
    int64_t positions[POSITIONS];
    size_t count;
} history;

static history history_make(test_random *random)
{
    history made = {.count = POSITIONS};
    int64_t position = 0;
    for (size_t i = 0; i < POSITIONS; i++)
        made.positions[i] = position += 1 + random_below(random, 3);
    return made;
}

static int64_t previous_of(const history *written, size_t i)
{
    return i == 0 ? 0 : written->positions[i - 1];
}

/* Where a reading that begins behind `position` starts. */
static size_t index_behind(const history *written, int64_t position)
{
    size_t i = 0;
    while (i < written->count && written->positions[i] <= position)
        i++;
    return i;
}

/* The origin answers with everything from behind `fed` up to the message that was refused. */
static void repair(skald_lane *lane, const history *written)
{
    const int64_t end = lane->missing_before;
    for (size_t i = index_behind(written, lane->fed);
         i < written->count && written->positions[i] <= end; i++) {
        if (offer(lane, written->positions[i], previous_of(written, i), true) == SKALD_LANE_REFUSED)
            break;
    }
    skald_lane_rewind(lane);
}

/* Takes some out and checks that they are the next of the history. */
static void consume(skald_lane *lane, const history *written, size_t *consumed, uint32_t count_max)
{
    uint32_t popped = 0;
    skald_item *first = skald_lane_pop(lane, count_max, &popped);
    for (const skald_item *item = first; item != NULL; item = item->next) {
        assert_true(*consumed < written->count);
        assert_int_equal(item->message.position, written->positions[(*consumed)++]);
        lane->position = item->message.position;
    }
    skald_item_free_all(first);
}

static void test_any_stream_comes_out_whole_once_and_in_order(void **state)
{
    (void)state;
    test_random random = random_begin();
    const history written = history_make(&random);
    skald_lane lane = lane_at(0);
    size_t consumed = 0;
    size_t at = 0; /* of the history: what the stream brings next */
    int64_t epoch = 1;
    unsigned missing = 0;
    for (int step = 0; step < STEPS && consumed < written.count; step++) {
        const uint32_t dice = random_below(&random, 1000);
        if (dice < 20)
            at = random_below(&random, (uint32_t)at + 1); /* repeats */
        else if (dice < 40)
            at += random_below(&random, 4); /* loses */
        else if (dice < 45) {
            /* Another process had it for a while. */
            skald_lane_lose(&lane);
            skald_lane_take(&lane, ++epoch, lane.position);
        } else if (dice < 100)
            consume(&lane, &written, &consumed, random_below(&random, 40));
        if (lane.missing_before != 0) {
            missing++;
            repair(&lane, &written);
        }
        if (lane.dropped || at >= written.count) {
            skald_lane_rewind(&lane);
            at = index_behind(&written, lane.fed);
        }
        if (at < written.count) {
            (void)offer(&lane, written.positions[at], previous_of(&written, at), false);
            at++;
        }
    }
    consume(&lane, &written, &consumed, UINT32_MAX);
    assert_int_equal(consumed, written.count);
    assert_true(missing > 0);
    skald_lane_lose(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_queued_in_the_order_they_are_offered),
        cmocka_unit_test(test_what_is_committed_or_queued_is_a_repeat),
        cmocka_unit_test(test_a_lane_that_is_not_held_or_leaving_takes_nothing),
        cmocka_unit_test(test_a_lane_just_taken_waits_until_the_stream_is_read_anew),
        cmocka_unit_test(test_a_message_whose_predecessor_was_not_seen_stops_the_lane_for_repair),
        cmocka_unit_test(test_an_unknown_predecessor_misses_nothing),
        cmocka_unit_test(test_a_predecessor_before_the_lanes_place_misses_nothing),
        cmocka_unit_test(test_a_message_without_a_readable_position_is_kept_and_moves_nothing),
        cmocka_unit_test(
            test_a_full_lane_drops_until_it_is_rewound_and_then_goes_on_without_a_hole),
        cmocka_unit_test(test_pop_takes_from_the_front_and_no_more_than_asked),
        cmocka_unit_test(test_a_lost_lane_forgets_its_queue_and_begins_anew_where_it_is_taken),
        cmocka_unit_test(test_any_stream_comes_out_whole_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
