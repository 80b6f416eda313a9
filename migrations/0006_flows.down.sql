-- 0003 flows, undone. What was seen of flows is lost; no event is.
DROP VIEW skald.v_flow;
DROP FUNCTION skald.flow_close;
DROP TABLE skald.flow_wait, skald.flow_event, skald.flow, skald.flow_definition;
DELETE FROM skald.position WHERE follower LIKE 'flows.%';
DELETE FROM skald.job WHERE follower LIKE 'flows.%';
DELETE FROM skald.suspect WHERE follower LIKE 'flows.%';
DELETE FROM skald.follower WHERE name LIKE 'flows.%';
