/* Stacks for signal handlers, one per thread that runs user code. */
#include "supervisor/signals.h"

#include <signal.h>
#include <sys/mman.h>

enum { STACK_SIZE = 128 * 1024, GUARD_SIZE = 4096 };

typedef struct stack {
    void *memory; /* the guard page, then the stack; NULL: none */
    stack_t before;
} stack;

static _Thread_local stack mine;

void skald_signals_stack_open(void)
{
    void *memory = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return; /* a stack overflow will end without a backtrace; everything else is as it was */
    mprotect(memory, GUARD_SIZE, PROT_NONE);
    const stack_t wanted = {.ss_sp = (char *)memory + GUARD_SIZE, .ss_size = STACK_SIZE};
    if (sigaltstack(&wanted, &mine.before) == 0)
        mine.memory = memory;
    else
        munmap(memory, GUARD_SIZE + STACK_SIZE);
}

/* Who had one before (a sanitizer, for example) frees what it finds at the end: give it back. */
void skald_signals_stack_close(void)
{
    if (mine.memory == NULL)
        return;
    sigaltstack(&mine.before, NULL);
    munmap(mine.memory, GUARD_SIZE + STACK_SIZE);
    mine.memory = NULL;
}
