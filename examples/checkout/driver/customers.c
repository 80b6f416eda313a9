/* What each customer wants is decided by the seed; a customer's wait counts from the moment the
 * order was due. */
#include "driver/customers.h"

#include "common/clock.h"
#include "common/crowd.h"
#include "common/draw.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 150 /* half a minute, while the service is away */
#define PAUSE_MS 200
#define DOOR_LOOK_MS 5
#define SECOND_CLICK_EVERY 20u /* this share of the customers clicks twice */
#define GOOD_CARD "tok-4242"
#define REFUSED_CARD "tok-0002"

const char *const customers_skus[SKU_COUNT] = {"anvil", "book", "chair", "desk",   "lamp",
                                               "mug",   "pen",  "rug",   "unicorn"};

struct demo_customers {
    customers_plan plan;
    customer_order *orders;
    demo_crowd *crowd;
    atomic_bool stopped;
    atomic_bool let_in;
    atomic_uint cheated;
};

/* One in ten has a card that is refused, one in ten wants what nobody has. */
static customer_order imagine_order(uint64_t *random, bool only_good)
{
    const uint64_t tenth = draw(random) % 10;
    customer_order order = {.quantity = (unsigned)(draw(random) % 3) + 1};
    order.sku = (unsigned)(draw(random) % (SKU_COUNT - 1));
    if (!only_good && tenth == 0) {
        order.kind = ORDER_REFUSED_CARD;
    } else if (!only_good && tenth == 1) {
        order.kind = ORDER_OUT_OF_STOCK;
        order.sku = SKU_COUNT - 1;
    }
    return order;
}

/* Asks until there is an answer: the Idempotency-Key makes that safe. True when the order has a
 * number, which is then in `order_id`. */
static bool ask(const demo_customers *customers, http_client *client, const char *key,
                const json_t *body, char order_id[37])
{
    for (int try = 0; try < TRIES_MAX && !atomic_load(&customers->stopped); try++) {
        json_t *answer = NULL;
        const int status = http_client_call(client, "POST", "/orders", key, body, &answer);
        const char *given = json_string_value(json_object_get(answer, "order_id"));
        const bool placed = (status == 202 || status == 201) && given != NULL;
        if (placed)
            snprintf(order_id, 37, "%s", given);
        json_decref(answer);
        if (placed || (status >= 400 && status < 500))
            return placed;
        clock_sleep_ms(PAUSE_MS);
    }
    return false;
}

static void click_again(demo_customers *customers, http_client *client, const char *key,
                        const json_t *body, const customer_order *order)
{
    char again[37] = "";
    if (ask(customers, client, key, body, again) && strcmp(again, order->order_id) != 0)
        atomic_fetch_add(&customers->cheated, 1);
}

/* Who is held clicks when the door is open, and that click counts. */
static double door_wait(demo_customers *customers, unsigned index, double due_ms)
{
    const unsigned hold_from = customers->plan.hold_from;
    bool held = false;
    while (hold_from > 0 && index >= hold_from && !atomic_load(&customers->let_in) &&
           !atomic_load(&customers->stopped)) {
        held = true;
        clock_sleep_ms(DOOR_LOOK_MS);
    }
    return held ? clock_now_ms() : due_ms;
}

static void place_order(void *user, http_client *client, unsigned index, double due_ms)
{
    demo_customers *customers = user;
    customer_order *order = &customers->orders[index];
    const double clicked_ms = door_wait(customers, index, due_ms);
    char key[64];
    char email[64];
    snprintf(key, sizeof(key), "customer-%llu-%u", (unsigned long long)customers->plan.seed, index);
    snprintf(email, sizeof(email), "customer-%u@example.org", index);
    json_t *body =
        json_pack("{s:s, s:s, s:i, s:s}", "customer_email", email, "sku",
                  customers_skus[order->sku], "quantity", (int)order->quantity, "card_token",
                  order->kind == ORDER_REFUSED_CARD ? REFUSED_CARD : GOOD_CARD);
    order->placed = ask(customers, client, key, body, order->order_id);
    order->wait_ms = clock_now_ms() - clicked_ms;
    if (order->placed && !customers->plan.only_good && index % SECOND_CLICK_EVERY == 0)
        click_again(customers, client, key, body, order);
    json_decref(body);
}

demo_customers *customers_start(const customers_plan *plan)
{
    demo_customers *made = calloc(1, sizeof(*made));
    customer_order *orders = calloc(plan->order_count, sizeof(*orders));
    if (made == NULL || orders == NULL) {
        free(made);
        free(orders);
        return NULL;
    }
    made->plan = *plan;
    made->orders = orders;
    uint64_t random = plan->seed;
    for (unsigned i = 0; i < plan->order_count; i++)
        orders[i] = imagine_order(&random, plan->only_good);
    made->crowd = crowd_start(&(crowd_plan){.port = plan->port,
                                            .count = plan->order_count,
                                            .rate = plan->rate,
                                            .user = made,
                                            .act = place_order});
    if (made->crowd == NULL) {
        customers_free(made);
        return NULL;
    }
    return made;
}

void customers_let_in(demo_customers *customers)
{
    atomic_store(&customers->let_in, true);
}

unsigned customers_answered(const demo_customers *customers)
{
    return crowd_done(customers->crowd);
}

unsigned customers_cheated(const demo_customers *customers)
{
    return atomic_load(&customers->cheated);
}

const customer_order *customers_join(demo_customers *customers)
{
    crowd_join(customers->crowd);
    return customers->orders;
}

void customers_free(demo_customers *customers)
{
    if (customers == NULL)
        return;
    atomic_store(&customers->stopped, true);
    crowd_free(customers->crowd);
    free(customers->orders);
    free(customers);
}
