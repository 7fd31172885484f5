-- How many of a patient's facts were alarms of a low or empty reservoir: they are no news to a
-- visit that refills it. Open visits have counted none of them so far.
--
-- +goose Up
ALTER TABLE registry_patients ADD COLUMN reservoir_rev bigint NOT NULL DEFAULT 0;
