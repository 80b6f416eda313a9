/* A million sagas through the machine, with everything against them. A seed that fails tells its
 * whole story: SKALD_TEST_STORY=<seed> tells it again. */
#include "support/test.h"

#include "simulator/simulator.h"
#include "simulator/world.h"
#include "support/random.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SAGAS = 60000 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SAGAS = 60000 };
#else
enum { SAGAS = 1000000 };
#endif
#else
enum { SAGAS = 1000000 };
#endif

static void saga_fail(uint64_t seed, const char *wrong)
{
    print_error("%s; SKALD_TEST_STORY=%llu tells it again:\n", wrong, (unsigned long long)seed);
    sim_run(seed, stderr);
    fail_msg("%s", wrong);
}

static void test_a_million_sagas_keep_every_promise_and_end(void **state)
{
    (void)state;
    test_random random = random_begin();
    uint64_t ended[SKALD_SAGA_PHASE_COUNT] = {0};
    uint64_t events = 0;
    uint64_t undone = 0;
    for (int i = 0; i < SAGAS; i++) {
        const uint64_t seed = random_next(&random);
        const sim_result result = sim_run(seed, NULL);
        if (result.wrong != NULL)
            saga_fail(seed, result.wrong);
        ended[result.outcome]++;
        events += result.event_count;
        undone += result.undo_count;
    }
    printf("%d sagas, %llu events, %llu completed, %llu compensated, %llu undos\n", SAGAS,
           (unsigned long long)events, (unsigned long long)ended[SKALD_SAGA_COMPLETED],
           (unsigned long long)ended[SKALD_SAGA_COMPENSATED], (unsigned long long)undone);
    assert_true(ended[SKALD_SAGA_COMPLETED] > SAGAS / 10);
    assert_true(ended[SKALD_SAGA_COMPENSATED] > SAGAS / 10);
}

static void test_one_story_can_be_told_again(void **state)
{
    (void)state;
    const char *wanted = getenv("SKALD_TEST_STORY");
    const uint64_t seed = wanted != NULL ? strtoull(wanted, NULL, 10) : 42;
    char *first = NULL;
    char *second = NULL;
    size_t first_size = 0;
    size_t second_size = 0;
    FILE *out = open_memstream(&first, &first_size);
    sim_run(seed, out);
    fclose(out);
    out = open_memstream(&second, &second_size);
    sim_run(seed, out);
    fclose(out);
    if (wanted != NULL)
        printf("%s", first);
    assert_true(first_size > 0);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void mistake_tell(void *context, const char *sentence)
{
    (void)context;
    print_error("%s\n", sentence);
}

static void test_definitions_made_by_chance_have_no_mistakes(void **state)
{
    (void)state;
    test_random random = random_begin();
    static sim_definition made;
    for (int i = 0; i < 20000; i++) {
        sim_definition_make(&made, &random);
        assert_int_equal(skald_definition_check(&made.definition, mistake_tell, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions_made_by_chance_have_no_mistakes),
        cmocka_unit_test(test_one_story_can_be_told_again),
        cmocka_unit_test(test_a_million_sagas_keep_every_promise_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
