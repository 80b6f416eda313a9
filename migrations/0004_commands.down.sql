-- Takes back 0004. Refuses while there are messages that only it can hold: they would become events.
DO $$
BEGIN
    IF EXISTS (SELECT FROM skald.outbox WHERE kind <> 'e')
       OR EXISTS (SELECT FROM skald.job WHERE addressee IS NOT NULL) THEN
        RAISE EXCEPTION 'skald: there are commands or replies in the outbox or in jobs';
    END IF;
END
$$;
DROP TRIGGER command_job_over ON skald.job;
DROP FUNCTION skald.command_job_over;
DROP TABLE skald.fence;
DELETE FROM skald.attempt WHERE outcome = 'refused';
ALTER TABLE skald.attempt
    DROP CONSTRAINT attempt_outcome_check,
    ADD CONSTRAINT attempt_outcome_check CHECK (outcome IN ('begun', 'failed', 'not yet', 'dead', 'skipped',
        'cancelled', 'timed out', 'crashed', 'lost', 'replayed'));
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
ALTER TABLE skald.job DROP COLUMN addressee, DROP COLUMN control;
ALTER TABLE skald.outbox DROP COLUMN addressee, DROP COLUMN control;
