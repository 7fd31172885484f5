-- How many patient boluses a pump had given and refused at the end of each bucket, so
-- that the count of a day is a difference, as its volume is. NULL in buckets of before.
--
-- +goose Up
ALTER TABLE telemetry_minute ADD COLUMN ptm_given_last bigint, ADD COLUMN ptm_denied_last bigint;
ALTER TABLE telemetry_hour ADD COLUMN ptm_given_last bigint, ADD COLUMN ptm_denied_last bigint;
