/* The hash is part of the wire format: these numbers may never change. */
#include "support/test.h"

#include <skald/partition.h>

typedef struct vector {
    const char *key;
    size_t size;
    uint32_t of_256;
    uint32_t of_16;
    uint32_t of_7;
} vector;

static const vector vectors[] = {
    {"", 0, 193, 1, 3},
    {"a", 1, 192, 0, 5},
    {"order-1", 7, 242, 2, 1},
    {"foobar", 6, 153, 9, 2},
    {"Bestellung-\xC3\xA4", 13, 9, 9, 0},
    {"\0\xFF", 2, 103, 7, 2},
};

static void test_known_keys_fall_into_known_partitions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const vector *v = &vectors[i];
        assert_int_equal(skald_partition_of(v->key, v->size, 256), v->of_256);
        assert_int_equal(skald_partition_of(v->key, v->size, 16), v->of_16);
        assert_int_equal(skald_partition_of(v->key, v->size, 7), v->of_7);
    }
}

static void test_one_partition_takes_everything(void **state)
{
    (void)state;
    assert_int_equal(skald_partition_of("order-1", 7, 1), 0);
    assert_int_equal(skald_partition_of(NULL, 0, 1), 0);
}

static void test_numbered_keys_spread_evenly(void **state)
{
    (void)state;
    enum { KEYS = 160000, PARTITIONS = 16 };
    int counts[PARTITIONS] = {0};
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        const int size = snprintf(key, sizeof key, "order-%d", i);
        counts[skald_partition_of(key, (size_t)size, PARTITIONS)]++;
    }
    for (int i = 0; i < PARTITIONS; i++)
        assert_in_range(counts[i], KEYS / PARTITIONS * 9 / 10, KEYS / PARTITIONS * 11 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_keys_fall_into_known_partitions),
        cmocka_unit_test(test_one_partition_takes_everything),
        cmocka_unit_test(test_numbered_keys_spread_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
