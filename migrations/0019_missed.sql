-- How urgent it is that a pump is silent: by what it gives and by when its reservoir
-- is empty (fleet/telemetry, burden).
--
-- +goose Up
ALTER TABLE telemetry_states ADD COLUMN severity smallint NOT NULL DEFAULT 0 CHECK (severity BETWEEN 0 AND 4); -- package dose's, of a sudden stop of what the pump holds; 0 = not known
ALTER TABLE telemetry_presence ADD COLUMN lost_urgent boolean NOT NULL DEFAULT false; -- COMM_LOST is raised as a high alarm
