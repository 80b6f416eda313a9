/* Connections to the test's nats-server, and streams read back message by message and compared with
 * the outbox that they mirror. */
#ifndef TEST_SUPPORT_STREAM_H
#define TEST_SUPPORT_STREAM_H

#include "nats/connection.h"
#include "nats/stream.h"

/* A connection to the test's server; it says nothing. Close it with skald_nats_close. */
skald_nats *stream_connect(void);

/* Where the test's connections and relays write log lines, and how many of an id there were. With
 * TEST_LOG in the environment they are shown. */
skald_log *stream_log(void);
unsigned stream_log_count(const char *id);

/* Deletes a stream or one of its messages behind Skald's back, or makes one with a configuration of
 * the test's own (JSON as JetStream takes it). Fails the test when JetStream refuses. */
void stream_delete(skald_nats *nats, const char *stream);
/* Removes all messages on "<stream>.<subject>" but the last `keep`. */
void stream_purge(skald_nats *nats, const char *stream, const char *subject, int keep);
void stream_message_delete(skald_nats *nats, const char *stream, uint64_t sequence);
void stream_make(skald_nats *nats, const char *stream, const char *config);

/* The server keeps its connections and answers nothing, from the return on; and goes on. */
void stream_server_pause(void);
void stream_server_resume(void);

/* Publishes without headers and without waiting, as somebody else might. */
void stream_intrude(skald_nats *nats, const char *subject, const char *body);

/* The position of the stream's last message; 0 when it has none, or when it cannot be asked now. */
int64_t stream_last_position(skald_nats *nats, const char *stream);

/* Fails the test unless the stream holds exactly the outbox's rows: in order, once each, dense,
 * each with its id, lane and the position before it in its lane. */
void stream_expect_outbox(skald_nats *nats, const char *stream, const char *database);

#endif
