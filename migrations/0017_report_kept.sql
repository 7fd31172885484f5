-- What a pump said of itself when an order was proposed, kept with the order: so the
-- record tells from what it changed, when the pump has long said something else.
--
-- +goose Up
ALTER TABLE dosing_orders ADD COLUMN report bytea CHECK (octet_length(report) <= 16384); -- package order's Report, of the state `base`; NULL: a draft, or proposed before it was kept
