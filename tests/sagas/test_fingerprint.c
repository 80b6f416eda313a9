/* Which failures have the same cause. */
#include "support/random.h"
#include "support/test.h"

#include "fingerprint.h"

static void reason_expect(const char *reason, const char *wanted)
{
    char found[512];
    skald_fingerprint_reason(found, sizeof found, reason);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s\n became %s\n instead of %s", reason, found, wanted);
}

static void test_what_differs_from_case_to_case_is_left_out(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {NULL, ""},
        {"", ""},
        {" \n\t ", ""},
        {"card declined", "card declined"},
        {"  card \n\t declined  ", "card declined"},
        {"order 4711 is unknown", "order ? is unknown"},
        {"order-4711: 3 items, 12.50 EUR", "order-?: ? items, ? EUR"},
        {"balance -5 of 1,234.56", "balance ? of ?"},
        {"balance 5 of 7", "balance ? of ?"},
        {"connect to 10.0.0.1:5432 failed", "connect to ?:? failed"},
        {"took 30s or 1.5s", "took ?s or ?s"},
        {"saga 6ba7b810-9dad-11d1-80b4-00c04fd430c8 is gone", "saga ? is gone"},
        {"saga 6BA7B810-9DAD-11D1-80B4-00C04FD430C8, 2nd", "saga ?, ?nd"},
        {"at 0x7ffe12ab and deadbeef01 and a1b2c3", "at ? and ? and ?"},
        {"commit abcdefabcdefabcdef", "commit ?"},
        {"a decade of facade", "a decade of facade"},
        {"charge 01ARZ3NDEKTSV4RRFFQ69G5FAV", "charge ?"},
        {"charge ch_3MmlLrLkdIwHu7ix0snN0B15", "charge ch_?"},
        {"unknown currency \"EUR\"", "unknown currency ?"},
        {"unknown currency 'X Y Z' here", "unknown currency ? here"},
        {"unknown currency `a`", "unknown currency ?"},
        {"unbekannt: \xE2\x80\x9E\xC3\xA4\xE2\x80\x9C!", "unbekannt: ?!"},
        {"inconnu \xC2\xAB x \xC2\xBB", "inconnu ?"},
        {"it can't and won't", "it can't and won't"},
        {"it can't find 'a man's hat' now", "it can't find ? now"},
        {"says \"nothing", "says \"nothing"},
        {"\"\" and ''", "? and ?"},
        {"mail to joe.doe+x@mail.example.com. Stop", "mail to ?. Stop"},
        {"mail to <joe@example.com>", "mail to <?>"},
        {"a @ b", "a @ b"},
        {"Gr\xC3\xB6\xC3\x9F"
         "e 5 zu gro\xC3\x9F",
         "Gr\xC3\xB6\xC3\x9F"
         "e ? zu gro\xC3\x9F"},
        {"at 2026-11-24T07:09:27Z", "at ?-?-?:?:?Z"},
        {"Key (id)=(42) already exists.", "Key (id)=(?) already exists."},
        {"x\x01y", "x y"},
        {"6ba7b810-9dad-11d1-80b4-00c04fd430c8x", "?-?dad-?-?-?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        reason_expect(cases[i][0], cases[i][1]);
}

static void test_fingerprints_never_change(void **state)
{
    (void)state;
    /* FNV-1a of "follower\0type\0class\0state\0" and the reason; kept in rows and alerts. */
    char found[SKALD_FINGERPRINT_SIZE];
    skald_fingerprint(found, NULL, NULL, NULL, NULL, NULL);
    assert_string_equal(found, "4d25767f9dce13f5");
    skald_fingerprint(found, "payments", "shop.v1.OrderCreated", "bad-currency", "23505",
                      "order 4711 has currency \"EURO\"");
    assert_string_equal(found, "2360d5d39bbdf280");
}

static void same_expect(const char *one, const char *other, bool same)
{
    char prints[2][SKALD_FINGERPRINT_SIZE];
    skald_fingerprint(prints[0], "f", "t", "c", "s", one);
    skald_fingerprint(prints[1], "f", "t", "c", "s", other);
    assert_int_equal(strlen(prints[0]), 16);
    assert_int_equal(strcmp(prints[0], prints[1]) == 0, same);
}

static void test_same_cause_with_other_numbers_is_the_same(void **state)
{
    (void)state;
    same_expect("order 1 of joe@a.de", "order  22 of\nann@b.example", true);
    same_expect("order 1 is late", "order 1 is lost", false);
}

static void test_end_of_a_long_reason_counts_too(void **state)
{
    (void)state;
    char texts[2][2000];
    for (int i = 0; i < 2; i++) {
        memset(texts[i], 'x', sizeof texts[i]);
        texts[i][1999] = '\0';
    }
    same_expect(texts[0], texts[1], true);
    texts[1][1998] = 'y';
    same_expect(texts[0], texts[1], false);
}

static void test_each_field_counts_and_none_runs_into_the_next(void **state)
{
    (void)state;
    static const char *const fields[][5] = {
        {"a", "b", "c", "d", "e"}, {"ab", "", "c", "d", "e"}, {"", "ab", "c", "d", "e"},
        {"a", "bc", "", "d", "e"}, {"a", "b", "cd", "", "e"}, {"a", "b", "c", "de", ""},
        {"b", "a", "c", "d", "e"}, {"a", "b", "c", "", "de"}, {"", "", "", "", "abcde"},
        {"a", "b", "", "c", "de"},
    };
    enum { COUNT = sizeof fields / sizeof *fields };
    char prints[COUNT][SKALD_FINGERPRINT_SIZE];
    for (size_t i = 0; i < COUNT; i++) {
        skald_fingerprint(prints[i], fields[i][0], fields[i][1], fields[i][2], fields[i][3],
                          fields[i][4]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(prints[i], prints[j]);
    }
    char null[SKALD_FINGERPRINT_SIZE];
    char empty[SKALD_FINGERPRINT_SIZE];
    skald_fingerprint(null, "a", NULL, NULL, NULL, NULL);
    skald_fingerprint(empty, "a", "", "", "", "");
    assert_string_equal(null, empty);
}

/* A megabyte of what makes a reader look far ahead; one that does so each time never ends. */
static void test_long_and_hostile_reasons_are_read_once(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    static const char *const pieces[] = {"a.", "'a ", "\"'`a\xE2\x80\x9E\xC2\xAB ",
                                         "1.", "a1-", "@a"};
    char *const text = malloc(SIZE + 1);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const size_t size = strlen(pieces[i]);
        for (size_t j = 0; j < SIZE; j++)
            text[j] = pieces[i][j % size];
        text[SIZE] = '\0';
        char print[SKALD_FINGERPRINT_SIZE];
        skald_fingerprint(print, NULL, NULL, NULL, NULL, text);
        assert_int_equal(strlen(print), 16);
    }
    free(text);
}

/* How many bytes at the end are the beginning of a character that is not all there. */
static size_t half_character(const char *text)
{
    const size_t size = strlen(text);
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        const unsigned char byte = (unsigned char)text[size - back];
        if ((byte & 0xC0) == 0x80)
            continue;
        const size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return wanted > back ? back : 0;
    }
    return 0;
}

static void test_cut_reason_is_the_front_of_the_whole_and_ends_with_a_whole_character(void **state)
{
    (void)state;
    static const char reason[] =
        "a 12 \xC3\xBC\xE2\x82\xAC \xF0\x9F\x98\x80 'x' \xE2\x82\xAC\xC3\xBC end";
    char whole[128];
    skald_fingerprint_reason(whole, sizeof whole, reason);
    for (unsigned long size = 1; size <= sizeof whole; size++) {
        char cut[sizeof whole + 1];
        memset(cut, '#', sizeof cut);
        skald_fingerprint_reason(cut, size, reason);
        const size_t length = strlen(cut);
        assert_true(length < size && cut[size] == '#');
        assert_memory_equal(cut, whole, length);
        assert_int_equal(half_character(cut), 0);
        /* No more than a character and a blank of the room is left over. */
        assert_true(length == strlen(whole) || length + 5 >= size - 1);
    }
}

/* ---- a quarter of a million reasons, each filled in twice and read twice ---- */

typedef struct reason {
    char text[2][1024];
    size_t size[2];
    char wanted[1024];
    size_t wanted_size;
} reason;

static void fixed_add(reason *r, const char *text)
{
    for (int i = 0; i < 2; i++)
        r->size[i] += (size_t)sprintf(r->text[i] + r->size[i], "%s", text);
    r->wanted_size += (size_t)sprintf(r->wanted + r->wanted_size, "%s", text);
}

static void random_letters(test_random *random, char *out, const char *from, size_t count)
{
    const uint32_t choices = (uint32_t)strlen(from);
    for (size_t i = 0; i < count; i++)
        out[i] = from[random_below(random, choices)];
    out[count] = '\0';
}

/* Something that differs from case to case, ready to stand between blanks. */
static void varying_make(test_random *random, char *out, uint32_t kind)
{
    static const char hex[] = "0123456789abcdef";
    char parts[3][40];
    switch (kind) {
    case 0:
        sprintf(out, "%d", (int)random_below(random, 2000000) - 1000000);
        break;
    case 1:
        sprintf(out, "%u.%02u", random_below(random, 10000), random_below(random, 100));
        break;
    case 2:
        for (int i = 0; i < 3; i++)
            random_letters(random, parts[i], hex, i == 0 ? 8 : i == 1 ? 4 : 12);
        sprintf(out, "%s-%s-4%.3s-8%.3s-%s", parts[0], parts[1], parts[2], parts[1], parts[2]);
        break;
    case 3:
        random_letters(random, out, hex, 6 + random_below(random, 30));
        memcpy(out + random_below(random, 4), "0a", 2);
        break;
    case 4:
        random_letters(random, parts[0], "abc 019.,-@ XYZ", random_below(random, 20));
        sprintf(out, random_chance(random, 50) ? "\"%s\"" : "`%s`", parts[0]);
        break;
    case 5:
        random_letters(random, parts[0], "abc019._+XYZ", 1 + random_below(random, 12));
        random_letters(random, parts[1], "abcxyz019", 1 + random_below(random, 12));
        sprintf(out, "%s@%s.example", parts[0], parts[1]);
        break;
    default:
        random_letters(random, parts[0], hex, 1 + random_below(random, 16));
        sprintf(out, "0x%s", parts[0]);
        break;
    }
}

static void blanks_add(reason *r, test_random *random, int which)
{
    static const char *const blanks[] = {" ", "  ", "\n", " \t "};
    r->size[which] +=
        (size_t)sprintf(r->text[which] + r->size[which], "%s", blanks[random_below(random, 4)]);
}

static void reason_make(reason *r, test_random *random)
{
    static const char *const words[] = {
        "order",  "has",    "no",   "item",          "of",          "can't",
        "unique", "(key)=", "name", "J\xC3\xBCrgen", "\xE2\x82\xAC"};
    memset(r->size, 0, sizeof r->size);
    r->wanted_size = 0;
    const uint32_t count = 1 + random_below(random, 12);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            blanks_add(r, random, 0);
            blanks_add(r, random, 1);
            r->wanted[r->wanted_size++] = ' ';
        }
        if (random_chance(random, 60)) {
            fixed_add(r, words[random_below(random, 11)]);
            continue;
        }
        const uint32_t kind = random_below(random, 7);
        for (int j = 0; j < 2; j++) {
            varying_make(random, r->text[j] + r->size[j], kind);
            r->size[j] += strlen(r->text[j] + r->size[j]);
        }
        r->wanted_size += (size_t)sprintf(r->wanted + r->wanted_size, "?");
    }
    r->wanted[r->wanted_size] = '\0';
}

static void test_reasons_filled_in_twice_are_one_group(void **state)
{
    (void)state;
    test_random random = random_begin();
    static reason r;
    for (int i = 0; i < 250000; i++) {
        char prints[2][SKALD_FINGERPRINT_SIZE];
        reason_make(&r, &random);
        for (int j = 0; j < 2; j++) {
            reason_expect(r.text[j], r.wanted);
            skald_fingerprint(prints[j], "f", "t", "c", "", r.text[j]);
        }
        assert_string_equal(prints[0], prints[1]);
    }
}

static void test_a_million_random_texts_keep_no_digit_and_fit(void **state)
{
    (void)state;
    static const char letters[] = "abf019 \n'\"`@.-_%x(\xC3\xBC\xE2\x80\x9C\x9D\x9E\xF0\xFF";
    test_random random = random_begin();
    for (int i = 0; i < 1000000; i++) {
        char text[64];
        char whole[64];
        char cut[16];
        random_letters(&random, text, letters, random_below(&random, 60));
        skald_fingerprint_reason(whole, sizeof whole, text);
        skald_fingerprint_reason(cut, sizeof cut, text);
        assert_true(strpbrk(whole, "0123456789\n") == NULL);
        assert_true(strlen(whole) <= strlen(text));
        assert_true(strlen(cut) < sizeof cut);
        assert_memory_equal(cut, whole, strlen(cut));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_differs_from_case_to_case_is_left_out),
        cmocka_unit_test(test_fingerprints_never_change),
        cmocka_unit_test(test_same_cause_with_other_numbers_is_the_same),
        cmocka_unit_test(test_end_of_a_long_reason_counts_too),
        cmocka_unit_test(test_each_field_counts_and_none_runs_into_the_next),
        cmocka_unit_test(test_long_and_hostile_reasons_are_read_once),
        cmocka_unit_test(test_cut_reason_is_the_front_of_the_whole_and_ends_with_a_whole_character),
        cmocka_unit_test(test_reasons_filled_in_twice_are_one_group),
        cmocka_unit_test(test_a_million_random_texts_keep_no_digit_and_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
