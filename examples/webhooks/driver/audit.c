/* One query for the deliveries, and a ledger for each receiver. */
#include "driver/audit.h"

#include "common/database.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned find_endpoint(const char *name)
{
    unsigned endpoint = 0;
    while (endpoint < ENDPOINTS && strcmp(books_endpoints[endpoint], name) != 0)
        endpoint++;
    return endpoint;
}

static bool read_deliveries(demo_books *books, PGconn *database)
{
    PGresult *rows = database_rows(database, "SELECT d.id, d.endpoint, d.number, (SELECT count(*)"
                                             " FROM delivered AS e WHERE e.delivery_id = d.id)"
                                             " FROM delivery AS d");
    books->deliveries = calloc((size_t)PQntuples(rows) + 1, sizeof(*books->deliveries));
    const bool good = rows != NULL && books->deliveries != NULL;
    for (int row = 0; good && row < PQntuples(rows); row++) {
        book_delivery *delivery = &books->deliveries[books->delivery_count++];
        snprintf(delivery->id, sizeof(delivery->id), "%s", PQgetvalue(rows, row, 0));
        delivery->endpoint = find_endpoint(PQgetvalue(rows, row, 1));
        delivery->number = database_number_at(rows, row, 2);
        delivery->delivered = (unsigned)database_number_at(rows, row, 3);
    }
    PQclear(rows);
    books_sort(books);
    return good;
}

static bool add_request(demo_books *books, unsigned receiver, double at_ms)
{
    /* Twice as large whenever the count is a power of two. */
    const size_t count = books->request_count;
    if ((count & (count - 1)) == 0) {
        const size_t room = count > 0 ? 2 * count : 1;
        book_request *grown = realloc(books->requests, room * sizeof(*grown));
        if (grown == NULL)
            return false;
        books->requests = grown;
    }
    books->requests[books->request_count++] = (book_request){at_ms, receiver};
    return true;
}

static void note_taken(demo_books *books, book_delivery *delivery)
{
    delivery->taken++;
    books->disorder += delivery->number != books->last_number[delivery->endpoint] + 1;
    books->last_number[delivery->endpoint] = delivery->number;
}

static bool read_line(demo_books *books, unsigned receiver, const char *line)
{
    json_t *entry = json_loads(line, 0, NULL);
    const char *key = json_string_value(json_object_get(entry, "key"));
    const char *answer = json_string_value(json_object_get(entry, "answer"));
    const bool good =
        key != NULL && answer != NULL &&
        add_request(books, receiver, json_number_value(json_object_get(entry, "at_ms")));
    book_delivery *delivery = good ? books_find(books, key) : NULL;
    if (good && (delivery == NULL || delivery->endpoint == ENDPOINTS))
        books->strangers++;
    else if (good && strcmp(answer, "taken") == 0)
        note_taken(books, delivery);
    else if (good && strcmp(answer, "repeated") == 0)
        delivery->repeated++;
    else if (good)
        books->refused++;
    json_decref(entry);
    return good;
}

static bool read_ledger(demo_books *books, const demo_site *site, unsigned receiver)
{
    char path[512];
    site_ledger(site, receiver, path);
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    bool good = file != NULL;
    while (good && getline(&line, &room, file) > 0)
        good = read_line(books, receiver, line);
    if (!good)
        fprintf(stderr, "webhooks-demo: %s cannot be read\n", path);
    free(line);
    if (file != NULL)
        fclose(file);
    return good;
}

bool audit_read(demo_books *books, const demo_site *site)
{
    bool good = read_deliveries(books, site->database);
    for (unsigned receiver = 0; good && receiver < SITE_RECEIVERS; receiver++)
        good = read_ledger(books, site, receiver);
    return good;
}

void audit_done(demo_books *books)
{
    free(books->deliveries);
    free(books->requests);
    books->deliveries = NULL;
    books->requests = NULL;
}

/* The first request of the ledger is noted once more at its end; without `keep`, there only. */
static bool move_first_line(const demo_site *site, bool keep)
{
    char path[512];
    site_ledger(site, 0, path);
    FILE *file = fopen(path, "r+");
    char *line = NULL;
    size_t room = 0;
    bool done = file != NULL && getline(&line, &room, file) > 0 && fseek(file, 0, SEEK_END) == 0 &&
                fputs(line, file) >= 0;
    if (done && !keep) {
        char *taken = strstr(line, "\"taken\"");
        done = taken != NULL && fseek(file, taken - line, SEEK_SET) == 0 &&
               fputs("\"moved\"", file) >= 0;
    }
    done = file != NULL && fclose(file) == 0 && done;
    free(line);
    return done;
}

bool audit_spoil(const demo_site *site, const char *what)
{
    if (strcmp(what, "ledger") == 0)
        return move_first_line(site, true);
    if (strcmp(what, "order") == 0)
        return move_first_line(site, false);
    return database_run(site->database, "DELETE FROM delivered WHERE delivery_id ="
                                        " (SELECT delivery_id FROM delivered LIMIT 1)");
}
