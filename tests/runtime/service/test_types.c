/* What a service tells the database about its messages, at its start. */
#include "support/database.h"
#include "support/errands.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"

#include "codec/describe.h"
#include "pg/connection.h"

static const char *names(const char *database)
{
    return database_text(database,
                         "SELECT string_agg(name, ' ' ORDER BY name) FROM skald.message_type");
}

static void test_types_of_handlers_are_described(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_error error;
    skald_pg *pg = NULL;
    skald_rows *rows = NULL;
    skald_arena arena = {0};
    const ProtobufCMessageDescriptor *type = NULL;
    following_end(following_start(database, &(following_options){0}));
    assert_string_equal(names(database), "test.v1.Counted");
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    assert_ok(skald_pg_run_binary(pg, &rows, "SELECT description FROM skald.message_type", 0, NULL,
                                  &error),
              &error);
    assert_ok(skald_describe_read(&type, skald_rows_bytes(rows, 0, 0), &arena, &error), &error);
    assert_string_equal(type->name, "test.v1.Counted");
    assert_int_equal(type->n_fields, 3);
    skald_rows_free(rows);
    skald_pg_close(pg);
    skald_arena_done(&arena);
}

static void test_types_of_activities_are_described(void **state)
{
    (void)state;
    errands shop = errands_begin(&(errands_options){0});
    assert_contains(names(shop.database), "test.v1.Counted");
    errands_end(&shop);
}

/* A start writes only what is new: xmin is the transaction that wrote the row. */
static void test_a_type_is_written_again_only_when_it_has_changed(void **state)
{
    (void)state;
    const char *database = database_new();
    following_end(following_start(database, &(following_options){0}));
    const char *before = database_text(database, "SELECT xmin FROM skald.message_type");
    following_end(following_start(database, &(following_options){0}));
    assert_string_equal(database_text(database, "SELECT xmin FROM skald.message_type"), before);
    database_run(database, "UPDATE skald.message_type SET description = '', fingerprint = 'other'");
    following_end(following_start(database, &(following_options){0}));
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.message_type WHERE"
                                                " fingerprint = encode(sha256(description), 'hex')"
                                                " AND octet_length(description) > 0"),
                     1);
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_of_handlers_are_described),
        cmocka_unit_test(test_types_of_activities_are_described),
        cmocka_unit_test(test_a_type_is_written_again_only_when_it_has_changed),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
