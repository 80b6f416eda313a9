-- The tables of the whole shop in one place, for the comparison program "chain".
CREATE TABLE orders (
    order_id        uuid    PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_email  text    NOT NULL,
    sku             text    NOT NULL,
    quantity        integer NOT NULL,
    total_cents     bigint  NOT NULL,
    state           text    NOT NULL DEFAULT 'created'
);

CREATE TABLE stock (
    sku      text    PRIMARY KEY,
    on_hand  bigint  NOT NULL CHECK (on_hand >= 0)
);

INSERT INTO stock (sku, on_hand)
SELECT sku, 10000000
  FROM unnest(ARRAY['anvil', 'book', 'chair', 'desk', 'lamp', 'mug', 'pen', 'rug']) AS s(sku);

CREATE TABLE mail (
    order_id   uuid  NOT NULL,
    recipient  text  NOT NULL
);
