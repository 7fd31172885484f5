-- Transfers that the root signs in the place of a site that cannot sign any more. What is to
-- be signed is made here and remembered with whoever made it: somebody else hands it in.
-- Once signed it is a letter. At most one of a pump is on its way.
--
-- +goose Up
ALTER TABLE dosing_letters DROP CONSTRAINT dosing_letters_kind_check;
ALTER TABLE dosing_letters ADD CONSTRAINT dosing_letters_kind_check CHECK (kind IN ('release', 'stop', 'withdraw', 'transfer'));
CREATE UNIQUE INDEX dosing_letters_transfer ON dosing_letters (pump_id) WHERE kind = 'transfer' AND state IN ('open', 'sent');

CREATE TABLE dosing_transfers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id    bigint      NOT NULL,
    site_id    bigint      NOT NULL,                          -- that it leaves
    to_site    bigint      NOT NULL CHECK (to_site <> site_id),
    body       bytea       NOT NULL,                          -- the prescription, unsigned
    hash       bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    reason     text        NOT NULL,
    user_id    bigint      NOT NULL,                          -- who made it
    person     text        NOT NULL,
    name       text        NOT NULL,
    at         timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    leaf       bigint      NOT NULL,                          -- in the record
    CHECK (expires_at > at)
);
CREATE INDEX dosing_transfers_pump ON dosing_transfers (pump_id, id DESC);
