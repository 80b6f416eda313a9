/* Looking at jobs, on rows made by hand. */
#include "jobs.h"

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- lists --------------------------------------------------------------------------------- */

/* Walks the overview, so that no list is forgotten. */
static void test_every_list_is_empty_in_json_on_an_empty_database(void **state)
{
    (void)state;
    const char *database = database_new();
    int lists = 0;
    test_child *help = child_run(test_variable("SKALD_CLI"), "help", NULL);
    char *overview = strdup(child_out(help));
    for (char *line = strstr(overview, "\n  "); line != NULL; line = strstr(line + 1, "\n  ")) {
        char words[64];
        char first[32];
        char second[32];
        if (sscanf(line, " %31s %31s", first, second) != 2 || strcmp(second, "list") != 0)
            continue;
        snprintf(words, sizeof words, "%s list -o json", first);
        test_child *child = skald_run(database, 0, words);
        assert_string_equal(child_out(child), "[]\n");
        assert_string_equal(child_err(child), "");
        child_free(child);
        lists++;
    }
    assert_int_equal(lists, 9);
    free(overview);
    child_free(help);
}

static void test_people_are_told_that_a_list_is_empty_and_nothing_is_printed(void **state)
{
    (void)state;
    const char *database = database_new();
    test_child *child = skald_run(database, 0, "dead list");
    assert_string_equal(child_out(child), "");
    assert_string_equal(child_err(child), "Nothing is dead.\n");
    child_free(child);
}

static void test_jobs_are_listed_the_newest_first_page_by_page(void **state)
{
    (void)state;
    const char *database = given_jobs();
    json_t *first = skald_json_of(database, 0, "job list --limit 2");
    assert_int_equal(json_array_size(first), 2);
    json_text_is(first, "0.id", "6");
    json_text_is(first, "1.id", "5");
    json_t *next = skald_json_of(database, 0, "job list --after 5 --limit 50");
    assert_int_equal(json_array_size(next), 4);
    json_text_is(next, "0.id", "4");
    json_text_is(next, "0.waits_for", "an earlier message of its key");
    assert_true(json_is_null(json_at(next, "0.due_at")));
    json_number_is(next, "1.attempts", 5);
    json_text_is(next, "1.position", "3");
    assert_true(json_is_true(json_at(next, "1.holds")));
    json_decref(first);
    json_decref(next);
}

static void test_jobs_are_filtered(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        size_t count;
    } filters[] = {
        {"job list --state dead", 3},
        {"job list --state dead,parked", 4},
        {"job list --subscription emails", 2},
        {"job list --type shop.v1.OrderPaid", 1},
        {"job list --key order-3", 2},
        {"job list --fingerprint abc123", 3},
        {"job list --since 1h", 6},
        {"job list --since 2020-01-01T00:00:00Z", 6},
        {"job list --since 2900-01-01T00:00:00Z", 0},
        {"job list --state running --key k5", 0},
    };
    const char *database = given_jobs();
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        json_t *jobs = skald_json_of(database, 0, filters[i].words);
        if (json_array_size(jobs) != filters[i].count)
            print_error("%s\n", filters[i].words);
        assert_int_equal(json_array_size(jobs), filters[i].count);
        json_decref(jobs);
    }
}

/* Nobody's escape sequence reaches a terminal, and a pipe has everything in full. */
static void test_a_table_has_heads_and_aligned_numbers_and_no_control_letters(void **state)
{
    (void)state;
    const char *database = given_jobs();
    test_child *child = skald_run(database, 0, "job list --state dead");
    assert_contains(child_out(child), "ID  STATE  SUBSCRIPTION  TYPE                  KEY      "
                                      "TRIES  DUE  WAITS FOR  REASON\n");
    assert_contains(child_out(child), " 3  dead   payments      shop.v1.OrderCreated  order-3  "
                                      "    5  -    a person   the currency ?[31mEU is not known\n");
    assert_null(strchr(child_out(child), '\x1b'));
    assert_string_equal(child_err(child), "");
    child_free(child);
}

static void test_dead_jobs_are_grouped_by_their_cause(void **state)
{
    (void)state;
    const char *database = given_jobs();
    json_t *groups = skald_json_of(database, 0, "dead list");
    assert_int_equal(json_array_size(groups), 1);
    json_text_is(groups, "0.fingerprint", "abc123");
    json_text_is(groups, "0.subscription", "payments");
    json_number_is(groups, "0.jobs", 3);
    json_number_is(groups, "0.keys", 3);
    json_number_is(groups, "0.holding", 3);
    json_text_is(groups, "0.last_job", "3");
    json_t *group = skald_json_of(database, 0, "dead show abc123 --limit 2");
    json_text_is(group, "groups.0.sqlstate", "22P02");
    json_text_is(group, "sample.job", "3");
    assert_int_equal(json_array_size(json_at(group, "jobs")), 2);
    json_decref(groups);
    json_decref(group);
    says(database, 0, "dead show abc123", "skald dead replay --fingerprint abc123");
    says(database, 1, "dead show nothing", "nothing dead has the fingerprint \"nothing\"");
}

/* --- a terminal ---------------------------------------------------------------------------- */

/* What `skald` writes on a terminal of 60 columns. */
static char *on_a_terminal(const char *database, const char *first, const char *second)
{
    static char out[16384];
    struct winsize size = {.ws_col = 60, .ws_row = 24};
    int master = -1;
    size_t used = 0;
    const pid_t child = forkpty(&master, NULL, NULL, &size);
    assert_true(child >= 0);
    if (child == 0) {
        setenv("TERM", "xterm", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        unsetenv("NO_COLOR");
        execl(test_variable("SKALD_CLI"), "skald", first, second, "--pg", database, (char *)NULL);
        _exit(127);
    }
    for (ssize_t got = 1; got > 0 && used<sizeof out - 1; used += got> 0 ? (size_t)got : 0)
        got = read(master, out + used, sizeof out - 1 - used);
    out[used] = '\0';
    close(master);
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    return out;
}

static void test_a_terminal_gets_relative_times_bold_heads_and_lines_that_fit(void **state)
{
    (void)state;
    const char *database = given_jobs();
    database_run(database, "INSERT INTO skald.schedule (name, cron, type, key, partition, body,"
                           " next_at, declared) VALUES ('nightly', '0 3 * * *', 'a.Report', 'r', 1,"
                           " '', skald.now() + interval '150 min', '')");
    char *out = on_a_terminal(database, "schedule", "list");
    assert_contains(out, "\033[1mNAME     STATE");
    assert_contains(out, "in 2 h");
    assert_contains(out, "\xE2\x80\xA6");
    for (char *line = strtok(out, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
        size_t letters = 0;
        for (const char *at = line; *at != '\0'; at++)
            letters += (*at & 0xC0) != 0x80;
        assert_true(letters <= 60 + (*line == '\033' ? 8 : 0));
    }
}

static void test_times_are_as_they_are_asked_for(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 0, "job list --state waiting --time relative", "in 5");
    says(database, 0, "job list --state waiting --time unix", ".");
    says(database, 0, "job list --state waiting", "Z  ");
    says(database, 64, "job list --time sundial", "--time is relative, iso or unix");
}

/* --- one job ------------------------------------------------------------------------------- */

static void test_a_job_is_explained(void **state)
{
    (void)state;
    const char *database = given_jobs();
    test_child *child = skald_run(database, 0, "job show 3");
    assert_contains(child_out(child), "Job 3  dead in payments\n");
    assert_contains(child_out(child), "  Key           order-3\n");
    assert_contains(child_out(child), "  Behind it     1\n");
    assert_contains(child_out(child), "Headers\n  tenant: acme\n");
    assert_contains(child_out(child), "  000000  0a 01 61 ");
    assert_contains(child_out(child), "no program of this service that handles "
                                      "shop.v1.OrderCreated has run yet");
    assert_contains(child_out(child), "Waits for: a person: its key waits");
    assert_contains(child_out(child), "skald dead edit 3\n");
    child_free(child);
}

static void test_every_attempt_is_shown_with_all_that_is_known(void **state)
{
    (void)state;
    const char *database = given_jobs();
    test_child *child = skald_run(database, 0, "job show 1");
    assert_contains(child_out(child), "crashed");
    assert_contains(child_out(child), "2.0 s  SIGSEGV  22P02     node-a  4711  it fell over");
    assert_contains(child_out(child), "Backtrace of attempt 1\n  #0 parse\n  #1 run\n");
    child_free(child);
    json_t *job = skald_json_of(database, 0, "job show 1");
    json_text_is(job, "state", "dead");
    json_text_is(job, "attempts.0.signal", "SIGSEGV");
    json_text_is(job, "body_base64", "CgFh");
    assert_true(json_is_null(json_at(job, "body")));
    json_decref(job);
}

static void test_a_job_is_found_by_number_id_and_the_beginning_of_its_id(void **state)
{
    (void)state;
    const char *database = given_jobs();
    static const char *const names[] = {"5", "0192f3c1-0000-7000-9000-000000000005"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char words[80];
        snprintf(words, sizeof words, "job show %s", names[i]);
        json_t *job = skald_json_of(database, 0, words);
        json_text_is(job, "id", "5");
        json_decref(job);
    }
    says(database, 0, "job show 0192f3c1-0000-7000-8000-000000000001", "Job 1 ");
    says(database, 64, "job show 0192f3c1", "may be several jobs; say which:");
    says(database, 1, "job show 77", "there is no job \"77\"");
    says(database, 1, "job show '", "there is no job \"'\"");
    says(database, 64, "job show", "say which job");
}

/* --- mistakes ------------------------------------------------------------------------------ */

static void test_mistakes_are_said_before_anything_is_asked(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 64, "job list --limit many", "--limit takes a whole number above 0");
    says(database, 64, "job list --limit -1", "--limit takes a whole number above 0");
    says(database, 64, "job list --state buried", "there is no state \"buried\"");
    says(database, 64, "job list --since yesterday", "--since is a length of time");
    says(database, 64, "job list 5", "\"5\" is one word too many");
    says(database, 64, "job lst", "did you mean \"skald job list\"?");
    says(database, 64, "dead", "skald dead show");
    says(database_new_empty(), 78, "job list", "skald migrate up");
    says("host=/nonexistent dbname=x", 69, "job list", "skald job list: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_list_is_empty_in_json_on_an_empty_database),
        cmocka_unit_test(test_people_are_told_that_a_list_is_empty_and_nothing_is_printed),
        cmocka_unit_test(test_jobs_are_listed_the_newest_first_page_by_page),
        cmocka_unit_test(test_jobs_are_filtered),
        cmocka_unit_test(test_a_table_has_heads_and_aligned_numbers_and_no_control_letters),
        cmocka_unit_test(test_dead_jobs_are_grouped_by_their_cause),
        cmocka_unit_test(test_a_terminal_gets_relative_times_bold_heads_and_lines_that_fit),
        cmocka_unit_test(test_times_are_as_they_are_asked_for),
        cmocka_unit_test(test_a_job_is_explained),
        cmocka_unit_test(test_every_attempt_is_shown_with_all_that_is_known),
        cmocka_unit_test(test_a_job_is_found_by_number_id_and_the_beginning_of_its_id),
        cmocka_unit_test(test_mistakes_are_said_before_anything_is_asked),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
