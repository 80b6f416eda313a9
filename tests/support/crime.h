/* What user code does to its process, by name, for tests of who survives it. */
#ifndef TEST_SUPPORT_CRIME_H
#define TEST_SUPPORT_CRIME_H

#include <stdbool.h>

typedef struct crime {
    const char *name;
    const char *ending;  /* as an attempt of it is noted: "SIGSEGV", "exit 3" */
    bool backtrace;      /* the thread itself can say where it was */
    bool timed_out;      /* it never ends by itself */
    bool from_outside;   /* it waits for somebody to kill the process */
    bool of_a_sanitizer; /* sanitizers end the process by themselves, as they like */
} crime;

extern const crime crimes[];
extern const int crime_count;

const crime *crime_find(const char *name);

/* Commits it; returns only when there is no crime of this name. */
void crime_commit(const char *name);

#endif
