-- 0001 bus: the outbox, the followers' positions, processes and their leases, jobs.
--
-- One service owns this database. Everything lives in schema "skald"; the service's own tables are
-- its own business. Applied by `skald migrate up`, in one transaction; the table skald.migration is
-- made by that command before the first migration runs.

-- Which service this database belongs to. One row, written at the service's first start.
CREATE TABLE skald.service (
    name        text        PRIMARY KEY,
    partitions  smallint    NOT NULL CHECK (partitions BETWEEN 1 AND 256),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    single      boolean     NOT NULL DEFAULT true UNIQUE CHECK (single)
);
COMMENT ON TABLE skald.service IS 'The service that owns this database; one row.';
COMMENT ON COLUMN skald.service.partitions IS
    'Into how many partitions the keys of its events are divided; never changes.';

-- The outbox is the log. Append-only: no row is ever updated or deleted, whole ranges of positions
-- are dropped when their time has come. A row's position is drawn from a sequence before its
-- transaction commits, so a smaller one can become visible later: readers must resolve gaps (see
-- runtime/outbox/README.md) and the sequence must not be cached by sessions (CACHE 1).
CREATE TABLE skald.outbox (
    position        bigint      GENERATED ALWAYS AS IDENTITY (CACHE 1),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id        uuid        NOT NULL,
    partition       smallint    NOT NULL,
    kind            "char"      NOT NULL DEFAULT 'e',
    type            text        NOT NULL,
    key             text        NOT NULL,
    correlation_id  text,
    causation_id    text,
    traceparent     text,
    tracestate      text,
    headers         text,
    body            bytea       NOT NULL,
    PRIMARY KEY (position)
) PARTITION BY RANGE (position);
COMMENT ON TABLE skald.outbox IS
    'Every event this service published, in the order of its positions; append-only.';
COMMENT ON COLUMN skald.outbox.partition IS
    'FNV-1a of the key modulo skald.service.partitions; see <skald/partition.h>.';
COMMENT ON COLUMN skald.outbox.kind IS 'e event, c command, r reply';
COMMENT ON COLUMN skald.outbox.headers IS 'The user''s own headers, one "name: value" line each.';

-- Puts one event into the outbox of `service`, in whatever transaction is open; false when this is
-- another service's database. A function, because PostgreSQL then plans the INSERT once per session
-- instead of once per event, also behind a transaction pooler and without a prepared statement in a
-- session that is not ours.
CREATE FUNCTION skald.publish(service text, event_id uuid, partition smallint, type text, key text,
                              correlation_id text, causation_id text, traceparent text,
                              tracestate text, headers text, body bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO skald.outbox (event_id, partition, type, key, correlation_id, causation_id,
                              traceparent, tracestate, headers, body)
    SELECT publish.event_id, publish.partition, publish.type, publish.key, publish.correlation_id,
           publish.causation_id, publish.traceparent, publish.tracestate, publish.headers,
           publish.body
     WHERE EXISTS (SELECT FROM skald.service AS s WHERE s.name = publish.service);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION skald.publish IS 'Puts one event into the outbox; false in another service''s database.';

-- The ranges of the outbox, oldest first.
CREATE TABLE skald.outbox_range (
    first_position  bigint      PRIMARY KEY,
    end_position    bigint      NOT NULL UNIQUE CHECK (end_position > first_position),
    table_name      text        NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE skald.outbox_range IS 'The partitions of skald.outbox: [first_position, end_position).';

-- Keeps `ahead` empty ranges of `range_size` positions in front of the sequence, so that an INSERT
-- always finds its table. Returns how many were made. ATTACH takes only SHARE UPDATE EXCLUSIVE on the
-- outbox, which does not wait for writers nor make them wait. Called at every start and every few
-- seconds by whoever leads the relay.
CREATE FUNCTION skald.outbox_extend(range_size bigint DEFAULT 1000000, ahead integer DEFAULT 4)
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, skald AS $$
DECLARE
    made       integer := 0;
    last_drawn bigint;
    next_first bigint;
    table_name text;
BEGIN
    -- One at a time; who finds another at it has nothing to do.
    IF NOT pg_try_advisory_xact_lock(hashtext('skald.outbox_extend')) THEN
        RETURN 0;
    END IF;
    SELECT last_value INTO last_drawn FROM skald.outbox_position_seq;
    SELECT coalesce(max(end_position), 1) INTO next_first FROM skald.outbox_range;
    WHILE next_first <= last_drawn + range_size * ahead LOOP
        table_name := 'outbox_' || lpad(next_first::text, 19, '0');
        EXECUTE format('CREATE TABLE skald.%I (LIKE skald.outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)',
                       table_name);
        EXECUTE format('ALTER TABLE skald.outbox ATTACH PARTITION skald.%I FOR VALUES FROM (%s) TO (%s)',
                       table_name, next_first, next_first + range_size);
        INSERT INTO skald.outbox_range (first_position, end_position, table_name)
        VALUES (next_first, next_first + range_size, table_name);
        next_first := next_first + range_size;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION skald.outbox_extend IS 'Makes the next ranges of skald.outbox before they are needed.';

SELECT skald.outbox_extend();

-- One row per process of this service that shows signs of life. A process is alive while expires_at
-- lies ahead of the database's clock; nothing else counts.
CREATE TABLE skald.process (
    id          uuid        PRIMARY KEY,
    host        text        NOT NULL,
    pid         integer     NOT NULL,
    version     text        NOT NULL,
    followers   text[]      NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE skald.process IS 'The processes of the service; alive while expires_at is ahead.';
COMMENT ON COLUMN skald.process.followers IS 'Which duties it can take a share of.';

-- The followers of this service. The relay is one of them, "@relay": it follows the outbox, and its
-- effects are in the stream.
CREATE TABLE skald.follower (
    name        text        PRIMARY KEY,
    stream      text        NOT NULL,
    partitions  smallint    NOT NULL CHECK (partitions BETWEEN 1 AND 256),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE skald.follower IS 'What this service follows, each with its own positions.';

-- How far each follower is in each partition, and who works on it. The row is updated by the same
-- transaction that holds the handlers' effects: that commit is the acknowledgment.
CREATE TABLE skald.position (
    follower    text        NOT NULL REFERENCES skald.follower (name),
    partition   smallint    NOT NULL,
    position    bigint      NOT NULL,
    epoch       bigint      NOT NULL DEFAULT 0,
    holder      uuid,
    handled     bigint      NOT NULL DEFAULT 0,
    skipped     bigint      NOT NULL DEFAULT 0,
    moved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (follower, partition)
) WITH (fillfactor = 25);
COMMENT ON TABLE skald.position IS 'The position each follower has reached in each partition.';
COMMENT ON COLUMN skald.position.epoch IS
    'Raised whenever the partition changes hands; a commit that names an older one is refused.';
COMMENT ON COLUMN skald.position.holder IS 'skald.process.id of its owner; NULL: free.';

-- Moves positions, one call per transaction, as its last statement before COMMIT. All arrays have one
-- element per partition. Raises SK001 when any of them is no longer the caller's (other epoch) or not
-- where the caller left it: the whole transaction then rolls back.
CREATE FUNCTION skald.advance(followers text[], partitions smallint[], epochs bigint[],
                              reached_positions bigint[], next_positions bigint[],
                              handled_counts integer[], skipped_counts integer[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, skald AS $$
DECLARE
    moved integer;
BEGIN
    UPDATE skald.position AS p
       SET position = m.next, handled = p.handled + m.handled, skipped = p.skipped + m.skipped,
           moved_at = clock_timestamp()
      FROM unnest(followers, partitions, epochs, reached_positions, next_positions,
                  handled_counts, skipped_counts)
           AS m(follower, partition, epoch, reached, next, handled, skipped)
     WHERE p.follower = m.follower AND p.partition = m.partition
       AND p.epoch = m.epoch AND p.position = m.reached;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(followers) THEN
        RAISE EXCEPTION 'skald: % of % partitions are no longer this process''s',
            cardinality(followers) - moved, cardinality(followers)
            USING ERRCODE = 'SK001';
    END IF;
END
$$;
COMMENT ON FUNCTION skald.advance IS 'Acknowledges messages by moving positions; refuses fenced owners.';

-- What could not be finished in its transaction: a message whose handler failed and the later ones of
-- its key ("parked"), and messages that cannot be decoded ("dead"). Ordered per key by position. Only the
-- first parked job of a key is due at a time; those behind it are due at infinity until it is done.
CREATE TABLE skald.job (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    follower        text        NOT NULL REFERENCES skald.follower (name),
    partition       smallint    NOT NULL,
    state           text        NOT NULL CHECK (state IN ('parked', 'dead')),
    position        bigint,
    sequence        bigint,
    attempts        integer     NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT 'infinity',
    reason          text        NOT NULL DEFAULT '',
    sqlstate        text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at        timestamptz,
    published_at    timestamptz,
    message_id      text,
    source          text,
    type            text,
    key             text,
    content_type    text,
    correlation_id  text,
    causation_id    text,
    traceparent     text,
    tracestate      text,
    headers         text,
    body            bytea       NOT NULL,
    CHECK (position IS NOT NULL OR sequence IS NOT NULL)
);
COMMENT ON TABLE skald.job IS 'Messages that wait behind a failure, or are kept for a person.';
COMMENT ON COLUMN skald.job.position IS 'Of the message; NULL where it carried none that can be read.';
COMMENT ON COLUMN skald.job.sequence IS 'In the stream, where the position cannot be read.';
COMMENT ON COLUMN skald.job.reason IS 'Of the last failure, in words.';
CREATE UNIQUE INDEX job_position ON skald.job (follower, partition, position) WHERE position IS NOT NULL;
CREATE UNIQUE INDEX job_sequence ON skald.job (follower, sequence) WHERE position IS NULL;
CREATE INDEX job_key ON skald.job (follower, partition, key, position) WHERE state = 'parked';
CREATE INDEX job_due ON skald.job (follower, partition, due_at) WHERE state = 'parked';

-- Ids of messages applied from streams that Skald did not write, whose writers may repeat them.
CREATE TABLE skald.seen (
    follower    text        NOT NULL,
    message_id  text        NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (follower, message_id)
);
COMMENT ON TABLE skald.seen IS 'Message ids already applied from foreign streams.';

-- Followers in other services, as they report themselves; nothing is trimmed that one still needs. By
-- partition, since a partition without events stays where it was and must not hold up the others.
CREATE TABLE skald.subscriber (
    service     text        NOT NULL,
    follower    text        NOT NULL,
    partition   smallint    NOT NULL,
    position    bigint      NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (service, follower, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE skald.subscriber IS 'Other services'' followers of our stream, and how far they are.';
