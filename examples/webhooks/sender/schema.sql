-- What the service "webhooks" keeps.
CREATE TABLE endpoint (
    name    text     PRIMARY KEY,
    port    integer  NOT NULL,
    events  bigint   NOT NULL DEFAULT 0 -- how many there were for it
);

CREATE TABLE event (
    id               uuid         PRIMARY KEY,
    idempotency_key  text         UNIQUE, -- by which whoever tells of it is known to repeat himself
    body             text         NOT NULL,
    happened_at      timestamptz  NOT NULL DEFAULT clock_timestamp()
);

-- One row for each event and endpoint; the id is that of the job.
CREATE TABLE delivery (
    id        uuid    PRIMARY KEY,
    event_id  uuid    NOT NULL REFERENCES event (id),
    endpoint  text    NOT NULL REFERENCES endpoint (name),
    number    bigint  NOT NULL
);

-- There is no UNIQUE (delivery_id) on purpose: a delivery that ends twice must be seen by the demo's
-- check, not hidden.
CREATE TABLE delivered (
    delivery_id   uuid         NOT NULL,
    attempts      integer      NOT NULL,
    delivered_at  timestamptz  NOT NULL DEFAULT clock_timestamp()
);
