-- What the service "orders" knows besides its events.
CREATE TABLE product (
    sku         text    PRIMARY KEY,
    unit_cents  bigint  NOT NULL CHECK (unit_cents > 0)
);

INSERT INTO product (sku, unit_cents)
VALUES ('anvil', 4900), ('book', 1250), ('chair', 8900), ('desk', 24900),
       ('lamp', 3990), ('mug', 790), ('pen', 210), ('rug', 12900),
       ('unicorn', 99900);

CREATE TABLE orders (
    order_id         uuid         PRIMARY KEY,
    idempotency_key  text         UNIQUE,
    customer_email   text         NOT NULL,
    sku              text         NOT NULL REFERENCES product (sku),
    quantity         integer      NOT NULL CHECK (quantity > 0),
    total_cents      bigint       NOT NULL,
    state            text         NOT NULL DEFAULT 'created'
                     CHECK (state IN ('created', 'confirmed', 'cancelled', 'payment_failed')),
    created_at       timestamptz  NOT NULL DEFAULT clock_timestamp(),
    ended_at         timestamptz,
    -- How often an event ended this order. It is counted so that a doubled event can be seen.
    endings          integer      NOT NULL DEFAULT 0
);
CREATE INDEX orders_open ON orders (order_id) WHERE state = 'created';
