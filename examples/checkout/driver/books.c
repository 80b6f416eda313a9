/* The comparison, order by order and then in sums. */
#include "driver/books.h"

#include <stdlib.h>
#include <string.h>

/* What an order of a kind must have left behind when everything has ended. */
typedef struct expectation {
    order_state state;
    unsigned charges;
    unsigned refusals;
    unsigned refunds;
    unsigned reservations;
    unsigned shipments;
    unsigned mails;
} expectation;

static const expectation expectations[] = {
    [ORDER_GOOD] = {STATE_CONFIRMED, 1, 0, 0, 1, 1, 1},
    [ORDER_REFUSED_CARD] = {STATE_PAYMENT_FAILED, 0, 1, 0, 0, 0, 0},
    [ORDER_OUT_OF_STOCK] = {STATE_CANCELLED, 1, 0, 1, 0, 0, 0},
};

static void compare(demo_verdict *verdict, int64_t found, int64_t expected)
{
    if (found < expected)
        verdict->lost += (uint64_t)(expected - found);
    else
        verdict->doubled += (uint64_t)(found - expected);
}

static void count_state(demo_verdict *verdict, const book_order *order)
{
    verdict->confirmed += order->state == STATE_CONFIRMED;
    verdict->cancelled += order->state == STATE_CANCELLED;
    verdict->payment_failed += order->state == STATE_PAYMENT_FAILED;
    const bool ended = order->state > STATE_CREATED;
    verdict->wrong += ended && order->state != expectations[order->kind].state;
}

static void compare_effects(demo_verdict *verdict, const book_order *order)
{
    const expectation *expected = &expectations[order->kind];
    compare(verdict, order->endings, 1);
    compare(verdict, order->charges, expected->charges);
    compare(verdict, order->refusals, expected->refusals);
    compare(verdict, order->refunds, expected->refunds);
    compare(verdict, order->reservations, expected->reservations);
    compare(verdict, order->shipments, expected->shipments);
    compare(verdict, order->mails, expected->mails);
}

/* The ledger is outside and tells what money really moved: what is kept must be what was sold. */
static bool money_agrees(const book_order *order)
{
    const bool paid = order->state == STATE_CONFIRMED || order->state == STATE_CANCELLED;
    const bool refunded = order->state == STATE_CANCELLED;
    return order->state > STATE_CREATED &&
           order->charged_cents == (paid ? order->total_cents : 0) &&
           order->refunded_cents == (refunded ? order->total_cents : 0) &&
           order->ledger_lines == (unsigned)paid + (unsigned)refunded;
}

static bool stock_agrees(const demo_books *books)
{
    int64_t sold[SKU_COUNT] = {0};
    int64_t reserved[SKU_COUNT] = {0};
    for (size_t i = 0; i < books->order_count; i++) {
        const book_order *order = &books->orders[i];
        sold[order->sku] += order->state == STATE_CONFIRMED ? order->quantity : 0;
        reserved[order->sku] += order->reserved;
    }
    for (unsigned sku = 0; sku < SKU_COUNT; sku++) {
        const int64_t gone = books->stock_initial[sku] - books->stock_on_hand[sku];
        if (gone != sold[sku] || gone != reserved[sku])
            return false;
    }
    return true;
}

static bool mail_agrees(const demo_books *books)
{
    for (size_t i = 0; i < books->order_count; i++)
        if (books->orders[i].mails != (books->orders[i].state == STATE_CONFIRMED))
            return false;
    return true;
}

static bool analytics_agrees(const demo_books *books, const demo_verdict *verdict)
{
    int64_t cents = 0;
    for (size_t i = 0; i < books->order_count; i++)
        if (books->orders[i].state == STATE_CONFIRMED)
            cents += books->orders[i].total_cents;
    return books->analytics_confirmed_cents == cents &&
           books->analytics_confirmed == (int64_t)verdict->confirmed &&
           books->analytics_cancelled == (int64_t)verdict->cancelled;
}

static bool ways_agree(const book_ways *ways, const demo_verdict *verdict)
{
    return ways->well == (int64_t)verdict->confirmed &&
           ways->badly == (int64_t)(verdict->cancelled + verdict->payment_failed) &&
           ways->open == 0 && ways->owed == 0;
}

void books_check(const demo_books *books, demo_verdict *out)
{
    *out = (demo_verdict){.money_ok = true};
    for (size_t i = 0; i < books->order_count; i++) {
        const book_order *order = &books->orders[i];
        count_state(out, order);
        compare_effects(out, order);
        out->charged_cents += order->charged_cents;
        out->refunded_cents += order->refunded_cents;
        out->money_ok = out->money_ok && money_agrees(order);
    }
    compare(out, books->analytics_confirmed, (int64_t)out->confirmed);
    compare(out, books->analytics_cancelled, (int64_t)out->cancelled);
    out->doubled += books->strangers;
    out->money_ok = out->money_ok && books->strangers == 0;
    out->stock_ok = stock_agrees(books);
    out->mail_ok = mail_agrees(books);
    out->analytics_ok = analytics_agrees(books, out);
    out->ways_ok = ways_agree(&books->ways, out);
}

bool verdict_is_good(const demo_verdict *verdict)
{
    return verdict->wrong == 0 && verdict->lost == 0 && verdict->doubled == 0 &&
           verdict->money_ok && verdict->stock_ok && verdict->mail_ok && verdict->analytics_ok &&
           verdict->ways_ok;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(((const book_order *)left)->id, ((const book_order *)right)->id);
}

book_order *books_find(const demo_books *books, const char *id)
{
    book_order wanted = {0};
    strncpy(wanted.id, id, sizeof(wanted.id) - 1);
    return bsearch(&wanted, books->orders, books->order_count, sizeof(wanted), compare_ids);
}

void books_sort(demo_books *books)
{
    qsort(books->orders, books->order_count, sizeof(books->orders[0]), compare_ids);
}
