-- +goose Up

-- The life of a device: stock, explants, replacements, recalls, maintenance, and
-- what people read off a pump themselves.

ALTER TABLE registry_pumps ADD COLUMN asset_no text NOT NULL DEFAULT '' CHECK (length(asset_no) <= 40); -- in the site's maintenance system
CREATE UNIQUE INDEX registry_pumps_asset ON registry_pumps (site_id, upper(asset_no)) WHERE asset_no <> '';

-- People may add a note to an alarm without acknowledging it.
ALTER TABLE alarm_changes DROP CONSTRAINT alarm_changes_change_check;
ALTER TABLE alarm_changes ADD CONSTRAINT alarm_changes_change_check CHECK (change IN ('raised', 'repeated', 'cleared', 'acknowledged', 'late', 'closed', 'noted'));

-- A communicator lies in a site's stock, or is with a patient of it.
ALTER TABLE registry_communicators
    ADD COLUMN site_id bigint REFERENCES registry_sites,
    ADD COLUMN asset_no text NOT NULL DEFAULT '' CHECK (length(asset_no) <= 40),
    ADD COLUMN lot text NOT NULL DEFAULT '' CHECK (length(lot) <= 40),
    ADD COLUMN reserved_for bigint REFERENCES registry_pumps,
    ADD COLUMN reserved_at timestamptz,
    ADD COLUMN reserved_by text NOT NULL DEFAULT '',
    ADD COLUMN reserved_why text NOT NULL DEFAULT '',
    ADD COLUMN rev bigint NOT NULL DEFAULT 1,
    ADD CHECK ((reserved_for IS NULL) = (reserved_at IS NULL)),
    ADD CHECK (reserved_for IS NULL OR status = 'stock');
UPDATE registry_communicators c SET site_id = (
    SELECT p.site_id FROM registry_pairings g JOIN registry_pumps p ON p.id = g.pump_id WHERE g.link = c.serial ORDER BY g.id DESC LIMIT 1);
CREATE INDEX registry_communicators_site ON registry_communicators (site_id, status, serial);
CREATE UNIQUE INDEX registry_communicators_reserved ON registry_communicators (reserved_for) WHERE reserved_for IS NOT NULL;
CREATE UNIQUE INDEX registry_communicators_asset ON registry_communicators (site_id, upper(asset_no)) WHERE asset_no <> '';

-- A pump was taken out. What became of the device may be known later.
CREATE TABLE registry_explants (
    pump_id        bigint PRIMARY KEY REFERENCES registry_pumps,
    on_day         date NOT NULL,
    reason         text NOT NULL,
    fate           text NOT NULL CHECK (fate IN ('kept', 'maker', 'pathology', 'patient', 'destroyed')),
    fate_at        timestamptz NOT NULL,
    fate_note      text NOT NULL,
    remainder_nl   bigint CHECK (remainder_nl >= 0), -- drug left in the reservoir; NULL: not measured
    remainder_note text NOT NULL,
    recorded_at    timestamptz NOT NULL,
    recorded_by    text NOT NULL
);

-- One pump took the place of another. The patient goes over as an expectation
-- only: a pump is in a patient once somebody has bound it, by its own act.
CREATE TABLE registry_replacements (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    old_pump   bigint NOT NULL REFERENCES registry_pumps,
    new_pump   bigint NOT NULL REFERENCES registry_pumps,
    patient_id bigint REFERENCES registry_patients,
    binding    text NOT NULL CHECK (binding IN ('none', 'pending', 'bound')),
    reason     text NOT NULL,
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    undone_at  timestamptz,
    undone_why text NOT NULL DEFAULT '',
    CHECK (old_pump <> new_pump),
    CHECK ((binding = 'none') = (patient_id IS NULL))
);
CREATE UNIQUE INDEX registry_replacements_old ON registry_replacements (old_pump) WHERE undone_at IS NULL;
CREATE UNIQUE INDEX registry_replacements_new ON registry_replacements (new_pump) WHERE undone_at IS NULL;

-- What a maker or an authority calls back. A notice concerns every site; each
-- sees its own devices.
CREATE TABLE recall_recalls (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference    text NOT NULL CHECK (reference <> ''),
    maker        text NOT NULL CHECK (maker <> ''),
    title        text NOT NULL CHECK (title <> ''),
    body         text NOT NULL, -- what the notice says
    source       text NOT NULL, -- where it came from
    severity     text NOT NULL CHECK (severity IN ('I', 'II', 'III')), -- I may kill, III is unlikely to harm
    issued_on    date NOT NULL,
    models       text[] NOT NULL,
    device_ids   text[] NOT NULL,
    lots         text[] NOT NULL,
    range_first  text[] NOT NULL,
    range_last   text[] NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'closed', 'withdrawn')),
    state_at     timestamptz NOT NULL,
    state_by     text NOT NULL,
    state_why    text NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    rev          bigint NOT NULL DEFAULT 1,
    CHECK (cardinality(range_first) = cardinality(range_last)),
    CHECK (cardinality(models) + cardinality(device_ids) + cardinality(lots) + cardinality(range_first) > 0)
);
CREATE UNIQUE INDEX recall_recalls_reference ON recall_recalls (lower(maker), lower(reference)) WHERE state <> 'withdrawn';

CREATE TABLE recall_devices (
    recall_id  bigint NOT NULL REFERENCES recall_recalls,
    pump_id    bigint NOT NULL REFERENCES registry_pumps,
    site_id    bigint NOT NULL REFERENCES registry_sites,
    state      text NOT NULL CHECK (state IN ('check', 'open', 'closed', 'removed')), -- check: may match, somebody has to look
    how        text NOT NULL CHECK (how IN ('matched', 'added')),
    why        text NOT NULL, -- the rule's words, or the person's
    added_at   timestamptz NOT NULL,
    added_by   text NOT NULL,
    state_at   timestamptz NOT NULL,
    state_by   text NOT NULL,
    state_why  text NOT NULL DEFAULT '', -- evidence of a closure, reason of a removal
    outcome    text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'replaced', 'corrected', 'inspected', 'monitored', 'explanted', 'lost', 'declined')),
    PRIMARY KEY (recall_id, pump_id),
    CHECK ((state = 'closed') = (outcome <> ''))
);
CREATE INDEX recall_devices_pump ON recall_devices (pump_id);
CREATE INDEX recall_devices_site ON recall_devices (site_id, recall_id);

CREATE TABLE recall_contacts (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recall_id bigint NOT NULL,
    pump_id   bigint NOT NULL,
    at        timestamptz NOT NULL, -- when somebody was contacted
    caller    text NOT NULL,        -- who did it, by name
    contacted text NOT NULL CHECK (contacted <> ''), -- whom
    way       text NOT NULL CHECK (way IN ('phone', 'letter', 'visit', 'message', 'mail')),
    outcome   text NOT NULL CHECK (outcome IN ('reached', 'no_answer', 'left_message', 'appointment', 'refused', 'wrong_contact')),
    note      text NOT NULL,
    noted_at  timestamptz NOT NULL,
    noted_by  text NOT NULL,
    FOREIGN KEY (recall_id, pump_id) REFERENCES recall_devices
);
CREATE INDEX recall_contacts_device ON recall_contacts (recall_id, pump_id, id);

-- Work on a device, as the maintenance system calls it. Entries are never
-- changed; a piece of work is planned, then done or dropped.
CREATE TABLE maintenance_work (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id    bigint NOT NULL REFERENCES registry_sites,
    pump_id    bigint REFERENCES registry_pumps,
    link       text REFERENCES registry_communicators,
    kind       text NOT NULL CHECK (kind IN ('note', 'inspection', 'repair', 'battery', 'alarm_test', 'cleaning', 'software', 'safety_check')),
    body       text NOT NULL CHECK (body <> ''),
    due_on     date,
    state      text NOT NULL CHECK (state IN ('planned', 'done', 'dropped')),
    done_on    date,
    result     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    created_by text NOT NULL, -- actor
    created_name text NOT NULL,
    ended_at   timestamptz,
    ended_by   text NOT NULL DEFAULT '',
    ended_name text NOT NULL DEFAULT '',
    CHECK ((pump_id IS NULL) <> (link IS NULL)),
    CHECK ((state = 'planned') = (ended_at IS NULL)),
    CHECK (state <> 'planned' OR due_on IS NOT NULL),
    CHECK ((state = 'done') = (done_on IS NOT NULL))
);
CREATE INDEX maintenance_work_pump ON maintenance_work (pump_id, id) WHERE pump_id IS NOT NULL;
CREATE INDEX maintenance_work_link ON maintenance_work (link, id) WHERE link IS NOT NULL;
CREATE INDEX maintenance_work_due ON maintenance_work (site_id, due_on, id) WHERE state = 'planned';

-- What people read off a pump with a programmer, or were told. Never mixed with
-- what a pump computes or senses, and never changed: a correction is a reading
-- that takes another one's place.
CREATE TABLE manual_readings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id     bigint NOT NULL REFERENCES registry_pumps,
    site_id     bigint NOT NULL REFERENCES registry_sites,
    taken_at    timestamptz NOT NULL,
    taken_by    text NOT NULL CHECK (taken_by <> ''), -- who measured
    source      text NOT NULL CHECK (source IN ('programmer', 'refill', 'report', 'other')),
    residual_nl bigint CHECK (residual_nl >= 0), -- by the programmer's own reckoning
    rate_nl_day bigint CHECK (rate_nl_day >= 0),
    battery     text NOT NULL CHECK (battery IN ('', 'ok', 'eri', 'eos')),
    alarms      text[] NOT NULL, -- codes, as seen on the programmer
    alarms_seen boolean NOT NULL, -- somebody looked: an empty list then means none
    program     text NOT NULL,   -- in words
    steps       jsonb,           -- [[offset_s, duration_s, volume_nl], …] of a day; NULL: not noted
    note        text NOT NULL,
    supersedes  bigint UNIQUE REFERENCES manual_readings,
    reason      text NOT NULL, -- of a correction
    imported    boolean NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    recorded_name text NOT NULL,
    CHECK ((supersedes IS NULL) = (reason = ''))
);
CREATE INDEX manual_readings_pump ON manual_readings (pump_id, taken_at DESC, id DESC);
