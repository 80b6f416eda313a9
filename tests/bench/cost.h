/* What work costs: CPU time of everybody who takes part, which varies less than rates do. */
#ifndef BENCH_COST_H
#define BENCH_COST_H

#include <sys/types.h>

/* Seconds of CPU since their start. */
typedef struct cost {
    double postgres; /* with all its sessions, also those that have ended */
    double nats;
    double own;
} cost;

cost cost_now(pid_t postgres, pid_t nats);

/* What came between, per event in microseconds. */
cost cost_per_event_us(cost begun, cost ended, double events);

#endif
