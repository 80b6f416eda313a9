/* What follows the end of a worker process. A pure decision. */
#ifndef SKALD_SUPERVISOR_RESTART_H
#define SKALD_SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SKALD_RESTART_QUICK_MS = 5000, /* an end sooner after the start than this is a quick one */
    SKALD_RESTART_QUICK_MAX = 10,  /* so many in a row, without anything in hand, end it all */
    SKALD_RESTART_DELAY_MS_MIN = 50,
    SKALD_RESTART_DELAY_MS_MAX = 5000,
};

/* How a worker that nobody asked to end has ended. */
typedef struct skald_restart_input {
    bool by_signal;
    int code;          /* its exit code, or the signal */
    bool in_hand;      /* user code had something in hand */
    uint64_t lived_ms; /* since it was forked */
    bool any_ran;      /* this worker or another one has run before, since the supervisor's start */
    uint32_t quick_ends; /* of this worker in a row with nothing in hand, before this one */
} skald_restart_input;

typedef struct skald_restart {
    bool give_up;        /* the whole program ends, with exit_code */
    int exit_code;       /* as a shell would show it */
    uint64_t delay_ms;   /* else: a new one, after this time */
    uint32_t quick_ends; /* in a row, this one included */
} skald_restart;

skald_restart skald_restart_decide(const skald_restart_input *input);

#endif
