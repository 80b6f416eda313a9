-- The mails that were sent. There is no UNIQUE (order_id) on purpose: an event that is applied twice
-- must be seen by the demo's check, not hidden.
CREATE TABLE mail (
    order_id   uuid         NOT NULL,
    recipient  text         NOT NULL,
    subject    text         NOT NULL,
    sent_at    timestamptz  NOT NULL DEFAULT clock_timestamp()
);
