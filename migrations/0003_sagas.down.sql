-- Takes back 0003. Refuses while sagas are under way: they would be lost.
DO $$
BEGIN
    IF EXISTS (SELECT FROM skald.saga WHERE ended_at IS NULL) THEN
        RAISE EXCEPTION 'skald: there are sagas that have not ended; let them end first';
    END IF;
    IF EXISTS (SELECT FROM skald.job WHERE queue = '@sagas' AND state IN ('waiting', 'running')) THEN
        RAISE EXCEPTION 'skald: there are activities of sagas under way; let them end first';
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION skald.job_stays_over(j skald.job, what text) RETURNS text LANGUAGE plpgsql STABLE AS $$
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
DROP VIEW skald.v_saga_stuck, skald.v_saga_task, skald.v_debts, skald.v_saga;
DROP TRIGGER saga_job_over ON skald.job;
DROP FUNCTION skald.saga_lock_leave, skald.saga_lock_free, skald.saga_lock_await, skald.saga_lock_pass, skald.saga_lock_take,
              skald.saga_start, skald.saga_of_operation, skald.saga_job_over;
DROP TABLE skald.saga_lock_wait, skald.saga_lock, skald.saga_kept, skald.saga_history, skald.saga_input,
           skald.saga, skald.saga_definition;
DELETE FROM skald.job WHERE queue = '@sagas';
DELETE FROM skald.queue WHERE name = '@sagas';
DELETE FROM skald.position WHERE follower = '@sagas';
DELETE FROM skald.follower WHERE name = '@sagas';
ALTER TABLE skald.job DROP COLUMN operation, DROP COLUMN plan, DROP COLUMN timeout_ms;
