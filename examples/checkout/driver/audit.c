/* One query per book; every row is looked up among the orders that customers placed. */
#include "driver/audit.h"

#include "common/database.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER "ledger.jsonl"

/* Writes one row of a query's result into the order it is about. */
typedef void note_function(book_order *order, const PGresult *rows, int row);

static order_state read_state(const char *text)
{
    static const char *const names[] = {[STATE_CREATED] = "created",
                                        [STATE_CONFIRMED] = "confirmed",
                                        [STATE_CANCELLED] = "cancelled",
                                        [STATE_PAYMENT_FAILED] = "payment_failed"};
    for (unsigned state = STATE_CREATED; state <= STATE_PAYMENT_FAILED; state++)
        if (strcmp(text, names[state]) == 0)
            return (order_state)state;
    return STATE_MISSING;
}

static void note_order(book_order *order, const PGresult *rows, int row)
{
    order->state = read_state(PQgetvalue(rows, row, 1));
    order->total_cents = database_number_at(rows, row, 2);
    order->endings = (unsigned)database_number_at(rows, row, 3);
    order->took_ms = strtod(PQgetvalue(rows, row, 4), NULL);
}

static void note_payment(book_order *order, const PGresult *rows, int row)
{
    order->charges = (unsigned)database_number_at(rows, row, 1);
    order->refusals = (unsigned)database_number_at(rows, row, 2);
    order->refunds = (unsigned)database_number_at(rows, row, 3);
}

static void note_refusal(book_order *order, const PGresult *rows, int row)
{
    order->refusals = (unsigned)database_number_at(rows, row, 1);
}

static void note_reservation(book_order *order, const PGresult *rows, int row)
{
    order->reservations = (unsigned)database_number_at(rows, row, 1);
    order->reserved = database_number_at(rows, row, 2);
}

static void note_shipment(book_order *order, const PGresult *rows, int row)
{
    order->shipments = (unsigned)database_number_at(rows, row, 1);
}

static void note_mail(book_order *order, const PGresult *rows, int row)
{
    order->mails = (unsigned)database_number_at(rows, row, 1);
}

/* The first column of the query is the order's id. */
static bool read_rows(demo_books *books, PGconn *connection, const char *sql, note_function *note)
{
    PGresult *rows = database_rows(connection, sql);
    const bool good = rows != NULL;
    for (int row = 0; row < PQntuples(rows); row++) {
        book_order *order = books_find(books, PQgetvalue(rows, row, 0));
        if (order != NULL)
            note(order, rows, row);
        else
            books->strangers++;
    }
    PQclear(rows);
    return good;
}

/* In an orchestrated shop a refused card is only an answer, which Skald keeps. */
static bool read_refusals(demo_books *books, const demo_shop *shop)
{
    return !shop->orchestrated ||
           read_rows(books, shop->databases[SERVICE_PAYMENTS],
                     "SELECT split_part(key, '/', 2), count(*) FROM skald.fence"
                     " WHERE state = 'refused' GROUP BY 1",
                     note_refusal);
}

static bool read_services(demo_books *books, const demo_shop *shop)
{
    return read_rows(books, shop->databases[SERVICE_ORDERS],
                     "SELECT order_id, state, total_cents, endings,"
                     " coalesce(extract(epoch FROM ended_at - created_at) * 1000, 0) FROM orders",
                     note_order) &&
           read_rows(books, shop->databases[SERVICE_PAYMENTS],
                     "SELECT order_id, count(*) FILTER (WHERE kind = 'charge'),"
                     " count(*) FILTER (WHERE kind = 'refusal'),"
                     " count(*) FILTER (WHERE kind = 'refund') FROM payment GROUP BY order_id",
                     note_payment) &&
           read_refusals(books, shop) &&
           read_rows(books, shop->databases[SERVICE_INVENTORY],
                     "SELECT order_id, count(*), sum(quantity) FROM reservation GROUP BY order_id",
                     note_reservation) &&
           read_rows(books, shop->databases[SERVICE_INVENTORY],
                     "SELECT order_id, count(*) FROM shipment GROUP BY order_id", note_shipment) &&
           read_rows(books, shop->databases[SERVICE_EMAIL],
                     "SELECT order_id, count(*) FROM mail GROUP BY order_id", note_mail);
}

static bool read_stock(demo_books *books, PGconn *connection)
{
    PGresult *rows = database_rows(connection, "SELECT sku, initial, on_hand FROM stock");
    const bool good = rows != NULL;
    for (int row = 0; row < PQntuples(rows); row++)
        for (unsigned sku = 0; sku < SKU_COUNT; sku++)
            if (strcmp(PQgetvalue(rows, row, 0), customers_skus[sku]) == 0) {
                books->stock_initial[sku] = database_number_at(rows, row, 1);
                books->stock_on_hand[sku] = database_number_at(rows, row, 2);
            }
    PQclear(rows);
    return good;
}

static bool read_analytics(demo_books *books, PGconn *connection)
{
    PGresult *rows =
        database_rows(connection, "SELECT coalesce(sum(confirmed), 0), coalesce("
                                  "sum(confirmed_cents), 0), coalesce(sum(cancelled), 0)"
                                  " FROM daily");
    const bool good = rows != NULL;
    if (good) {
        books->analytics_confirmed = database_number_at(rows, 0, 0);
        books->analytics_confirmed_cents = database_number_at(rows, 0, 1);
        books->analytics_cancelled = database_number_at(rows, 0, 2);
    }
    PQclear(rows);
    return good;
}

/* Those that nobody placed are counted too: they make the sums wrong. */
static const char count_sagas[] =
    "SELECT count(*) FILTER (WHERE phase = 'completed'),"
    " count(*) FILTER (WHERE phase = 'compensated'),"
    " count(*) FILTER (WHERE phase NOT IN ('completed', 'compensated')),"
    " (SELECT count(*) FROM skald.v_debts) FROM skald.saga";

static const char count_flows[] = "SELECT count(*) FILTER (WHERE outcome = 'well'),"
                                  " count(*) FILTER (WHERE outcome = 'badly'),"
                                  " count(*) FILTER (WHERE outcome IS NULL),"
                                  " (SELECT count(*) FROM skald.flow_wait) FROM skald.flow";

static bool read_ways(demo_books *books, const demo_shop *shop)
{
    PGresult *rows = database_rows(shop->databases[SERVICE_ORDERS],
                                   shop->orchestrated ? count_sagas : count_flows);
    const bool good = rows != NULL;
    if (good)
        books->ways = (book_ways){.well = database_number_at(rows, 0, 0),
                                  .badly = database_number_at(rows, 0, 1),
                                  .open = database_number_at(rows, 0, 2),
                                  .owed = database_number_at(rows, 0, 3)};
    PQclear(rows);
    return good;
}

static bool read_ledger_line(demo_books *books, const char *line)
{
    json_t *entry = json_loads(line, 0, NULL);
    const char *order_id = json_string_value(json_object_get(entry, "order_id"));
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    const int64_t cents = json_integer_value(json_object_get(entry, "cents"));
    const bool good = order_id != NULL && kind != NULL;
    book_order *order = good ? books_find(books, order_id) : NULL;
    if (order != NULL) {
        order->ledger_lines++;
        *(strcmp(kind, "charge") == 0 ? &order->charged_cents : &order->refunded_cents) += cents;
    } else {
        books->strangers++;
    }
    json_decref(entry);
    return good;
}

static bool read_ledger(demo_books *books, const demo_shop *shop)
{
    char path[512];
    place_path(&shop->place, LEDGER, path);
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    bool good = file != NULL;
    while (good && getline(&line, &room, file) > 0)
        good = read_ledger_line(books, line);
    if (!good)
        fprintf(stderr, "checkout-demo: %s cannot be read\n", path);
    free(line);
    if (file != NULL)
        fclose(file);
    return good;
}

/* Orders that got no number do not exist for the customer, and must not exist for anybody. */
static void take_orders(demo_books *books, const customer_order *orders, size_t order_count)
{
    for (size_t i = 0; i < order_count; i++) {
        if (!orders[i].placed)
            continue;
        book_order *order = &books->orders[books->order_count++];
        memcpy(order->id, orders[i].order_id, sizeof(order->id));
        order->kind = orders[i].kind;
        order->sku = orders[i].sku;
        order->quantity = orders[i].quantity;
    }
    books_sort(books);
}

int64_t audit_count_open(const demo_shop *shop)
{
    demo_books books = {0};
    return read_ways(&books, shop) ? books.ways.open : -1;
}

bool audit_read(demo_books *out, const demo_shop *shop, const customer_order *orders,
                size_t order_count)
{
    *out = (demo_books){.orders = calloc(order_count, sizeof(book_order))};
    if (out->orders == NULL)
        return false;
    take_orders(out, orders, order_count);
    return read_services(out, shop) && read_stock(out, shop->databases[SERVICE_INVENTORY]) &&
           read_analytics(out, shop->databases[SERVICE_ANALYTICS]) && read_ways(out, shop) &&
           read_ledger(out, shop);
}

void audit_done(demo_books *books)
{
    free(books->orders);
    books->orders = NULL;
}

/* One more charge than there was. */
static bool spoil_ledger(const demo_shop *shop)
{
    char path[512];
    place_path(&shop->place, LEDGER, path);
    FILE *file = fopen(path, "r+");
    char *line = NULL;
    size_t room = 0;
    bool done = file != NULL && getline(&line, &room, file) > 0 && fseek(file, 0, SEEK_END) == 0 &&
                fputs(line, file) >= 0;
    done = file != NULL && fclose(file) == 0 && done;
    free(line);
    return done;
}

bool audit_spoil(const demo_shop *shop, const char *what)
{
    if (strcmp(what, "ledger") == 0)
        return spoil_ledger(shop);
    if (strcmp(what, "stock") == 0)
        return database_run(shop->databases[SERVICE_INVENTORY],
                            "UPDATE stock SET on_hand = on_hand - 1 WHERE sku = 'book'");
    if (strcmp(what, "mail") == 0)
        return database_run(shop->databases[SERVICE_EMAIL],
                            "INSERT INTO mail (order_id, recipient, subject)"
                            " SELECT order_id, recipient, subject FROM mail LIMIT 1");
    return database_run(shop->databases[SERVICE_ANALYTICS],
                        "UPDATE daily SET confirmed_cents = confirmed_cents + 1");
}
