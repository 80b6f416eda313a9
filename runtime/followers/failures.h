/* After a failure: what kind it was, what the policy makes of it, and carrying that out. */
#ifndef SKALD_FOLLOWERS_FAILURES_H
#define SKALD_FOLLOWERS_FAILURES_H

#include "followers/batch_parts.h"

/* What is known of the failure that batch_try met with this item. */
void skald_failure_describe(const skald_batch *batch, const skald_item *item,
                            const skald_error *error, skald_attempt *attempt);

/* Settles an item that has failed with `attempt`: tries it again in place as often as its policy
 * says, then makes a job of it, parked or dead. */
skald_status skald_failure_settle(skald_batch *batch, skald_item *item,
                                  const skald_attempt *attempt, skald_error *error);

/* Runs an item that may take its process along: alone, and after a commit that says so; or decides
 * what becomes of it when it has done so before. */
skald_status skald_failure_run_suspect(skald_batch *batch, skald_item *item, skald_error *error);

#endif
