-- 0004 commands: commands and replies travel with the events; what a participant has answered.
--
-- Columns without a default: on a large outbox this rewrites nothing. The outbox is locked for a moment.

ALTER TABLE skald.outbox
    ADD COLUMN addressee text,
    ADD COLUMN control   text;
COMMENT ON COLUMN skald.outbox.addressee IS 'Of a command or a reply: the service it is for; NULL: an event.';
COMMENT ON COLUMN skald.outbox.control IS
    'What Skald itself says with a command or a reply, one "Skald-...: value" line each.';

ALTER TABLE skald.job
    ADD COLUMN addressee text,
    ADD COLUMN control   text;
COMMENT ON COLUMN skald.job.addressee IS
    'Of a follower''s message: the service that a command was for; NULL: an event. Of a queue''s job: the service '
    'that waits for its outcome as the reply to a command; NULL: nobody does.';
COMMENT ON COLUMN skald.job.control IS 'The lines of the command.';

-- What this service, as a participant of sagas, has done and answered; one row per operation. It stands for
-- the operation from its first sight on, whether it came as a run or as an undo of one that never came.
CREATE TABLE skald.fence (
    key         text         PRIMARY KEY,
    state       text         NOT NULL CHECK (state IN ('done', 'refused', 'undone', 'barred', 'later', 'failed')),
    outcome     text         CHECK (outcome IN ('done', 'refused')),
    reason      text,
    reply_type  text,
    reply       bytea,
    partition   smallint,
    answered_at timestamptz  NOT NULL DEFAULT skald.now(),
    look_at     timestamptz  NOT NULL DEFAULT skald.now() + interval '14 days',
    CHECK ((state IN ('later', 'failed')) = (outcome IS NULL))
);
CREATE INDEX fence_look ON skald.fence (look_at);
COMMENT ON TABLE skald.fence IS
    'Operations of sagas that this service has carried out or refused, and its answers, to be given again.';
COMMENT ON COLUMN skald.fence.key IS
    'Of the operation, with the service of its saga before it: "orders/order-42/charge-card/run.1".';
COMMENT ON COLUMN skald.fence.state IS
    'done, refused: the answer; undone: done and then taken back; barred: its undo came before it, so that it '
    'never runs; later: a job answers; failed: that job was given up, and may have had its effect.';
COMMENT ON COLUMN skald.fence.look_at IS 'When the keeper looks whether it can be forgotten.';
COMMENT ON COLUMN skald.fence.partition IS 'Of the reply that a job will give.';

-- A job that carries a command out answers it when it is over, however it ends and whoever ends it.
CREATE FUNCTION skald.command_job_over() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_key    text := substring(NEW.control FROM '(?n)^Skald-Operation: (.*)$');
    of_run    text := substring(NEW.control FROM '(?n)^Skald-Undoes: (.*)$');
    said      text := CASE WHEN NEW.state = 'done' AND NEW.error_class = '@refused' THEN 'refused'
                           WHEN NEW.state IN ('done', 'skipped') THEN 'done' ELSE 'failed' END;
    why       text := CASE WHEN said = 'done' THEN NULL
                           WHEN NEW.state IN ('done', 'dead') THEN NEW.reason
                           WHEN NEW.state = 'cancelled' THEN 'its job was cancelled: '
                               || coalesce(NEW.cancel_reason, NEW.reason)
                           ELSE format('its job was %s: %s', NEW.state, NEW.reason) END;
    answered  skald.fence;
BEGIN
    UPDATE skald.fence AS f
       SET state = said, answered_at = skald.now(), look_at = skald.now() + interval '14 days', reason = why,
           outcome = nullif(said, 'failed'),
           reply_type = CASE said WHEN 'done' THEN NEW.result_type END,
           reply = CASE said WHEN 'done' THEN NEW.result END
     WHERE f.key = of_key AND f.state IN ('later', 'failed') RETURNING f.* INTO answered;
    IF answered.key IS NULL THEN
        RETURN NULL;
    END IF;
    IF said = 'done' AND of_run IS NOT NULL THEN
        UPDATE skald.fence AS f SET state = 'undone', outcome = 'done', reason = NULL
         WHERE f.key = of_run AND f.state IN ('done', 'failed');
    END IF;
    INSERT INTO skald.outbox (event_id, partition, kind, type, key, correlation_id, causation_id, traceparent,
                              tracestate, addressee, control, body)
    VALUES (gen_random_uuid(), answered.partition, 'r', coalesce(answered.reply_type, 'skald.v1.Nothing'),
            regexp_replace(skald.saga_of_operation(of_key), '^[^/]*/', ''), NEW.correlation_id, NEW.message_id, NEW.traceparent,
            NEW.tracestate, NEW.addressee,
            format(E'Skald-Operation: %s\nSkald-Outcome: %s\n', of_key, said)
            || coalesce('Skald-Reason: ' || nullif(btrim(left(regexp_replace(why, '[[:cntrl:]]+', ' ', 'g'), 500)), '') || E'\n', ''),
            coalesce(answered.reply, ''));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION skald.command_job_over IS 'The answer to a command that a job carries out.';
CREATE TRIGGER command_job_over AFTER UPDATE OF state ON skald.job FOR EACH ROW
    WHEN (NEW.queue IS NOT NULL AND NEW.control IS NOT NULL AND OLD.state IN ('waiting', 'running')
          AND NEW.state NOT IN ('waiting', 'running', 'replaced'))
    EXECUTE FUNCTION skald.command_job_over();

-- An attempt may end with a refusal: business says no, and that is an answer.
ALTER TABLE skald.attempt
    DROP CONSTRAINT attempt_outcome_check,
    ADD CONSTRAINT attempt_outcome_check CHECK (outcome IN ('begun', 'failed', 'not yet', 'dead', 'skipped',
        'cancelled', 'timed out', 'crashed', 'lost', 'replayed', 'refused'));

-- A command stays one when a person edits its body, and its job still answers.
CREATE OR REPLACE FUNCTION skald.job_edit(of_job bigint, new_id text, new_type text, new_key text, new_body bytea,
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
                           traceparent, tracestate, headers, addressee, control, priority, begins_at,
                           unique_key, replaces)
    VALUES (j.follower, j.queue, j.partition, j.position, j.sequence,
            CASE WHEN j.queue IS NULL THEN 'parked' ELSE 'waiting' END, skald.now(), new_id,
            coalesce(new_type, j.type), coalesce(new_key, j.key, ''), new_body, j.source,
            'application/protobuf', j.published_at, j.correlation_id, j.causation_id, j.traceparent,
            j.tracestate, j.headers, j.addressee, j.control, j.priority, j.begins_at, j.unique_key, j.id)
    RETURNING id INTO made;
    INSERT INTO skald.audit (actor, action, object, reason, detail)
    VALUES (actor, 'edit', 'job ' || of_job, reason, 'replaced by job ' || made);
    RETURN 'ok';
END
$$;
