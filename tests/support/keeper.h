/* Services whose keeper is looked at: a clock that stands where the test puts it, and a log that is
 * counted. */
#ifndef TEST_SUPPORT_KEEPER_H
#define TEST_SUPPORT_KEEPER_H

#include <skald/skald.h>

/* From now on skald.now() of this database is that time, "2026-03-29 00:30+00" for example. */
void keeper_clock_set(const char *database, const char *time);

/* The clock of the machine again, moved by an interval, "3 hours" for example. */
void keeper_clock_shift(const char *database, const char *interval);

/* Options with that database, no NATS unless given, a short lease, and the counted log. */
skald_options keeper_options(const char *database, const char *nats_url);

/* Opens, or starts, or stops and frees; fails the test if that fails. */
skald_service *keeper_service(const char *name, const skald_options *options);
void keeper_start(skald_service *service);
void keeper_stop(skald_service *service);

/* How many lines of an id there were since the test program began, and the text of the last one
 * (valid until the next call). With TEST_LOG in the environment they are shown. */
unsigned keeper_log_count(const char *id);
const char *keeper_log_text(const char *id);

/* Waits until the keeper has gone through all its duties since the call: what it did not do by then
 * it does not do. */
void keeper_turn_await(const char *database);

#endif
