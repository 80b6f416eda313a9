/* The file, the keys in it, and the times of the last requests, under one lock. */
#include "receiver/ledger.h"

#include "common/clock.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE_MAX 512
#define WINDOW_MS 1000.0

struct hooks_ledger {
    pthread_mutex_t mutex;
    int file;
    void *keys; /* tsearch tree of texts */
    unsigned per_second_max;
    unsigned next;    /* in `taken_ms`, where the oldest one is */
    double *taken_ms; /* when the last per_second_max requests were taken */
};

static int compare_keys(const void *left, const void *right)
{
    return strcmp(left, right);
}

static bool remember(hooks_ledger *ledger, const char *key)
{
    char *copy = strdup(key);
    return copy != NULL && tsearch(copy, &ledger->keys, compare_keys) != NULL;
}

static bool read_line(hooks_ledger *ledger, const char *line)
{
    json_t *entry = json_loads(line, 0, NULL);
    const char *key = json_string_value(json_object_get(entry, "key"));
    const char *answer = json_string_value(json_object_get(entry, "answer"));
    bool good = key != NULL && answer != NULL;
    if (good && strcmp(answer, "taken") == 0)
        good = remember(ledger, key);
    json_decref(entry);
    return good;
}

static bool read_lines(hooks_ledger *ledger, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    bool good = file != NULL;
    while (good && getline(&line, &room, file) > 0)
        good = read_line(ledger, line);
    free(line);
    if (file != NULL)
        fclose(file);
    return good;
}

/* One write to the end of the file: whole, or the process that read the request is gone with it. */
static bool write_line(hooks_ledger *ledger, const char *endpoint, int64_t number, const char *key,
                       const char *answer)
{
    char line[LINE_SIZE_MAX];
    json_t *object =
        json_pack("{s:f, s:s, s:I, s:s, s:s}", "at_ms", clock_now_ms(), "endpoint", endpoint,
                  "number", (json_int_t)number, "key", key, "answer", answer);
    const size_t size = json_dumpb(object, line, sizeof(line) - 1, JSON_COMPACT);
    json_decref(object);
    if (size == 0 || size >= sizeof(line))
        return false;
    line[size] = '\n';
    return write(ledger->file, line, size + 1) == (ssize_t)size + 1;
}

/* Is there room in the second that ends now? */
static bool has_room(const hooks_ledger *ledger, double now_ms)
{
    return now_ms - ledger->taken_ms[ledger->next] >= WINDOW_MS;
}

/* With the lock held. */
static ledger_answer decide(hooks_ledger *ledger, const char *key)
{
    const double now_ms = clock_now_ms();
    if (!has_room(ledger, now_ms))
        return LEDGER_REFUSED;
    ledger->taken_ms[ledger->next] = now_ms;
    ledger->next = (ledger->next + 1) % ledger->per_second_max;
    if (tfind(key, &ledger->keys, compare_keys) != NULL)
        return LEDGER_REPEATED;
    return remember(ledger, key) ? LEDGER_TAKEN : LEDGER_BROKEN;
}

ledger_answer ledger_note(hooks_ledger *ledger, const char *endpoint, int64_t number,
                          const char *key)
{
    static const char *const names[] = {
        [LEDGER_TAKEN] = "taken", [LEDGER_REPEATED] = "repeated", [LEDGER_REFUSED] = "refused"};
    pthread_mutex_lock(&ledger->mutex);
    ledger_answer answer = decide(ledger, key);
    if (answer != LEDGER_BROKEN && !write_line(ledger, endpoint, number, key, names[answer]))
        answer = LEDGER_BROKEN;
    pthread_mutex_unlock(&ledger->mutex);
    return answer;
}

hooks_ledger *ledger_open(const char *path, unsigned per_second_max)
{
    hooks_ledger *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    pthread_mutex_init(&made->mutex, NULL);
    made->per_second_max = per_second_max;
    made->taken_ms = calloc(per_second_max, sizeof(*made->taken_ms));
    for (unsigned i = 0; made->taken_ms != NULL && i < per_second_max; i++)
        made->taken_ms[i] = -WINDOW_MS;
    made->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (made->taken_ms == NULL || made->file < 0 || !read_lines(made, path)) {
        fprintf(stderr, "%s: cannot be opened or is not a ledger\n", path);
        ledger_free(made);
        return NULL;
    }
    return made;
}

void ledger_free(hooks_ledger *ledger)
{
    if (ledger == NULL)
        return;
    tdestroy(ledger->keys, free);
    if (ledger->file >= 0)
        close(ledger->file);
    free(ledger->taken_ms);
    pthread_mutex_destroy(&ledger->mutex);
    free(ledger);
}
