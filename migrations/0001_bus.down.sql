-- 0001 bus, undone. Destroys every event, position and job: only for databases that are thrown away.
DROP FUNCTION skald.advance;
DROP FUNCTION skald.publish;
DROP FUNCTION skald.outbox_extend;
DROP TABLE skald.subscriber, skald.seen, skald.job, skald.position, skald.follower, skald.process,
           skald.outbox_range, skald.outbox, skald.service;
