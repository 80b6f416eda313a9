/* What followers say to the relay: "I miss rows", "I have reached". Both come from the network: the
 * answer to one request is bounded, and so is what may be stored. */
#include "codec/decode.h"
#include "codec/encode.h"
#include "event/cloudevents.h"
#include "outbox/relay_parts.h"
#include "outbox/rows.h"
#include "pg/array.h"

#include <inttypes.h>
#include <skald/v1/relay.pb-c.h>
#include <string.h>

enum {
    ROWS_MAX = 500,                    /* in one answer */
    ANSWER_SIZE_MAX = 4 * 1024 * 1024, /* of bodies, in one answer */
    HEADERS_MAX = 256,
    SUBSCRIBERS_MAX = 1000,
    NAME_SIZE_MAX = 128,
};

/* One row on its way to the follower. */
typedef struct answer {
    skald_relay *relay;
    const char *reply;
    skald_arena *arena;
    skald_header_view headers[HEADERS_MAX];
    size_t header_count;
} answer;

static skald_status header_add(void *user, const char *name, const char *value)
{
    answer *one = user;
    if (one->header_count == HEADERS_MAX)
        return SKALD_FULL;
    skald_header_view *header = &one->headers[one->header_count++];
    *header = (skald_header_view){skald_arena_text(one->arena, name),
                                  skald_arena_text(one->arena, value)};
    return header->name != NULL && header->value != NULL ? SKALD_OK : SKALD_NO_MEMORY;
}

static skald_status row_send(answer *one, const skald_message *row, skald_error *error)
{
    one->header_count = 0;
    const skald_status status = skald_cloudevents_write(row, one->arena, header_add, one);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "position %" PRId64 " cannot be built as a message",
                               row->position);
    const skald_nats_view view = {
        .subject = one->reply,
        .headers = one->headers,
        .header_count = one->header_count,
        .body = row->body,
    };
    return skald_nats_send(one->relay->options.nats, &view, error);
}

static skald_status end_send(answer *one, const Skald__V1__MissingEnd *end, skald_error *error)
{
    static const skald_header_view header = {SKALD_HEADER_MISSING, "end"};
    skald_bytes body;
    const skald_status status = skald_encode(&body, &end->base, one->arena, error);
    if (status != SKALD_OK)
        return status;
    const skald_nats_view view = {
        .subject = one->reply, .headers = &header, .header_count = 1, .body = body};
    return skald_nats_send(one->relay->options.nats, &view, error);
}

/* Behind SKALD_OUTBOX_COLUMNS: rows there are, up to ROWS_MAX + 1. */
enum { COLUMN_LANE_COUNT = SKALD_OUTBOX_COLUMN_COUNT };

static skald_status rows_read(skald_rows **rows, skald_relay *relay,
                              const Skald__V1__MissingRequest *request, skald_error *error)
{
    /* Behind what is confirmed there may be gaps that are not decided yet. */
    const int64_t confirmed = skald_relay_confirmed(relay);
    const int64_t before =
        request->before_position <= confirmed ? request->before_position : confirmed + 1;
    const skald_param params[] = {skald_integer(request->partition),
                                  skald_integer(request->after_position), skald_integer(before),
                                  skald_integer(ROWS_MAX + 1), skald_integer(ANSWER_SIZE_MAX)};
    return skald_pg_run_binary(
        relay->keeper.pg, rows,
        "SELECT " SKALD_OUTBOX_COLUMNS
        ", lane_count FROM (SELECT *, count(*) OVER () AS lane_count,"
        " sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS size_before"
        " FROM (SELECT * FROM skald.outbox WHERE partition = $1 AND position > $2"
        " AND position < $3 ORDER BY position LIMIT $4) AS lane) AS measured"
        " WHERE size_before < $5 ORDER BY position",
        5, params, error);
}

static skald_status trimmed_read(int64_t *out, skald_relay *relay, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(relay->keeper.pg, &rows, error,
                    "SELECT coalesce(min(first_position), 1) - 1 FROM skald.outbox_range");
    if (status == SKALD_OK)
        *out = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

/* A row's place in its lane is told by the row before it; before the first there is what the
 * follower has, or nothing any more. */
static skald_status rows_send(answer *one, const skald_rows *rows, int64_t previous,
                              Skald__V1__MissingEnd *end, skald_error *error)
{
    const uint32_t found = skald_rows_count(rows);
    for (uint32_t i = 0; i < found && i < ROWS_MAX; i++) {
        skald_message row;
        skald_status status = skald_outbox_row(&row, rows, i, one->relay->source, one->arena);
        if (status != SKALD_OK)
            return skald_error_set(error, status, "no memory to answer a follower");
        row.previous = previous;
        previous = row.position;
        status = row_send(one, &row, error);
        if (status != SKALD_OK)
            return status;
        end->sent_count++;
    }
    end->more = found > 0 && end->sent_count < skald_rows_integer(rows, 0, COLUMN_LANE_COUNT);
    return SKALD_OK;
}

static skald_status missing_answer(answer *one, const Skald__V1__MissingRequest *request,
                                   skald_error *error)
{
    Skald__V1__MissingEnd end = SKALD__V1__MISSING_END__INIT;
    skald_rows *rows = NULL;
    skald_status status = trimmed_read(&end.trimmed_position, one->relay, error);
    if (status == SKALD_OK)
        status = rows_read(&rows, one->relay, request, error);
    if (status == SKALD_OK) {
        const int64_t previous = request->after_position > end.trimmed_position
                                     ? request->after_position
                                     : end.trimmed_position;
        status = rows_send(one, rows, previous, &end, error);
    }
    skald_rows_free(rows);
    if (status == SKALD_OK)
        status = end_send(one, &end, error);
    if (status == SKALD_OK)
        skald_log_say(one->relay->options.log, SKALD_LOG_INFO, "RELAY-REPAIRS",
                      "sent follower \"%.*s\" %" PRIu32 " rows of lane %" PRIu32
                      " behind position %" PRId64 " that it misses",
                      NAME_SIZE_MAX, request->follower, end.sent_count, request->partition,
                      request->after_position);
    return status;
}

/* What cannot be read is nobody's trouble but the sender's. */
static const void *request_decode(skald_relay *relay, const ProtobufCMessageDescriptor *descriptor,
                                  const skald_relay_request *request, skald_arena *arena)
{
    const ProtobufCMessage *message = NULL;
    skald_error error = {0};
    const skald_bytes body = {request->body, request->size};
    if (skald_decode(&message, descriptor, body, arena, &error) == SKALD_OK)
        return message;
    skald_log_say(relay->options.log, SKALD_LOG_DEBUG, "RELAY-REQUEST-BAD", "%s", error.text);
    return NULL;
}

skald_status skald_relay_answer_missing(skald_relay *relay, const skald_relay_request *request,
                                        skald_error *error)
{
    skald_arena arena = {0};
    skald_status status = SKALD_OK;
    const Skald__V1__MissingRequest *decoded =
        request_decode(relay, &skald__v1__missing_request__descriptor, request, &arena);
    if (decoded != NULL && decoded->partition < relay->options.partitions &&
        skald_relay_confirmed(relay) >= 0) {
        answer one = {.relay = relay, .reply = request->reply, .arena = &arena};
        status = missing_answer(&one, decoded, error);
    }
    skald_arena_done(&arena);
    return status;
}

static bool report_sound(const skald_relay *relay, const Skald__V1__ReachedReport *report)
{
    for (size_t i = 0; i < report->n_positions; i++) {
        if (report->positions[i] < 0)
            return false;
    }
    return report->n_positions == relay->options.partitions && report->service[0] != '\0' &&
           strlen(report->service) <= NAME_SIZE_MAX && report->follower[0] != '\0' &&
           strlen(report->follower) <= NAME_SIZE_MAX;
}

/* The newest word counts, also when it goes back: a follower may have been set back on purpose. */
static skald_status report_store(skald_relay *relay, const Skald__V1__ReachedReport *report,
                                 skald_error *error)
{
    skald_array positions;
    skald_array_init(&positions, SKALD_ARRAY_INT8);
    for (size_t i = 0; i < report->n_positions; i++)
        skald_array_integer(&positions, report->positions[i]);
    const skald_param params[] = {skald_text(report->service), skald_text(report->follower),
                                  skald_array_param(&positions), skald_integer(SUBSCRIBERS_MAX)};
    const skald_status status = skald_pg_run(
        relay->keeper.pg, NULL,
        "INSERT INTO skald.subscriber (service, follower, partition, position)"
        " SELECT $1, $2, lane - 1, reached FROM unnest($3) WITH ORDINALITY"
        " AS r(reached, lane)"
        " WHERE (SELECT count(*) FROM skald.subscriber WHERE partition = 0) < $4"
        " OR EXISTS (SELECT FROM skald.subscriber WHERE service = $1 AND follower = $2)"
        " ON CONFLICT (service, follower, partition) DO UPDATE"
        " SET position = excluded.position, reported_at = clock_timestamp()",
        4, params, error);
    skald_array_done(&positions);
    return status;
}

skald_status skald_relay_note_reached(skald_relay *relay, const skald_relay_request *request,
                                      skald_error *error)
{
    skald_arena arena = {0};
    skald_status status = SKALD_OK;
    const Skald__V1__ReachedReport *report =
        request_decode(relay, &skald__v1__reached_report__descriptor, request, &arena);
    if (report != NULL && report_sound(relay, report))
        status = report_store(relay, report, error);
    skald_arena_done(&arena);
    return status;
}
