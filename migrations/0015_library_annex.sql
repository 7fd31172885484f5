-- What a drug library says beside its signed document: the source of each number and
-- how fast doses may rise.
--
-- +goose Up
ALTER TABLE library_versions ADD COLUMN annex jsonb NOT NULL DEFAULT '{"sources": [], "paces": []}';
