-- Takes back 0002. Refuses while there are jobs that only it can hold: they would be lost.
DO $$
BEGIN
    IF EXISTS (SELECT FROM skald.job WHERE queue IS NOT NULL AND state IN ('waiting', 'running', 'dead')) THEN
        RAISE EXCEPTION 'skald: there are jobs in queues; finish, cancel or discard them first';
    END IF;
END
$$;
DROP VIEW skald.v_queue, skald.v_dead_group, skald.v_job;
DROP FUNCTION skald.operation_work, skald.operation_apply, skald.operation_stop, skald.operation_begin,
              skald.operation_preview, skald.job_select, skald.job_filter_check;
DROP FUNCTION skald.job_edit, skald.job_cancel, skald.job_discard, skald.job_replay,
              skald.job_stays_over, skald.key_release, skald.queue_release, skald.enqueue;
DROP TABLE skald.alert, skald.operation_item, skald.operation, skald.audit, skald.message_type,
           skald.schedule, skald.suspect, skald.attempt, skald.key_bucket;
DELETE FROM skald.job WHERE state NOT IN ('parked', 'dead') OR queue IS NOT NULL OR replaces IS NOT NULL;
DROP INDEX skald.job_replaces, skald.job_over, skald.job_expires, skald.job_failing, skald.job_dead_cause,
           skald.job_dead, skald.job_message, skald.job_unique, skald.job_queue_key, skald.job_running, skald.job_waiting, skald.job_due,
           skald.job_holds, skald.job_key;
ALTER TABLE skald.job
    DROP CONSTRAINT job_state_check, DROP CONSTRAINT job_delayed_check, DROP CONSTRAINT job_of_check, DROP CONSTRAINT job_place_check,
    DROP COLUMN queue, DROP COLUMN priority, DROP COLUMN begins_at, DROP COLUMN expires_at,
    DROP COLUMN unique_key, DROP COLUMN starts, DROP COLUMN crashes, DROP COLUMN holder,
    DROP COLUMN started_at, DROP COLUMN deadline_at, DROP COLUMN maybe_done, DROP COLUMN cancel_reason,
    DROP COLUMN progress, DROP COLUMN progress_note, DROP COLUMN result_type, DROP COLUMN result,
    DROP COLUMN first_failed_at, DROP COLUMN not_yets, DROP COLUMN not_yet_since, DROP COLUMN error_class, DROP COLUMN fingerprint, DROP COLUMN holds,
    DROP COLUMN ended_at, DROP COLUMN replaces,
    ALTER COLUMN follower SET NOT NULL,
    ALTER COLUMN partition SET NOT NULL,
    ADD CONSTRAINT job_state_check CHECK (state IN ('parked', 'dead')),
    ADD CONSTRAINT job_check CHECK (position IS NOT NULL OR sequence IS NOT NULL);
DROP INDEX skald.job_position, skald.job_sequence;
CREATE UNIQUE INDEX job_position ON skald.job (follower, partition, position) WHERE position IS NOT NULL;
CREATE UNIQUE INDEX job_sequence ON skald.job (follower, sequence) WHERE position IS NULL;
CREATE INDEX job_key ON skald.job (follower, partition, key, position) WHERE state = 'parked';
CREATE INDEX job_due ON skald.job (follower, partition, due_at) WHERE state = 'parked';
DROP TABLE skald.queue;
ALTER TABLE skald.follower DROP COLUMN full_since;
DROP FUNCTION skald.now();
