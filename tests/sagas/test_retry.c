/* Schedules of retries in words. */
#include "support/random.h"
#include "support/test.h"

#include <skald/retry.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum { DEFAULT_MIN = 50, DEFAULT_MAX = 600000 };

static void assert_same(const skald_retry *found, const skald_retry *wanted, const char *text)
{
    if (found->at_once == wanted->at_once && found->delay_ms_min == wanted->delay_ms_min &&
        found->delay_ms_max == wanted->delay_ms_max &&
        found->attempts_max == wanted->attempts_max && found->for_ms == wanted->for_ms)
        return;
    fail_msg("\"%s\" was read as %u at once, %llu..%llu ms, %u times, for %llu ms", text,
             found->at_once, (unsigned long long)found->delay_ms_min,
             (unsigned long long)found->delay_ms_max, found->attempts_max,
             (unsigned long long)found->for_ms);
}

static void test_schedules_in_words_become_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        skald_retry wanted;
    } cases[] = {
        {"never", {0, DEFAULT_MIN, DEFAULT_MAX, 1, 0}},
        {"1s..1h for 72h", {0, SECOND, HOUR, 0, 72 * HOUR}},
        {"3 at once, 1s..1h for 72h", {3, SECOND, HOUR, 0, 72 * HOUR}},
        {"3 at once, 1s..1h, for 72h", {3, SECOND, HOUR, 0, 72 * HOUR}},
        {"5s", {0, 5 * SECOND, 5 * SECOND, 0, 0}},
        {"5s 20 times", {0, 5 * SECOND, 5 * SECOND, 20, 0}},
        {"5s 20 times for 1d", {0, 5 * SECOND, 5 * SECOND, 20, DAY}},
        {"for 3d, 5s, 20 times", {0, 5 * SECOND, 5 * SECOND, 20, 3 * DAY}},
        {"20 times", {0, DEFAULT_MIN, DEFAULT_MAX, 20, 0}},
        {"1 time", {0, DEFAULT_MIN, DEFAULT_MAX, 1, 0}},
        {"2 at once", {2, DEFAULT_MIN, DEFAULT_MAX, 0, 0}},
        {"2 at once, 3 times", {2, DEFAULT_MIN, DEFAULT_MAX, 3, 0}},
        {"1h30m..1d12h", {0, 90 * MINUTE, 36 * HOUR, 0, 0}},
        {"7ms..7ms", {0, 7, 7, 0, 0}},
        {"1m..366d", {0, MINUTE, 366 * DAY, 0, 0}},
        {" \t 2  at\tonce ,\n1s .. 1h ,20 times   for 72h ", {2, SECOND, HOUR, 20, 72 * HOUR}},
        {SKALD_POLICY_RETRY_DEFAULT, {0, DEFAULT_MIN, DEFAULT_MAX, 0, 72 * HOUR}},
        {SKALD_POLICY_NOT_YET_DEFAULT, {0, 20, 5 * SECOND, 0, HOUR}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        skald_retry found;
        skald_error error;
        assert_ok(skald_retry_parse(&found, cases[i].text, &error), &error);
        assert_same(&found, &cases[i].wanted, cases[i].text);
    }
}

static void test_what_is_wrong_is_named_with_its_place_and_what_may_stand_there(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {NULL, "it is NULL; write one such as"},
        {"", "something is missing at its end; one of \"never\""},
        {"  ", "something is missing at its end"},
        {"1s,", "something is missing at its end"},
        {"1s,,2 times", "\",\" at character 4 stands where a clause is due"},
        {",1s", "\",\" at character 1 stands where a clause is due"},
        {"1s, often", "\"often\" at character 5 is no clause; one of \"never\", \"2 at once\""},
        {"Never", "\"Never\" at character 1 is no clause"},
        {"5", "something is missing at its end; \"at once\" or \"times\""},
        {"5 s", "\"s\" at character 3 says not what the number before it counts"},
        {"5x", "\"5x\" at character 1 has no unit of ms, s, m, h, d"},
        {"5M", "\"5M\" at character 1 has no unit"},
        {"1m1h", "\"1m1h\" at character 1 has no unit of ms, s, m, h, d after each number, larger"},
        {"1s1s", "larger ones first"},
        {"1s1", "\"1s1\" at character 1 has no unit"},
        {"1.5s", "\"1.5s\" at character 1 has no unit"},
        {"1s..", "something is missing at its end; a time from 1ms"},
        {"1s..h", "\"h\" at character 5 is no duration"},
        {"1h..1s", "\"1s\" at character 5 is shorter than the wait before it"},
        {"0s", "\"0s\" at character 1 is no time at all"},
        {"0ms..1h", "\"0ms\" at character 1 is no time at all"},
        {"1s for 0h", "\"0h\" at character 8 is no time at all"},
        {"1s for", "something is missing at its end; a time from 1ms"},
        {"1s for ever", "\"ever\" at character 8 is no duration"},
        {"367d", "\"367d\" at character 1 is longer than 366d"},
        {"366d1ms", "is longer than 366d"},
        {"1s for 99999999999999999999d", "at character 8 is longer than 366d"},
        {"4294967296 times", "\"4294967296\" at character 1 is too large a number"},
        {"99999999999999999999 times", "is too large a number"},
        {"0 times",
         "\"0\" at character 1 attempts are none; for no second attempt write \"never\""},
        {"0 at once", "\"0\" at character 1 retries are none; leave the clause out"},
        {"2 at", "something is missing at its end; \"once\""},
        {"2 at twice", "\"twice\" at character 6 does not end \"at once\""},
        {"2 at once 1s", "\"1s\" at character 11 follows without a comma"},
        {"1s 2s", "\"2s\" at character 4 begins a second clause of its kind"},
        {"1s, 2 times, 3 times", "\"3\" at character 14 begins a second clause of its kind"},
        {"never, never", "begins a second clause of its kind"},
        {"never, 20 times", "\"never\" contradicts the rest of it"},
        {"20 times, never", "\"never\" contradicts the rest of it"},
        {"1s, never", "\"never\" contradicts the rest of it"},
        {"never for 1h", "\"never\" contradicts the rest of it"},
        {"2 at once, never", "\"never\" contradicts the rest of it"},
        {"3 at once, 3 times", "\"3 at once\" are more retries than \"3 times\" leaves"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const skald_retry before = {1, 2, 3, 4, 5};
        skald_retry found = before;
        skald_error error;
        assert_status(skald_retry_parse(&found, cases[i].text, &error), SKALD_INVALID, &error);
        assert_contains(error.text, cases[i].part);
        assert_same(&found, &before, error.text);
        assert_int_equal(skald_retry_parse(&found, cases[i].text, NULL), SKALD_INVALID);
    }
}

static void test_long_words_are_cut_in_the_message_and_not_within_a_character(void **state)
{
    (void)state;
    char text[1024];
    size_t size = 0;
    while (size < 900) {
        memcpy(text + size, "\xC3\xBC", 2);
        size += 2;
    }
    memcpy(text + size, ", 1s", 5);
    skald_retry found;
    skald_error error;
    assert_status(skald_retry_parse(&found, text, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "\xC3\xBC\" at character 1 is no clause");
    assert_contains(error.text, "may stand there");
}

/* ---- a million schedules, written from numbers ---- */

typedef struct written {
    char text[256];
    size_t size;
    skald_retry wanted;
    test_random *random;
} written;

static void write(written *w, const char *text)
{
    w->size += (size_t)snprintf(w->text + w->size, sizeof w->text - w->size, "%s", text);
    assert_true(w->size < sizeof w->text);
}

static void write_blanks(written *w, uint32_t least)
{
    static const char *const blanks[] = {" ", "\t", "\n", "  "};
    const uint32_t count = least + (random_chance(w->random, 20) ? 1 : 0);
    for (uint32_t i = 0; i < count; i++)
        write(w, blanks[random_below(w->random, 4)]);
}

static void write_number(written *w, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    write(w, text);
}

/* As a sum, or in the largest unit that divides it, or in milliseconds as far as 32 bits go. */
static void write_duration(written *w, uint64_t ms)
{
    static const uint64_t sizes[] = {DAY, HOUR, MINUTE, SECOND, 1};
    static const char *const units[] = {"d", "h", "m", "s", "ms"};
    if (ms <= UINT32_MAX && random_chance(w->random, 20)) {
        write_number(w, ms);
        write(w, "ms");
        return;
    }
    for (int i = 0; i < 5; i++) {
        if (ms < sizes[i])
            continue;
        write_number(w, ms / sizes[i]);
        write(w, units[i]);
        ms %= sizes[i];
    }
}

/* Of every order of magnitude alike. */
static uint64_t random_ms(test_random *random)
{
    const uint64_t most = UINT64_C(1) << random_below(random, 36);
    const uint64_t ms = 1 + random_next(random) % most;
    return ms < SKALD_RETRY_MS_MAX ? ms : SKALD_RETRY_MS_MAX;
}

static uint32_t random_count(test_random *random)
{
    return 1 + (uint32_t)(random_next(random) % (UINT64_C(1) << random_below(random, 31)));
}

enum { AT_ONCE, WAITS, TIMES, UNTIL, CLAUSES };

static void write_clause(written *w, int clause)
{
    switch (clause) {
    case AT_ONCE:
        write_number(w, w->wanted.at_once);
        write_blanks(w, 1);
        write(w, "at");
        write_blanks(w, 1);
        write(w, "once");
        break;
    case WAITS:
        write_duration(w, w->wanted.delay_ms_min);
        if (w->wanted.delay_ms_max == w->wanted.delay_ms_min && random_chance(w->random, 80))
            break;
        write_blanks(w, 0);
        write(w, "..");
        write_blanks(w, 0);
        write_duration(w, w->wanted.delay_ms_max);
        break;
    case TIMES:
        write_number(w, w->wanted.attempts_max);
        write_blanks(w, 1);
        write(w, "times");
        break;
    default:
        write(w, "for");
        write_blanks(w, 1);
        write_duration(w, w->wanted.for_ms);
        break;
    }
}

static void wanted_make(written *w, const bool *there)
{
    w->wanted = (skald_retry){0, DEFAULT_MIN, DEFAULT_MAX, 0, 0};
    if (there[AT_ONCE])
        w->wanted.at_once = random_count(w->random);
    if (there[WAITS]) {
        const uint64_t one = random_ms(w->random);
        const uint64_t other = random_chance(w->random, 20) ? one : random_ms(w->random);
        w->wanted.delay_ms_min = one < other ? one : other;
        w->wanted.delay_ms_max = one < other ? other : one;
    }
    if (there[TIMES])
        w->wanted.attempts_max = w->wanted.at_once + random_count(w->random);
    if (there[UNTIL])
        w->wanted.for_ms = random_ms(w->random);
}

/* At least one clause, in any order. */
static void written_make(written *w)
{
    int order[CLAUSES] = {AT_ONCE, WAITS, TIMES, UNTIL};
    bool there[CLAUSES] = {0};
    for (int i = CLAUSES - 1; i > 0; i--) {
        const int other = (int)random_below(w->random, (uint32_t)i + 1);
        const int kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (int i = 0; i < CLAUSES; i++)
        there[i] = random_chance(w->random, 50);
    there[random_below(w->random, CLAUSES)] = true;
    wanted_make(w, there);
    w->size = 0;
    write_blanks(w, 0);
    bool first = true;
    for (int i = 0; i < CLAUSES; i++) {
        if (!there[order[i]])
            continue;
        const bool free = order[i] == TIMES || order[i] == UNTIL;
        const bool comma = !first && (!free || random_chance(w->random, 50));
        write_blanks(w, first || comma ? 0 : 1);
        write(w, comma ? "," : "");
        write_blanks(w, 0);
        write_clause(w, order[i]);
        first = false;
    }
    write_blanks(w, 0);
}

static void test_a_million_schedules_are_read_as_they_were_meant(void **state)
{
    (void)state;
    test_random random = random_begin();
    static written w;
    w.random = &random;
    for (int i = 0; i < 1000000; i++) {
        written_make(&w);
        skald_retry found;
        skald_error error;
        if (skald_retry_parse(&found, w.text, &error) != SKALD_OK)
            fail_msg("%s", error.text);
        assert_same(&found, &w.wanted, w.text);
    }
}

/* Whatever is accepted keeps what the runtime relies on. */
static void test_a_million_broken_schedules_are_refused_or_sound(void **state)
{
    (void)state;
    static const char letters[] = "0123456789 ,.smhdnevrtico\xC3";
    test_random random = random_begin();
    static written w;
    w.random = &random;
    int refused = 0;
    for (int i = 0; i < 1000000; i++) {
        written_make(&w);
        for (uint32_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
            w.text[random_below(&random, (uint32_t)w.size)] =
                letters[random_below(&random, sizeof letters)];
        skald_retry found;
        skald_error error;
        if (skald_retry_parse(&found, w.text, &error) != SKALD_OK) {
            assert_true(strlen(error.text) > 20);
            refused++;
            continue;
        }
        assert_true(found.delay_ms_min >= 1 && found.delay_ms_min <= found.delay_ms_max);
        assert_true(found.delay_ms_max <= SKALD_RETRY_MS_MAX);
        assert_true(found.for_ms <= SKALD_RETRY_MS_MAX);
        assert_true(found.attempts_max == 0 || found.at_once < found.attempts_max);
    }
    assert_in_range(refused, 100000, 999999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules_in_words_become_numbers),
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_place_and_what_may_stand_there),
        cmocka_unit_test(test_long_words_are_cut_in_the_message_and_not_within_a_character),
        cmocka_unit_test(test_a_million_schedules_are_read_as_they_were_meant),
        cmocka_unit_test(test_a_million_broken_schedules_are_refused_or_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
