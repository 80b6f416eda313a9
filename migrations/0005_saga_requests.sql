-- 0005 saga requests: what people ask of sagas, one or many, with who and why.
--
-- Costs nothing on a large database: one new table, columns with constant defaults on skald.operation.

-- --- one saga ------------------------------------------------------------------------------------

-- Which step is meant when none is named: the only one that waits for a person. NULL where that is not one.
CREATE FUNCTION skald.saga_task(s skald.saga) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN cardinality(s.tasks) = 1 THEN s.tasks[1] END
$$;
COMMENT ON FUNCTION skald.saga_task IS 'The step of a saga that waits for a person, when there is exactly one.';

-- Asks something of a saga: retry, retry-new-input (with the new state), retry-from, skip, resolve-done,
-- resolve-not-done of a step, compensate, cancel of the whole. Answers 'ok', or why not. The engine brings it
-- to the saga, and what came of it stands in skald.saga_history: whether the saga can do it is for it to say.
CREATE FUNCTION skald.saga_ask(id text, request text, step text, state bytea, actor text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    s       skald.saga;
    of_step boolean := request IN ('retry', 'retry-new-input', 'retry-from', 'skip', 'resolve-done',
                                   'resolve-not-done');
    meant   text;
BEGIN
    IF coalesce(btrim(actor), '') = '' OR coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'skald: a request to a saga names who asks, and why' USING ERRCODE = 'SK003',
            HINT = 'Both are kept in skald.audit; give actor and reason.';
    END IF;
    IF of_step IS NOT TRUE AND request IS DISTINCT FROM 'compensate' AND request IS DISTINCT FROM 'cancel' THEN
        RAISE EXCEPTION 'skald: "%" cannot be asked of a saga', request USING ERRCODE = 'SK003',
            HINT = 'There are retry, retry-new-input, retry-from, skip, resolve-done, resolve-not-done, '
                'compensate and cancel.';
    END IF;
    IF (request = 'retry-new-input') <> (state IS NOT NULL) THEN
        RAISE EXCEPTION 'skald: a new state comes with retry-new-input, and with nothing else'
            USING ERRCODE = 'SK003', HINT = 'It is the whole state, as bytes of its type.';
    END IF;
    SELECT * INTO s FROM skald.saga AS g WHERE g.id = saga_ask.id;
    IF s.id IS NULL THEN
        RETURN format('there is no saga "%s"', id);
    END IF;
    IF s.phase IN ('completed', 'compensated') THEN
        RETURN format('saga "%s" has ended %s', id, s.phase);
    END IF;
    -- A saga that is blocked as a whole is let go by a retry that names no step.
    meant := CASE WHEN of_step THEN coalesce(step, skald.saga_task(s)) END;
    IF of_step AND meant IS NULL AND NOT (request = 'retry' AND s.blocked IS NOT NULL) THEN
        RETURN CASE WHEN s.tasks IS NULL OR cardinality(s.tasks) = 0
                    THEN format('no step of saga "%s" waits for a person: say which one is meant', id)
                    ELSE format('several steps of saga "%s" wait for a person: say which of %s', id,
                                array_to_string(s.tasks, ', ')) END;
    END IF;
    INSERT INTO skald.saga_input (partition, saga, event, step, type, body, reason, actor)
    VALUES (s.partition, s.id, request, meant, CASE WHEN state IS NOT NULL THEN s.state_type END, state, reason,
            actor);
    INSERT INTO skald.audit (actor, action, object, reason, detail)
    VALUES (actor, request, 'saga ' || s.id, reason, coalesce(meant, ''));
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION skald.saga_ask IS
    'A person asks something of a saga; ''ok'', or why not. What the saga made of it is in skald.saga_history.';

-- --- many sagas ----------------------------------------------------------------------------------

-- An operation is about jobs or about sagas; both are worked off by the keeper.
ALTER TABLE skald.operation
    ADD COLUMN object text NOT NULL DEFAULT 'job' CHECK (object IN ('job', 'saga')),
    ADD COLUMN step   text,
    DROP CONSTRAINT operation_action_check,
    ADD CONSTRAINT operation_action_check CHECK (CASE object
        WHEN 'job' THEN action IN ('replay', 'discard')
        ELSE action IN ('retry', 'skip', 'resolve-done', 'resolve-not-done', 'retry-from', 'compensate', 'cancel')
    END);
COMMENT ON TABLE skald.operation IS 'Bulk operations on jobs or sagas; they go on after a crash.';
COMMENT ON COLUMN skald.operation.object IS 'What it is about: "job" or "saga".';
COMMENT ON COLUMN skald.operation.step IS 'Of sagas: the step that is meant; NULL: the one that waits for a person.';
COMMENT ON COLUMN skald.operation.rate IS 'Jobs or sagas per second; NULL: as fast as it goes.';

CREATE TABLE skald.operation_saga (
    operation  bigint       NOT NULL REFERENCES skald.operation (id) ON DELETE CASCADE,
    saga       text         NOT NULL,
    result     text,
    done_at    timestamptz,
    PRIMARY KEY (operation, saga)
);
CREATE INDEX operation_saga_open ON skald.operation_saga (operation, saga) WHERE done_at IS NULL;
COMMENT ON TABLE skald.operation_saga IS 'The frozen set of an operation on sagas, and what became of each.';
COMMENT ON COLUMN skald.operation_saga.result IS '"ok": it was asked; or why it was refused.';

-- Refuses a filter that would not mean what its writer thinks it means.
CREATE FUNCTION skald.saga_filter_check(filter jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(filter) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'skald: a filter of sagas is a JSON object, not %', coalesce(jsonb_typeof(filter), 'NULL')
            USING ERRCODE = 'SK003', HINT = 'The object {} means all sagas that have not ended.';
    END IF;
    SELECT name INTO wrong FROM jsonb_object_keys(filter) AS name
     WHERE name NOT IN ('definition', 'version', 'phase', 'step', 'reason', 'future', 'since', 'until', 'ids');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'skald: a filter of sagas has no field "%"', wrong
            USING ERRCODE = 'SK003', HINT = 'There are definition, version, phase, step, reason, future, since, '
                'until and ids.';
    END IF;
    SELECT name INTO wrong FROM jsonb_each(filter) AS f (name, value)
     WHERE jsonb_typeof(value) <> CASE name WHEN 'ids' THEN 'array' WHEN 'version' THEN 'number' ELSE 'string' END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'skald: field "%" of a filter of sagas is %', wrong, jsonb_typeof(filter -> wrong)
            USING ERRCODE = 'SK003', HINT = 'version is a number, ids is an array of strings, all others are strings.';
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(filter -> 'ids') AS id WHERE jsonb_typeof(id) <> 'string') THEN
        RAISE EXCEPTION 'skald: ids of a filter of sagas are not all strings'
            USING ERRCODE = 'SK003', HINT = 'They are texts of skald.saga.id.';
    END IF;
    IF filter ->> 'phase' NOT IN ('new', 'running', 'compensating') THEN
        RAISE EXCEPTION 'skald: no saga that can still be changed is "%"', filter ->> 'phase'
            USING ERRCODE = 'SK003', HINT = 'phase is new, running or compensating.';
    END IF;
    IF filter ->> 'future' NOT IN ('start', 'time', 'message', 'child', 'person', 'lock', 'blocked') THEN
        RAISE EXCEPTION 'skald: no saga waits for "%"', filter ->> 'future'
            USING ERRCODE = 'SK003', HINT = 'future is start, time, message, child, person, lock or blocked.';
    END IF;
END
$$;
COMMENT ON FUNCTION skald.saga_filter_check IS
    'Raises SK003 for a filter that skald.saga_select does not understand.';

-- The sagas that have not ended and fit all fields of the filter: definition, version, phase, future (equal), step
-- (one that waits for a person or whose undo is owed), reason (it stands somewhere in the reason, large or small
-- letters), since (changed then or later), until (changed earlier), ids (an array).
CREATE FUNCTION skald.saga_select(filter jsonb) RETURNS SETOF text LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    of_definition text := filter ->> 'definition';
    of_phase      text := filter ->> 'phase';
    of_step       text := filter ->> 'step';
    of_reason     text := filter ->> 'reason';
    of_future     text := filter ->> 'future';
    of_version    integer;
    since         timestamptz;
    until         timestamptz;
    ids           text[];
BEGIN
    PERFORM skald.saga_filter_check(filter);
    of_version := filter ->> 'version';
    since := filter ->> 'since';
    until := filter ->> 'until';
    IF filter ? 'ids' THEN
        ids := ARRAY(SELECT jsonb_array_elements_text(filter -> 'ids'));
    END IF;
    -- Planned for what is given, so that an absent field costs nothing.
    RETURN QUERY
    SELECT s.id FROM skald.saga AS s
     WHERE s.phase NOT IN ('completed', 'compensated')
       AND (of_definition IS NULL OR s.definition = of_definition)
       AND (of_version IS NULL OR s.version = of_version)
       AND (of_phase IS NULL OR s.phase = of_phase)
       AND (of_future IS NULL OR CASE WHEN s.blocked IS NULL THEN s.future ELSE 'blocked' END = of_future)
       AND (of_step IS NULL OR of_step = ANY (s.tasks) OR of_step = ANY (s.owed))
       AND (of_reason IS NULL OR position(lower(of_reason) IN lower(s.reason)) > 0)
       AND (since IS NULL OR coalesce(s.changed_at, s.started_at) >= since)
       AND (until IS NULL OR coalesce(s.changed_at, s.started_at) < until)
       AND (ids IS NULL OR s.id = ANY (ids))
     ORDER BY s.id;
END
$$;
COMMENT ON FUNCTION skald.saga_select IS 'Ids of the sagas that a filter means; what has ended is never meant.';

CREATE FUNCTION skald.saga_preview(filter jsonb)
RETURNS TABLE (definition text, version integer, phase text, future text, tasks text, reason text, sagas bigint,
               first_at timestamptz, last_at timestamptz)
LANGUAGE sql AS $$
    SELECT s.definition, s.version, s.phase, CASE WHEN s.blocked IS NULL THEN s.future ELSE 'blocked' END,
           array_to_string(s.tasks, ', '),
           (array_agg(s.reason ORDER BY s.changed_at DESC NULLS LAST))[1], count(*),
           min(coalesce(s.changed_at, s.started_at)), max(coalesce(s.changed_at, s.started_at))
      FROM skald.saga AS s
     WHERE s.id IN (SELECT skald.saga_select(filter))
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY count(*) DESC, 1, 2, 3, 4, 5
$$;
COMMENT ON FUNCTION skald.saga_preview IS 'What an operation with this filter would change, by groups.';

-- Freezes the set that the filter means now. The keeper works it off, in the order of the ids.
CREATE FUNCTION skald.saga_operation_begin(action text, step text, filter jsonb, actor text, reason text,
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
    INSERT INTO skald.operation (object, action, step, filter, actor, reason, rate)
    VALUES ('saga', action, step, filter::text, actor, reason, rate) RETURNING id INTO made;
    INSERT INTO skald.operation_saga (operation, saga) SELECT made, saga FROM skald.saga_select(filter) AS saga;
    GET DIAGNOSTICS frozen = ROW_COUNT;
    UPDATE skald.operation AS o
       SET total = frozen, moved_at = skald.now(),
           state = CASE frozen WHEN 0 THEN 'done' ELSE 'running' END,
           ended_at = CASE frozen WHEN 0 THEN skald.now() END
     WHERE o.id = made;
    INSERT INTO skald.audit (actor, action, object, reason, detail)
    VALUES (actor, 'begin ' || action, 'operation ' || made, reason, frozen || ' sagas, ' || filter);
    RETURN made;
END
$$;
COMMENT ON FUNCTION skald.saga_operation_begin IS
    'Begins to ask the same of all sagas that a filter means; the id of the operation.';

-- As in 0002, and one more kind of object. Each job ends a subtransaction: 50 at a time are no burden for others.
CREATE OR REPLACE FUNCTION skald.operation_work(of_operation bigint, count_max integer,
                                                tokens_left double precision, tokens_at timestamptz)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    o       skald.operation;
    why     text;
    item    record;
    answer  text;
    worked  integer := 0;
    good    integer := 0;
BEGIN
    SELECT * INTO o FROM skald.operation WHERE id = of_operation AND state = 'running' FOR UPDATE;
    IF o.id IS NULL THEN
        RETURN 0;
    END IF;
    why := format('%s (operation %s)', o.reason, of_operation);
    FOR item IN SELECT i.job FROM skald.operation_item AS i
                 WHERE o.object = 'job' AND i.operation = of_operation AND i.done_at IS NULL
                 ORDER BY i.job LIMIT count_max LOOP
        answer := skald.operation_apply(item.job, o.action, o.actor, why);
        UPDATE skald.operation_item SET result = answer, done_at = skald.now()
         WHERE operation = of_operation AND job = item.job;
        worked := worked + 1;
        good := good + (answer = 'ok')::integer;
    END LOOP;
    FOR item IN SELECT i.saga FROM skald.operation_saga AS i
                 WHERE o.object = 'saga' AND i.operation = of_operation AND i.done_at IS NULL
                 ORDER BY i.saga LIMIT count_max LOOP
        answer := skald.saga_ask(item.saga, o.action, o.step, NULL, o.actor, why);
        UPDATE skald.operation_saga SET result = answer, done_at = skald.now()
         WHERE operation = of_operation AND saga = item.saga;
        worked := worked + 1;
        good := good + (answer = 'ok')::integer;
    END LOOP;
    UPDATE skald.operation
       SET succeeded = succeeded + good, refused = refused + worked - good, tokens = tokens_left,
           moved_at = tokens_at
     WHERE id = of_operation;
    UPDATE skald.operation SET state = 'done', ended_at = skald.now()
     WHERE id = of_operation
       AND NOT EXISTS (SELECT FROM skald.operation_item WHERE operation = of_operation AND done_at IS NULL)
       AND NOT EXISTS (SELECT FROM skald.operation_saga WHERE operation = of_operation AND done_at IS NULL);
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
            format('after %s of %s %ss', o.succeeded + o.refused, o.total, o.object));
    RETURN 'ok';
END
$$;
