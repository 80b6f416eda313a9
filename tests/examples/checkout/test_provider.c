/* The demo's payment provider: whatever else breaks, its ledger must be right, because everything
 * else is compared with it. */
#include "provider/ledger.h"
#include "support/test.h"

#include <unistd.h>

typedef struct test_place {
    char folder[64];
    char path[128];
} test_place;

static int make_place(void **state)
{
    test_place *place = calloc(1, sizeof(*place));
    strcpy(place->folder, "/tmp/ledger-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/ledger.jsonl", place->folder);
    *state = place;
    return 0;
}

static int clear_place(void **state)
{
    test_place *place = *state;
    unlink(place->path);
    rmdir(place->folder);
    free(place);
    return 0;
}

static unsigned count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    unsigned lines = 0;
    for (int c = 0; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static const ledger_entry charge = {"charge", "charge-1", "1", 100};
static const ledger_entry other = {"charge", "charge-2", "2", 200};

static void test_a_repeated_key_moves_money_once_and_gets_the_first_answer(void **state)
{
    const test_place *place = *state;
    char first[64];
    char again[64];
    shop_ledger *ledger = ledger_open(place->path);
    assert_non_null(ledger);

    assert_true(ledger_add(ledger, &charge, first));
    assert_true(ledger_add(ledger, &charge, again));

    assert_string_equal(first, again);
    assert_int_equal(count_lines(place->path), 1);
    ledger_free(ledger);
}

static void test_a_key_is_still_known_after_a_restart(void **state)
{
    const test_place *place = *state;
    char first[64];
    char again[64];
    char next[64];
    shop_ledger *ledger = ledger_open(place->path);
    assert_true(ledger_add(ledger, &charge, first));
    ledger_free(ledger);

    ledger = ledger_open(place->path);
    assert_true(ledger_add(ledger, &charge, again));
    assert_true(ledger_add(ledger, &other, next));

    assert_string_equal(first, again);
    assert_string_not_equal(first, next);
    assert_int_equal(count_lines(place->path), 2);
    ledger_free(ledger);
}

static void test_what_is_in_the_book_is_found_by_its_kind_and_key(void **state)
{
    const test_place *place = *state;
    char made[64];
    char found[64] = "";
    shop_ledger *ledger = ledger_open(place->path);
    assert_true(ledger_add(ledger, &charge, made));

    assert_true(ledger_find(ledger, "charge", "charge-1", found));

    assert_string_equal(found, made);
    assert_false(ledger_find(ledger, "refund", "charge-1", found));
    assert_false(ledger_find(ledger, "charge", "charge-2", found));
    ledger_free(ledger);
}

/* A crash in the middle of a write: nobody was answered, so nothing happened. */
static void test_half_a_line_at_the_end_is_forgotten(void **state)
{
    const test_place *place = *state;
    char id[64];
    shop_ledger *ledger = ledger_open(place->path);
    assert_true(ledger_add(ledger, &charge, id));
    ledger_free(ledger);
    FILE *file = fopen(place->path, "a");
    assert_non_null(file);
    fputs("{\"number\":2,\"kind\":\"cha", file);
    fclose(file);

    ledger = ledger_open(place->path);
    assert_non_null(ledger);
    assert_true(ledger_add(ledger, &other, id));

    assert_int_equal(count_lines(place->path), 2);
    ledger_free(ledger);
    ledger = ledger_open(place->path);
    assert_non_null(ledger);
    ledger_free(ledger);
}

static void test_a_file_that_is_no_ledger_is_refused(void **state)
{
    const test_place *place = *state;
    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    fputs("not a ledger\n", file);
    fclose(file);

    assert_null(ledger_open(place->path));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_a_repeated_key_moves_money_once_and_gets_the_first_answer),
        IN_PLACE(test_a_key_is_still_known_after_a_restart),
        IN_PLACE(test_what_is_in_the_book_is_found_by_its_kind_and_key),
        IN_PLACE(test_half_a_line_at_the_end_is_forgotten),
        IN_PLACE(test_a_file_that_is_no_ledger_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
