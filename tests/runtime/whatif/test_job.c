/* A dead message, and what the mended program would do with it. */
#include "support/child.h"
#include "support/database.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include <libpq-fe.h>

/* --- the program ----------------------------------------------------------------------------- */

static const char program_word[] = "--mended-program";

/* What the mended handler does is told by the message's note. */
static skald_status story(skald_context *context, const Test__V1__Counted *event)
{
    skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
               event->number);
    skald_exec(context, "UPDATE stock SET amount = amount - 1 WHERE item = 'apple'");
    skald_exec(context, "DELETE FROM stock WHERE item = 'pear'");
    skald_exec(context, "SELECT FROM stock WHERE item = 'plum' FOR UPDATE");
    Test__V1__Answered answer = TEST__V1__ANSWERED__INIT;
    answer.key = event->key;
    answer.number = event->number + 41;
    return skald_publish(context, &answer.base);
}

static skald_status handle(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *event = (const Test__V1__Counted *)message;
    const char *note = event->note;
    if (strcmp(note, "story") == 0)
        return story(context, event);
    if (strcmp(note, "fail") == 0)
        return skald_fail(context, "the card service is closed");
    if (strcmp(note, "not-yet") == 0)
        return skald_not_yet(context, "the order has not come");
    /* Everything else is a statement. */
    skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
               event->number);
    return skald_exec(context, note);
}

static const skald_handler mended[1] = {{"mended", &test__v1__counted__descriptor, handle}};

static skald_status errand_never(skald_context *context, const ProtobufCMessage *input)
{
    (void)context, (void)input;
    abort();
}
static const skald_activity errand[1] = {
    {"errand", &test__v1__counted__descriptor, errand_never, NULL}};

/* A command, and a job that comes of it. */
static skald_status answer(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *command = (const Test__V1__Counted *)message;
    if (command->number < 0)
        return skald_refuse(context, "no such number");
    Test__V1__Answered reply = TEST__V1__ANSWERED__INIT;
    reply.key = command->key;
    skald_enqueue(context, "errands", message, NULL);
    return skald_reply(context, &reply.base);
}

static const skald_handler participant[1] = {{"answer", &test__v1__counted__descriptor, answer}};

static void program_become(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], program_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[2];
    skald_service *service = skald_service_open("shop", &options);
    (void)skald_follow(service, "shop", mended);
    (void)skald_participate(service, "ports", participant);
    (void)skald_queue(service, "errands", errand, NULL);
    argv[2] = argv[0];
    exit(skald_main(service, argc - 2, argv + 2));
}

/* --- the story's beginning ------------------------------------------------------------------- */

typedef struct setting {
    const char *database;
    char digest[64];
} setting;

static skald_status dies(skald_context *context, const Test__V1__Counted *event)
{
    (void)event;
    return skald_dead(context, "it cannot be done");
}

static void digest_take(const char *database, char digest[64])
{
    snprintf(digest, 64, "%s", database_digest(database));
}

/* A message with this note is dead, and the service is stopped to be mended. */
static setting shop_with_dead(const char *note)
{
    setting out = {.database = database_new()};
    const following_options options = {.behaviour = dies};
    skald_service *service = following_start(out.database, &options);
    database_run(out.database,
                 "CREATE TABLE stock (item text PRIMARY KEY, amount integer NOT NULL);"
                 "INSERT INTO stock VALUES ('apple', 7), ('pear', 3), ('plum', 1);"
                 "CREATE TABLE strict (number integer UNIQUE DEFERRABLE INITIALLY DEFERRED);"
                 "CREATE TABLE bare (line text); INSERT INTO bare VALUES ('old');"
                 "CREATE PROCEDURE keep_it() LANGUAGE plpgsql AS"
                 " $$BEGIN INSERT INTO bare VALUES ('kept'); COMMIT; END$$;"
                 "CREATE FUNCTION careful() RETURNS void LANGUAGE plpgsql AS"
                 " $$BEGIN BEGIN INSERT INTO bare VALUES ('inner');"
                 "  UPDATE stock SET amount = 0 WHERE item = 'plum';"
                 " EXCEPTION WHEN OTHERS THEN NULL; END; END$$");
    following_publish(service, out.database, "k1", note);
    WAIT_UNTIL(strcmp(following_jobs(out.database, "k1"), "dead/1/") == 0);
    following_end(service);
    database_run(out.database, "DELETE FROM counter");
    digest_take(out.database, out.digest);
    return out;
}

static test_child *what_if(const setting *shop, const char *one, const char *other)
{
    const char *const argv[] = {
        "/proc/self/exe", program_word, shop->database, "what-if", one, other, NULL};
    return child_start(argv, NULL);
}

static const char *job_option(const setting *shop)
{
    static char option[64];
    snprintf(option, sizeof option, "--job=%s",
             database_text(shop->database, "SELECT id::text FROM skald.job ORDER BY id LIMIT 1"));
    return option;
}

/* It ends with `code`, says `out`, and nothing whatsoever is different afterwards. */
static void expect(const setting *shop, test_child *child, int code, const char *const *said)
{
    const int ended = child_wait(child);
    if (ended != code)
        fail_msg("ended with %d:\n%s\n%s", ended, child_out(child), child_err(child));
    for (; *said != NULL; said++)
        assert_contains(child_out(child), *said);
    char after[64];
    digest_take(shop->database, after);
    assert_string_equal(after, shop->digest);
    child_free(child);
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* --- tests ----------------------------------------------------------------------------------- */

static void test_a_dead_message_shows_what_its_mended_handler_would_do(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("story");

    test_child *child = what_if(&shop, job_option(&shop), NULL);

    expect(&shop, child, 0,
           SAYS("of \"shop\", dead: it cannot be done",
                "event test.v1.Counted key \"k1\"\n"
                "      {\"key\":\"k1\",\"number\":\"1\",\"note\":\"story\"}",
                "Handler \"mended\"", "Outcome: done\n",
                "fact: 1 inserted, 0 updated, 0 deleted\n      + at=2 key=k1 number=1",
                "stock: 0 inserted, 1 updated, 1 deleted\n"
                "      ~ item=apple amount=7 -> 6\n"
                "      - item=pear amount=3\n",
                "Messages\n  event test.v1.Answered key \"k1\"\n",
                "{\"key\":\"k1\",\"number\":\"42\"}\n", "Nothing of it was kept."));
}

static void test_a_message_is_found_by_its_own_id_and_told_in_json(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("story");
    char option[64];
    snprintf(option, sizeof option, "--job=%s",
             database_text(shop.database, "SELECT message_id FROM skald.job"));

    test_child *child = what_if(&shop, option, "--json");

    expect(&shop, child, 0,
           SAYS("\"handler\": \"mended\"", "\"word\": \"done\"", "\"table\": \"skald.stock\"",
                "\"before\": {\n            \"item\": \"apple\",\n            \"amount\": \"7\"",
                "\"type\": \"test.v1.Answered\"", "\"warning\": null"));
}

static void test_failures_are_told_in_the_words_of_who_said_them(void **state)
{
    (void)state;
    const setting fails = shop_with_dead("fail");
    expect(&fails, what_if(&fails, job_option(&fails), NULL), 1,
           SAYS("Outcome: failed: the card service is closed\n"));

    const setting waits = shop_with_dead("not-yet");
    expect(&waits, what_if(&waits, job_option(&waits), NULL), 1,
           SAYS("Outcome: not yet: the order has not come\n"));

    const setting refused = shop_with_dead("INSERT INTO stock VALUES ('apple', 1)");
    expect(&refused, what_if(&refused, job_option(&refused), NULL), 1,
           SAYS("Outcome: failed: ", "stock_pkey", "(SQLSTATE 23505)"));
}

static void test_what_only_fails_at_commit_is_found(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("INSERT INTO strict VALUES (1), (1)");
    expect(&shop, what_if(&shop, job_option(&shop), NULL), 1,
           SAYS("Outcome: failed: ", "strict_number_key", "(SQLSTATE 23505)"));
}

static void test_nothing_can_be_committed(void **state)
{
    (void)state;
    static const char *const tricks[] = {"COMMIT", "/* sly */ COMMIT AND CHAIN",
                                         "DO $$BEGIN COMMIT; END$$", "CALL keep_it()",
                                         "PREPARE TRANSACTION 'kept'"};
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        const setting shop = shop_with_dead(tricks[i]);
        expect(&shop, what_if(&shop, job_option(&shop), NULL), 1, SAYS("Outcome: failed: "));
    }
}

static void test_rows_without_a_key_and_of_subtransactions_are_shown(void **state)
{
    (void)state;
    const setting bare = shop_with_dead("UPDATE bare SET line = 'new'");
    expect(&bare, what_if(&bare, job_option(&bare), NULL), 0,
           SAYS("bare: 1 inserted, 0 updated, 1 deleted\n", "- line=old\n", "+ line=new\n"));

    const setting careful = shop_with_dead("SELECT careful()");
    expect(&careful, what_if(&careful, job_option(&careful), NULL), 0,
           SAYS("bare: 1 inserted, 0 updated, 0 deleted\n      + line=inner\n",
                "~ item=plum amount=1 -> 0\n"));
}

static void test_an_update_of_a_row_that_others_lock_is_one(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("UPDATE stock SET amount = 0 WHERE item = 'apple'");
    PGconn *other = PQconnectdb(shop.database);
    PQclear(PQexec(other, "BEGIN"));
    PQclear(PQexec(other, "SELECT FROM stock FOR KEY SHARE"));
    expect(&shop, what_if(&shop, job_option(&shop), NULL), 0,
           SAYS("stock: 0 inserted, 1 updated, 0 deleted\n      ~ item=apple amount=7 -> 0\n"));
    PQfinish(other);
}

static void test_a_table_that_is_emptied_is_named(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("TRUNCATE bare");
    expect(&shop, what_if(&shop, job_option(&shop), NULL), 0,
           SAYS("bare: 0 inserted", "it is locked as a whole"));
}

static void test_of_many_rows_some_are_shown_and_all_are_counted(void **state)
{
    (void)state;
    const setting shop =
        shop_with_dead("INSERT INTO bare SELECT 'x' FROM generate_series(1, 5000)");
    expect(&shop, what_if(&shop, job_option(&shop), NULL), 0,
           SAYS("bare: 5000 inserted, 0 updated, 0 deleted\n", "and 4980 more\n"));
}

static void test_it_gives_up_where_the_service_holds_a_lock(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("UPDATE stock SET amount = 0");
    PGconn *other = PQconnectdb(shop.database);
    PQclear(PQexec(other, "BEGIN"));
    PQclear(PQexec(other, "SELECT FROM stock FOR UPDATE"));

    test_child *child = what_if(&shop, job_option(&shop), NULL);

    assert_int_equal(child_wait(child), 75);
    assert_contains(child_err(child), "gave up, so as not to hold up the running service");
    child_free(child);
    PQfinish(other);
}

static void test_a_queues_job_is_shown_and_not_begun(void **state)
{
    (void)state;
    setting shop = shop_with_dead("story");
    database_run(shop.database,
                 "INSERT INTO skald.queue (name) VALUES ('errands') ON CONFLICT DO NOTHING;"
                 "INSERT INTO skald.job (queue, state, message_id, partition, type, key, body,"
                 " begins_at, due_at, published_at, source, content_type) VALUES ('errands',"
                 " 'waiting', gen_random_uuid(), 0, 'test.v1.Counted', 'k2', '\\x0a026b32', now(),"
                 " now(), now(), '/shop', 'application/protobuf')");
    digest_take(shop.database, shop.digest);
    char option[64];
    snprintf(
        option, sizeof option, "--job=%s",
        database_text(shop.database, "SELECT id::text FROM skald.job WHERE queue = 'errands'"));

    expect(
        &shop, what_if(&shop, option, NULL), 0,
        SAYS("of \"errands\", waiting", "\"key\":\"k2\"", "Outcome: held back: it is an activity"));
}

static void command_insert(setting *shop, const char *body)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.queue (name) VALUES ('errands') ON CONFLICT DO NOTHING;"
             "INSERT INTO skald.follower (name, stream, partitions) VALUES ('ports', 'ports', 16)"
             " ON CONFLICT DO NOTHING; DELETE FROM skald.job;"
             "INSERT INTO skald.job (follower, state, position, message_id, partition, type, key,"
             " body, published_at, source, content_type, addressee, control) VALUES ('ports',"
             " 'parked', 7, gen_random_uuid(), 0, 'test.v1.Counted', 'v', '%s', now(), '/ports',"
             " 'application/protobuf', 'shop', E'Skald-Operation: v/load/run.1\\n')",
             body);
    database_run(shop->database, sql);
    digest_take(shop->database, shop->digest);
}

static void test_a_command_shows_its_answer(void **state)
{
    (void)state;
    setting shop = shop_with_dead("story");
    command_insert(&shop, "\\x0a0176");
    expect(&shop, what_if(&shop, job_option(&shop), NULL), 0,
           SAYS("command test.v1.Counted key \"v\"", "Outcome: done\n",
                "reply test.v1.Answered key \"v\", operation v/load/run.1\n"
                "      {\"key\":\"v\",\"number\":\"0\"}\n",
                "  job test.v1.Counted key \"v\" for \"errands\"\n"));

    database_run(shop.database, "INSERT INTO skald.fence (key, state, outcome) VALUES"
                                " ('v/load/run.1', 'done', 'done')");
    command_insert(&shop, "\\x0a017610ffffffffffffffffff01");
    expect(&shop, what_if(&shop, job_option(&shop), NULL), 1,
           SAYS("Assumed: it was not seen before (it was, and is remembered as \"done\"",
                "Outcome: refused: no such number\n"));
}

static void test_what_is_not_there_is_said(void **state)
{
    (void)state;
    const setting shop = shop_with_dead("story");
    test_child *child = what_if(&shop, "--job=4711", NULL);
    assert_int_equal(child_wait(child), 65);
    assert_contains(child_err(child), "there is no job \"4711\"");
    child_free(child);

    child = what_if(&shop, "--json", NULL);
    assert_int_equal(child_wait(child), 64);
    assert_contains(child_err(child), "Usage:");
    child_free(child);
}

int main(int argc, char **argv)
{
    program_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dead_message_shows_what_its_mended_handler_would_do),
        cmocka_unit_test(test_a_message_is_found_by_its_own_id_and_told_in_json),
        cmocka_unit_test(test_failures_are_told_in_the_words_of_who_said_them),
        cmocka_unit_test(test_what_only_fails_at_commit_is_found),
        cmocka_unit_test(test_nothing_can_be_committed),
        cmocka_unit_test(test_rows_without_a_key_and_of_subtransactions_are_shown),
        cmocka_unit_test(test_an_update_of_a_row_that_others_lock_is_one),
        cmocka_unit_test(test_a_table_that_is_emptied_is_named),
        cmocka_unit_test(test_of_many_rows_some_are_shown_and_all_are_counted),
        cmocka_unit_test(test_it_gives_up_where_the_service_holds_a_lock),
        cmocka_unit_test(test_a_queues_job_is_shown_and_not_begun),
        cmocka_unit_test(test_a_command_shows_its_answer),
        cmocka_unit_test(test_what_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
