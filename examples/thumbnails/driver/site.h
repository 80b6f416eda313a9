/* The service as a set of processes: its API, and workers that come and go. */
#ifndef DRIVER_SITE_H
#define DRIVER_SITE_H

#include "common/place.h"
#include "driver/options.h"

#include <libpq-fe.h>
#include <stdbool.h>

#define SITE_WORKERS 3u

typedef struct demo_site {
    demo_place place;
    const demo_options *options;
    demo_process api;
    demo_process workers[SITE_WORKERS];
    PGconn *database;
    unsigned port; /* of the API */
} demo_site;

/* All of these say on stderr what went wrong, and return false; also when a signal asks to leave.
 */

/* Makes the directory and the database, with Skald's tables and the service's own. */
bool site_prepare(demo_site *site, const demo_options *options);

/* Starts the first worker, which declares the queue, and then the API. */
bool site_open(demo_site *site);

/* One process more. */
bool site_add_worker(demo_site *site, unsigned number);

/* Waits until this worker has jobs in hand, or nobody has anything to do any more, and kills it;
 * `*in_hand` says how many it had. */
bool site_kill_worker(demo_site *site, unsigned number, unsigned *in_hand);

/* Stops what runs; false when something does not end with exit code 0. */
bool site_close(demo_site *site);

/* False when a process that should run has ended, or a signal asks to leave. */
bool site_is_well(demo_site *site);

/* Kills what still runs and forgets the directory, which is deleted unless `keep`. */
void site_done(demo_site *site, bool keep);

#endif
