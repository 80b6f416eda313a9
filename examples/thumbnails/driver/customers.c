/* The kind of a picture is decided by its number. Paying customers are the last of the first burst,
 * when many others wait; the last picture of all is a tower that takes long. */
#include "driver/customers.h"

#include "common/clock.h"
#include "common/crowd.h"
#include "driver/album.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 25
#define PAUSE_MS 200
#define LOOK_MS 20
#define TWICE_EVERY 4u

struct demo_customers {
    demo_books *books;
    double *waits;
    uint64_t seed;
    unsigned port;
    unsigned first; /* picture of the burst */
    demo_crowd *crowd;
    atomic_bool stopped;
};

static picture_kind kind_of(unsigned index, unsigned count)
{
    if (index == count - 1)
        return PICTURE_WATCHED;
    if (index == count / 4)
        return PICTURE_CANCELLED;
    return index >= count / 2 - count / 8 && index < count / 2 ? PICTURE_PAYING : PICTURE_FREE;
}

/* When others wait already, so that the job of the first upload is not over. */
static bool is_twice(unsigned index, unsigned count)
{
    return index > count / 4 && index < count / 2 - count / 8 && index % TWICE_EVERY == 0;
}

/* Uploads until there is an answer: while the job is not over, a repeat gets the same number. */
static bool upload(const demo_customers *customers, http_client *client, const image *picture,
                   bool paying, char id[37])
{
    char path[64];
    size_t size = 0;
    void *file = picture_write(picture, &size);
    const http_call call = {.image_type = picture_type(picture), .image = file, .image_size = size};
    bool placed = false;
    snprintf(path, sizeof(path), "/thumbnails?width=%u&plan=%s", picture->width / ALBUM_FACTOR,
             paying ? "paying" : "free");
    for (int try = 0; !placed && file != NULL && try < TRIES_MAX; try++) {
        http_reply reply = {0};
        const int status = http_client_send(client, "POST", path, &call, &reply);
        json_t *answer = json_loadb(reply.body != NULL ? reply.body : "", reply.body_size, 0, NULL);
        const char *given = json_string_value(json_object_get(answer, "id"));
        placed = status == 202 && given != NULL;
        if (placed)
            snprintf(id, 37, "%s", given);
        json_decref(answer);
        if (!placed && ((status >= 400 && status < 500) || atomic_load(&customers->stopped)))
            break;
        if (!placed)
            clock_sleep_ms(PAUSE_MS);
    }
    free(file);
    return placed;
}

/* A picture of the thumbnail's size, and 202: it is only a placeholder. */
static bool sees_placeholder(http_client *client, const char *id, const image *original)
{
    char path[64];
    char head[PICTURE_HEAD_SIZE_MAX];
    http_reply reply = {0};
    snprintf(path, sizeof(path), "/thumbnails/%s", id);
    const image small = {.width = original->width / ALBUM_FACTOR,
                         .height = original->height / ALBUM_FACTOR,
                         .channels = original->channels};
    const size_t head_size = picture_write_head(&small, head);
    return http_client_send(client, "GET", path, NULL, &reply) == 202 &&
           reply.body_size == head_size + picture_size(&small) &&
           memcmp(reply.body, head, head_size) == 0;
}

static bool cancel(http_client *client, const char *id)
{
    char path[64];
    json_t *answer = NULL;
    snprintf(path, sizeof(path), "/jobs/%s", id);
    const int status = http_client_call(client, "DELETE", path, NULL, NULL, &answer);
    const char *state = json_string_value(json_object_get(answer, "state"));
    const bool cancelled = status == 200 && state != NULL && strcmp(state, "cancelled") == 0;
    json_decref(answer);
    return cancelled;
}

/* One look; true when the job is over. When its worker was lost, another one began anew. */
static bool look(book_progress *progress, const json_t *answer, double *last, json_int_t *attempts)
{
    const char *state = json_string_value(json_object_get(answer, "state"));
    const double now = json_number_value(json_object_get(answer, "progress"));
    const json_int_t failed = json_integer_value(json_object_get(answer, "attempts"));
    if (state == NULL || strcmp(state, "waiting") == 0)
        return false;
    if (failed != *attempts)
        *last = now;
    *attempts = failed;
    progress->looks++;
    progress->steps += now > *last && now < 1;
    progress->fell = progress->fell || now < *last;
    *last = now;
    return strcmp(state, "running") != 0;
}

static void watch(const demo_customers *customers, http_client *client, const char *id)
{
    char path[64];
    double last = 0;
    json_int_t attempts = 0;
    bool over = false;
    snprintf(path, sizeof(path), "/jobs/%s", id);
    while (!over && !atomic_load(&customers->stopped)) {
        json_t *answer = NULL;
        http_client_call(client, "GET", path, NULL, NULL, &answer);
        over = look(&customers->books->progress, answer, &last, &attempts);
        json_decref(answer);
        clock_sleep_ms(LOOK_MS);
    }
}

static void follow_up(const demo_customers *customers, http_client *client, book_picture *entry,
                      const image *original, bool paying)
{
    char again[37] = "";
    switch (entry->kind) {
    case PICTURE_CANCELLED:
        entry->cancelled = cancel(client, entry->id);
        break;
    case PICTURE_WATCHED:
        entry->placeholder = sees_placeholder(client, entry->id, original);
        watch(customers, client, entry->id);
        break;
    default:
        if (entry->twice)
            entry->twice_same =
                upload(customers, client, original, paying, again) && strcmp(again, entry->id) == 0;
        entry->placeholder = sees_placeholder(client, entry->id, original);
        break;
    }
}

static void upload_one(void *user, http_client *client, unsigned number, double due_ms)
{
    demo_customers *customers = user;
    const unsigned index = customers->first + number;
    book_picture *entry = &customers->books->pictures[index];
    const bool paying = entry->kind == PICTURE_PAYING || entry->kind == PICTURE_WATCHED;
    image original;
    if (!album_make(&original, customers->seed, index, entry->kind == PICTURE_WATCHED))
        return;
    entry->expected = album_expect(&original);
    entry->placed = upload(customers, client, &original, paying, entry->id);
    customers->waits[index] = clock_now_ms() - due_ms;
    if (entry->placed)
        follow_up(customers, client, entry, &original, paying);
    free(original.pixels);
}

demo_customers *customers_open(demo_books *books, const demo_options *options, unsigned port)
{
    const unsigned count = options->picture_count;
    demo_customers *made = calloc(1, sizeof(*made));
    double *waits = calloc(count, sizeof(*waits));
    if (made == NULL || waits == NULL) {
        free(made);
        free(waits);
        return NULL;
    }
    made->books = books;
    made->waits = waits;
    made->seed = options->seed;
    made->port = port;
    for (unsigned i = 0; i < count; i++) {
        books->pictures[i].kind = kind_of(i, count);
        books->pictures[i].twice = is_twice(i, count);
    }
    return made;
}

bool customers_burst(demo_customers *customers, unsigned burst, double rate)
{
    const unsigned count = (unsigned)customers->books->picture_count;
    if (customers->crowd != NULL)
        crowd_join(customers->crowd);
    crowd_free(customers->crowd);
    customers->first = burst == 0 ? 0 : count / 2;
    customers->crowd =
        crowd_start(&(crowd_plan){.port = customers->port,
                                  .count = burst == 0 ? count / 2 : count - count / 2,
                                  .rate = rate,
                                  .user = customers,
                                  .act = upload_one});
    return customers->crowd != NULL;
}

percentiles customers_join(demo_customers *customers)
{
    crowd_join(customers->crowd);
    return percentiles_of(customers->waits, customers->books->picture_count);
}

void customers_free(demo_customers *customers)
{
    if (customers == NULL)
        return;
    atomic_store(&customers->stopped, true);
    crowd_free(customers->crowd);
    free(customers->waits);
    free(customers);
}

bool customers_collect(demo_books *books, unsigned port)
{
    http_client *client = http_client_open(port);
    bool good = client != NULL;
    for (size_t i = 0; good && i < books->picture_count; i++) {
        char path[64];
        http_reply reply = {0};
        snprintf(path, sizeof(path), "/thumbnails/%s", books->pictures[i].id);
        const int status = http_client_send(client, "GET", path, NULL, &reply);
        good = status == 200 || status == 202 || status == 404;
        if (status == 200)
            books->pictures[i].seen = picture_checksum(reply.body, reply.body_size);
        if (!good)
            fprintf(stderr, "thumbnails-demo: GET %s was answered with %d\n", path, status);
    }
    http_client_free(client);
    return good;
}
