-- What the service "inventory" knows besides its events. Nobody has ever seen a unicorn in stock.
CREATE TABLE stock (
    sku      text    PRIMARY KEY,
    initial  bigint  NOT NULL,
    on_hand  bigint  NOT NULL CHECK (on_hand >= 0)
);

INSERT INTO stock (sku, initial, on_hand)
SELECT sku, 10000000, 10000000
  FROM unnest(ARRAY['anvil', 'book', 'chair', 'desk', 'lamp', 'mug', 'pen', 'rug']) AS s(sku)
UNION ALL SELECT 'unicorn', 0, 0;

-- There is no UNIQUE (order_id) on purpose: an event that is applied twice must be seen.
CREATE TABLE reservation (
    order_id  uuid         NOT NULL,
    sku       text         NOT NULL REFERENCES stock (sku),
    quantity  bigint       NOT NULL,
    made_at   timestamptz  NOT NULL DEFAULT clock_timestamp()
);

-- Nor here.
CREATE TABLE shipment (
    order_id  uuid         NOT NULL,
    made_at   timestamptz  NOT NULL DEFAULT clock_timestamp()
);
