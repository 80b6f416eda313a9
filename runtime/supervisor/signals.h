/* The signals of a supervised worker: the crash handler, which writes down what happened before the
 * signal takes its course. */
#ifndef SKALD_SUPERVISOR_SIGNALS_H
#define SKALD_SUPERVISOR_SIGNALS_H

/* A stack of its own for the calling thread's crash handler, so that a stack overflow can be
 * written down too; and its end. */
void skald_signals_stack_open(void);
void skald_signals_stack_close(void);

#endif
