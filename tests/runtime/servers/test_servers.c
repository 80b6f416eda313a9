/* The private servers: ended and started again, their stores, and what is left when they are gone.
 */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- A word with nats-server, without any library ---- */

static int nats_connect(skald_servers *of)
{
    const char *port = strrchr(skald_servers_nats_url(of), ':') + 1;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(port)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connection >= 0);
    assert_int_equal(connect(connection, (const struct sockaddr *)&address, sizeof address), 0);
    return connection;
}

/* Sends the whole conversation and reads until `until` appears or the server hangs up. */
static void nats_talk(skald_servers *of, const char *token, const char *words, const char *until,
                      char *answer, size_t size)
{
    char text[1024];
    size_t filled = 0;
    const int connection = nats_connect(of);
    const int length =
        snprintf(text, sizeof text, "CONNECT {\"auth_token\":\"%s\"}\r\n%s", token, words);
    assert_int_equal(send(connection, text, (size_t)length, MSG_NOSIGNAL), length);
    *answer = '\0';
    while (strstr(answer, until) == NULL) {
        const ssize_t got = recv(connection, answer + filled, size - 1 - filled, 0);
        if (got <= 0)
            break;
        filled += (size_t)got;
        answer[filled] = '\0';
    }
    close(connection);
}

static void make_stream(void)
{
    static const char body[] = "{\"name\":\"KEPT\",\"subjects\":[\"kept\"],\"storage\":\"file\"}";
    char words[300];
    char answer[4096];
    snprintf(words, sizeof words,
             "SUB answer 1\r\nPUB $JS.API.STREAM.CREATE.KEPT answer %zu\r\n%s\r\n", sizeof body - 1,
             body);
    nats_talk(servers(), skald_servers_token(servers()), words, "\"did_create\":true", answer,
              sizeof answer);
    assert_contains(answer, "\"did_create\":true");
}

static bool has_stream(void)
{
    char answer[4096];
    nats_talk(servers(), skald_servers_token(servers()),
              "SUB answer 1\r\nPUB $JS.API.STREAM.NAMES answer 0\r\n\r\n", "\"limit\"", answer,
              sizeof answer);
    return strstr(answer, "\"KEPT\"") != NULL;
}

/* ---- */

static void test_nats_keeps_address_and_streams_when_it_is_killed_and_started(void **state)
{
    (void)state;
    char url[128];
    snprintf(url, sizeof url, "%s", servers_nats_url());
    make_stream();
    servers_kill(SKALD_SERVER_NATS);
    servers_start(SKALD_SERVER_NATS);
    assert_string_equal(servers_nats_url(), url);
    assert_true(has_stream());
}

static void test_nats_store_can_be_saved_wiped_and_restored(void **state)
{
    (void)state;
    skald_error error;
    if (!has_stream())
        make_stream();
    servers_stop(SKALD_SERVER_NATS);
    assert_ok(skald_servers_save(servers(), SKALD_SERVER_NATS, "before", &error), &error);
    assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
    servers_start(SKALD_SERVER_NATS);
    assert_false(has_stream());
    servers_kill(SKALD_SERVER_NATS);
    assert_ok(skald_servers_restore(servers(), SKALD_SERVER_NATS, "before", &error), &error);
    servers_start(SKALD_SERVER_NATS);
    assert_true(has_stream());
}

static void test_nats_refuses_a_wrong_token(void **state)
{
    (void)state;
    char answer[4096];
    nats_talk(servers(), "wrong", "PING\r\n", "PONG", answer, sizeof answer);
    assert_contains(answer, "Authorization Violation");
}

static void test_postgres_keeps_every_commit_when_it_is_killed(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n");
    servers_kill(SKALD_SERVER_POSTGRES);
    servers_start(SKALD_SERVER_POSTGRES);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM kept"), 1000);
}

static void test_postgres_store_can_be_saved_and_restored(void **state)
{
    (void)state;
    skald_error error;
    const char *database = database_new();
    servers_stop(SKALD_SERVER_POSTGRES);
    assert_ok(skald_servers_save(servers(), SKALD_SERVER_POSTGRES, "before", &error), &error);
    servers_start(SKALD_SERVER_POSTGRES);
    database_run(database, "CREATE TABLE later (a int)");
    servers_stop(SKALD_SERVER_POSTGRES);
    assert_ok(skald_servers_restore(servers(), SKALD_SERVER_POSTGRES, "before", &error), &error);
    servers_start(SKALD_SERVER_POSTGRES);
    assert_string_equal(database_text(database, "SELECT to_regclass('later')"), "");
}

static void test_a_server_that_ended_by_itself_is_named(void **state)
{
    (void)state;
    char reason[400] = "";
    assert_true(skald_servers_running(servers(), reason, sizeof reason));
    kill(skald_servers_pid(servers(), SKALD_SERVER_NATS), SIGKILL);
    WAIT_UNTIL(!skald_servers_running(servers(), reason, sizeof reason));
    assert_contains(reason, "nats-server ended with signal 9");
    servers_start(SKALD_SERVER_NATS);
}

static void test_only_the_servers_user_can_look_inside(void **state)
{
    (void)state;
    struct stat about;
    char config[SKALD_PATH_SIZE];
    assert_int_equal(stat(skald_servers_directory(servers()), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    skald_path_set(config, "%s/nats.conf", skald_servers_directory(servers()));
    assert_int_equal(stat(config, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void test_postgres_does_not_listen_on_tcp_unless_asked(void **state)
{
    (void)state;
    char conninfo[SKALD_PATH_SIZE];
    skald_servers_conninfo(servers(), "postgres", conninfo, sizeof conninfo);
    assert_string_equal(database_text(conninfo, "SHOW listen_addresses"), "");
}

static void test_fast_settings_are_named_for_services(void **state)
{
    (void)state;
    char conninfo[SKALD_PATH_SIZE];
    skald_servers_conninfo(servers(), "postgres", conninfo, sizeof conninfo);
    assert_string_equal(
        database_text(conninfo, "SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings"
                                " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
                                "   AND setting = 'off'"),
        skald_servers_allow(servers()));
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static void test_servers_side_by_side_share_nothing_and_leave_nothing(void **state)
{
    (void)state;
    const skald_servers_options options = {.ephemeral = true, .safe = true, .postgres_tcp = true};
    skald_servers *others = NULL;
    skald_error error;
    char directory[SKALD_PATH_SIZE];
    char conninfo[SKALD_PATH_SIZE];
    assert_ok(skald_servers_start(&others, &options, &error), &error);
    skald_path_set(directory, "%s", skald_servers_directory(others));
    const pid_t postgres = skald_servers_pid(others, SKALD_SERVER_POSTGRES);
    const pid_t nats = skald_servers_pid(others, SKALD_SERVER_NATS);
    assert_string_not_equal(directory, skald_servers_directory(servers()));
    assert_string_not_equal(skald_servers_nats_url(others), servers_nats_url());
    assert_string_equal(skald_servers_allow(others), "");
    snprintf(conninfo, sizeof conninfo,
             "host=127.0.0.1 port=%d user=skald dbname=skald password=%s",
             skald_servers_postgres_port(others), skald_servers_token(others));
    assert_string_equal(database_text(conninfo, "SHOW fsync"), "on");
    skald_servers_stop(others);
    assert_true(gone(postgres));
    assert_true(gone(nats));
    assert_false(exists(directory));
}

static void test_kept_state_survives_and_belongs_to_one_owner(void **state)
{
    (void)state;
    char directory[SKALD_PATH_SIZE];
    char conninfo[SKALD_PATH_SIZE];
    char url[128];
    skald_servers *first = NULL;
    skald_servers *second = NULL;
    skald_error error;
    skald_path_set(directory, "%s/kept", skald_servers_directory(servers()));
    const skald_servers_options options = {.directory = directory};
    assert_ok(skald_servers_start(&first, &options, &error), &error);
    assert_status(skald_servers_start(&second, &options, &error), SKALD_CONFLICT, &error);
    skald_servers_conninfo(first, SKALD_SERVERS_DATABASE, conninfo, sizeof conninfo);
    database_run(conninfo, "CREATE TABLE kept (a int)");
    assert_string_equal(database_text(conninfo, "SHOW fsync"), "on");
    snprintf(url, sizeof url, "%s", skald_servers_nats_url(first));
    skald_servers_stop(first);
    assert_ok(skald_servers_start(&second, &options, &error), &error);
    assert_string_equal(skald_servers_nats_url(second), url);
    assert_string_equal(database_text(conninfo, "SELECT to_regclass('kept')"), "kept");
    skald_servers_stop(second);
    assert_true(exists(directory));
}

static void test_a_folder_with_other_things_in_it_is_refused(void **state)
{
    (void)state;
    skald_servers *refused = NULL;
    skald_error error;
    const skald_servers_options options = {.directory = skald_servers_socket_folder(servers())};
    assert_status(skald_servers_start(&refused, &options, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "holds something that is not Skald's");
}

static void test_wrong_names_and_directories_are_refused(void **state)
{
    (void)state;
    skald_place place;
    skald_error error;
    assert_status(skald_place_find(&place, "Shop", NULL, &error), SKALD_INVALID, &error);
    assert_status(skald_place_find(&place, "../x", NULL, &error), SKALD_INVALID, &error);
    assert_status(skald_place_find(&place, "", NULL, &error), SKALD_INVALID, &error);
    assert_status(skald_place_find(&place, "x", "/it's", &error), SKALD_INVALID, &error);
    assert_status(skald_servers_create_database(servers(), "a\"b", NULL, &error), SKALD_INVALID,
                  &error);
}

static void test_deep_directories_get_short_sockets(void **state)
{
    (void)state;
    char deep[SKALD_PATH_SIZE];
    skald_place place;
    skald_error error;
    skald_path_set(deep, "/%0400d", 7);
    assert_ok(skald_place_find(&place, "x", deep, &error), &error);
    assert_true(strlen(place.sockets) + strlen("/.s.PGSQL.65535.lock") <= 107);
    skald_path_set(deep, "/%0600d", 7);
    assert_status(skald_place_find(&place, "x", deep, &error), SKALD_INVALID, &error);
}

static void test_missing_programs_are_named_with_the_command_that_installs_them(void **state)
{
    (void)state;
    const skald_servers_options options = {.ephemeral = true};
    skald_servers *none = NULL;
    skald_error error;
    setenv("SKALD_PGBIN", "/nonexistent", 1);
    assert_status(skald_servers_start(&none, &options, &error), SKALD_UNAVAILABLE, &error);
    assert_string_equal(error.text,
                        "PostgreSQL's initdb and postgres are not installed: apt-get install "
                        "--no-install-recommends postgresql nats-server");
    setenv("SKALD_NATS_SERVER", "/nonexistent", 1);
    assert_status(skald_servers_start(&none, &options, &error), SKALD_UNAVAILABLE, &error);
    assert_contains(error.text, "initdb and postgres, and nats-server, are not installed");
    unsetenv("SKALD_PGBIN");
    assert_status(skald_servers_start(&none, &options, &error), SKALD_UNAVAILABLE, &error);
    assert_contains(error.text, "nats-server is not installed");
    unsetenv("SKALD_NATS_SERVER");
}

static void test_a_server_that_cannot_start_says_why(void **state)
{
    (void)state;
    const skald_servers_options options = {.ephemeral = true};
    skald_servers *none = NULL;
    skald_error error;
    setenv("SKALD_NATS_SERVER", "/bin/false", 1);
    assert_status(skald_servers_start(&none, &options, &error), SKALD_UNAVAILABLE, &error);
    assert_contains(error.text, "nats-server ended with exit code 1 while starting");
    unsetenv("SKALD_NATS_SERVER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nats_keeps_address_and_streams_when_it_is_killed_and_started),
        cmocka_unit_test(test_nats_store_can_be_saved_wiped_and_restored),
        cmocka_unit_test(test_nats_refuses_a_wrong_token),
        cmocka_unit_test(test_postgres_keeps_every_commit_when_it_is_killed),
        cmocka_unit_test(test_postgres_store_can_be_saved_and_restored),
        cmocka_unit_test(test_a_server_that_ended_by_itself_is_named),
        cmocka_unit_test(test_only_the_servers_user_can_look_inside),
        cmocka_unit_test(test_postgres_does_not_listen_on_tcp_unless_asked),
        cmocka_unit_test(test_fast_settings_are_named_for_services),
        cmocka_unit_test(test_servers_side_by_side_share_nothing_and_leave_nothing),
        cmocka_unit_test(test_kept_state_survives_and_belongs_to_one_owner),
        cmocka_unit_test(test_a_folder_with_other_things_in_it_is_refused),
        cmocka_unit_test(test_wrong_names_and_directories_are_refused),
        cmocka_unit_test(test_deep_directories_get_short_sockets),
        cmocka_unit_test(test_missing_programs_are_named_with_the_command_that_installs_them),
        cmocka_unit_test(test_a_server_that_cannot_start_says_why),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
