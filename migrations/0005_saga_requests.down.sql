-- Takes back 0005. Operations on sagas are forgotten; what they have asked is not.
DROP FUNCTION skald.saga_operation_begin, skald.saga_preview, skald.saga_select, skald.saga_filter_check,
              skald.saga_ask, skald.saga_task;
DELETE FROM skald.operation WHERE object = 'saga';
DROP TABLE skald.operation_saga;
ALTER TABLE skald.operation
    DROP CONSTRAINT operation_action_check,
    DROP COLUMN step,
    DROP COLUMN object,
    ADD CONSTRAINT operation_action_check CHECK (action IN ('replay', 'discard'));
COMMENT ON TABLE skald.operation IS 'Bulk operations on jobs; they go on after a crash.';
COMMENT ON COLUMN skald.operation.rate IS 'Jobs per second; NULL: as fast as it goes.';
CREATE OR REPLACE FUNCTION skald.operation_work(of_operation bigint, count_max integer,
                                                tokens_left double precision, tokens_at timestamptz)
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
CREATE OR REPLACE FUNCTION skald.operation_stop(of_operation bigint, actor text, reason text)
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
