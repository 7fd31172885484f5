-- A pump whose profile wants increases confirmed at the bedside says for which release it
-- waits, and for how long.
--
-- +goose Up
ALTER TABLE dosing_orders
    ADD COLUMN bedside_since timestamptz,
    ADD COLUMN bedside_until timestamptz,
    ADD CHECK ((bedside_since IS NULL) = (bedside_until IS NULL));
CREATE INDEX dosing_orders_bedside ON dosing_orders (pump_id) WHERE bedside_until IS NOT NULL;
