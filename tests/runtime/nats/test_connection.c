/* Connecting, losing the connection, and core NATS: sending, listening, asking. */
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a callback heard. */
typedef struct heard {
    atomic_uint count;
    char subject[64];
    char reply[128];
    char body[64];
    char headers[256]; /* "name=value;" each */
} heard;

static void on_message(void *user, const skald_nats_view *message)
{
    heard *in = user;
    snprintf(in->subject, sizeof in->subject, "%s", message->subject);
    snprintf(in->reply, sizeof in->reply, "%s", message->reply != NULL ? message->reply : "");
    snprintf(in->body, sizeof in->body, "%.*s", (int)message->body.size,
             (const char *)message->body.data);
    in->headers[0] = '\0';
    for (size_t i = 0; i < message->header_count; i++) {
        const size_t used = strlen(in->headers);
        snprintf(in->headers + used, sizeof in->headers - used, "%s=%s;", message->headers[i].name,
                 message->headers[i].value);
    }
    atomic_fetch_add(&in->count, 1);
}

static skald_status open_url(const char *url, skald_error *error)
{
    skald_nats *nats = NULL;
    const skald_status status = skald_nats_open(&nats, url, "test", stream_log(), error);
    skald_nats_close(nats);
    return status;
}

/* A socket that listens on a free port of loopback. */
static int given_socket(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 8), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return listening;
}

static void test_a_url_that_cannot_work_is_refused_with_the_reason(void **state)
{
    (void)state;
    skald_error error;
    int port = 0;
    char url[64];
    close(given_socket(&port));
    snprintf(url, sizeof url, "nats://127.0.0.1:%d", port);

    assert_status(open_url(url, &error), SKALD_UNAVAILABLE, &error);
    assert_status(open_url("", &error), SKALD_INVALID, &error);
    assert_status(open_url("nats://127.0.0.1:notaport", &error), SKALD_INVALID, &error);
}

static void test_a_wrong_token_is_refused_and_the_token_of_the_environment_serves(void **state)
{
    (void)state;
    skald_error error;
    char url[256];
    /* nats://TOKEN@HOST:PORT */
    const char *at = strchr(servers_nats_url(), '@');
    assert_non_null(at);
    snprintf(url, sizeof url, "nats://wrong%s", at);
    assert_status(open_url(url, &error), SKALD_UNAVAILABLE, &error);
    snprintf(url, sizeof url, "nats://%s", at + 1);
    assert_status(open_url(url, &error), SKALD_UNAVAILABLE, &error);

    setenv("NATS_TOKEN", skald_servers_token(servers()), 1);
    assert_ok(open_url(url, &error), &error);
    unsetenv("NATS_TOKEN");
}

static void test_of_several_servers_one_that_lives_is_enough(void **state)
{
    (void)state;
    skald_error error;
    int port = 0;
    char url[512];
    close(given_socket(&port));
    snprintf(url, sizeof url, "nats://127.0.0.1:%d, %s", port, servers_nats_url());

    assert_ok(open_url(url, &error), &error);
}

static void test_a_server_that_says_nothing_is_given_up(void **state)
{
    (void)state;
    skald_error error;
    int port = 0;
    char url[64];
    const int listening = given_socket(&port);
    snprintf(url, sizeof url, "nats://127.0.0.1:%d", port);

    assert_status(open_url(url, &error), SKALD_UNAVAILABLE, &error);

    close(listening);
    assert_ok(open_url(servers_nats_url(), &error), &error);
}

/* Greets one client and then falls silent. */
typedef struct stalling {
    pthread_t thread;
    int listening;
    atomic_int accepted;
} stalling;

static void *stalling_run(void *argument)
{
    static const char greeting[] =
        "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"proto\":1,\"headers\":true,"
        "\"max_payload\":1048576}\r\n";
    stalling *server = argument;
    const int accepted = accept(server->listening, NULL, NULL);
    if (accepted >= 0 && write(accepted, greeting, sizeof greeting - 1) > 0)
        atomic_store(&server->accepted, accepted);
    return NULL;
}

static void test_a_server_that_stalls_after_its_greeting_is_given_up_by_the_watchdog(void **state)
{
    (void)state;
    skald_error error;
    int port = 0;
    char url[64];
    stalling server = {.listening = given_socket(&port)};
    snprintf(url, sizeof url, "nats://127.0.0.1:%d", port);
    assert_int_equal(pthread_create(&server.thread, NULL, stalling_run, &server), 0);

    assert_status(open_url(url, &error), SKALD_UNAVAILABLE, &error);

    /* Once the attempt has ended, others are made again. */
    close(atomic_exchange(&server.accepted, -1));
    pthread_join(server.thread, NULL);
    close(server.listening);
    WAIT_UNTIL(open_url(servers_nats_url(), &error) == SKALD_OK);
}

static void test_messages_are_heard_with_headers_body_and_reply(void **state)
{
    (void)state;
    static heard in;
    skald_error error;
    skald_nats_listener *listener = NULL;
    skald_nats *nats = stream_connect();
    assert_ok(skald_nats_listen(&listener, nats, "core.*", on_message, &in, &error), &error);
    const skald_header_view headers[] = {{"One", "1"}, {"Two", "2 b"}, {"Two", "2 a"}};
    const skald_nats_view sent = {.subject = "core.x",
                                  .reply = "answer.here",
                                  .headers = headers,
                                  .header_count = 3,
                                  .body = {"bytes", 5}};

    assert_ok(skald_nats_send(nats, &sent, &error), &error);
    WAIT_UNTIL(atomic_load(&in.count) == 1);

    assert_string_equal(in.subject, "core.x");
    assert_string_equal(in.reply, "answer.here");
    assert_string_equal(in.body, "bytes");
    assert_contains(in.headers, "One=1;");
    assert_contains(in.headers, "Two=2 b;");
    assert_contains(in.headers, "Two=2 a;");
    skald_nats_unlisten(listener);
    skald_nats_close(nats);
}

static void test_after_unlisten_nothing_is_heard_and_listening_again_works(void **state)
{
    (void)state;
    static heard first;
    static heard witness;
    static heard second;
    skald_error error;
    skald_nats_listener *listener = NULL;
    skald_nats_listener *other = NULL;
    skald_nats *nats = stream_connect();
    assert_ok(skald_nats_listen(&listener, nats, "door", on_message, &first, &error), &error);
    assert_ok(skald_nats_listen(&other, nats, "door.*", on_message, &witness, &error), &error);
    skald_nats_ping(nats, "door");
    WAIT_UNTIL(atomic_load(&first.count) == 1);

    skald_nats_unlisten(listener);
    skald_nats_ping(nats, "door");
    skald_nats_ping(nats, "door.witness");
    WAIT_UNTIL(atomic_load(&witness.count) == 1);
    assert_int_equal(atomic_load(&first.count), 1);

    assert_ok(skald_nats_listen(&listener, nats, "door", on_message, &second, &error), &error);
    skald_nats_ping(nats, "door");
    WAIT_UNTIL(atomic_load(&second.count) >= 1);
    assert_int_equal(atomic_load(&first.count), 1);
    skald_nats_unlisten(listener);
    skald_nats_unlisten(other);
    skald_nats_close(nats);
}

/* Answers a question three times. */
typedef struct helper {
    skald_nats *nats;
} helper;

static void on_question(void *user, const skald_nats_view *message)
{
    const helper *self = user;
    for (unsigned i = 0; i < 3 && message->reply != NULL; i++)
        (void)skald_nats_send(self->nats, &(skald_nats_view){.subject = message->reply}, NULL);
}

static void test_a_question_may_have_many_answers(void **state)
{
    (void)state;
    static heard in;
    skald_error error;
    skald_nats_listener *listener = NULL;
    skald_nats_question *question = NULL;
    skald_nats *nats = stream_connect();
    helper self = {.nats = stream_connect()};
    assert_ok(skald_nats_listen(&listener, self.nats, "ask.me", on_question, &self, &error),
              &error);
    /* The subscription is known to the server once an answer came. */
    do {
        skald_nats_question_close(question);
        atomic_store(&in.count, 0);
        assert_ok(skald_nats_ask(&question, nats, "ask.me", (skald_bytes){"?", 1}, on_message, &in,
                                 &error),
                  &error);
        WAIT_UNTIL(atomic_load(&in.count) > 0);
    } while (strstr(in.headers, "Status=503;") != NULL);

    WAIT_UNTIL(atomic_load(&in.count) == 3);
    skald_nats_question_close(question);
    skald_nats_unlisten(listener);
    skald_nats_close(self.nats);
    skald_nats_close(nats);
}

static void test_a_question_to_nobody_is_answered_with_503(void **state)
{
    (void)state;
    static heard in;
    skald_error error;
    skald_nats_question *question = NULL;
    skald_nats *nats = stream_connect();

    assert_ok(
        skald_nats_ask(&question, nats, "nobody", (skald_bytes){NULL, 0}, on_message, &in, &error),
        &error);
    WAIT_UNTIL(atomic_load(&in.count) == 1);

    assert_contains(in.headers, "Status=503;");
    skald_nats_question_close(question);
    skald_nats_close(nats);
}

static void test_what_is_too_large_for_the_server_is_refused(void **state)
{
    (void)state;
    skald_error error;
    skald_nats *nats = stream_connect();
    const size_t size = 2 * 1024 * 1024;
    char *large = calloc(1, size);
    const skald_nats_view view = {.subject = "large", .body = {large, size}};

    assert_status(skald_nats_send(nats, &view, &error), SKALD_FULL, &error);

    free(large);
    skald_nats_close(nats);
}

static void test_sending_while_disconnected_fails_and_is_not_made_up_for_later(void **state)
{
    (void)state;
    static heard in;
    skald_error error;
    skald_nats_listener *listener = NULL;
    skald_nats_question *question = NULL;
    skald_nats *nats = stream_connect();
    assert_ok(skald_nats_listen(&listener, nats, "lost", on_message, &in, &error), &error);
    const uint64_t epoch = skald_nats_epoch(nats);
    const skald_nats_view view = {.subject = "lost", .body = {"before", 6}};

    servers_kill(SKALD_SERVER_NATS);
    WAIT_UNTIL(!skald_nats_connected(nats));
    assert_status(skald_nats_send(nats, &view, &error), SKALD_UNAVAILABLE, &error);
    assert_status(skald_nats_ask(&question, nats, "lost", view.body, on_message, &in, &error),
                  SKALD_UNAVAILABLE, &error);
    skald_nats_ping(nats, "lost");
    servers_start(SKALD_SERVER_NATS);
    WAIT_UNTIL(skald_nats_connected(nats) && skald_nats_epoch(nats) == epoch + 1);

    /* The subscription is made again by itself; what was sent before the loss does not come. */
    const skald_nats_view after = {.subject = "lost", .body = {"after", 5}};
    assert_ok(skald_nats_send(nats, &after, &error), &error);
    WAIT_UNTIL(atomic_load(&in.count) == 1);
    assert_string_equal(in.body, "after");
    assert_false(skald_nats_closed(nats));
    skald_nats_unlisten(listener);
    skald_nats_close(nats);
}

static void test_connections_close_while_messages_arrive(void **state)
{
    (void)state;
    static heard in;
    skald_error error;
    skald_nats *sender = stream_connect();
    for (unsigned i = 0; i < 20; i++) {
        skald_nats_listener *listener = NULL;
        skald_nats *nats = stream_connect();
        atomic_store(&in.count, 0);
        assert_ok(skald_nats_listen(&listener, nats, "storm", on_message, &in, &error), &error);
        while (atomic_load(&in.count) < 50)
            skald_nats_ping(sender, "storm");
        skald_nats_close(nats);
    }
    skald_nats_close(sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_that_cannot_work_is_refused_with_the_reason),
        cmocka_unit_test(test_a_wrong_token_is_refused_and_the_token_of_the_environment_serves),
        cmocka_unit_test(test_of_several_servers_one_that_lives_is_enough),
        cmocka_unit_test(test_a_server_that_says_nothing_is_given_up),
        cmocka_unit_test(test_a_server_that_stalls_after_its_greeting_is_given_up_by_the_watchdog),
        cmocka_unit_test(test_messages_are_heard_with_headers_body_and_reply),
        cmocka_unit_test(test_after_unlisten_nothing_is_heard_and_listening_again_works),
        cmocka_unit_test(test_a_question_may_have_many_answers),
        cmocka_unit_test(test_a_question_to_nobody_is_answered_with_503),
        cmocka_unit_test(test_what_is_too_large_for_the_server_is_refused),
        cmocka_unit_test(test_sending_while_disconnected_fails_and_is_not_made_up_for_later),
        cmocka_unit_test(test_connections_close_while_messages_arrive),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
