/* Arrays built in binary format, read back by PostgreSQL. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"

#include "pg/array.h"
#include "pg/connection.h"

static const char *database;
static skald_pg *pg;
static skald_error error;

static int setup(void **state)
{
    if (servers_setup(state) != 0)
        return -1;
    database = database_new_empty();
    return skald_pg_open(&pg, database, "test", &error) == SKALD_OK ? 0 : -1;
}

static int teardown(void **state)
{
    skald_pg_close(pg);
    return servers_teardown(state);
}

/* What PostgreSQL makes of it, as text and with its type. */
static void expect(skald_array *array, const char *expected)
{
    skald_rows *rows = NULL;
    const skald_param param = skald_array_param(array);
    assert_true(skald_array_ok(array));
    assert_ok(skald_pg_run(pg, &rows, "SELECT $1::text || ' ' || pg_typeof($1)", 1, &param, &error),
              &error);
    assert_string_equal(skald_rows_text(rows, 0, 0), expected);
    skald_rows_free(rows);
    skald_array_done(array);
}

static skald_array array_of(skald_array_of of)
{
    skald_array array;
    skald_array_init(&array, of);
    return array;
}

static void test_an_empty_array_of_every_kind_is_empty_and_not_null(void **state)
{
    (void)state;
    const char *const types[] = {
        [SKALD_ARRAY_TEXT] = "{} text[]",
        [SKALD_ARRAY_INT2] = "{} smallint[]",
        [SKALD_ARRAY_INT4] = "{} integer[]",
        [SKALD_ARRAY_INT8] = "{} bigint[]",
        [SKALD_ARRAY_BYTEA] = "{} bytea[]",
        [SKALD_ARRAY_UUID] = "{} uuid[]",
        [SKALD_ARRAY_TIME] = "{} timestamp with time zone[]",
    };
    for (int of = SKALD_ARRAY_TEXT; of <= SKALD_ARRAY_TIME; of++) {
        skald_array array = array_of((skald_array_of)of);
        expect(&array, types[of]);
    }
}

static void test_texts_keep_every_character_and_null(void **state)
{
    (void)state;
    skald_array array = array_of(SKALD_ARRAY_TEXT);
    skald_array_text(&array, "a");
    skald_array_text(&array, NULL);
    skald_array_text(&array, "");
    skald_array_text(&array, "NULL");
    skald_array_text(&array, "{\"\\,ключ}");
    assert_int_equal(array.count, 5);
    expect(&array, "{a,NULL,\"\",\"NULL\",\"{\\\"\\\\,ключ}\"} text[]");
}

static void test_integers_keep_their_least_and_greatest(void **state)
{
    (void)state;
    skald_array two = array_of(SKALD_ARRAY_INT2);
    skald_array_integer(&two, INT16_MIN);
    skald_array_integer(&two, -1);
    skald_array_integer(&two, INT16_MAX);
    expect(&two, "{-32768,-1,32767} smallint[]");
    skald_array four = array_of(SKALD_ARRAY_INT4);
    skald_array_integer(&four, INT32_MIN);
    skald_array_integer(&four, 0);
    skald_array_integer(&four, INT32_MAX);
    expect(&four, "{-2147483648,0,2147483647} integer[]");
    skald_array eight = array_of(SKALD_ARRAY_INT8);
    skald_array_integer(&eight, INT64_MIN);
    skald_array_integer(&eight, 1);
    skald_array_integer(&eight, INT64_MAX);
    expect(&eight, "{-9223372036854775808,1,9223372036854775807} bigint[]");
}

static void test_bytes_keep_zeros_emptiness_and_null_uuids(void **state)
{
    (void)state;
    skald_array bytes = array_of(SKALD_ARRAY_BYTEA);
    skald_array_bytes(&bytes, (skald_bytes){"\0\xff", 2});
    skald_array_bytes(&bytes, (skald_bytes){NULL, 0});
    skald_array_bytes(&bytes, (skald_bytes){"x", 0});
    expect(&bytes, "{\"\\\\x00ff\",\"\\\\x\",\"\\\\x\"} bytea[]");
    skald_array uuids = array_of(SKALD_ARRAY_UUID);
    skald_array_bytes(&uuids, (skald_bytes){"0123456789abcdef", 16});
    expect(&uuids, "{30313233-3435-3637-3839-616263646566} uuid[]");
}

static void test_times_count_from_1970(void **state)
{
    (void)state;
    assert_ok(skald_pg_script(pg, "SET timezone = 'UTC'", &error), &error);
    skald_array array = array_of(SKALD_ARRAY_TIME);
    skald_array_time_us(&array, 0);
    skald_array_time_us(&array, -1);
    skald_array_time_us(&array, INT64_C(1709208000000001));
    expect(&array, "{\"1970-01-01 00:00:00+00\",\"1969-12-31 23:59:59.999999+00\","
                   "\"2024-02-29 12:00:00.000001+00\"} timestamp with time zone[]");
}

static void test_a_cleared_array_keeps_nothing_of_before(void **state)
{
    (void)state;
    skald_array array = array_of(SKALD_ARRAY_TEXT);
    skald_array_text(&array, NULL);
    skald_array_text(&array, "gone");
    skald_array_clear(&array);
    assert_int_equal(array.count, 0);
    skald_array_text(&array, "new");
    expect(&array, "{new} text[]");
    skald_array_text(&array, "after done");
    expect(&array, "{\"after done\"} text[]");
}

static void test_a_cleared_array_is_an_empty_one(void **state)
{
    (void)state;
    skald_array array = array_of(SKALD_ARRAY_INT8);
    skald_array_integer(&array, 1);
    skald_array_clear(&array);
    expect(&array, "{} bigint[]");
}

/* Growing must not disturb what is in it, and a parameter can be made more than once. */
static void test_a_long_array_comes_back_whole(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    skald_array array = array_of(SKALD_ARRAY_INT8);
    for (int64_t i = 1; i <= COUNT; i++)
        skald_array_integer(&array, i);
    for (int i = 0; i < 2; i++) {
        skald_rows *rows = NULL;
        const skald_param param = skald_array_param(&array);
        assert_ok(skald_pg_run(pg, &rows,
                               "SELECT count(*) FROM unnest($1) WITH ORDINALITY AS u(v, n)"
                               " WHERE v = n",
                               1, &param, &error),
                  &error);
        assert_int_equal(skald_rows_integer(rows, 0, 0), COUNT);
        skald_rows_free(rows);
    }
    skald_array_done(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_array_of_every_kind_is_empty_and_not_null),
        cmocka_unit_test(test_texts_keep_every_character_and_null),
        cmocka_unit_test(test_integers_keep_their_least_and_greatest),
        cmocka_unit_test(test_bytes_keep_zeros_emptiness_and_null_uuids),
        cmocka_unit_test(test_times_count_from_1970),
        cmocka_unit_test(test_a_cleared_array_keeps_nothing_of_before),
        cmocka_unit_test(test_a_cleared_array_is_an_empty_one),
        cmocka_unit_test(test_a_long_array_comes_back_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
