/* One list each for kinds of work and meanings of a timeout: ours and on the wire. */
#ifndef SKALD_DEFINITIONS_DESCRIBE_KIND_H
#define SKALD_DEFINITIONS_DESCRIBE_KIND_H

#include "skald/v1/saga.pb-c.h"

#define SKALD_DESCRIBE_WORK_LIST(X)                                                                \
    X(NONE, UNSPECIFIED)                                                                           \
    X(LOCAL, LOCAL)                                                                                \
    X(ACTIVITY, ACTIVITY)                                                                          \
    X(COMMAND, COMMAND)                                                                            \
    X(WAIT, WAIT)                                                                                  \
    X(SLEEP, SLEEP)                                                                                \
    X(CHILD, CHILD)                                                                                \
    X(PARALLEL, PARALLEL)                                                                          \
    X(SEQUENCE, SEQUENCE)

#define SKALD_DESCRIBE_MEANING_LIST(X)                                                             \
    X(DEFAULT, UNSPECIFIED)                                                                        \
    X(RETRIES, RETRIES)                                                                            \
    X(COMPENSATES, COMPENSATES)                                                                    \
    X(CONTINUES, CONTINUES)

#endif
