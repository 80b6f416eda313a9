/* A service with dead messages, and `skald` told what to do with them. */
#ifndef TEST_CLI_DEAD_H
#define TEST_CLI_DEAD_H

#include "asking.h"

#include "support/following.h"
#include "support/wait.h"

static const skald_policy holding = {.retry = "never", .dead = SKALD_DEAD_HOLDS};

static inline skald_status fail_by_note(skald_context *context, const Test__V1__Counted *event)
{
    return event->note[0] == '\0' ? SKALD_OK
                                  : skald_fail_as(context, event->note, "cannot: %s", event->note);
}

typedef struct given {
    const char *database;
    skald_service *service;
    int64_t job;
} given;

/* Key "k" gets the numbers 1 to 4, of which 2 is dead and holds the later ones. */
static inline given given_dead(void)
{
    given shop = {.database = database_new()};
    shop.service = following_start(
        shop.database, &(following_options){.behaviour = fail_by_note, .policy = &holding});
    for (int number = 1; number <= 4; number++)
        following_publish(shop.service, shop.database, "k", number == 2 ? "currency" : "");
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM skald.job") == 3);
    shop.job = database_integer(shop.database, "SELECT id FROM skald.job WHERE state = 'dead'");
    return shop;
}

static inline const char *words_of(const char *format, long long number)
{
    static char words[256];
    snprintf(words, sizeof words, format, number);
    return words;
}

#endif
