-- Silence counts over starts of the server: what passed while it was down is taken
-- off, and nothing else (fleet/telemetry, presence).
--
-- +goose Up

-- Until when a server could hear its pumps. One row.
CREATE TABLE telemetry_uplink (
    one   boolean     PRIMARY KEY CHECK (one),
    up_at timestamptz NOT NULL
);
ALTER TABLE telemetry_presence ADD COLUMN deaf_ms bigint NOT NULL DEFAULT 0 CHECK (deaf_ms >= 0); -- since heard_at, in which our own end was down
