-- Who on call was asked last to verify an order, so that the screens tell that person.
--
-- +goose Up
ALTER TABLE dosing_orders ADD COLUMN asked bigint;
