-- +goose Up

-- An alarm is a condition from its raise to its clear. At most one is open per
-- pump, code, instance and source; a repeat counts.
CREATE TABLE alarm_alarms (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id      bigint NOT NULL REFERENCES registry_pumps,
    site_id      bigint NOT NULL REFERENCES registry_sites,
    code         text NOT NULL CHECK (code ~ '^[A-Za-z0-9_.-]{1,32}$'),
    instance     text NOT NULL,
    source       text NOT NULL CHECK (source IN ('pump', 'server')),
    priority     smallint NOT NULL CHECK (priority BETWEEN 1 AND 4), -- wire.Priority: 1 info … 4 high
    declared     smallint NOT NULL CHECK (declared BETWEEN 0 AND 4), -- what the raiser said, 0 nothing
    latched      boolean NOT NULL,
    state        text NOT NULL CHECK (state IN ('active', 'acknowledged', 'cleared')),
    count        bigint NOT NULL CHECK (count >= 0), -- raises; 0: only its clear arrived
    raised_at    timestamptz NOT NULL, -- first raise (or lone clear) by the server's clock
    device_at    timestamptz,          -- the same by the pump's clock
    last_at      timestamptz NOT NULL, -- last raise
    cleared_at   timestamptz,
    clear_device_at timestamptz,
    ack_by       text NOT NULL DEFAULT '',
    ack_name     text NOT NULL DEFAULT '',
    ack_at       timestamptz,
    ack_note     text NOT NULL DEFAULT '',
    detail       jsonb NOT NULL,
    epoch        bigint NOT NULL, -- place in the pump's alarm lane of what was applied last; 0 for the server's own
    seq          bigint NOT NULL,
    noted_at     timestamptz NOT NULL, -- last row in alarm_changes
    rev          bigint NOT NULL,
    CHECK ((state = 'cleared') = (cleared_at IS NOT NULL)),
    CHECK (state <> 'acknowledged' OR ack_at IS NOT NULL),
    CHECK ((ack_at IS NULL) = (ack_by = '')),
    CHECK (priority >= declared) -- the platform may raise a declared priority, never lower it
);
CREATE UNIQUE INDEX alarm_alarms_open ON alarm_alarms (pump_id, code, instance, source) WHERE cleared_at IS NULL;
CREATE INDEX alarm_alarms_key ON alarm_alarms (pump_id, code, instance, source, id);
CREATE INDEX alarm_alarms_open_site ON alarm_alarms (site_id, id) WHERE cleared_at IS NULL;
CREATE INDEX alarm_alarms_pump ON alarm_alarms (pump_id, id);
CREATE INDEX alarm_alarms_site ON alarm_alarms (site_id, id);

-- What happened to an alarm, in the order of arrival.
CREATE TABLE alarm_changes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id      bigint NOT NULL REFERENCES alarm_alarms,
    change        text NOT NULL CHECK (change IN ('raised', 'repeated', 'cleared', 'acknowledged', 'late', 'closed')),
    at            timestamptz NOT NULL,
    device_at     timestamptz,
    actor         text NOT NULL,
    note          text NOT NULL DEFAULT '',
    old_state     text NOT NULL, -- '' before the first change
    new_state     text NOT NULL,
    old_priority  smallint NOT NULL,
    new_priority  smallint NOT NULL,
    count         bigint NOT NULL,
    detail        jsonb NOT NULL DEFAULT '{}',
    epoch         bigint NOT NULL DEFAULT 0,
    seq           bigint NOT NULL DEFAULT 0,
    evidence_hash bytea CHECK (octet_length(evidence_hash) = 32) -- SHA-256 of the signed message that said so
);
CREATE INDEX alarm_changes_alarm ON alarm_changes (alarm_id, id);
