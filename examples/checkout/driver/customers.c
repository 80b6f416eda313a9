/* Order i is due at start + i / rate whether or not the earlier ones were answered, and its wait
 * counts from then: a shop that is too slow cannot slow its customers down and look fast. */
#include "driver/customers.h"

#include "common/http_client.h"
#include "common/settings.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 32u
#define TRIES_MAX 25
#define PAUSE_MS 200
#define SECOND_CLICK_EVERY 20u /* this share of the customers clicks twice */
#define GOOD_CARD "tok-4242"
#define REFUSED_CARD "tok-0002"

const char *const customers_skus[SKU_COUNT] = {"anvil", "book", "chair", "desk",   "lamp",
                                               "mug",   "pen",  "rug",   "unicorn"};

struct demo_customers {
    customers_plan plan;
    struct timespec start;
    customer_order *orders;
    pthread_t threads[THREADS];
    unsigned thread_count;
    atomic_uint next;
    atomic_uint answered;
    atomic_uint cheated;
    atomic_bool stopped;
};

static uint64_t draw(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

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

static double ms_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) * 1e3 + (double)(now.tv_nsec - then->tv_nsec) / 1e6;
}

static struct timespec when_due(const demo_customers *customers, unsigned index)
{
    const double seconds = (double)index / customers->plan.rate;
    struct timespec due = customers->start;
    due.tv_sec += (time_t)seconds;
    due.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (due.tv_nsec >= 1000000000) {
        due.tv_sec++;
        due.tv_nsec -= 1000000000;
    }
    return due;
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
        setting_sleep_ms(PAUSE_MS);
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

static void place_order(demo_customers *customers, http_client *client, unsigned index)
{
    customer_order *order = &customers->orders[index];
    const struct timespec due = when_due(customers, index);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        continue;
    char key[64];
    char email[64];
    snprintf(key, sizeof(key), "customer-%llu-%u", (unsigned long long)customers->plan.seed, index);
    snprintf(email, sizeof(email), "customer-%u@example.org", index);
    json_t *body =
        json_pack("{s:s, s:s, s:i, s:s}", "customer_email", email, "sku",
                  customers_skus[order->sku], "quantity", (int)order->quantity, "card_token",
                  order->kind == ORDER_REFUSED_CARD ? REFUSED_CARD : GOOD_CARD);
    order->placed = ask(customers, client, key, body, order->order_id);
    order->wait_ms = ms_since(&due);
    if (order->placed && !customers->plan.only_good && index % SECOND_CLICK_EVERY == 0)
        click_again(customers, client, key, body, order);
    json_decref(body);
}

static void *shop(void *argument)
{
    demo_customers *customers = argument;
    http_client *client = http_client_open(customers->plan.port);
    while (client != NULL && !atomic_load(&customers->stopped)) {
        const unsigned index = atomic_fetch_add(&customers->next, 1);
        if (index >= customers->plan.order_count)
            break;
        place_order(customers, client, index);
        atomic_fetch_add(&customers->answered, 1);
    }
    http_client_free(client);
    return NULL;
}

/* The threads must not be the ones to receive the signals that end the demo. */
static void start_threads(demo_customers *customers)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (customers->thread_count < THREADS &&
           pthread_create(&customers->threads[customers->thread_count], NULL, shop, customers) == 0)
        customers->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
    clock_gettime(CLOCK_MONOTONIC, &made->start);
    start_threads(made);
    if (made->thread_count == 0) {
        customers_free(made);
        return NULL;
    }
    return made;
}

unsigned customers_answered(const demo_customers *customers)
{
    return atomic_load(&customers->answered);
}

unsigned customers_cheated(const demo_customers *customers)
{
    return atomic_load(&customers->cheated);
}

void customers_stop(demo_customers *customers)
{
    atomic_store(&customers->stopped, true);
}

const customer_order *customers_join(demo_customers *customers)
{
    while (customers->thread_count > 0)
        pthread_join(customers->threads[--customers->thread_count], NULL);
    return customers->orders;
}

void customers_free(demo_customers *customers)
{
    if (customers == NULL)
        return;
    customers_stop(customers);
    customers_join(customers);
    free(customers->orders);
    free(customers);
}
