-- 0002 jobs: what cannot be finished now becomes a row. Retries over days, dead letters, activities,
-- work queues with limits, delayed and scheduled messages, alerts, bulk operations, an audit trail.
--
-- On a large skald.job this rewrites nothing: new columns have constant defaults. The new indexes are
-- built under a lock on skald.job, which holds failures only and is small.

-- The clock by which everything is due. A function, so that a test can put another time in its place;
-- PostgreSQL inlines it.
CREATE FUNCTION skald.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT clock_timestamp()';
COMMENT ON FUNCTION skald.now IS 'The time by which jobs, schedules and limits are due.';

-- Followers and queues have caps; who is above them takes nothing new.
ALTER TABLE skald.follower
    ADD COLUMN full_since timestamptz;
COMMENT ON COLUMN skald.follower.full_since IS
    'Since when its waiting and dead jobs are above its cap, so that nothing new is taken; NULL: room.';

-- Queues of jobs. One row per queue that a program of this service has declared.
CREATE TABLE skald.queue (
    name              text             PRIMARY KEY,
    declared          text             NOT NULL DEFAULT '',
    ordered           boolean          NOT NULL DEFAULT true,
    concurrency       integer          CHECK (concurrency > 0),
    rate              double precision CHECK (rate > 0),
    burst             integer          NOT NULL DEFAULT 1 CHECK (burst > 0),
    key_concurrency   integer          CHECK (key_concurrency > 0),
    key_rate          double precision CHECK (key_rate > 0),
    key_burst         integer          NOT NULL DEFAULT 1 CHECK (key_burst > 0),
    expire_ms         bigint           CHECK (expire_ms > 0),
    keep_ms           bigint           NOT NULL DEFAULT 3600000 CHECK (keep_ms >= 0),
    breaker_failures  integer          CHECK (breaker_failures > 0),
    breaker_open_ms   bigint           NOT NULL DEFAULT 30000 CHECK (breaker_open_ms > 0),
    paused            boolean          NOT NULL DEFAULT false,
    tokens            double precision,
    tokens_at         timestamptz,
    failures_in_row   integer          NOT NULL DEFAULT 0,
    breaker_since     timestamptz,
    breaker_probe     bigint,
    full_since        timestamptz,
    created_at        timestamptz      NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE skald.queue IS
    'Work queues and their limits, which hold across all processes and may be changed while they run.';
COMMENT ON COLUMN skald.queue.declared IS
    'What the program declared. Limits changed here by a person stay until the program declares others.';
COMMENT ON COLUMN skald.queue.ordered IS 'Jobs of one key run one after another, in order.';
COMMENT ON COLUMN skald.queue.rate IS 'Starts per second, over all processes; NULL: no limit.';
COMMENT ON COLUMN skald.queue.concurrency IS 'Running at a time, over all processes; NULL: no limit.';
COMMENT ON COLUMN skald.queue.tokens IS 'Of the token bucket of the rate, as of tokens_at; NULL: full.';
COMMENT ON COLUMN skald.queue.breaker_since IS 'Since when the circuit is open; NULL: closed.';
COMMENT ON COLUMN skald.queue.breaker_probe IS 'The job that is let through to see whether it may close.';

-- Delayed messages wait in a queue that needs no program: the keeper moves them to the outbox.
INSERT INTO skald.queue (name, ordered) VALUES ('@publish', false);

-- Token buckets of single keys; forgotten when full again.
CREATE TABLE skald.key_bucket (
    queue      text              NOT NULL REFERENCES skald.queue (name) ON DELETE CASCADE,
    key        text              NOT NULL,
    tokens     double precision  NOT NULL,
    tokens_at  timestamptz       NOT NULL,
    PRIMARY KEY (queue, key)
) WITH (fillfactor = 50);
COMMENT ON TABLE skald.key_bucket IS 'The rate limit of one key of a queue.';

-- A job is either a message of a follower ("parked" behind a failure of its key, or given up: "dead"),
-- or belongs to a queue ("waiting" until it is due, "running", "done"). What ended is kept for a while.
ALTER TABLE skald.job
    ALTER COLUMN follower DROP NOT NULL,
    ALTER COLUMN partition DROP NOT NULL,
    DROP CONSTRAINT job_check,
    DROP CONSTRAINT job_state_check,
    ADD COLUMN queue            text        REFERENCES skald.queue (name),
    ADD COLUMN priority         smallint    NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 3),
    ADD COLUMN begins_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN expires_at       timestamptz,
    ADD COLUMN unique_key       text,
    ADD COLUMN starts           integer     NOT NULL DEFAULT 0,
    ADD COLUMN crashes          integer     NOT NULL DEFAULT 0,
    ADD COLUMN holder           uuid,
    ADD COLUMN started_at       timestamptz,
    ADD COLUMN deadline_at      timestamptz,
    ADD COLUMN maybe_done       boolean     NOT NULL DEFAULT false,
    ADD COLUMN cancel_reason    text,
    ADD COLUMN progress         real,
    ADD COLUMN progress_note    text,
    ADD COLUMN result_type      text,
    ADD COLUMN result           bytea,
    ADD COLUMN first_failed_at  timestamptz,
    ADD COLUMN not_yets         integer     NOT NULL DEFAULT 0,
    ADD COLUMN not_yet_since    timestamptz,
    ADD COLUMN error_class      text,
    ADD COLUMN fingerprint      text,
    ADD COLUMN holds            boolean     NOT NULL DEFAULT false,
    ADD COLUMN ended_at         timestamptz,
    ADD COLUMN replaces         bigint,
    ADD CONSTRAINT job_state_check CHECK (state IN ('parked', 'waiting', 'running', 'dead', 'done',
        'cancelled', 'discarded', 'skipped', 'expired', 'replaced')),
    ADD CONSTRAINT job_of_check CHECK ((follower IS NULL) <> (queue IS NULL)),
    ADD CONSTRAINT job_delayed_check CHECK (queue <> '@publish' OR priority = 1),
    ADD CONSTRAINT job_place_check CHECK (follower IS NULL OR (partition IS NOT NULL
        AND (position IS NOT NULL OR sequence IS NOT NULL OR replaces IS NOT NULL)));
UPDATE skald.job SET ended_at = clock_timestamp(), fingerprint = '' WHERE state = 'dead';

COMMENT ON TABLE skald.job IS
    'What could not be finished at once: messages behind a failure, work in queues, dead letters.';
COMMENT ON COLUMN skald.job.follower IS 'Whose message it is; NULL for jobs of a queue.';
COMMENT ON COLUMN skald.job.state IS
    'parked: a message that waits for a retry or behind its key; waiting, running: in a queue; dead: given '
    'up, kept for a person; done, cancelled, discarded, skipped, expired, replaced: over.';
COMMENT ON COLUMN skald.job.attempts IS 'How often it was tried and failed, since it was last replayed.';
COMMENT ON COLUMN skald.job.not_yets IS
    'How often in a row something it depends on had not arrived; counts for itself, since not_yet_since.';
COMMENT ON COLUMN skald.job.begins_at IS
    'When it was first due; jobs of one key of an ordered queue run in the order of (begins_at, id).';
COMMENT ON COLUMN skald.job.unique_key IS
    'While a job of the queue with this text is not over, no second one is made.';
COMMENT ON COLUMN skald.job.starts IS
    'How often it was begun in a queue. The end of an attempt names it, so that a late one is refused.';
COMMENT ON COLUMN skald.job.holder IS 'skald.process.id of who runs it.';
COMMENT ON COLUMN skald.job.deadline_at IS 'Until when the attempt may take; moved on by heartbeats.';
COMMENT ON COLUMN skald.job.maybe_done IS
    'An earlier attempt may have had its effect outside: verify is asked before it runs again.';
COMMENT ON COLUMN skald.job.cancel_reason IS 'Somebody asked to cancel it while it ran.';
COMMENT ON COLUMN skald.job.holds IS 'Of a dead message: later ones of its key wait until a person has decided.';
COMMENT ON COLUMN skald.job.fingerprint IS 'Of the cause; jobs that died of the same have the same.';
COMMENT ON COLUMN skald.job.replaces IS 'The dead job that this one was edited from.';
COMMENT ON COLUMN skald.job.message_id IS 'CloudEvents id; of a queue''s job its public id and idempotency key.';

DROP INDEX skald.job_due;
DROP INDEX skald.job_key;
DROP INDEX skald.job_position;
DROP INDEX skald.job_sequence;
-- A message has one job; where somebody edited it, the new job stands in the old one's place.
CREATE UNIQUE INDEX job_position ON skald.job (follower, partition, position)
    WHERE position IS NOT NULL AND state <> 'replaced';
CREATE UNIQUE INDEX job_sequence ON skald.job (follower, sequence)
    WHERE position IS NULL AND state <> 'replaced';
-- A key is held back by its parked messages and by a dead one that holds it. One whose position could
-- not be read comes first.
CREATE INDEX job_key ON skald.job (follower, partition, key, position NULLS FIRST, id)
    WHERE state = 'parked' OR (state = 'dead' AND holds);
CREATE INDEX job_holds ON skald.job (follower, partition, key) WHERE state = 'dead' AND holds;
CREATE INDEX job_due ON skald.job (follower, partition, due_at) WHERE state = 'parked';
CREATE INDEX job_waiting ON skald.job (queue, priority, due_at) WHERE state = 'waiting';
CREATE INDEX job_running ON skald.job (queue, key) WHERE state = 'running';
CREATE INDEX job_queue_key ON skald.job (queue, key, begins_at, id)
    WHERE queue IS NOT NULL AND key <> ''
      AND (state IN ('waiting', 'running') OR (state = 'dead' AND holds));
CREATE UNIQUE INDEX job_unique ON skald.job (queue, unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('waiting', 'running');
CREATE UNIQUE INDEX job_message ON skald.job (message_id) WHERE queue IS NOT NULL;
-- What is dead, by subscription: the oldest first, and by cause. Keepers walk both, also when there are millions.
CREATE INDEX job_dead ON skald.job ((coalesce(follower, queue)), ended_at, id) WHERE state = 'dead';
CREATE INDEX job_dead_cause ON skald.job ((coalesce(follower, queue)), (coalesce(fingerprint, '')), ended_at)
    WHERE state = 'dead';
CREATE INDEX job_failing ON skald.job (queue) WHERE state = 'waiting' AND attempts > 0;
CREATE INDEX job_expires ON skald.job (expires_at) WHERE state = 'waiting' AND expires_at IS NOT NULL;
CREATE INDEX job_over ON skald.job (queue, ended_at)
    WHERE state IN ('done', 'cancelled', 'discarded', 'skipped', 'expired', 'replaced');
CREATE INDEX job_replaces ON skald.job (replaces) WHERE replaces IS NOT NULL;

-- Attempts that did not succeed, and those that are committed before they begin because an earlier one
-- ended its process.
CREATE TABLE skald.attempt (
    job          bigint       NOT NULL REFERENCES skald.job (id) ON DELETE CASCADE,
    number       integer      NOT NULL,
    outcome      text         NOT NULL CHECK (outcome IN ('begun', 'failed', 'not yet', 'dead', 'skipped',
                     'cancelled', 'timed out', 'crashed', 'lost', 'replayed')),
    started_at   timestamptz,
    ended_at     timestamptz  NOT NULL DEFAULT clock_timestamp(),
    error_class  text,
    error        text         NOT NULL DEFAULT '',
    sqlstate     text,
    host         text,
    pid          integer,
    process      uuid,
    signal       text,
    backtrace    text,
    PRIMARY KEY (job, number)
);
CREATE INDEX attempt_begun ON skald.attempt (job) WHERE outcome = 'begun';
COMMENT ON TABLE skald.attempt IS 'Every attempt of a job that did not succeed, with what is known of it.';
COMMENT ON COLUMN skald.attempt.outcome IS
    'begun: committed before it runs, because an earlier one crashed; lost: its process or host is gone; '
    'replayed: no attempt, a person let it run again.';
COMMENT ON COLUMN skald.attempt.signal IS 'What ended the process, "SIGSEGV" for example.';

-- Messages that were in hand when a process crashed. They are run alone, each attempt committed before it
-- begins, until they succeed or are declared dead. One row per message that is not a job yet.
CREATE TABLE skald.suspect (
    follower    text         NOT NULL REFERENCES skald.follower (name),
    partition   smallint     NOT NULL,
    position    bigint       NOT NULL,
    crashes     integer      NOT NULL DEFAULT 0,
    started_at  timestamptz,
    crashed_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
    timed_out   boolean      NOT NULL DEFAULT false,
    host        text,
    pid         integer,
    process     uuid,
    signal      text,
    backtrace   text,
    PRIMARY KEY (follower, partition, position)
);
COMMENT ON TABLE skald.suspect IS 'Messages in hand when a process crashed; each is run alone from then on.';
COMMENT ON COLUMN skald.suspect.crashes IS
    'Attempts in which it alone was in hand, its own thread crashed, or it was the only suspect.';
COMMENT ON COLUMN skald.suspect.started_at IS
    'Committed before it runs as a suspect, with its process; NULL: that attempt is over.';

-- What is published or enqueued again and again.
CREATE TABLE skald.schedule (
    name        text         PRIMARY KEY,
    cron        text         NOT NULL,
    time_zone   text         NOT NULL DEFAULT 'UTC',
    missed      text         NOT NULL DEFAULT 'once' CHECK (missed IN ('once', 'all', 'skip')),
    queue       text         REFERENCES skald.queue (name),
    type        text         NOT NULL,
    key         text         NOT NULL,
    partition   smallint     NOT NULL,
    body        bytea        NOT NULL,
    paused      boolean      NOT NULL DEFAULT false,
    next_at     timestamptz  NOT NULL,
    last_at     timestamptz,
    declared    text         NOT NULL,
    failed_at   timestamptz,
    failure     text,
    created_at  timestamptz  NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE skald.schedule IS 'What is published, or enqueued, again and again.';
COMMENT ON COLUMN skald.schedule.missed IS
    'What happens after an outage: one run for all that were missed, all of them, or none.';
COMMENT ON COLUMN skald.schedule.declared IS
    'What the program declared. What a person changed here stays until the program declares something else.';
COMMENT ON COLUMN skald.schedule.last_at IS 'For when the last run was due, or when one stood in for missed ones.';
COMMENT ON COLUMN skald.schedule.failure IS 'Why it could not run at failed_at; NULL: it can.';
COMMENT ON COLUMN skald.schedule.queue IS 'Where it is enqueued; NULL: it is published as an event.';

-- Which messages exist, as the programs that use them describe them; so that tools can show bodies.
CREATE TABLE skald.message_type (
    name         text         PRIMARY KEY,
    description  bytea        NOT NULL,
    fingerprint  text         NOT NULL,
    seen_at      timestamptz  NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE skald.message_type IS
    'Protobuf messages known to the programs of this service: skald.v1.TypeDescription, with all it refers to.';

-- Who changed what. Append-only.
CREATE TABLE skald.audit (
    id      bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz  NOT NULL DEFAULT clock_timestamp(),
    actor   text         NOT NULL,
    action  text         NOT NULL,
    object  text         NOT NULL,
    reason  text         NOT NULL DEFAULT '',
    detail  text         NOT NULL DEFAULT ''
);
COMMENT ON TABLE skald.audit IS 'What people changed: who, what, why.';

-- A change to many jobs at once: the set is frozen when it is made, one row per job, and worked off by
-- whoever is the keeper, at a rate, until it is done or stopped.
CREATE TABLE skald.operation (
    id          bigint            GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action      text              NOT NULL CHECK (action IN ('replay', 'discard')),
    filter      text              NOT NULL,
    actor       text              NOT NULL,
    reason      text              NOT NULL,
    rate        double precision  CHECK (rate > 0),
    tokens      double precision  NOT NULL DEFAULT 1,
    state       text              NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'stopped', 'done')),
    total       bigint            NOT NULL DEFAULT 0,
    succeeded   bigint            NOT NULL DEFAULT 0,
    refused     bigint            NOT NULL DEFAULT 0,
    created_at  timestamptz       NOT NULL DEFAULT clock_timestamp(),
    moved_at    timestamptz,
    ended_at    timestamptz
);
COMMENT ON TABLE skald.operation IS 'Bulk operations on jobs; they go on after a crash.';
COMMENT ON COLUMN skald.operation.rate IS 'Jobs per second; NULL: as fast as it goes.';
COMMENT ON COLUMN skald.operation.tokens IS 'Of the token bucket of the rate, as of moved_at.';

CREATE TABLE skald.operation_item (
    operation  bigint       NOT NULL REFERENCES skald.operation (id) ON DELETE CASCADE,
    job        bigint       NOT NULL,
    result     text,
    done_at    timestamptz,
    PRIMARY KEY (operation, job)
);
CREATE INDEX operation_item_open ON skald.operation_item (operation, job) WHERE done_at IS NULL;
COMMENT ON TABLE skald.operation_item IS 'The frozen set of an operation, and what became of each job.';
COMMENT ON COLUMN skald.operation_item.result IS '"ok", or why it was refused.';

-- When people were told of a group of dead jobs.
CREATE TABLE skald.alert (
    subscription  text         NOT NULL,
    fingerprint   text         NOT NULL,
    alerted_at    timestamptz  NOT NULL,
    last_at       timestamptz  NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (subscription, fingerprint)
);
COMMENT ON TABLE skald.alert IS 'Which groups of dead jobs, and which other troubles, people were told of.';
COMMENT ON COLUMN skald.alert.subscription IS 'The follower''s, the queue''s or the schedule''s name.';
COMMENT ON COLUMN skald.alert.fingerprint IS
    'Of the group of dead jobs; or "@full", "@breaker", "@schedule" for other troubles.';
COMMENT ON COLUMN skald.alert.last_at IS
    'When the youngest of the jobs died that people were told of; before that they were not told.';

-- --- enqueueing ------------------------------------------------------------------------------------

-- Puts one job into a queue of `service`, in whatever transaction is open. Answers its id (a UUID): with
-- a unique key that of the job that is there already, if there is one. NULL in another service's database.
CREATE FUNCTION skald.enqueue(service text, queue text, id text, partition smallint, type text, key text,
                              body bytea, priority smallint, delay_ms bigint, at timestamptz, expire_ms bigint,
                              unique_key text, source text, correlation_id text, causation_id text,
                              traceparent text, tracestate text, headers text)
RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    made  text;
    begins timestamptz := coalesce(enqueue.at, skald.now() + coalesce(enqueue.delay_ms, 0) * interval '1 ms');
BEGIN
    IF NOT EXISTS (SELECT FROM skald.service AS s WHERE s.name = enqueue.service) THEN
        RETURN NULL;
    END IF;
    -- The job that is in the way may be over in the moment we look for it: then try again.
    LOOP
        INSERT INTO skald.job (queue, state, message_id, type, key, body, priority, partition, begins_at,
                               due_at, expires_at, unique_key, published_at, source, content_type, correlation_id,
                               causation_id, traceparent, tracestate, headers)
        SELECT q.name, 'waiting', enqueue.id, enqueue.type, enqueue.key, enqueue.body, enqueue.priority,
               enqueue.partition, begins, begins,
               begins + coalesce(enqueue.expire_ms, q.expire_ms) * interval '1 ms',
               enqueue.unique_key, skald.now(), enqueue.source, 'application/protobuf',
               enqueue.correlation_id, enqueue.causation_id, enqueue.traceparent, enqueue.tracestate,
               enqueue.headers
          FROM skald.queue AS q WHERE q.name = enqueue.queue
        ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL AND state IN ('waiting', 'running')
        DO NOTHING RETURNING message_id INTO made;
        IF made IS NOT NULL THEN
            RETURN made;
        END IF;
        SELECT j.message_id INTO made FROM skald.job AS j
         WHERE j.queue = enqueue.queue AND j.unique_key = enqueue.unique_key
           AND j.state IN ('waiting', 'running');
        IF made IS NOT NULL THEN
            RETURN made;
        END IF;
        IF NOT EXISTS (SELECT FROM skald.queue AS q WHERE q.name = enqueue.queue) THEN
            RAISE EXCEPTION 'skald: there is no queue "%"', enqueue.queue USING ERRCODE = 'SK002',
                HINT = 'A program of this service must have declared it with skald_queue and run once.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION skald.enqueue IS 'Puts one job into a queue; the id of the job, NULL in another service''s database.';

-- --- what people do --------------------------------------------------------------------------------
-- Each is one transaction, writes the audit row, and answers 'ok' or why it was refused.

-- Lets the next message of a key have its turn, when nothing before it holds the key.
CREATE FUNCTION skald.key_release(of_follower text, of_partition smallint, of_key text)
RETURNS void LANGUAGE sql AS $$
    UPDATE skald.job SET due_at = skald.now()
     WHERE id = (SELECT id FROM skald.job
                  WHERE follower = of_follower AND partition = of_partition AND key = of_key
                    AND (state = 'parked' OR (state = 'dead' AND holds))
                  ORDER BY position NULLS FIRST, id LIMIT 1)
       AND state = 'parked' AND due_at = 'infinity'
$$;
COMMENT ON FUNCTION skald.key_release IS 'The first message of a key that waits becomes due.';

-- The same for keys of queues, after the end of one of their jobs. In an ordered queue the first job of
-- the key has its turn, in one that bounds the jobs of a key the first that waits for such an end.
CREATE FUNCTION skald.queue_release(of_queues text[], of_keys text[])
RETURNS void LANGUAGE sql AS $$
    UPDATE skald.job AS j SET due_at = skald.now()
      FROM unnest(of_queues, of_keys) AS k(queue, key)
      JOIN skald.queue AS q ON q.name = k.queue
      CROSS JOIN LATERAL (
          SELECT b.id FROM skald.job AS b
           WHERE b.queue = k.queue AND b.key = k.key AND b.key <> ''
             AND (b.state IN ('waiting', 'running') OR (b.state = 'dead' AND b.holds))
             AND (q.ordered OR (b.state = 'waiting' AND b.due_at = 'infinity'))
           ORDER BY b.begins_at, b.id LIMIT 1) AS head
     WHERE j.id = head.id AND j.state = 'waiting' AND j.due_at = 'infinity'
$$;
COMMENT ON FUNCTION skald.queue_release IS 'The next job of each key that waits for another one becomes due.';

-- Why a job cannot run again, itself or with another body; '' when it can.
CREATE FUNCTION skald.job_stays_over(j skald.job, what text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
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
COMMENT ON FUNCTION skald.job_stays_over IS 'Why a job cannot run again; empty when it can.';

CREATE FUNCTION skald.job_replay(of_job bigint, actor text, reason text DEFAULT '')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j       skald.job;
    refusal text;
BEGIN
    SELECT * INTO j FROM skald.job WHERE id = of_job FOR UPDATE;
    IF j.id IS NULL THEN
        RETURN 'there is no job ' || of_job;
    END IF;
    refusal := skald.job_stays_over(j, 'replayed');
    IF refusal <> '' THEN
        RETURN refusal;
    END IF;
    IF j.type IS NULL THEN
        RETURN format('job %s has no readable headers: edit it', of_job);
    END IF;
    -- Every attempt stays; one row says that a person began anew.
    INSERT INTO skald.attempt (job, number, outcome, error)
    SELECT of_job, coalesce(max(number), 0) + 1, 'replayed', actor || ': ' || reason
      FROM skald.attempt WHERE job = of_job;
    UPDATE skald.job
       SET state = CASE WHEN queue IS NULL THEN 'parked' ELSE 'waiting' END, due_at = skald.now(),
           attempts = 0, crashes = 0, first_failed_at = NULL, not_yets = 0, not_yet_since = NULL,
           holds = false, ended_at = NULL, expires_at = NULL, cancel_reason = NULL
     WHERE id = of_job;
    INSERT INTO skald.audit (actor, action, object, reason)
    VALUES (actor, 'replay', 'job ' || of_job, reason);
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.job_replay IS 'Lets a job that failed or was given up run again.';

CREATE FUNCTION skald.job_discard(of_job bigint, actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j skald.job;
BEGIN
    SELECT * INTO j FROM skald.job WHERE id = of_job FOR UPDATE;
    IF j.id IS NULL THEN
        RETURN 'there is no job ' || of_job;
    END IF;
    IF j.state NOT IN ('dead', 'parked', 'waiting') THEN
        RETURN format('job %s is %s, only what is dead or waits is discarded', of_job, j.state);
    END IF;
    UPDATE skald.job SET state = 'discarded', holds = false, due_at = 'infinity', ended_at = skald.now()
     WHERE id = of_job;
    IF j.follower IS NOT NULL AND j.key IS NOT NULL THEN
        PERFORM skald.key_release(j.follower, j.partition, j.key);
    ELSIF j.queue IS NOT NULL THEN
        PERFORM skald.queue_release(ARRAY[j.queue], ARRAY[j.key]);
    END IF;
    INSERT INTO skald.audit (actor, action, object, reason)
    VALUES (actor, 'discard', 'job ' || of_job, reason);
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.job_discard IS 'Gives a job up for good; its row is kept for a while.';

-- By its public id. One that waits is over at once; one that runs is asked to end.
CREATE FUNCTION skald.job_cancel(of_id text, actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j skald.job;
BEGIN
    SELECT * INTO j FROM skald.job WHERE message_id = of_id AND queue IS NOT NULL FOR UPDATE;
    IF j.id IS NULL THEN
        RETURN format('there is no job "%s" in a queue', of_id);
    END IF;
    IF j.state = 'running' THEN
        UPDATE skald.job SET cancel_reason = job_cancel.reason WHERE id = j.id;
    ELSIF j.state IN ('waiting', 'dead') THEN
        UPDATE skald.job SET state = 'cancelled', cancel_reason = job_cancel.reason, due_at = 'infinity',
               holds = false, ended_at = skald.now() WHERE id = j.id;
        PERFORM skald.queue_release(ARRAY[j.queue], ARRAY[j.key]);
    ELSE
        RETURN format('job "%s" is %s already', of_id, j.state);
    END IF;
    INSERT INTO skald.audit (actor, action, object, reason)
    VALUES (actor, 'cancel', 'job ' || j.id, reason);
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.job_cancel IS 'Cancels a job of a queue, or asks it to end when it runs.';

-- A new job with another body, and another id, in the place of one that failed or was given up. The old
-- one is kept as 'replaced'; `replaces` leads back to it. `new_type` and `new_key` are only for a job
-- whose headers could not be read.
CREATE FUNCTION skald.job_edit(of_job bigint, new_id text, new_type text, new_key text, new_body bytea,
                               actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j       skald.job;
    refusal text;
    made    bigint;
BEGIN
    SELECT * INTO j FROM skald.job WHERE id = of_job FOR UPDATE;
    IF j.id IS NULL THEN
        RETURN 'there is no job ' || of_job;
    END IF;
    refusal := skald.job_stays_over(j, 'edited');
    IF refusal <> '' THEN
        RETURN refusal;
    END IF;
    IF coalesce(new_type, j.type) IS NULL THEN
        RETURN format('job %s has no readable headers: say its type', of_job);
    END IF;
    UPDATE skald.job SET state = 'replaced', holds = false, due_at = 'infinity', ended_at = skald.now()
     WHERE id = of_job;
    -- The same place in the order of its key: a follower's by position, a queue's by begins_at.
    INSERT INTO skald.job (follower, queue, partition, position, sequence, state, due_at, message_id, type,
                           key, body, source, content_type, published_at, correlation_id, causation_id,
                           traceparent, tracestate, headers, priority, begins_at, unique_key, replaces)
    VALUES (j.follower, j.queue, j.partition, j.position, j.sequence,
            CASE WHEN j.queue IS NULL THEN 'parked' ELSE 'waiting' END, skald.now(), new_id,
            coalesce(new_type, j.type), coalesce(new_key, j.key, ''), new_body, j.source,
            'application/protobuf', j.published_at, j.correlation_id, j.causation_id, j.traceparent,
            j.tracestate, j.headers, j.priority, j.begins_at, j.unique_key, j.id)
    RETURNING id INTO made;
    INSERT INTO skald.audit (actor, action, object, reason, detail)
    VALUES (actor, 'edit', 'job ' || of_job, reason, 'replaced by job ' || made);
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.job_edit IS 'Lets a job run with another body, as a new job in its place.';

-- --- bulk operations -------------------------------------------------------------------------------

-- Refuses a filter that would not mean what its writer thinks it means.
CREATE FUNCTION skald.job_filter_check(filter jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(filter) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'skald: a filter of jobs is a JSON object, not %', coalesce(jsonb_typeof(filter), 'NULL')
            USING ERRCODE = 'SK003', HINT = 'The object {} means all dead jobs.';
    END IF;
    SELECT name INTO wrong FROM jsonb_object_keys(filter) AS name
     WHERE name NOT IN ('subscription', 'fingerprint', 'type', 'key', 'error_class', 'sqlstate', 'since',
                        'until', 'ids');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'skald: a filter of jobs has no field "%"', wrong
            USING ERRCODE = 'SK003', HINT = 'There are subscription, fingerprint, type, key, error_class, '
                'sqlstate, since, until and ids.';
    END IF;
    SELECT name INTO wrong FROM jsonb_each(filter) AS f (name, value)
     WHERE jsonb_typeof(value) <> CASE name WHEN 'ids' THEN 'array' ELSE 'string' END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'skald: field "%" of a filter of jobs is %', wrong, jsonb_typeof(filter -> wrong)
            USING ERRCODE = 'SK003', HINT = 'ids is an array of numbers, all others are strings.';
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(filter -> 'ids') AS id WHERE jsonb_typeof(id) <> 'number') THEN
        RAISE EXCEPTION 'skald: ids of a filter of jobs are not all numbers'
            USING ERRCODE = 'SK003', HINT = 'They are numbers of skald.job.id.';
    END IF;
END
$$;
COMMENT ON FUNCTION skald.job_filter_check IS 'Raises SK003 for a filter that skald.job_select does not understand.';

-- The dead jobs that fit all fields of the filter: subscription, fingerprint, type, key, error_class,
-- sqlstate (texts that are equal), since (died then or later), until (died earlier), ids (an array).
CREATE FUNCTION skald.job_select(filter jsonb) RETURNS SETOF bigint LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    of_subscription text := filter ->> 'subscription';
    of_fingerprint  text := filter ->> 'fingerprint';
    of_type         text := filter ->> 'type';
    of_key          text := filter ->> 'key';
    of_class        text := filter ->> 'error_class';
    of_sqlstate     text := filter ->> 'sqlstate';
    since           timestamptz;
    until           timestamptz;
    ids             bigint[];
BEGIN
    PERFORM skald.job_filter_check(filter);
    since := filter ->> 'since';
    until := filter ->> 'until';
    IF filter ? 'ids' THEN
        ids := ARRAY(SELECT id::bigint FROM jsonb_array_elements_text(filter -> 'ids') AS id);
    END IF;
    -- Planned for what is given, so that an absent field costs nothing.
    RETURN QUERY
    SELECT j.id FROM skald.job AS j
     WHERE j.state = 'dead'
       AND (of_subscription IS NULL OR coalesce(j.follower, j.queue) = of_subscription)
       AND (of_fingerprint IS NULL OR j.fingerprint = of_fingerprint)
       AND (of_type IS NULL OR j.type = of_type)
       AND (of_key IS NULL OR j.key = of_key)
       AND (of_class IS NULL OR j.error_class = of_class)
       AND (of_sqlstate IS NULL OR j.sqlstate = of_sqlstate)
       AND (since IS NULL OR coalesce(j.ended_at, j.created_at) >= since)
       AND (until IS NULL OR coalesce(j.ended_at, j.created_at) < until)
       AND (ids IS NULL OR j.id = ANY (ids))
     ORDER BY j.id;
END
$$;
COMMENT ON FUNCTION skald.job_select IS 'Ids of the dead jobs that a filter means.';

CREATE FUNCTION skald.operation_preview(filter jsonb)
RETURNS TABLE (subscription text, fingerprint text, type text, error_class text, sqlstate text,
               reason text, jobs bigint, keys bigint, first_at timestamptz, last_at timestamptz)
LANGUAGE sql AS $$
    SELECT coalesce(j.follower, j.queue), j.fingerprint, j.type, j.error_class, j.sqlstate,
           (array_agg(j.reason ORDER BY j.id DESC))[1], count(*), count(DISTINCT j.key),
           min(j.ended_at), max(j.ended_at)
      FROM skald.job AS j
     WHERE j.id IN (SELECT skald.job_select(filter))
     GROUP BY coalesce(j.follower, j.queue), j.fingerprint, j.type, j.error_class, j.sqlstate
     ORDER BY count(*) DESC, 1, 2
$$;
COMMENT ON FUNCTION skald.operation_preview IS 'What an operation with this filter would change, by groups.';

-- Freezes the set that the filter means now. The keeper works it off, in the order of the ids.
CREATE FUNCTION skald.operation_begin(action text, filter jsonb, actor text, reason text,
                                      rate double precision DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    made   bigint;
    frozen bigint;
BEGIN
    IF coalesce(btrim(actor), '') = '' OR coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'skald: a bulk operation names who does it, and why' USING ERRCODE = 'SK003',
            HINT = 'Both are kept in skald.audit; give actor and reason.';
    END IF;
    INSERT INTO skald.operation (action, filter, actor, reason, rate)
    VALUES (action, filter::text, actor, reason, rate) RETURNING id INTO made;
    INSERT INTO skald.operation_item (operation, job) SELECT made, job FROM skald.job_select(filter) AS job;
    GET DIAGNOSTICS frozen = ROW_COUNT;
    UPDATE skald.operation AS o
       SET total = frozen, moved_at = skald.now(),
           state = CASE frozen WHEN 0 THEN 'done' ELSE 'running' END,
           ended_at = CASE frozen WHEN 0 THEN skald.now() END
     WHERE o.id = made;
    INSERT INTO skald.audit (actor, action, object, reason, detail)
    VALUES (actor, 'begin ' || action, 'operation ' || made, reason, frozen || ' jobs, ' || filter);
    RETURN made;
END
$$;
COMMENT ON FUNCTION skald.operation_begin IS
    'Begins a bulk replay or discard of the dead jobs a filter means; the id of the operation.';

CREATE FUNCTION skald.operation_stop(of_operation bigint, actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    o skald.operation;
BEGIN
    SELECT * INTO o FROM skald.operation WHERE id = of_operation FOR UPDATE;
    IF o.id IS NULL THEN
        RETURN 'there is no operation ' || of_operation;
    END IF;
    IF o.state <> 'running' THEN
        RETURN format('operation %s is %s already', of_operation, o.state);
    END IF;
    UPDATE skald.operation SET state = 'stopped', ended_at = skald.now() WHERE id = of_operation;
    INSERT INTO skald.audit (actor, action, object, reason, detail)
    VALUES (actor, 'stop', 'operation ' || of_operation, reason,
            format('after %s of %s jobs', o.succeeded + o.refused, o.total));
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.operation_stop IS 'Stops a bulk operation; what it has done stays done.';

-- One job of an operation: 'ok', or why it was refused. Only what is still dead is touched.
CREATE FUNCTION skald.operation_apply(of_job bigint, action text, actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    now_is text;
BEGIN
    SELECT state INTO now_is FROM skald.job WHERE id = of_job FOR UPDATE;
    IF now_is <> 'dead' THEN
        RETURN format('job %s is %s by now', of_job, now_is);
    END IF;
    IF action = 'replay' THEN
        RETURN skald.job_replay(of_job, actor, reason);
    END IF;
    RETURN skald.job_discard(of_job, actor, reason);
EXCEPTION WHEN integrity_constraint_violation THEN
    RETURN SQLERRM;
END
$$;
COMMENT ON FUNCTION skald.operation_apply IS 'What a bulk operation does with one job.';

-- Works off the next `count_max` jobs of an operation whose row the caller has locked; how many there
-- were. Each ends a subtransaction: 50 at a time are no burden for others. The bucket is stored with the
-- time by which it was reckoned: with a later one, what came in between would be lost.
CREATE FUNCTION skald.operation_work(of_operation bigint, count_max integer, tokens_left double precision,
                                     tokens_at timestamptz)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    o       skald.operation;
    item    bigint;
    answer  text;
    worked  integer := 0;
    good    integer := 0;
BEGIN
    SELECT * INTO o FROM skald.operation WHERE id = of_operation AND state = 'running' FOR UPDATE;
    IF o.id IS NULL THEN
        RETURN 0;
    END IF;
    FOR item IN SELECT i.job FROM skald.operation_item AS i
                 WHERE i.operation = of_operation AND i.done_at IS NULL ORDER BY i.job LIMIT count_max LOOP
        answer := skald.operation_apply(item, o.action, o.actor,
                                        format('%s (operation %s)', o.reason, of_operation));
        UPDATE skald.operation_item SET result = answer, done_at = skald.now()
         WHERE operation = of_operation AND job = item;
        worked := worked + 1;
        good := good + (answer = 'ok')::integer;
    END LOOP;
    UPDATE skald.operation
       SET succeeded = succeeded + good, refused = refused + worked - good, tokens = tokens_left,
           moved_at = tokens_at
     WHERE id = of_operation;
    UPDATE skald.operation SET state = 'done', ended_at = skald.now()
     WHERE id = of_operation
       AND NOT EXISTS (SELECT FROM skald.operation_item
                        WHERE operation = of_operation AND done_at IS NULL);
    RETURN worked;
END
$$;
COMMENT ON FUNCTION skald.operation_work IS 'The keeper''s part of a bulk operation: the next few jobs.';

-- --- what people look at ---------------------------------------------------------------------------

CREATE VIEW skald.v_job AS
SELECT j.id, coalesce(j.follower, j.queue) AS subscription, j.follower, j.queue, j.state, j.type, j.key,
       j.message_id, j.position, j.priority, j.attempts, j.crashes, j.due_at, j.begins_at, j.created_at,
       j.started_at, j.ended_at, j.expires_at, j.progress, j.progress_note, j.error_class, j.sqlstate,
       j.reason, j.fingerprint, j.holds, j.replaces, octet_length(j.body) AS body_size,
       CASE
           WHEN j.state = 'dead' AND j.holds THEN 'a person: its key waits; replay, edit or discard it'
           WHEN j.state = 'dead' THEN 'a person: replay, edit or discard it'
           WHEN j.state = 'parked' AND j.due_at = 'infinity' THEN 'an earlier message of its key'
           WHEN j.state = 'waiting' AND j.due_at = 'infinity' THEN 'an earlier job of its key'
           WHEN j.state IN ('parked', 'waiting') AND q.paused THEN 'its queue to be resumed'
           WHEN j.state IN ('parked', 'waiting') AND q.breaker_since IS NOT NULL THEN 'its queue''s circuit to close'
           WHEN j.state IN ('parked', 'waiting') AND j.due_at > skald.now() THEN 'its time'
           WHEN j.state IN ('parked', 'waiting') THEN 'its turn'
           WHEN j.state = 'running' THEN 'its end'
           ELSE 'nothing'
       END AS waits_for
  FROM skald.job AS j LEFT JOIN skald.queue AS q ON q.name = j.queue;
COMMENT ON VIEW skald.v_job IS 'Jobs without their bodies, and what each waits for.';

CREATE VIEW skald.v_dead_group AS
SELECT coalesce(follower, queue) AS subscription, fingerprint, type, error_class, sqlstate,
       count(*) AS jobs, count(DISTINCT key) AS keys, count(*) FILTER (WHERE holds) AS holding,
       min(ended_at) AS first_at, max(ended_at) AS last_at, max(id) AS last_job,
       (array_agg(reason ORDER BY id DESC))[1] AS reason
  FROM skald.job WHERE state = 'dead'
 GROUP BY coalesce(follower, queue), fingerprint, type, error_class, sqlstate;
COMMENT ON VIEW skald.v_dead_group IS 'Dead jobs grouped by their cause.';

CREATE VIEW skald.v_queue AS
SELECT q.name, q.paused, q.ordered, q.concurrency, q.rate, q.burst, q.key_concurrency, q.key_rate,
       q.breaker_failures, q.breaker_since, q.failures_in_row, q.full_since,
       count(*) FILTER (WHERE j.state = 'waiting') AS waiting,
       count(*) FILTER (WHERE j.state = 'running') AS running,
       count(*) FILTER (WHERE j.state = 'dead') AS dead,
       min(j.begins_at) FILTER (WHERE j.state = 'waiting' AND j.due_at <= skald.now()) AS oldest_due
  FROM skald.queue AS q LEFT JOIN skald.job AS j
    ON j.queue = q.name AND j.state IN ('waiting', 'running', 'dead')
 WHERE q.name NOT LIKE '@%'
 GROUP BY q.name;
COMMENT ON VIEW skald.v_queue IS 'Queues, their limits and how much waits in them.';
