/* Partitions settle with as few moves as the shares allow, whatever the processes start from. */
#include "support/random.h"
#include "support/test.h"

#include "assignment.h"

enum { CASES = 1000000, PARTITIONS_MAX = 64, PROCESSES_MAX = 12 };

typedef struct cluster {
    uint32_t partition_count;
    uint32_t process_count;
    uint32_t offset;
    int32_t holders[PARTITIONS_MAX];
    uint32_t moves;
} cluster;

static skald_assignment_input input_of(const cluster *c, uint32_t self)
{
    return (skald_assignment_input){.partition_count = c->partition_count,
                                    .holders = c->holders,
                                    .process_count = c->process_count,
                                    .self = self,
                                    .offset = c->offset};
}

static cluster cluster_random(test_random *random)
{
    cluster c = {.partition_count = 1 + random_below(random, PARTITIONS_MAX),
                 .process_count = 1 + random_below(random, PROCESSES_MAX),
                 .offset = (uint32_t)random_next(random)};
    const uint32_t free_percent = random_below(random, 101);
    const uint32_t crowd = 1 + random_below(random, c.process_count);
    for (uint32_t i = 0; i < c.partition_count; i++)
        c.holders[i] = random_chance(random, free_percent) ? SKALD_ASSIGNMENT_FREE
                                                           : (int32_t)random_below(random, crowd);
    return c;
}

static uint32_t held(const cluster *c, uint32_t process)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->partition_count; i++)
        count += c->holders[i] == (int32_t)process ? 1 : 0;
    return count;
}

static uint32_t share(const cluster *c, uint32_t process)
{
    const skald_assignment_input input = input_of(c, process);
    return skald_assignment_share(&input, process);
}

/* What must change hands: nobody can do with less. */
static uint32_t surplus(const cluster *c)
{
    uint32_t sum = 0;
    for (uint32_t p = 0; p < c->process_count; p++)
        sum += held(c, p) > share(c, p) ? held(c, p) - share(c, p) : 0;
    return sum;
}

static uint32_t free_count(const cluster *c)
{
    return held(c, (uint32_t)SKALD_ASSIGNMENT_FREE);
}

static void apply(cluster *c, uint32_t self, const skald_assignment_move *moves)
{
    for (uint32_t i = 0; i < c->partition_count; i++) {
        if (moves[i] == SKALD_ASSIGNMENT_KEEP)
            continue;
        c->moves++;
        if (moves[i] == SKALD_ASSIGNMENT_GIVE) {
            assert_int_equal(c->holders[i], self);
            c->holders[i] = SKALD_ASSIGNMENT_FREE;
        } else if (c->holders[i] == SKALD_ASSIGNMENT_FREE) {
            c->holders[i] = (int32_t)self;
        }
    }
}

static void round_in_turn(cluster *c)
{
    for (uint32_t p = 0; p < c->process_count; p++) {
        skald_assignment_move moves[PARTITIONS_MAX];
        const skald_assignment_input input = input_of(c, p);
        skald_assignment_decide(&input, moves);
        apply(c, p, moves);
    }
}

/* All look at the same rows first and act then. */
static void round_at_once(cluster *c)
{
    skald_assignment_move moves[PROCESSES_MAX][PARTITIONS_MAX];
    for (uint32_t p = 0; p < c->process_count; p++) {
        const skald_assignment_input input = input_of(c, p);
        skald_assignment_decide(&input, moves[p]);
    }
    for (uint32_t p = 0; p < c->process_count; p++)
        apply(c, p, moves[p]);
}

static void settled_check(const cluster *c)
{
    for (uint32_t p = 0; p < c->process_count; p++)
        assert_int_equal(held(c, p), share(c, p));
    assert_int_equal(free_count(c), 0);
}

static void converge_check(void (*round)(cluster *c))
{
    test_random random = random_begin();
    for (int i = 0; i < CASES / 2; i++) {
        cluster c = cluster_random(&random);
        const uint32_t needed = 2 * surplus(&c) + free_count(&c);
        round(&c);
        round(&c);
        settled_check(&c);
        /* Every partition given is taken once, every free one is taken once, nothing else moves. */
        assert_int_equal(c.moves, needed);
        round(&c);
        assert_int_equal(c.moves, needed);
    }
}

static void test_processes_acting_in_turn_settle_in_two_rounds_with_fewest_moves(void **state)
{
    (void)state;
    converge_check(round_in_turn);
}

static void test_processes_acting_at_once_settle_in_two_rounds_with_fewest_moves(void **state)
{
    (void)state;
    converge_check(round_at_once);
}

static void test_shares_differ_by_one_at_most_and_add_up(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 100000; i++) {
        const cluster c = cluster_random(&random);
        uint32_t sum = 0;
        for (uint32_t p = 0; p < c.process_count; p++) {
            const uint32_t least = c.partition_count / c.process_count;
            assert_in_range(share(&c, p), least, least + 1);
            sum += share(&c, p);
        }
        assert_int_equal(sum, c.partition_count);
    }
}

static void test_offset_turns_the_remainder_to_another_process(void **state)
{
    (void)state;
    cluster c = {.partition_count = 16, .process_count = 3};
    for (uint32_t offset = 0; offset < 3; offset++) {
        c.offset = offset;
        for (uint32_t p = 0; p < 3; p++)
            assert_int_equal(share(&c, p), p == offset ? 6 : 5);
    }
}

static void test_leaving_process_gives_everything_and_takes_nothing(void **state)
{
    (void)state;
    const int32_t holders[] = {0, 1, SKALD_ASSIGNMENT_FREE, 1};
    const skald_assignment_input input = {
        .partition_count = 4, .holders = holders, .process_count = 1, .self = 1, .leaving = true};
    skald_assignment_move moves[4];
    skald_assignment_decide(&input, moves);
    assert_int_equal(moves[0], SKALD_ASSIGNMENT_KEEP);
    assert_int_equal(moves[1], SKALD_ASSIGNMENT_GIVE);
    assert_int_equal(moves[2], SKALD_ASSIGNMENT_KEEP);
    assert_int_equal(moves[3], SKALD_ASSIGNMENT_GIVE);
}

static void test_nothing_is_taken_from_someone_outside_the_count(void **state)
{
    (void)state;
    const int32_t holders[] = {5, 5, SKALD_ASSIGNMENT_FREE, 0};
    const skald_assignment_input input = {
        .partition_count = 4, .holders = holders, .process_count = 1};
    skald_assignment_move moves[4];
    skald_assignment_decide(&input, moves);
    assert_int_equal(moves[0], SKALD_ASSIGNMENT_KEEP);
    assert_int_equal(moves[1], SKALD_ASSIGNMENT_KEEP);
    assert_int_equal(moves[2], SKALD_ASSIGNMENT_TAKE);
    assert_int_equal(moves[3], SKALD_ASSIGNMENT_KEEP);
}

static void test_highest_numbers_are_given_first(void **state)
{
    (void)state;
    const int32_t holders[] = {0, 0, 0, 0};
    const skald_assignment_input input = {
        .partition_count = 4, .holders = holders, .process_count = 2};
    skald_assignment_move moves[4];
    skald_assignment_decide(&input, moves);
    for (int i = 0; i < 4; i++)
        assert_int_equal(moves[i], i < 2 ? SKALD_ASSIGNMENT_KEEP : SKALD_ASSIGNMENT_GIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes_acting_in_turn_settle_in_two_rounds_with_fewest_moves),
        cmocka_unit_test(test_processes_acting_at_once_settle_in_two_rounds_with_fewest_moves),
        cmocka_unit_test(test_shares_differ_by_one_at_most_and_add_up),
        cmocka_unit_test(test_offset_turns_the_remainder_to_another_process),
        cmocka_unit_test(test_leaving_process_gives_everything_and_takes_nothing),
        cmocka_unit_test(test_nothing_is_taken_from_someone_outside_the_count),
        cmocka_unit_test(test_highest_numbers_are_given_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
