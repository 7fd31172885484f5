-- The digest of an hour's reports finds its events by their time of receipt, as it finds
-- samples.
--
-- What a communicator's battery had is forgotten once: its alarm begins where the voltage
-- becomes low, and was never raised where it was low before anybody compared it. The next
-- heartbeat says it again.
--
-- +goose Up
CREATE INDEX telemetry_events_received ON telemetry_events USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);
UPDATE telemetry_states SET comm_mv = NULL WHERE comm_mv IS NOT NULL;
