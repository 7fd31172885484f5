-- The stream of events (fleet/events), and the lists from which it learns of
-- what is not in the record.
--
-- +goose Up

-- Changes that the stream has not told of yet. They are written in the
-- transaction of the change, and removed in the one that places them.
CREATE TABLE alarm_news (
    change_id bigint PRIMARY KEY -- alarm_changes
);
CREATE TABLE telemetry_presence_news (
    log_id bigint PRIMARY KEY -- telemetry_presence_log
);
ALTER TABLE alarm_news SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE telemetry_presence_news SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Events in the order in which everybody reads them. Numbers have no gaps and
-- are given under the lock of events_state, so that no reader ever sees one
-- before those that precede it.
CREATE TABLE events_events (
    seq       bigint      PRIMARY KEY CHECK (seq > 0),
    name      text        NOT NULL COLLATE "C",
    at        timestamptz NOT NULL, -- when it happened, the server's clock
    placed_at timestamptz NOT NULL, -- when it got its number
    site_id   bigint,               -- NULL: concerns no site
    pump_id   bigint,
    actor     text        NOT NULL,
    object    text        NOT NULL,
    device    text        NOT NULL,
    reason    text        NOT NULL,
    detail    jsonb       NOT NULL,
    entry     bigint               -- place in the record, NULL: not in it
);
CREATE INDEX events_events_name ON events_events (name, seq);
CREATE INDEX events_events_site ON events_events (site_id, seq);
CREATE INDEX events_events_pump ON events_events (pump_id, seq) WHERE pump_id IS NOT NULL;
CREATE INDEX events_events_placed ON events_events USING brin (placed_at);

-- One row. The epoch names this stream: a cursor of another one is refused.
CREATE TABLE events_state (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch text    NOT NULL DEFAULT substr(md5(gen_random_uuid()::text), 1, 12),
    next  bigint  NOT NULL DEFAULT 1, -- the number of the next event
    first bigint  NOT NULL DEFAULT 1, -- the oldest that is kept
    entry bigint  NOT NULL DEFAULT 0  -- the place in the record to read on from
);
INSERT INTO events_state DEFAULT VALUES;
