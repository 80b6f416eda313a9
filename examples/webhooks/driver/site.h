/* The service and the endpoints as a set of processes. */
#ifndef DRIVER_SITE_H
#define DRIVER_SITE_H

#include "common/place.h"
#include "driver/options.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

#define SITE_BURST 5u /* deliveries at once after a pause */

enum {
    SITE_RECEIVER,      /* of ann, bob and cid */
    SITE_LATE_RECEIVER, /* of dora */
    SITE_RECEIVERS,
};

typedef struct demo_site {
    demo_place place;
    const demo_options *options;
    demo_process sender;
    demo_process receivers[SITE_RECEIVERS];
    unsigned receiver_ports[SITE_RECEIVERS];
    int held[SITE_RECEIVERS]; /* the port while nobody listens there; -1 */
    PGconn *database;
    unsigned port; /* of the sender's API */
} demo_site;

/* All of these say on stderr what went wrong, and return false; also when a signal asks to leave.
 */

/* Makes the directory and the database, with Skald's tables and the service's own. */
bool site_prepare(demo_site *site, const demo_options *options);

/* Starts the first receiver and the sender, who is told of all endpoints. */
bool site_open(demo_site *site);

/* Starts a receiver, at the port at which it is expected; kills it. */
bool site_start_receiver(demo_site *site, unsigned number);
bool site_kill_receiver(demo_site *site, unsigned number);

/* Runs `skald` with these arguments as a person would, and tells what it said. */
bool site_run_skald(demo_site *site, const char *const argv[], FILE *talk);

/* Stops what runs; false when something does not end with exit code 0. */
bool site_close(demo_site *site);

/* False when a process that should run has ended, or a signal asks to leave. */
bool site_is_well(demo_site *site);

/* Kills what still runs and forgets the directory, which is deleted unless `keep`. */
void site_done(demo_site *site, bool keep);

/* The path of a receiver's ledger. */
void site_ledger(const demo_site *site, unsigned receiver, char out[512]);

#endif
