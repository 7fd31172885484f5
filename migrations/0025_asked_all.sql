-- Everybody on call who was asked to verify an order, and until when the last of them has
-- time: who is on call changes meanwhile, and whose turn it is must not.
--
-- +goose Up
ALTER TABLE dosing_orders ADD COLUMN asked_all bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE dosing_orders ADD COLUMN asked_until timestamptz;
UPDATE dosing_orders SET asked_all = ARRAY[asked] WHERE asked IS NOT NULL;
