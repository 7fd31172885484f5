-- An order that blind entries sent back can be taken up for 30 days. Those that came back
-- before begin their 30 days now: what they have is the end of a prescription that is no
-- more. A draft that was never proposed has none.
--
-- +goose Up
UPDATE dosing_orders SET expires_at = now() + interval '30 days' WHERE state = 'draft' AND expires_at IS NOT NULL;
