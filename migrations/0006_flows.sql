-- 0006 flows: choreographed sagas that were declared, as they are seen: instances, their events, what is
-- awaited until when.
--
-- New tables only: nothing is rewritten, however large the outbox is.

-- Flows that a program of this service watches, as it declared them last.
CREATE TABLE skald.flow_definition (
    name         text         PRIMARY KEY,
    version      integer      NOT NULL,
    description  text         NOT NULL,
    keep_ms      bigint       NOT NULL CHECK (keep_ms > 0),
    seen_at      timestamptz  NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE skald.flow_definition IS 'Declared flows, as the program that started last knows them.';
COMMENT ON COLUMN skald.flow_definition.description IS 'The table of events and expectations, in words.';
COMMENT ON COLUMN skald.flow_definition.keep_ms IS 'How long instances are kept that have ended or never began.';

-- One row per flow and key. Made by the first event, also when that is not the one that begins it.
CREATE TABLE skald.flow (
    id           bigint       GENERATED ALWAYS AS IDENTITY,
    flow         text         NOT NULL,
    key          text         NOT NULL,
    version      integer      NOT NULL DEFAULT 0,
    phase        text         NOT NULL DEFAULT 'early' CHECK (phase IN ('early', 'open', 'ended')),
    seen         text         NOT NULL DEFAULT '',
    events       integer      NOT NULL DEFAULT 0,
    began_at     timestamptz,
    last_type    text,
    last_source  text,
    last_at      timestamptz,
    ended_at     timestamptz,
    ended_by     text,
    outcome      text         CHECK (outcome IN ('well', 'badly', 'closed')),
    changed_at   timestamptz  NOT NULL DEFAULT skald.now(),
    PRIMARY KEY (flow, key)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX flow_id ON skald.flow (id);
CREATE INDEX flow_key ON skald.flow (key);
CREATE INDEX flow_over ON skald.flow (flow, changed_at) WHERE phase <> 'open';
COMMENT ON TABLE skald.flow IS 'Instances of flows. What people look at is skald.v_flow.';
COMMENT ON COLUMN skald.flow.phase IS 'early: nothing has begun it yet, and its events are kept until something does.';
COMMENT ON COLUMN skald.flow.seen IS 'A line per type: how often it was seen, and when it happened first and last.';
COMMENT ON COLUMN skald.flow.outcome IS 'Of what has ended; closed: by a person.';
COMMENT ON COLUMN skald.flow.changed_at IS 'When the last event was noted, or a person closed it.';

-- The timeline, in the order in which events were seen.
CREATE TABLE skald.flow_event (
    flow         text         NOT NULL,
    key          text         NOT NULL,
    number       integer      NOT NULL,
    at           timestamptz  NOT NULL,
    type         text         NOT NULL,
    source       text         NOT NULL,
    note         text         NOT NULL,
    message_id   text         NOT NULL,
    position     bigint       NOT NULL,
    noted_at     timestamptz  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (flow, key, number),
    UNIQUE (flow, key, message_id)
);
COMMENT ON TABLE skald.flow_event IS 'Events of instances of flows; of one instance the first 1,000.';
COMMENT ON COLUMN skald.flow_event.at IS 'When it was published.';
COMMENT ON COLUMN skald.flow_event.source IS 'The service whose stream it came by.';
COMMENT ON COLUMN skald.flow_event.note IS
    'What it was when it was seen: begins, expected, late, early, repeated, unexpected, after the end.';
COMMENT ON COLUMN skald.flow_event.message_id IS 'By which an event is noted once, also when its stream is read again.';

-- What is awaited: a row per instance and expectation that is not met.
CREATE TABLE skald.flow_wait (
    id           bigint       GENERATED ALWAYS AS IDENTITY,
    flow         text         NOT NULL,
    key          text         NOT NULL,
    after        text         NOT NULL,
    words        text         NOT NULL,
    expects      text[]       NOT NULL,
    sources      text[]       NOT NULL,
    since        timestamptz  NOT NULL,
    due_at       timestamptz  NOT NULL,
    alarm_at     timestamptz  NOT NULL,
    alerted_at   timestamptz,
    tried_at     timestamptz,
    PRIMARY KEY (flow, key, after, words)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX flow_wait_id ON skald.flow_wait (id);
CREATE INDEX flow_wait_alarm ON skald.flow_wait (alarm_at) WHERE alerted_at IS NULL;
COMMENT ON TABLE skald.flow_wait IS 'Expectations of instances of flows that are not met.';
COMMENT ON COLUMN skald.flow_wait.after IS 'The event that happened at "since".';
COMMENT ON COLUMN skald.flow_wait.words IS 'One of these has to come, in words.';
COMMENT ON COLUMN skald.flow_wait.sources IS 'The services that they come from.';
COMMENT ON COLUMN skald.flow_wait.alarm_at IS
    'When people are told. Later than due_at where the event before it was seen late: then what is awaited may be on its way.';
COMMENT ON COLUMN skald.flow_wait.alerted_at IS 'When people were told; they are told once.';
COMMENT ON COLUMN skald.flow_wait.tried_at IS 'When telling them failed.';

-- A person knows better: nothing is awaited any more. 'ok', or why not.
CREATE FUNCTION skald.flow_close(of_flow text, of_key text, actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    f skald.flow;
BEGIN
    SELECT * INTO f FROM skald.flow WHERE flow = of_flow AND key = of_key FOR UPDATE;
    IF f.id IS NULL THEN
        RETURN format('flow "%s" has no instance "%s"', of_flow, of_key);
    END IF;
    IF f.phase = 'ended' THEN
        RETURN format('instance "%s" of flow "%s" has ended already: %s', of_key, of_flow, f.outcome);
    END IF;
    UPDATE skald.flow SET phase = 'ended', outcome = 'closed', ended_at = skald.now(), changed_at = skald.now()
     WHERE id = f.id;
    DELETE FROM skald.flow_wait WHERE flow = of_flow AND key = of_key;
    INSERT INTO skald.audit (actor, action, object, reason)
    VALUES (actor, 'close', format('flow %s %s', of_flow, of_key), reason);
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.flow_close IS 'Closes an instance of a flow: nothing is awaited of it any more.';

CREATE VIEW skald.v_flow AS
SELECT f.id, f.flow, f.version, f.key,
       CASE WHEN f.phase = 'open' AND w.due_at <= skald.now() THEN 'overdue' ELSE f.phase END AS state,
       f.outcome, f.began_at, f.last_type, f.last_source, f.last_at, w.expects, w.due_at, w.alerted_at,
       f.ended_at, f.ended_by, f.events, f.changed_at
  FROM skald.flow AS f
  LEFT JOIN LATERAL
       (SELECT array_agg(e.type ORDER BY s.due_at, e.place) AS expects, min(s.due_at) AS due_at,
               min(s.alerted_at) AS alerted_at
          FROM skald.flow_wait AS s, unnest(s.expects) WITH ORDINALITY AS e(type, place)
         WHERE s.flow = f.flow AND s.key = f.key) AS w ON true;
COMMENT ON VIEW skald.v_flow IS 'Instances of flows, and what is awaited until when.';
