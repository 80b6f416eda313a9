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
