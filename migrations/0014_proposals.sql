-- What people have typed of proposals and not proposed yet, and what a proposer
-- saw.
--
-- +goose Up

-- One form for each person and pump, theirs alone: it says nothing to anybody, and
-- so it has no leaf in the record.
CREATE TABLE dosing_forms (
    user_id bigint      NOT NULL,
    pump_id bigint      NOT NULL,
    site_id bigint      NOT NULL,
    kind    text        NOT NULL,
    form    text        NOT NULL CHECK (octet_length(form) <= 65536), -- as the console keeps it
    at      timestamptz NOT NULL,
    PRIMARY KEY (user_id, pump_id)
);
CREATE INDEX dosing_forms_at ON dosing_forms (at);

-- What the pump said of itself when an order was proposed, and which documents
-- counted: what is new since then is compared with it.
ALTER TABLE dosing_orders ADD COLUMN seen jsonb;
