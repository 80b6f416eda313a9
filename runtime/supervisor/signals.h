/* The signals of a supervised worker: the crash handler, which writes down what happened and where
 * before the signal takes its course. */
#ifndef SKALD_SUPERVISOR_SIGNALS_H
#define SKALD_SUPERVISOR_SIGNALS_H

#include <signal.h>

/* Sent by the supervisor to a thread whose hand is past its time. By default it ends the process
 * and leaves a core, as the others do. */
#define SKALD_SIGNAL_LIMIT SIGXCPU

/* Installs the crash handler for the whole process. Whatever handled a signal before (a sanitizer,
 * for example) still gets it afterwards. Called before threads start. */
void skald_signals_open(void);

/* A stack for the calling thread's signal handlers, so that the end of its own stack can be written
 * down too; and back to what was before. */
void skald_signals_thread_open(void);
void skald_signals_thread_close(void);

/* "SIGSEGV"; "signal 63" for those without a name. */
const char *skald_signal_name(int number, char text[16]);

#endif
