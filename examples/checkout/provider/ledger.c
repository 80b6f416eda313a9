/* The file, and a tree of the keys in it, under one lock. */
#include "provider/ledger.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE_MAX 1024

struct shop_ledger {
    pthread_mutex_t mutex;
    int file;
    uint64_t count;
    off_t size; /* of the whole lines in the file */
    void *keys; /* tsearch tree of ledger_key */
};

typedef struct ledger_key {
    uint64_t number;
    char text[];
} ledger_key;

static int compare_keys(const void *left, const void *right)
{
    return strcmp(((const ledger_key *)left)->text, ((const ledger_key *)right)->text);
}

/* A charge and a refund may have the same key. */
static ledger_key *make_key(const char *kind, const char *text)
{
    const size_t size = strlen(kind) + strlen(text) + 2;
    ledger_key *key = calloc(1, sizeof(*key) + size);
    if (key != NULL)
        snprintf(key->text, size, "%s %s", kind, text);
    return key;
}

static void write_id(const char *kind, uint64_t number, char id[64])
{
    snprintf(id, 64, "%s-%llu", kind, (unsigned long long)number);
}

/* Makes the key known under the next number. */
static bool remember(shop_ledger *ledger, ledger_key *key)
{
    key->number = ++ledger->count;
    return tsearch(key, &ledger->keys, compare_keys) != NULL;
}

static bool read_line(shop_ledger *ledger, const char *line)
{
    json_t *entry = json_loads(line, 0, NULL);
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    const char *text = json_string_value(json_object_get(entry, "idempotency_key"));
    ledger_key *key = kind != NULL && text != NULL ? make_key(kind, text) : NULL;
    json_decref(entry);
    return key != NULL && remember(ledger, key);
}

static bool read_lines(shop_ledger *ledger)
{
    FILE *file = fdopen(dup(ledger->file), "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;
    bool good = file != NULL;
    while (good && (size = getline(&line, &room, file)) > 0 && line[size - 1] == '\n') {
        good = read_line(ledger, line);
        ledger->size += size;
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return good && ftruncate(ledger->file, ledger->size) == 0;
}

/* The line is in the file whole and on disk, or not at all. */
static bool write_line(shop_ledger *ledger, const ledger_entry *entry, uint64_t number)
{
    char line[LINE_SIZE_MAX];
    json_t *object = json_pack("{s:I, s:s, s:s, s:s, s:I}", "number", (json_int_t)number, "kind",
                               entry->kind, "idempotency_key", entry->idempotency_key, "order_id",
                               entry->order_id, "cents", (json_int_t)entry->cents);
    const size_t size = json_dumpb(object, line, sizeof(line) - 1, JSON_COMPACT);
    json_decref(object);
    if (size == 0 || size >= sizeof(line))
        return false;
    line[size] = '\n';
    const ssize_t written = pwrite(ledger->file, line, size + 1, ledger->size);
    if (written != (ssize_t)size + 1 || fdatasync(ledger->file) != 0) {
        (void)!ftruncate(ledger->file, ledger->size);
        return false;
    }
    ledger->size += written;
    return true;
}

/* With the lock held. Takes `key` over. */
static bool add_or_find(shop_ledger *ledger, const ledger_entry *entry, ledger_key *key,
                        uint64_t *number)
{
    ledger_key *const *known = tfind(key, &ledger->keys, compare_keys);
    if (known != NULL) {
        *number = (*known)->number;
        free(key);
        return true;
    }
    if (!write_line(ledger, entry, ledger->count + 1) || !remember(ledger, key)) {
        free(key);
        return false;
    }
    *number = key->number;
    return true;
}

bool ledger_add(shop_ledger *ledger, const ledger_entry *entry, char id[64])
{
    ledger_key *key = make_key(entry->kind, entry->idempotency_key);
    if (key == NULL)
        return false;
    uint64_t number = 0;
    pthread_mutex_lock(&ledger->mutex);
    const bool known = add_or_find(ledger, entry, key, &number);
    pthread_mutex_unlock(&ledger->mutex);
    if (known)
        write_id(entry->kind, number, id);
    return known;
}

bool ledger_find(shop_ledger *ledger, const char *kind, const char *idempotency_key, char id[64])
{
    ledger_key *wanted = make_key(kind, idempotency_key);
    if (wanted == NULL)
        return false;
    pthread_mutex_lock(&ledger->mutex);
    ledger_key *const *known = tfind(wanted, &ledger->keys, compare_keys);
    const uint64_t number = known != NULL ? (*known)->number : 0;
    pthread_mutex_unlock(&ledger->mutex);
    free(wanted);
    if (number > 0)
        write_id(kind, number, id);
    return number > 0;
}

shop_ledger *ledger_open(const char *path)
{
    shop_ledger *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    pthread_mutex_init(&made->mutex, NULL);
    made->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (made->file < 0 || !read_lines(made)) {
        fprintf(stderr, "%s: cannot be opened or is not a ledger\n", path);
        ledger_free(made);
        return NULL;
    }
    return made;
}

void ledger_free(shop_ledger *ledger)
{
    if (ledger == NULL)
        return;
    tdestroy(ledger->keys, free);
    if (ledger->file >= 0)
        close(ledger->file);
    pthread_mutex_destroy(&ledger->mutex);
    free(ledger);
}
