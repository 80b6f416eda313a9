/* A checkout of three services as a flow, and what is asked of the database of who watches it. */
#ifndef TEST_FLOWS_CHECKOUT_H
#define TEST_FLOWS_CHECKOUT_H

#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"
#include "test/v1/flows.pb-c.h"

#include <libpq-fe.h>
#include <skald/watch.h>

/* The same events, all of one service or of several. */
#define CHECKOUT_FLOW(flow_name, orders, payments, shipping)                                       \
    static const skald_flow_event flow_name##_events[] = {                                         \
        {.type = "test.v1.OrderCreated",                                                           \
         .from = orders,                                                                           \
         .begins = true,                                                                           \
         .key_field = "order.order_id",                                                            \
         .descriptor = &test__v1__order_created__descriptor},                                      \
        {.type = "test.v1.PaymentCompleted", .from = payments},                                    \
        {.type = "test.v1.PaymentFailed", .from = payments},                                       \
        {.type = "test.v1.OrderShipped", .from = shipping, .ends = SKALD_FLOW_ENDS_WELL},          \
        {.type = "test.v1.OrderCancelled", .from = orders, .ends = SKALD_FLOW_ENDS_BADLY},         \
    };                                                                                             \
    static const skald_flow_expectation flow_name##_expectations[] = {                             \
        {.after = "test.v1.OrderCreated",                                                          \
         .expect = {"test.v1.PaymentCompleted", "test.v1.PaymentFailed"},                          \
         .within_ms = 120 * 1000},                                                                 \
        {.after = "test.v1.PaymentCompleted",                                                      \
         .expect = {"test.v1.OrderShipped"},                                                       \
         .within_ms = 24 * 3600 * 1000},                                                           \
        {.after = "test.v1.PaymentFailed",                                                         \
         .expect = {"test.v1.OrderCancelled"},                                                     \
         .within_ms = 60 * 1000},                                                                  \
    };                                                                                             \
    static const skald_flow flow_name = {.name = #flow_name,                                       \
                                         .version = 1,                                             \
                                         .events = SKALD_FLOW_EVENTS(flow_name##_events),          \
                                         .expectations =                                           \
                                             SKALD_FLOW_EXPECTATIONS(flow_name##_expectations)}

/* Publishes an event that names its order by its key; OrderCreated has it in a field, too. */
static inline void checkout_publish_many(skald_service *service, const char *database,
                                         const ProtobufCMessageDescriptor *type,
                                         const char *const *orders, size_t count)
{
    PGconn *connection = PQconnectdb(database);
    skald_error error = {0};
    PQclear(PQexec(connection, "BEGIN"));
    for (size_t i = 0; i < count; i++) {
        char *order_id = (char *)(uintptr_t)orders[i];
        skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
        Test__V1__Order order = TEST__V1__ORDER__INIT;
        Test__V1__OrderCreated created = TEST__V1__ORDER_CREATED__INIT;
        Test__V1__PaymentCompleted other = TEST__V1__PAYMENT_COMPLETED__INIT;
        order.order_id = order_id;
        created.order = &order;
        other.order_id = order_id;
        /* All other types have the same one field. */
        other.base.descriptor = type;
        const bool begins = type == &test__v1__order_created__descriptor;
        options.key = begins ? "somebody's" : order_id;
        assert_ok(skald_publish_on(service, connection, begins ? &created.base : &other.base,
                                   &options, &error),
                  &error);
    }
    PGresult *result = PQexec(connection, "COMMIT");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    PQfinish(connection);
    skald_ring(service);
}

static inline void checkout_publish(skald_service *service, const char *database,
                                    const ProtobufCMessageDescriptor *type, const char *order)
{
    checkout_publish_many(service, database, type, &order, 1);
}

/* "OrderCreated begins, PaymentCompleted expected": the timeline of an order. */
static inline const char *checkout_timeline(const char *database, const char *order)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT string_agg(replace(type, 'test.v1.', '') || ' ' || note, ', ' ORDER BY number)"
             " FROM skald.flow_event WHERE key = '%s'",
             order);
    return database_text(database, sql);
}

/* "open PaymentCompleted PaymentFailed": its state, outcome and what is awaited. */
static inline const char *checkout_state(const char *database, const char *order)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', state, outcome,"
             " replace(array_to_string(expects, ' '), 'test.v1.', ''))"
             " FROM skald.v_flow WHERE key = '%s'",
             order);
    return database_text(database, sql);
}

static inline bool checkout_is(const char *database, const char *order, const char *state)
{
    return strcmp(checkout_state(database, order), state) == 0;
}

/* Everything that is known, as one number, but for when it was noted. */
static inline const char *checkout_sum(const char *database)
{
    return database_text(
        database,
        "SELECT md5((SELECT string_agg(f::text, E'\\n' ORDER BY f.id) FROM skald.flow AS f)"
        " || (SELECT string_agg(e::text, E'\\n' ORDER BY e.flow, e.key, e.number)"
        "     FROM skald.flow_event AS e)"
        " || coalesce((SELECT string_agg(w::text, E'\\n' ORDER BY w.id)"
        "     FROM skald.flow_wait AS w), ''))");
}

#endif
