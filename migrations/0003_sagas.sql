-- 0003 sagas: running sagas, what happened to them, their history, kept signals and locks.
--
-- On a large skald.job this rewrites nothing: the new columns have no default.

-- Which definitions the programs of this service know. Written at every start of one.
CREATE TABLE skald.saga_definition (
    name         text         NOT NULL,
    version      integer      NOT NULL,
    fingerprint  bigint       NOT NULL,
    description  bytea        NOT NULL DEFAULT '',
    state_type   text         NOT NULL,
    keep_ms      bigint       NOT NULL DEFAULT 2592000000 CHECK (keep_ms > 0),
    seen_at      timestamptz  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, version)
);
COMMENT ON TABLE skald.saga_definition IS 'The plans of sagas, as the programs of this service know them.';
COMMENT ON COLUMN skald.saga_definition.fingerprint IS 'The same for the same plan of steps; see skald_definition_fingerprint.';
COMMENT ON COLUMN skald.saga_definition.keep_ms IS 'How long its ended sagas are kept, as its program says.';
COMMENT ON COLUMN skald.saga_definition.description IS 'skald.v1.SagaDescription: all of it that is not code.';

CREATE TABLE skald.saga (
    id                text         PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 160),
    partition         smallint     NOT NULL,
    definition        text         NOT NULL,
    version           integer      NOT NULL,
    fingerprint       bigint       NOT NULL,
    phase             text         NOT NULL DEFAULT 'new'
                      CHECK (phase IN ('new', 'running', 'compensating', 'completed', 'compensated')),
    machine           bytea,
    state             bytea        NOT NULL,
    state_type        text         NOT NULL,
    due_at            timestamptz  NOT NULL DEFAULT 'infinity',
    future            text         NOT NULL DEFAULT 'start' CHECK (future IN
                      ('nothing', 'start', 'time', 'message', 'child', 'person', 'lock', 'blocked', 'ended')),
    waits_for         text         NOT NULL DEFAULT '',
    blocked           text,
    tasks             text[],
    tasks_since       timestamptz,
    owed              text[],
    owed_since        timestamptz,
    reason            text         NOT NULL DEFAULT '',
    parent            text,
    parent_operation  text,
    root              text         NOT NULL,
    crashes           integer      NOT NULL DEFAULT 0,
    turns             integer      NOT NULL DEFAULT 0,
    stale             integer      NOT NULL DEFAULT 0,
    correlation_id    text,
    causation_id      text,
    traceparent       text,
    tracestate        text,
    started_at        timestamptz  NOT NULL DEFAULT clock_timestamp(),
    changed_at        timestamptz  NOT NULL DEFAULT clock_timestamp(),
    ended_at          timestamptz,
    CHECK ((parent IS NULL) = (parent_operation IS NULL)),
    CHECK ((ended_at IS NOT NULL) = (phase IN ('completed', 'compensated')))
) WITH (fillfactor = 60);
COMMENT ON TABLE skald.saga IS 'Sagas, running and ended; one row each.';
COMMENT ON COLUMN skald.saga.id IS 'The key its starter gave it: starting twice starts one.';
COMMENT ON COLUMN skald.saga.partition IS 'FNV-1a of the id modulo skald.service.partitions; its owner steps it.';
COMMENT ON COLUMN skald.saga.fingerprint IS 'Of the plan it runs on; a program without it leaves it alone.';
COMMENT ON COLUMN skald.saga.machine IS 'skald_saga_encode of the machine''s saga; NULL: not begun.';
COMMENT ON COLUMN skald.saga.state IS 'The user''s message of type state_type.';
COMMENT ON COLUMN skald.saga.due_at IS 'When there is something to do without being told.';
COMMENT ON COLUMN skald.saga.future IS 'What can move it; ''nothing'' is a bug, see skald.v_saga_stuck.';
COMMENT ON COLUMN skald.saga.waits_for IS 'The same in words.';
COMMENT ON COLUMN skald.saga.blocked IS 'Why nothing moves it until a person or a program says so; NULL: it moves.';
COMMENT ON COLUMN skald.saga.tasks IS 'Names of steps that are a person''s task; NULL: none.';
COMMENT ON COLUMN skald.saga.owed IS 'Names of steps whose undo is owed, while it turns back; NULL: none.';
COMMENT ON COLUMN skald.saga.reason IS 'Of the last refusal or failure, in the words of who said it.';
COMMENT ON COLUMN skald.saga.parent_operation IS 'The operation of the parent that this child answers by its end.';
COMMENT ON COLUMN skald.saga.root IS 'The first of its ancestors; its own id when it has none.';
COMMENT ON COLUMN skald.saga.crashes IS 'Processes that its code ended; it runs alone from the first on.';
COMMENT ON COLUMN skald.saga.turns IS 'Transactions that changed it; the number of its last row in skald.saga_history.';
COMMENT ON COLUMN skald.saga.stale IS 'Inputs that changed nothing.';
CREATE INDEX saga_due ON skald.saga (partition, due_at) WHERE due_at < 'infinity' AND blocked IS NULL;
CREATE INDEX saga_open ON skald.saga (definition, version, id) WHERE ended_at IS NULL;
CREATE INDEX saga_ended ON skald.saga (definition, version, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX saga_started ON skald.saga (started_at, id);
CREATE INDEX saga_still ON skald.saga (id) WHERE ended_at IS NULL AND blocked IS NULL AND due_at = 'infinity';
CREATE INDEX saga_parent ON skald.saga (parent) WHERE parent IS NOT NULL;
CREATE INDEX saga_tasks ON skald.saga (tasks_since) WHERE tasks IS NOT NULL;
CREATE INDEX saga_owed ON skald.saga (owed_since) WHERE owed IS NOT NULL;
CREATE INDEX saga_blocked ON skald.saga (id) WHERE blocked IS NOT NULL;

-- What happened and was not brought to its saga yet. Whoever wants something of a saga inserts here,
-- in any transaction, and rings; the owner of the partition takes rows in the order of their ids.
CREATE TABLE skald.saga_input (
    id          bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition   smallint     NOT NULL,
    saga        text         NOT NULL,
    event       text         NOT NULL CHECK (event IN ('done', 'refused', 'failed', 'signal', 'child-completed',
                    'child-compensated', 'cancel', 'take-back', 'retry', 'retry-new-input', 'retry-from', 'skip',
                    'resolve-done', 'resolve-not-done', 'compensate')),
    operation   text,
    step        text,
    name        text,
    type        text,
    body        bytea,
    reason      text,
    actor       text,
    message_id  text,
    early       boolean      NOT NULL DEFAULT false,
    created_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
    CHECK (event <> 'signal' OR name IS NOT NULL),
    CHECK (event NOT IN ('done', 'refused', 'failed', 'child-completed', 'child-compensated')
           OR operation IS NOT NULL)
);
CREATE INDEX saga_input_waiting ON skald.saga_input (partition, id) WHERE NOT early;
CREATE INDEX saga_input_early ON skald.saga_input (created_at) WHERE early;
CREATE INDEX saga_input_saga ON skald.saga_input (saga, id);
COMMENT ON TABLE skald.saga_input IS 'What happened to sagas and was not yet brought to them.';
COMMENT ON COLUMN skald.saga_input.operation IS 'Key of the operation that is answered (sagas/operation.h).';
COMMENT ON COLUMN skald.saga_input.step IS 'Name of the step, of a person''s request.';
COMMENT ON COLUMN skald.saga_input.name IS 'Of a signal; of a reply the stream it came in: whose answer it is.';
COMMENT ON COLUMN skald.saga_input.body IS 'Reply, result or event; of retry-new-input the new state.';
COMMENT ON COLUMN skald.saga_input.early IS 'Waits: its saga is not started yet, or blocked.';

CREATE TABLE skald.saga_history (
    saga    text         NOT NULL REFERENCES skald.saga (id) ON DELETE CASCADE,
    number  integer      NOT NULL,
    at      timestamptz  NOT NULL,
    lines   text         NOT NULL,
    actor   text,
    PRIMARY KEY (saga, number)
);
COMMENT ON TABLE skald.saga_history IS 'What happened to each saga: a row per turn, a line per change and action.';
COMMENT ON COLUMN skald.saga_history.actor IS 'Who asked for it, where somebody did.';

CREATE TABLE skald.saga_kept (
    saga       text      NOT NULL REFERENCES skald.saga (id) ON DELETE CASCADE,
    step       smallint  NOT NULL,
    direction  smallint  NOT NULL,
    type       text,
    body       bytea,
    PRIMARY KEY (saga, step, direction)
);
COMMENT ON TABLE skald.saga_kept IS 'Signals that came before the step that waits for them.';

-- Locks between sagas: held until the saga ends. Who wants one that is held stands in a row.
CREATE TABLE skald.saga_lock (
    name   text         PRIMARY KEY,
    saga   text         NOT NULL REFERENCES skald.saga (id) ON DELETE CASCADE,
    since  timestamptz  NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX saga_lock_saga ON skald.saga_lock (saga);
COMMENT ON TABLE skald.saga_lock IS 'Names that a saga holds against other sagas until it ends.';

CREATE TABLE skald.saga_lock_wait (
    name   text         NOT NULL,
    place  bigint       GENERATED ALWAYS AS IDENTITY,
    saga   text         NOT NULL REFERENCES skald.saga (id) ON DELETE CASCADE,
    since  timestamptz  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, saga)
);
CREATE INDEX saga_lock_wait_saga ON skald.saga_lock_wait (saga);
COMMENT ON TABLE skald.saga_lock_wait IS 'Sagas that wait for a lock, in the order of their places.';

-- Activities of sagas are jobs of the queue "@sagas", one per attempt.
ALTER TABLE skald.job
    ADD COLUMN operation   text,
    ADD COLUMN plan        text,
    ADD COLUMN timeout_ms  bigint CHECK (timeout_ms > 0);
COMMENT ON COLUMN skald.job.operation IS 'Of a saga''s activity: the key of the operation; its idempotency key.';
COMMENT ON COLUMN skald.job.plan IS 'Of a saga''s activity: by which definition, and what it undoes.';
COMMENT ON COLUMN skald.job.timeout_ms IS 'How long an attempt may take; NULL: as its queue says.';

-- However such a job ends, its saga is told: by the transaction that ends it as done, and here when it
-- is given up, cancelled or expires. What was given up is no dead letter: the saga decides what follows.
CREATE FUNCTION skald.saga_job_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO skald.saga_input (partition, saga, event, operation, reason, message_id)
    VALUES (NEW.partition, NEW.key, 'failed', NEW.operation,
            CASE NEW.state WHEN 'dead' THEN NEW.reason
                           WHEN 'cancelled' THEN 'it was abandoned: ' || coalesce(NEW.cancel_reason, NEW.reason)
                           ELSE format('its job was %s: %s', NEW.state, NEW.reason) END, NEW.message_id);
    IF NEW.state = 'dead' THEN
        NEW.state := 'discarded';
        NEW.holds := false;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION skald.saga_job_over IS 'Tells a saga that an attempt of its activity is over without an answer.';
CREATE TRIGGER saga_job_over BEFORE UPDATE OF state ON skald.job FOR EACH ROW
    WHEN (NEW.queue = '@sagas' AND NEW.operation IS NOT NULL AND OLD.state IN ('waiting', 'running')
          AND NEW.state NOT IN ('waiting', 'running', 'done'))
    EXECUTE FUNCTION skald.saga_job_over();

-- What follows an attempt its saga has decided long ago: run again, it would act behind its back.
CREATE OR REPLACE FUNCTION skald.job_stays_over(j skald.job, what text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF j.operation IS NOT NULL THEN
        RETURN format('job %s is an attempt of saga "%s", which decides what follows: see skald saga show %s', j.id,
                      j.key, j.key);
    END IF;
    IF j.state NOT IN ('dead', 'discarded', 'skipped', 'expired', 'cancelled')
       AND NOT (j.state IN ('parked', 'waiting') AND j.attempts > 0) THEN
        RETURN format('job %s is %s, only what failed or was given up is %s', j.id, j.state, what);
    END IF;
    IF j.unique_key IS NOT NULL AND EXISTS (SELECT FROM skald.job AS o WHERE o.queue = j.queue
         AND o.unique_key = j.unique_key AND o.id <> j.id AND o.state IN ('waiting', 'running')) THEN
        RETURN format('job %s is unique by "%s", and another one with this text is not over', j.id,
                      j.unique_key);
    END IF;
    RETURN '';
END
$$;

-- Which saga an operation belongs to: what stands before its last two parts.
CREATE FUNCTION skald.saga_of_operation(operation text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(operation, '/[^/]*/[^/]*$', '')
$$;
COMMENT ON FUNCTION skald.saga_of_operation IS 'The id of the saga that an operation key names.';

-- Starts one saga of `service` in whatever transaction is open: true when it is new, false when it was
-- there already, NULL in another service's database.
CREATE FUNCTION skald.saga_start(service text, id text, partition smallint, definition text, version integer,
                                 fingerprint bigint, state_type text, state bytea, correlation_id text,
                                 causation_id text, traceparent text, tracestate text)
RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM skald.service AS s WHERE s.name = saga_start.service) THEN
        RETURN NULL;
    END IF;
    INSERT INTO skald.saga (id, partition, definition, version, fingerprint, state_type, state, due_at,
                            waits_for, root, correlation_id, causation_id, traceparent, tracestate)
    VALUES (saga_start.id, saga_start.partition, saga_start.definition, saga_start.version,
            saga_start.fingerprint, saga_start.state_type, saga_start.state, skald.now(), 'it has not begun',
            saga_start.id, saga_start.correlation_id, saga_start.causation_id, saga_start.traceparent,
            saga_start.tracestate)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION skald.saga_start IS 'Starts a saga; false when it was started before, NULL in another service''s database.';

-- Takes a lock for a saga, unless another has it or stood in the row earlier. True: it is held.
CREATE FUNCTION skald.saga_lock_take(of_name text, of_saga text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO skald.saga_lock (name, saga)
    SELECT of_name, of_saga
     WHERE NOT EXISTS (SELECT FROM skald.saga_lock_wait AS w JOIN skald.saga AS s ON s.id = w.saga
                        WHERE w.name = of_name AND w.saga <> of_saga AND s.blocked IS NULL
                          AND w.place < coalesce((SELECT m.place FROM skald.saga_lock_wait AS m
                               WHERE m.name = of_name AND m.saga = of_saga), 9223372036854775807))
    ON CONFLICT (name) DO NOTHING;
    IF EXISTS (SELECT FROM skald.saga_lock WHERE name = of_name AND saga = of_saga) THEN
        DELETE FROM skald.saga_lock_wait WHERE name = of_name AND saga = of_saga;
        RETURN true;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION skald.saga_lock_take IS 'Takes a lock for a saga; false when it has to wait.';

-- Lets the first that waits for each of these locks try again, if nobody has the lock.
CREATE FUNCTION skald.saga_lock_pass(of_names text[]) RETURNS void LANGUAGE sql AS $$
    UPDATE skald.saga SET due_at = skald.now()
     WHERE id IN (SELECT head.saga FROM unnest(of_names) AS n(name) CROSS JOIN LATERAL (
                      SELECT w.saga FROM skald.saga_lock_wait AS w JOIN skald.saga AS s ON s.id = w.saga
                       WHERE w.name = n.name AND s.blocked IS NULL ORDER BY w.place LIMIT 1) AS head
                   WHERE NOT EXISTS (SELECT FROM skald.saga_lock AS l WHERE l.name = n.name))
       AND future = 'lock'
$$;
COMMENT ON FUNCTION skald.saga_lock_pass IS 'The first that waits for a free lock becomes due.';

-- A saga stands in the row for a lock. The holder cannot let go of it unseen: its row is locked, or it
-- is gone already and the saga tries again at once.
CREATE FUNCTION skald.saga_lock_await(of_name text, of_saga text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM skald.saga_lock WHERE name = of_name FOR SHARE;
    INSERT INTO skald.saga_lock_wait (name, saga) VALUES (of_name, of_saga) ON CONFLICT DO NOTHING;
    PERFORM skald.saga_lock_pass(ARRAY[of_name]);
END
$$;
COMMENT ON FUNCTION skald.saga_lock_await IS 'A saga waits for a lock from now on.';

-- Sagas let go of all their locks and places (of_names NULL), or of these.
CREATE FUNCTION skald.saga_lock_free(of_sagas text[], of_names text[] DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    freed text[];
BEGIN
    WITH gone AS (
        DELETE FROM skald.saga_lock WHERE saga = ANY (of_sagas) AND (of_names IS NULL OR name = ANY (of_names))
        RETURNING name),
    left_row AS (
        DELETE FROM skald.saga_lock_wait WHERE saga = ANY (of_sagas) AND (of_names IS NULL OR name = ANY (of_names))
        RETURNING name)
    SELECT array_agg(name ORDER BY name) INTO freed FROM (SELECT name FROM gone UNION SELECT name FROM left_row) AS n;
    IF freed IS NOT NULL THEN
        PERFORM skald.saga_lock_pass(freed);
    END IF;
END
$$;
COMMENT ON FUNCTION skald.saga_lock_free IS 'Sagas let go of their locks; who waits for one has its turn.';

-- Sagas wait for nothing any more.
CREATE FUNCTION skald.saga_lock_leave(of_sagas text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    freed text[];
BEGIN
    WITH gone AS (DELETE FROM skald.saga_lock_wait WHERE saga = ANY (of_sagas) RETURNING name)
    SELECT array_agg(name ORDER BY name) INTO freed FROM gone;
    IF freed IS NOT NULL THEN
        PERFORM skald.saga_lock_pass(freed);
    END IF;
END
$$;
COMMENT ON FUNCTION skald.saga_lock_leave IS 'Sagas leave the rows in which they waited for locks.';

-- --- what people look at ---------------------------------------------------------------------------

CREATE VIEW skald.v_saga AS
SELECT id, partition, definition, version, fingerprint, phase, future, waits_for, due_at, blocked, tasks, owed,
       reason, parent, parent_operation, root, crashes, turns, stale, correlation_id, traceparent, state_type,
       octet_length(state) AS state_size, started_at, changed_at, ended_at,
       coalesce(ended_at, skald.now()) - started_at AS age
  FROM skald.saga;
COMMENT ON VIEW skald.v_saga IS 'Sagas without their state, and what each waits for.';

CREATE VIEW skald.v_debts AS
SELECT s.id AS saga, s.definition, o.step, s.owed_since AS since
  FROM skald.saga AS s CROSS JOIN LATERAL unnest(s.owed) AS o(step) WHERE s.owed IS NOT NULL;
COMMENT ON VIEW skald.v_debts IS 'What is done and must be undone: empty when every saga has ended.';

CREATE VIEW skald.v_saga_task AS
SELECT s.id AS saga, s.definition, t.step, s.waits_for, s.tasks_since AS since, s.reason
  FROM skald.saga AS s CROSS JOIN LATERAL unnest(s.tasks) AS t(step) WHERE s.tasks IS NOT NULL
 UNION ALL
SELECT s.id, s.definition, NULL, s.blocked, s.changed_at, s.reason
  FROM skald.saga AS s WHERE s.blocked IS NOT NULL;
COMMENT ON VIEW skald.v_saga_task IS 'What a person has to decide: steps handed over, and sagas that are blocked (step NULL).';

-- Sagas that have not ended, and that neither time, an input, a child, a lock nor a person can move.
-- Values and no EXISTS: those are looked up by an index for each saga, and never hashed over all sagas.
CREATE VIEW skald.v_saga_stuck AS
SELECT s.id AS saga, s.definition, s.version, s.phase, s.future, s.changed_at AS since,
       CASE s.future
           WHEN 'child' THEN 'it awaits the end of a child, but all its children have ended'
           WHEN 'lock' THEN 'it waits for a lock that nobody has'
           WHEN 'person' THEN 'it waits for a person, but no step was handed over'
           ELSE 'it has no time, no message and nobody to wait for'
       END AS why
  FROM skald.saga AS s
 WHERE s.ended_at IS NULL AND s.blocked IS NULL AND s.due_at = 'infinity'
   AND (SELECT i.id FROM skald.saga_input AS i WHERE i.saga = s.id AND NOT i.early LIMIT 1) IS NULL
   AND CASE s.future
           WHEN 'person' THEN s.tasks IS NULL
           WHEN 'child' THEN (
               SELECT c.id FROM skald.saga AS c WHERE c.parent = s.id
                  AND (c.ended_at IS NULL
                       OR (SELECT i.id FROM skald.saga_input AS i WHERE i.saga = c.id LIMIT 1) IS NOT NULL)
                LIMIT 1) IS NULL
           WHEN 'lock' THEN (
               SELECT w.name FROM skald.saga_lock_wait AS w JOIN skald.saga_lock AS l ON l.name = w.name
                WHERE w.saga = s.id AND (SELECT o.ended_at FROM skald.saga AS o WHERE o.id = l.saga) IS NULL
                LIMIT 1) IS NULL
           ELSE true
       END;
COMMENT ON VIEW skald.v_saga_stuck IS 'Sagas that nothing will ever move: must be empty; the keeper mends what it finds here.';
