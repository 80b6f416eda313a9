/* UUIDs: as text, and new ones that increase over all threads and never meet those of a child. */
#include "support/test.h"

#include "base/clock.h"
#include "base/uuid.h"

#include <pthread.h>
#include <skald/message.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, IDS_PER_THREAD = 50000 };

typedef char uuid_text[37];

static void test_text_is_parsed_and_formatted(void **state)
{
    (void)state;
    /* The example of RFC 9562, appendix A.6. */
    const char *text = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
    const unsigned char expected[16] = {0x01, 0x7F, 0x22, 0xE2, 0x79, 0xB0, 0x7C, 0xC3,
                                        0x98, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
    unsigned char parsed[16];
    uuid_text formatted;
    assert_true(skald_uuid_parse(text, parsed));
    assert_memory_equal(parsed, expected, 16);
    skald_uuid_format(parsed, formatted);
    assert_string_equal(formatted, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void test_anything_else_is_not_a_uuid_and_leaves_the_bytes_alone(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "017f22e2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f00",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2 79b0 7cc3 98c4 dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4--c0c0c07398f",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        unsigned char parsed[16];
        memset(parsed, 0xAA, sizeof parsed);
        assert_false(skald_uuid_parse(wrong[i], parsed));
        for (size_t b = 0; b < sizeof parsed; b++)
            assert_int_equal(parsed[b], 0xAA);
    }
}

static void test_new_id_has_version_variant_and_the_time(void **state)
{
    (void)state;
    const uint64_t before_ms = (uint64_t)(skald_clock_wall_us() / 1000);
    uuid_text text;
    unsigned char id[16];
    skald_uuid7(text);
    assert_true(skald_uuid_parse(text, id));
    assert_int_equal(id[6] >> 4, 7);
    assert_int_equal(id[8] >> 6, 2);
    uint64_t time_ms = 0;
    for (int i = 0; i < 6; i++)
        time_ms = time_ms << 8 | id[i];
    assert_true(time_ms >= before_ms);
}

typedef struct maker {
    pthread_t thread;
    uuid_text *ids;
} maker;

static void *ids_make(void *user)
{
    maker *one = user;
    for (int i = 0; i < IDS_PER_THREAD; i++)
        skald_uuid7(one->ids[i]);
    return NULL;
}

static int ids_compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void test_ids_increase_in_each_thread_and_are_unique_over_all(void **state)
{
    (void)state;
    static uuid_text ids[THREADS * IDS_PER_THREAD];
    maker makers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        makers[i].ids = ids + i * IDS_PER_THREAD;
        assert_int_equal(pthread_create(&makers[i].thread, NULL, ids_make, &makers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(makers[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        for (int k = 1; k < IDS_PER_THREAD; k++)
            assert_true(strcmp(makers[i].ids[k - 1], makers[i].ids[k]) < 0);
    }
    qsort(ids, THREADS * IDS_PER_THREAD, sizeof *ids, ids_compare);
    for (int i = 1; i < THREADS * IDS_PER_THREAD; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

/* Both go on from the same pool of randomness unless somebody sees to it. The random half is
 * compared, because the counted half may well be the same. */
static void test_forked_child_makes_other_ids_than_its_parent(void **state)
{
    (void)state;
    uuid_text warm;
    skald_uuid7(warm);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    uuid_text ours;
    skald_uuid7(ours);
    if (child == 0)
        _exit(write(ends[1], ours, sizeof ours) == sizeof ours ? 0 : 1);
    uuid_text theirs;
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_not_equal(ours + 19, theirs + 19);
    assert_true(strcmp(warm, theirs) < 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_parsed_and_formatted),
        cmocka_unit_test(test_anything_else_is_not_a_uuid_and_leaves_the_bytes_alone),
        cmocka_unit_test(test_new_id_has_version_variant_and_the_time),
        cmocka_unit_test(test_ids_increase_in_each_thread_and_are_unique_over_all),
        cmocka_unit_test(test_forked_child_makes_other_ids_than_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
