/* Reads with single questions, not with the pullers that other tests are about. */
#include "support/stream.h"

#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "pg/connection.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>

enum { LINES_MAX = 4096, ID_SIZE = 32 };

static skald_log log_lines;
static char line_ids[LINES_MAX][ID_SIZE];
static unsigned line_count; /* guarded by the log's own lock */

static void line_note(void *user, skald_log_level level, const char *id, const char *text)
{
    (void)user;
    if (getenv("TEST_LOG") != NULL)
        fprintf(stderr, "%d %s %s\n", (int)level, id, text);
    if (line_count < LINES_MAX)
        snprintf(line_ids[line_count++], ID_SIZE, "%s", id);
}

skald_log *stream_log(void)
{
    static bool made;
    if (!made)
        skald_log_init(&log_lines, "test", line_note, NULL);
    made = true;
    return &log_lines;
}

unsigned stream_log_count(const char *id)
{
    unsigned count = 0;
    pthread_mutex_lock(&stream_log()->mutex);
    for (unsigned i = 0; i < line_count; i++)
        count += strcmp(line_ids[i], id) == 0;
    pthread_mutex_unlock(&log_lines.mutex);
    return count;
}

skald_nats *stream_connect(void)
{
    skald_nats *nats = NULL;
    skald_error error;
    assert_ok(skald_nats_open(&nats, servers_nats_url(), "test", stream_log(), &error), &error);
    return nats;
}

/* What JetStream's API answered; the callback's thread writes it. */
typedef struct api_answer {
    atomic_bool came;
    char text[1024];
} api_answer;

static void api_receive(void *user, const skald_nats_view *message)
{
    api_answer *answer = user;
    if (atomic_load(&answer->came))
        return;
    snprintf(answer->text, sizeof answer->text, "%.*s", (int)message->body.size,
             (const char *)message->body.data);
    atomic_store(&answer->came, true);
}

static void api_ask(skald_nats *nats, const char *verb, const char *stream, const char *body)
{
    char subject[256];
    api_answer answer = {.text = ""};
    skald_nats_question *question = NULL;
    skald_error error;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.%s.%s", verb, stream);
    assert_ok(skald_nats_ask(&question, nats, subject, (skald_bytes){body, strlen(body)},
                             api_receive, &answer, &error),
              &error);
    WAIT_UNTIL(atomic_load(&answer.came));
    skald_nats_question_close(question);
    if (strstr(answer.text, "\"error\"") != NULL || answer.text[0] == '\0')
        fail_msg("%s %s: %s", verb, stream, answer.text);
}

void stream_delete(skald_nats *nats, const char *stream)
{
    api_ask(nats, "DELETE", stream, "");
}

void stream_purge(skald_nats *nats, const char *stream, const char *subject, int keep)
{
    char body[160];
    snprintf(body, sizeof body, "{\"filter\":\"%s.%s\",\"keep\":%d}", stream, subject, keep);
    api_ask(nats, "PURGE", stream, body);
}

void stream_message_delete(skald_nats *nats, const char *stream, uint64_t sequence)
{
    char body[64];
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 "}", sequence);
    api_ask(nats, "MSG.DELETE", stream, body);
}

void stream_make(skald_nats *nats, const char *stream, const char *config)
{
    api_ask(nats, "CREATE", stream, config);
}

/* SIGSTOP takes effect thread by thread. */
static bool server_stands(pid_t server)
{
    char path[288];
    char line[512];
    bool stands = true;
    snprintf(path, sizeof path, "/proc/%d/task", (int)server);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/stat", (int)server, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue;
        const size_t size = fread(line, 1, sizeof line - 1, file);
        line[size] = '\0';
        const char *state = strrchr(line, ')');
        stands = stands && (state == NULL || state[2] == 'T');
        fclose(file);
    }
    closedir(tasks);
    return stands;
}

void stream_server_pause(void)
{
    const pid_t server = skald_servers_pid(servers(), SKALD_SERVER_NATS);
    assert_int_equal(kill(server, SIGSTOP), 0);
    WAIT_UNTIL(server_stands(server));
}

void stream_server_resume(void)
{
    assert_int_equal(kill(skald_servers_pid(servers(), SKALD_SERVER_NATS), SIGCONT), 0);
}

void stream_intrude(skald_nats *nats, const char *subject, const char *body)
{
    skald_error error;
    const skald_nats_view view = {.subject = subject, .body = {body, strlen(body)}};
    assert_ok(skald_nats_send(nats, &view, &error), &error);
}

int64_t stream_last_position(skald_nats *nats, const char *stream)
{
    skald_arena arena = {0};
    skald_stream_message message;
    int64_t position = 0;
    if (skald_stream_last(&message, nats, stream, ">", &arena, NULL) == SKALD_OK)
        position = skald_nats_position(&message.view);
    skald_arena_done(&arena);
    return position;
}

static void expect_row(skald_nats *nats, const char *stream, uint64_t sequence,
                       const skald_rows *rows, uint32_t row)
{
    skald_arena arena = {0};
    skald_stream_message stored;
    skald_message message;
    skald_error error;
    assert_ok(skald_stream_load(&stored, nats, stream, sequence, &arena, &error), &error);
    assert_ok(skald_stream_decode(&message, &stored, stream, &arena, &error), &error);
    assert_int_equal(message.position, skald_rows_integer(rows, row, 0));
    assert_string_equal(message.id, skald_rows_text(rows, row, 1));
    assert_int_equal(message.partition, skald_rows_integer(rows, row, 2));
    const char *addressee = skald_rows_text(rows, row, 4);
    const char *control = skald_rows_text(rows, row, 5);
    assert_string_equal(message.addressee != NULL ? message.addressee : "", addressee);
    assert_string_equal(message.control != NULL ? message.control : "", control);
    if (message.previous != skald_rows_integer(rows, row, 3))
        fail_msg("position %" PRId64 " of lane %u says that %" PRId64 " is before it, not %" PRId64,
                 message.position, message.partition, message.previous,
                 skald_rows_integer(rows, row, 3));
    skald_arena_done(&arena);
}

void stream_expect_outbox(skald_nats *nats, const char *stream, const char *database)
{
    skald_pg *pg = NULL;
    skald_rows *rows = NULL;
    skald_stream_state state;
    skald_error error;
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    assert_ok(skald_pg_do(pg, &rows, &error,
                          "SELECT position, event_id, partition, coalesce(lag(position)"
                          " OVER (PARTITION BY partition ORDER BY position), 0),"
                          " coalesce(addressee, ''), coalesce(control, '')"
                          " FROM skald.outbox ORDER BY position"),
              &error);
    assert_ok(skald_stream_look(&state, nats, stream, &error), &error);
    assert_int_equal(state.message_count, skald_rows_count(rows));
    assert_int_equal(state.last_sequence + 1 - state.first_sequence, state.message_count);
    for (uint32_t i = 0; i < skald_rows_count(rows); i++)
        expect_row(nats, stream, state.first_sequence + i, rows, i);
    skald_rows_free(rows);
    skald_pg_close(pg);
}
