-- Of which stops nothing good is known yet, so that people are told when one is refused, not
-- answered or contradicted. Of those from before this nobody is told any more.
--
-- +goose Up
ALTER TABLE dosing_letters ADD COLUMN watch text NOT NULL DEFAULT '' CHECK (watch = '' OR kind = 'stop' AND watch IN ('watched', 'failed'));
CREATE INDEX dosing_letters_watch ON dosing_letters (pump_id, id) WHERE watch <> '';
