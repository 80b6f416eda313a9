/* Reads the outbox behind a position, in an order that is safe against late commits: the gap-free
 * reader. sagas/gap.h decides, this brings it what PostgreSQL shows. Used by the relay, and by
 * followers that read their own service's outbox directly. One thread. */
#ifndef SKALD_OUTBOX_READER_H
#define SKALD_OUTBOX_READER_H

#include "base/arena.h"
#include "pg/connection.h"

#include <skald/message.h>
#include <skald/status.h>

typedef struct skald_outbox_reader skald_outbox_reader;

/* Begins behind `position`. `pg` is borrowed and used for nothing else while reading. `source` is
 * the CloudEvents source of the rows ("/orders"), borrowed. */
skald_status skald_outbox_reader_open(skald_outbox_reader **out, skald_pg *pg, const char *source,
                                      int64_t position);
void skald_outbox_reader_close(skald_outbox_reader *reader);

/* The next rows that may be read now, ascending; *count is 0 when there are none. The messages live
 * until the next call. `previous` of the messages is -1 (the relay knows it).
 * *wait_ms tells when to look again if nothing rings before: 0 when more can be had at once, 1 or
 * so while a gap is open, more when the outbox is read to its end. A reading aims at 4 MiB of
 * bodies and brings 512 rows at most, which bounds it when small bodies are followed by large ones.
 * Errors are those of skald_pg_run; the reader stays where it was, and after SKALD_UNAVAILABLE it
 * must be closed. */
skald_status skald_outbox_reader_next(skald_outbox_reader *reader, const skald_message **messages,
                                      size_t *count, uint32_t *wait_ms, skald_error *error);

/* Everything up to here was delivered or is dead. */
int64_t skald_outbox_reader_position(const skald_outbox_reader *reader);

#endif
