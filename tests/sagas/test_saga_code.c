/* A stored saga is read as it was written, and nothing else is taken for one. */
#include "support/test.h"

#include "saga_code.h"
#include "scenario/definitions.h"
#include "support/random.h"

static skald_saga saga_by_chance(test_random *random)
{
    skald_plan plan;
    skald_plan_make(&plan, scenario_definition("trip"));
    skald_saga saga;
    skald_saga_init(&saga, &plan);
    saga.phase = (uint8_t)random_below(random, SKALD_SAGA_PHASE_COUNT);
    saga.order = 1000;
    saga.started_ms = (int64_t)(random_next(random) >> 1);
    saga.last_ms = -1;
    saga.due_ms = INT64_MAX;
    for (uint8_t i = 0; i < saga.step_count; i++) {
        skald_saga_step *step = &saga.steps[i];
        step->state = (uint8_t)random_below(random, SKALD_STEP_STATE_COUNT);
        step->flags = (uint8_t)random_next(random);
        step->run_round = (uint8_t)random_next(random);
        step->undo_round = (uint8_t)random_next(random);
        step->cause = (uint8_t)random_below(random, 20);
        step->attempts = (uint16_t)random_next(random);
        step->order = random_below(random, 1000);
        step->due_ms = (int64_t)random_next(random);
        step->since_ms = (int64_t)random_next(random);
    }
    return saga;
}

static bool same(const skald_saga *one, const skald_saga *other)
{
    unsigned char a[SKALD_SAGA_CODE_SIZE_MAX];
    unsigned char b[SKALD_SAGA_CODE_SIZE_MAX];
    const size_t size = skald_saga_encode(one, a);
    return size == skald_saga_encode(other, b) && memcmp(a, b, size) == 0 &&
           one->steps[3].since_ms == other->steps[3].since_ms &&
           one->fingerprint == other->fingerprint && one->due_ms == other->due_ms &&
           one->steps[5].attempts == other->steps[5].attempts;
}

static void test_saga_is_read_as_it_was_written(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 20000; i++) {
        const skald_saga saga = saga_by_chance(&random);
        unsigned char bytes[SKALD_SAGA_CODE_SIZE_MAX];
        const size_t size = skald_saga_encode(&saga, bytes);
        skald_saga read;
        skald_error error = {0};
        assert_ok(skald_saga_decode(&read, bytes, size, &error), &error);
        assert_true(same(&saga, &read));
    }
}

/* The bytes are part of what is stored: those of an old release must be read by a new one. */
static void test_bytes_are_those_of_every_release(void **state)
{
    (void)state;
    const skald_saga saga = {
        .fingerprint = 0x0102030405060708,
        .phase = SKALD_SAGA_RUNNING,
        .flags = SKALD_SAGA_TURN_ASKED,
        .cause = 1,
        .step_count = 1,
        .rewind_to = SKALD_STEP_NONE,
        .order = 7,
        .started_ms = 0x1122,
        .last_ms = 0x3344,
        .due_ms = 0x5566,
        .steps = {{SKALD_STEP_DONE, SKALD_STEP_KNOWN, 1, 0, 5, 0x0203, 7, 0x0a, 0x0b}},
    };
    static const unsigned char expected[] = {
        1,    1,    8, 7, 6, 5, 4, 3,    2,    1,    1, 1, 1, 255, 7, 0, 0,    0,
        0x22, 0x11, 0, 0, 0, 0, 0, 0,    0x44, 0x33, 0, 0, 0, 0,   0, 0, 0x66, 0x55,
        0,    0,    0, 0, 0, 0, 7, 2,    1,    0,    5, 3, 2, 7,   0, 0, 0,    0x0a,
        0,    0,    0, 0, 0, 0, 0, 0x0b, 0,    0,    0, 0, 0, 0,   0};
    unsigned char bytes[SKALD_SAGA_CODE_SIZE_MAX];
    assert_int_equal(skald_saga_encode(&saga, bytes), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void test_bytes_that_are_no_saga_are_refused_and_nothing_is_written(void **state)
{
    (void)state;
    test_random random = random_begin();
    const skald_saga saga = saga_by_chance(&random);
    unsigned char bytes[SKALD_SAGA_CODE_SIZE_MAX];
    const size_t size = skald_saga_encode(&saga, bytes);
    skald_saga read = {.order = 4711};
    skald_error error = {0};
    for (size_t cut = 0; cut < size; cut++)
        assert_status(skald_saga_decode(&read, bytes, cut, &error), SKALD_MALFORMED, &error);
    assert_contains(error.text, "the row is damaged");
    bytes[0] = 2;
    assert_status(skald_saga_decode(&read, bytes, size, &error), SKALD_MALFORMED, &error);
    assert_contains(error.text, "format 2, and this program reads format 1");
    bytes[0] = 1;
    bytes[10] = SKALD_SAGA_PHASE_COUNT;
    assert_status(skald_saga_decode(&read, bytes, size, &error), SKALD_MALFORMED, &error);
    assert_contains(error.text, "a state that there is not");
    bytes[10] = SKALD_SAGA_RUNNING;
    bytes[SKALD_SAGA_CODE_HEAD_SIZE] = SKALD_STEP_STATE_COUNT;
    assert_status(skald_saga_decode(&read, bytes, size, &error), SKALD_MALFORMED, &error);
    assert_int_equal(read.order, 4711);
}

/* Whatever is read is either refused or can be written again as it was. */
static void test_any_bytes_are_refused_or_read(void **state)
{
    (void)state;
    test_random random = random_begin();
    skald_saga saga = saga_by_chance(&random);
    int taken = 0;
    for (int i = 0; i < 200000; i++) {
        unsigned char bytes[SKALD_SAGA_CODE_SIZE_MAX];
        const size_t size = skald_saga_encode(&saga, bytes);
        bytes[random_below(&random, (uint32_t)size)] = (unsigned char)random_next(&random);
        skald_saga read;
        if (skald_saga_decode(&read, bytes, size, NULL) != SKALD_OK)
            continue;
        unsigned char again[SKALD_SAGA_CODE_SIZE_MAX];
        assert_int_equal(skald_saga_encode(&read, again), size);
        assert_memory_equal(again, bytes, size);
        taken++;
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saga_is_read_as_it_was_written),
        cmocka_unit_test(test_bytes_are_those_of_every_release),
        cmocka_unit_test(test_bytes_that_are_no_saga_are_refused_and_nothing_is_written),
        cmocka_unit_test(test_any_bytes_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
