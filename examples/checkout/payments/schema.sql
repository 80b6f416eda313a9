-- What the service "payments" knows besides its events. There is no UNIQUE (order_id, kind) on
-- purpose: an event that is applied twice must be seen by the demo's check, not hidden.
CREATE TABLE payment (
    order_id     uuid         NOT NULL,
    kind         text         NOT NULL CHECK (kind IN ('charge', 'refusal', 'refund')),
    cents        bigint       NOT NULL,
    provider_id  text,
    made_at      timestamptz  NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX payment_order ON payment (order_id);
