-- One row per day of business. Plain sums: a doubled or a lost event makes them wrong.
CREATE TABLE daily (
    day              date    PRIMARY KEY,
    confirmed        bigint  NOT NULL DEFAULT 0,
    confirmed_cents  bigint  NOT NULL DEFAULT 0,
    cancelled        bigint  NOT NULL DEFAULT 0
);
