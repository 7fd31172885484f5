-- +goose Up
-- To which size the record fell when a pump was last shown less of it than before: a
-- pump never forgets that it happened, and another fall is to be told of again.
ALTER TABLE telemetry_states ADD COLUMN smaller_size bigint NOT NULL DEFAULT 0 CHECK (smaller_size >= 0);
