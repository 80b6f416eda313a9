/* What is known of one instance of a flow: one event more, and what follows from all of them.
 *
 * Only the set of events counts, with the times at which they happened: whoever sees them in
 * another order comes to the same. The runtime brings each event once (it knows them by their ids)
 * and carries out what is said: it keeps the state, and tells people of what is overdue. */
#ifndef SKALD_SAGAS_FLOW_H
#define SKALD_SAGAS_FLOW_H

#include <skald/flow.h>

/* An event that answers an earlier one by its service's clock may still be the answer to it: clocks
 * of machines differ. Asked for expectations that hold each time only. */
#define SKALD_FLOW_SKEW_US INT64_C(1000000)

/* The end of the year 9999: no event happens later, or so long before 1970. */
#define SKALD_FLOW_TIME_US_MAX INT64_C(253402300799999999)

/* Of one type. */
typedef struct skald_flow_seen {
    uint32_t count;
    int64_t first_us; /* when it happened; microseconds since 1970 */
    int64_t last_us;
} skald_flow_seen;

/* Zero-initialised is an instance of which nothing is known. */
typedef struct skald_flow_state {
    skald_flow_seen seen[SKALD_FLOW_EVENTS_MAX]; /* in the order of the flow's events */
    bool closed;                                 /* by a person: nothing is awaited any more */
} skald_flow_state;

/* What an event was when it was seen, for the timeline. */
#define SKALD_FLOW_NOTE_LIST(X)                                                                    \
    X(BEGINS, "begins")                                                                            \
    X(EXPECTED, "expected")                                                                        \
    X(LATE, "late")             /* awaited, and after its time */                                  \
    X(CAME_EARLY, "early")      /* seen before what it follows */                                  \
    X(REPEATED, "repeated")     /* its type has come before, and once is enough */                 \
    X(UNEXPECTED, "unexpected") /* an alternative of what has come, or nothing awaits it */        \
    X(AFTER_END, "after the end")

typedef enum skald_flow_note {
#define SKALD_FLOW_NOTE_ENUM(name, word) SKALD_FLOW_##name,
    SKALD_FLOW_NOTE_LIST(SKALD_FLOW_NOTE_ENUM)
#undef SKALD_FLOW_NOTE_ENUM
} skald_flow_note;

const char *skald_flow_note_word(skald_flow_note note);

/* Takes one event that was not taken before: the one at `event` in the flow's table, which happened
 * at `time_us`, up to SKALD_FLOW_TIME_US_MAX either way. */
skald_flow_note skald_flow_take(const skald_flow *flow, skald_flow_state *state, size_t event,
                                int64_t time_us);

typedef enum skald_flow_phase {
    SKALD_FLOW_EARLY, /* nothing has begun it yet */
    SKALD_FLOW_OPEN,
    SKALD_FLOW_ENDED,
} skald_flow_phase;

/* One expectation that is not met. */
typedef struct skald_flow_awaited {
    size_t expectation; /* in the flow's table */
    int64_t since_us;   /* when its `after` happened */
    int64_t due_us;
} skald_flow_awaited;

#define SKALD_FLOW_NO_EVENT SIZE_MAX

/* What is known. */
typedef struct skald_flow_view {
    skald_flow_phase phase;
    bool begun;
    int64_t began_us;   /* if it has */
    size_t ended_by;    /* the event; NO_EVENT while it goes on, or when a person closed it */
    int64_t ended_us;   /* with ended_by */
    skald_flow_end end; /* GOES_ON when a person closed it */
    size_t last;        /* the event that happened last; NO_EVENT: none */
    int64_t last_us;
    size_t awaited_count; /* 0 unless OPEN */
    skald_flow_awaited awaited[SKALD_FLOW_EXPECTATIONS_MAX];
} skald_flow_view;

void skald_flow_look(const skald_flow *flow, const skald_flow_state *state, skald_flow_view *out);

/* The event of that type in the flow's table; NO_EVENT when it is none of it. */
size_t skald_flow_event_find(const skald_flow *flow, const char *type);

/* What is awaited in words, "PaymentCompleted or PaymentFailed" with whole type names; by these an
 * expectation is known when the table changes. As snprintf. */
size_t skald_flow_expectation_words(const skald_flow_expectation *expectation, char *out,
                                    size_t size);

#endif
