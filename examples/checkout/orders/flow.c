/* What has to follow what in the choreographed checkout, and until when. It changes nothing, but
 * lets people see each order's way, and says which event did not come. */
#include "orders/ways.h"

static const skald_flow_event events[] = {
    {.type = "shop.v1.OrderCreated", .from = "orders", .begins = true},
    {.type = "shop.v1.PaymentCompleted", .from = "payments"},
    {.type = "shop.v1.PaymentFailed", .from = "payments", .ends = SKALD_FLOW_ENDS_BADLY},
    {.type = "shop.v1.ItemsReserved", .from = "inventory"},
    {.type = "shop.v1.ReservationFailed", .from = "inventory"},
    {.type = "shop.v1.PaymentRefunded", .from = "payments"},
    {.type = "shop.v1.OrderConfirmed", .from = "orders", .ends = SKALD_FLOW_ENDS_WELL},
    {.type = "shop.v1.OrderCancelled", .from = "orders", .ends = SKALD_FLOW_ENDS_BADLY},
};

#define MINUTES(count) ((count)*60000u)

static const skald_flow_expectation expectations[] = {
    {.after = "shop.v1.OrderCreated",
     .expect = {"shop.v1.PaymentCompleted", "shop.v1.PaymentFailed"},
     .within_ms = MINUTES(2)},
    {.after = "shop.v1.PaymentCompleted",
     .expect = {"shop.v1.ItemsReserved", "shop.v1.ReservationFailed"},
     .within_ms = MINUTES(2)},
    {.after = "shop.v1.ReservationFailed",
     .expect = {"shop.v1.PaymentRefunded"},
     .within_ms = MINUTES(10)},
    {.after = "shop.v1.ItemsReserved",
     .expect = {"shop.v1.OrderConfirmed"},
     .within_ms = MINUTES(2)},
    {.after = "shop.v1.PaymentRefunded",
     .expect = {"shop.v1.OrderCancelled"},
     .within_ms = MINUTES(2)},
};

static const skald_flow flow = {.name = "checkout",
                                .version = 1,
                                .events = SKALD_FLOW_EVENTS(events),
                                .expectations = SKALD_FLOW_EXPECTATIONS(expectations)};

void choreography_watch(skald_service *service)
{
    skald_watch(service, &flow);
}
