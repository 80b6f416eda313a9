/* One function per crime. Their names are looked for in backtraces, so none is inlined. */
#include "support/crime.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRIME __attribute__((noinline, no_sanitize("undefined"))) static void

static volatile int *volatile nowhere;
static volatile int zero;
static volatile long depth;

CRIME crime_segv(void)
{
    *nowhere = 1;
}

CRIME crime_abort(void)
{
    abort();
}

CRIME crime_overflow(void)
{
    volatile char room[512];
    room[0] = (char)depth++;
    if (depth > 0)
        crime_overflow();
    room[1] = room[0];
}

CRIME crime_fpe(void)
{
    zero = 7 / zero;
}

CRIME crime_ill(void)
{
    raise(SIGILL);
}

CRIME crime_double_free(void)
{
    char *volatile memory = malloc(100);
    char *volatile again = memory;
    free(memory);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wuse-after-free"
    free(again);
#pragma GCC diagnostic pop
}

CRIME crime_endless(void)
{
    while (depth >= 0)
        zero = 0;
}

/* It does not even let itself be told. */
CRIME crime_deaf(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (depth >= 0)
        pause();
}

CRIME crime_exit(void)
{
    exit(0);
}

CRIME crime_exit_now(void)
{
    _exit(3);
}

CRIME crime_victim(void)
{
    while (depth >= 0)
        pause();
}

typedef struct act {
    const char *name;
    void (*commit)(void);
} act;

static const act acts[] = {
    {"segv", crime_segv},         {"abort", crime_abort},   {"overflow", crime_overflow},
    {"fpe", crime_fpe},           {"ill", crime_ill},       {"double-free", crime_double_free},
    {"endless", crime_endless},   {"deaf", crime_deaf},     {"exit", crime_exit},
    {"exit-now", crime_exit_now}, {"victim", crime_victim},
};

const crime crimes[] = {
    {.name = "segv", .ending = "SIGSEGV", .backtrace = true},
    {.name = "abort", .ending = "SIGABRT", .backtrace = true},
    {.name = "overflow", .ending = "SIGSEGV", .backtrace = true},
    {.name = "fpe", .ending = "SIGFPE", .backtrace = true},
    {.name = "ill", .ending = "SIGILL", .backtrace = true},
    {.name = "double-free", .ending = "SIGABRT", .backtrace = true, .of_a_sanitizer = true},
    {.name = "endless", .ending = "SIGXCPU", .backtrace = true, .timed_out = true},
    {.name = "deaf", .ending = "SIGKILL", .timed_out = true},
    {.name = "exit", .ending = "exit 0", .backtrace = true},
    {.name = "exit-now", .ending = "exit 3"},
    {.name = "victim", .ending = "SIGKILL", .from_outside = true},
};
const int crime_count = sizeof crimes / sizeof crimes[0];

const crime *crime_find(const char *name)
{
    for (int i = 0; i < crime_count; i++) {
        if (strcmp(crimes[i].name, name) == 0)
            return &crimes[i];
    }
    return NULL;
}

void crime_commit(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (strcmp(acts[i].name, name) == 0)
            acts[i].commit();
    }
}
