/* SIGINT, SIGTERM and SIGHUP ask the demo to tidy up and leave. */
#ifndef EXAMPLES_INTERRUPT_H
#define EXAMPLES_INTERRUPT_H

/* From now on the signals are only noted. */
void interrupt_watch(void);

/* The signal that came, or 0. */
int interrupt_came(void);

#endif
