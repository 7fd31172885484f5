-- With which API token a list of pumps was frozen and work on it begun: the work goes
-- on with that token's rights, and no longer than it lives.
--
-- +goose Up
ALTER TABLE lists_frozen ADD COLUMN token bigint NOT NULL DEFAULT 0; -- 0 = by the owner themselves
ALTER TABLE lists_runs   ADD COLUMN token bigint NOT NULL DEFAULT 0;
