-- Whose signatures count, drug libraries, what is on its way to pumps, and orders
-- (fleet/keyset, fleet/library, fleet/dispatch, fleet/dosing).
--
-- Doses are ng, volumes nL; both whole numbers. Signed documents are kept as the
-- bytes that were signed.
--
-- +goose Up

-- People's signing keys. A key is a passkey that never leaves its device or, in a
-- demo, a key in software.
CREATE TABLE keyset_keys (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL,
    person       text        NOT NULL CHECK (person <> ''),   -- login, as documents name them
    key          text        NOT NULL UNIQUE CHECK (key LIKE 'es256:%'),
    key_id       bytea       NOT NULL UNIQUE CHECK (octet_length(key_id) = 32),
    software     boolean     NOT NULL,
    rp_id        text        NOT NULL CHECK (rp_id <> ''),
    label        text        NOT NULL,
    aaguid       bytea       CHECK (octet_length(aaguid) = 16),
    credential   bytea,                                       -- id that the browser asks the authenticator for
    added_at     timestamptz NOT NULL,
    added_by     text        NOT NULL,
    not_after    timestamptz NOT NULL,
    revoked_at   timestamptz,
    revoked_by   text        NOT NULL DEFAULT '',
    reason       text        NOT NULL DEFAULT '',
    CHECK (not_after > added_at)
);
CREATE INDEX keyset_keys_user ON keyset_keys (user_id);

-- Keysets. At most one is a draft; a published one never changes.
CREATE TABLE keyset_versions (
    version      bigint      PRIMARY KEY CHECK (version > 0),
    body         bytea       NOT NULL,
    document     bytea,                                       -- signed; NULL: a draft
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    reason       text        NOT NULL,
    drafted_by   text        NOT NULL,
    drafted_at   timestamptz NOT NULL,
    published_at timestamptz,
    CHECK ((document IS NULL) = (published_at IS NULL))
);
CREATE UNIQUE INDEX keyset_versions_draft ON keyset_versions ((true)) WHERE document IS NULL;

-- Signatures of administrators under a draft, until there are enough.
CREATE TABLE keyset_signatures (
    version bigint      NOT NULL REFERENCES keyset_versions ON DELETE CASCADE,
    key_id  bytea       NOT NULL CHECK (octet_length(key_id) = 32),
    sig     bytea       NOT NULL,
    user_id bigint      NOT NULL,                             -- who brought it, 0 = the server
    actor   text        NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (version, key_id)
);

-- Drug libraries. From review on the content never changes.
CREATE TABLE library_versions (
    version      bigint      PRIMARY KEY CHECK (version > 0),
    state        text        NOT NULL CHECK (state IN ('draft', 'review', 'approved', 'active', 'superseded', 'rejected')),
    rev          bigint      NOT NULL DEFAULT 1,
    body         bytea       NOT NULL,                        -- package order's encoding
    note         text        NOT NULL,                        -- what changed and why
    author       bigint      NOT NULL,
    author_name  text        NOT NULL,
    created_at   timestamptz NOT NULL,
    submitted_at timestamptz,
    approver     bigint,
    approver_name text       NOT NULL DEFAULT '',
    approved_at  timestamptz,
    document     bytea,                                       -- signed
    hash         bytea       UNIQUE CHECK (octet_length(hash) = 32), -- SHA-256 of document, which pumps name
    active_at    timestamptz,
    CHECK ((document IS NULL) = (hash IS NULL)),
    CHECK (state NOT IN ('active', 'superseded') OR document IS NOT NULL),
    CHECK (state NOT IN ('approved') OR (approver IS NOT NULL AND approver <> author))
);
CREATE UNIQUE INDEX library_versions_active ON library_versions ((true)) WHERE state = 'active';

CREATE TABLE library_signatures (
    version bigint      NOT NULL REFERENCES library_versions,
    key_id  bytea       NOT NULL CHECK (octet_length(key_id) = 32),
    sig     bytea       NOT NULL,
    actor   text        NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (version, key_id)
);

-- Which library each pump says it has, by the day it said so first.
CREATE TABLE library_pumps (
    pump_id bigint      NOT NULL,
    site_id bigint      NOT NULL,
    hash    bytea       NOT NULL,
    since   timestamptz NOT NULL,
    current boolean     NOT NULL,
    PRIMARY KEY (pump_id, hash)
);
CREATE INDEX library_pumps_hash ON library_pumps (hash, since);
CREATE UNIQUE INDEX library_pumps_current ON library_pumps (pump_id) WHERE current;

-- What waits for a pump until it answers or it is too late.
CREATE TABLE dispatch_outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id     bigint      NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('order', 'stop')),
    doc         bytea       NOT NULL UNIQUE CHECK (octet_length(doc) = 32), -- SHA-256 of payload
    payload     bytea       NOT NULL CHECK (octet_length(payload) <= 16384),
    leaves      bigint[]    NOT NULL,                         -- of the record, that must be under a checkpoint first
    created_at  timestamptz NOT NULL,
    not_after   timestamptz NOT NULL,
    state       text        NOT NULL CHECK (state IN ('waiting', 'sent', 'answered', 'expired', 'cancelled')),
    tries       int         NOT NULL DEFAULT 0,
    first_sent  timestamptz,
    last_sent   timestamptz,
    next_at     timestamptz NOT NULL,
    link        text        NOT NULL DEFAULT '',              -- that it was sent over last
    code        text        NOT NULL DEFAULT '',
    ended_at    timestamptz,
    CHECK (not_after > created_at)
);
CREATE INDEX dispatch_outbox_open ON dispatch_outbox (next_at) WHERE state IN ('waiting', 'sent');
CREATE INDEX dispatch_outbox_pump ON dispatch_outbox (pump_id, id) WHERE state IN ('waiting', 'sent');

-- What a pump last said of itself, and what our last applied order left it with.
CREATE TABLE dosing_pumps (
    pump_id      bigint      PRIMARY KEY,
    report       bytea,                                       -- package order's Report; NULL: it never sent one
    reported_at  timestamptz,
    state_hash   bytea       NOT NULL,                        -- newest that it said
    stated_at    timestamptz NOT NULL,
    desired      bytea,                                       -- state hash after the last order of ours; NULL: none yet
    desired_by   bigint,                                      -- that order
    drift        boolean     NOT NULL DEFAULT false,
    counter      bigint      NOT NULL DEFAULT 0,              -- highest order counter that has a leaf
    stops        bigint      NOT NULL DEFAULT 0               -- highest stop counter that has a leaf
);

CREATE TABLE dosing_orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id     bigint      NOT NULL,
    site_id     bigint      NOT NULL,
    patient_id  bigint,                                       -- NULL: the pump is in nobody
    act         text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('draft', 'proposed', 'verified', 'approved', 'released', 'sent', 'received',
                                'applied', 'refused', 'expired', 'withdrawn', 'superseded', 'stale')),
    rev         bigint      NOT NULL DEFAULT 1,
    wish        jsonb       NOT NULL,                         -- what the proposer asked for
    document    bytea,                                        -- the prescription; NULL: a draft
    hash        bytea       UNIQUE CHECK (octet_length(hash) = 32),
    base        bytea,                                        -- state hash that the signers see
    facts_rev   bigint      NOT NULL DEFAULT 0,
    class       smallint    NOT NULL DEFAULT 0,
    people      smallint    NOT NULL DEFAULT 0,               -- signatures needed
    finding     jsonb       NOT NULL DEFAULT '{}',            -- of the check at the proposal
    proposer    bigint      NOT NULL,
    proposer_login text     NOT NULL,
    proposer_name  text     NOT NULL,
    created_at  timestamptz NOT NULL,
    proposed_at timestamptz,
    expires_at  timestamptz,
    mismatches  smallint    NOT NULL DEFAULT 0,               -- blind entries that differed
    escalated   smallint    NOT NULL DEFAULT 0,               -- on-call people told so far
    leaf        bigint,                                       -- of the proposal, in the record
    code        text        NOT NULL DEFAULT '',              -- the pump's answer
    detail      text        NOT NULL DEFAULT '',
    replaces    bigint      REFERENCES dosing_orders,
    told        text        NOT NULL DEFAULT '' CHECK (told IN ('', 'not_told', 'told')), -- a withdrawn one: does the pump know
    closed_at   timestamptz,
    CHECK ((document IS NULL) = (hash IS NULL)),
    CHECK (state = 'draft' OR document IS NOT NULL OR state IN ('withdrawn', 'superseded')),
    CHECK ((state IN ('applied', 'refused', 'expired', 'withdrawn', 'superseded', 'stale')) = (closed_at IS NOT NULL))
);
CREATE INDEX dosing_orders_pump ON dosing_orders (pump_id, id DESC);
CREATE INDEX dosing_orders_site ON dosing_orders (site_id, id DESC);
CREATE INDEX dosing_orders_open ON dosing_orders (expires_at) WHERE closed_at IS NULL;

-- A person's blind entries, and whether they agreed with the prescription.
CREATE TABLE dosing_entries (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id  bigint      NOT NULL REFERENCES dosing_orders,
    hash      bytea       NOT NULL,                           -- of the prescription that it was compared with
    user_id   bigint      NOT NULL,
    at        timestamptz NOT NULL,
    source    text        NOT NULL,                           -- where the numbers come from
    matched   boolean     NOT NULL,
    differ    text[]      NOT NULL                            -- names of those that differ
);
CREATE INDEX dosing_entries_order ON dosing_entries (order_id, id);

CREATE TABLE dosing_approvals (
    order_id   bigint      NOT NULL REFERENCES dosing_orders,
    user_id    bigint      NOT NULL,
    person     text        NOT NULL,
    name       text        NOT NULL,
    key_id     bytea       NOT NULL CHECK (octet_length(key_id) = 32),
    meaning    smallint    NOT NULL,
    signed_at  timestamptz NOT NULL,
    at         timestamptz NOT NULL,
    statement  bytea       NOT NULL,
    assertion_data  bytea       NOT NULL,
    client     bytea       NOT NULL,
    signature  bytea       NOT NULL,
    PRIMARY KEY (order_id, user_id)
);

-- What was signed to leave: a release, a stop, a withdrawal. Each has a counter of
-- its lane, but withdrawals.
CREATE TABLE dosing_letters (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('release', 'stop', 'withdraw')),
    pump_id     bigint      NOT NULL,
    site_id     bigint      NOT NULL,
    order_id    bigint      REFERENCES dosing_orders,
    counter     bigint      NOT NULL DEFAULT 0,
    document    bytea       NOT NULL,
    hash        bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),   -- names the document
    envelope    bytea       NOT NULL,
    doc         bytea       NOT NULL UNIQUE CHECK (octet_length(doc) = 32),    -- SHA-256 of envelope, which answers name
    user_id     bigint      NOT NULL,
    person      text        NOT NULL,
    name        text        NOT NULL,
    at          timestamptz NOT NULL,
    not_after   timestamptz NOT NULL,                         -- it may apply until then
    state       text        NOT NULL CHECK (state IN ('open', 'sent', 'applied', 'refused', 'expired')),
    reason      text        NOT NULL DEFAULT '',
    overdose    boolean     NOT NULL DEFAULT false,
    sent_at     timestamptz,
    answered_at timestamptz,
    code        text        NOT NULL DEFAULT '',
    note        text        NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX dosing_letters_open ON dosing_letters (pump_id) WHERE kind = 'release' AND state IN ('open', 'sent');
CREATE UNIQUE INDEX dosing_letters_counter ON dosing_letters (pump_id, kind, counter) WHERE counter > 0;
CREATE INDEX dosing_letters_order ON dosing_letters (order_id, id);
CREATE INDEX dosing_letters_pump ON dosing_letters (pump_id, id DESC);
CREATE INDEX dosing_letters_late ON dosing_letters (not_after) WHERE state IN ('open', 'sent');

-- The steps of an order's life and of letters, with what shows them.
CREATE TABLE dosing_events (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id  bigint      REFERENCES dosing_orders,
    letter_id bigint      REFERENCES dosing_letters,
    at        timestamptz NOT NULL,
    was       text        NOT NULL,
    state     text        NOT NULL,
    actor     text        NOT NULL,
    name      text        NOT NULL,
    note      text        NOT NULL,
    evidence  bytea                                           -- SHA-256 of the signed bytes
);
CREATE INDEX dosing_events_order ON dosing_events (order_id, id);
CREATE INDEX dosing_events_letter ON dosing_events (letter_id, id);

-- Acts of one person, which somebody else looks at within a day.
CREATE TABLE dosing_reviews (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     bigint      NOT NULL,
    pump_id     bigint      NOT NULL,
    order_id    bigint      REFERENCES dosing_orders,
    letter_id   bigint      REFERENCES dosing_letters,
    what        text        NOT NULL,
    user_id     bigint      NOT NULL,                         -- who acted
    name        text        NOT NULL,
    at          timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    reviewer    bigint,
    reviewer_name text      NOT NULL DEFAULT '',
    reviewed_at timestamptz,
    agreed      boolean,
    note        text        NOT NULL DEFAULT ''
);
CREATE INDEX dosing_reviews_open ON dosing_reviews (site_id, due_at) WHERE reviewed_at IS NULL;

-- What checks kept from happening, and what people overrode.
CREATE TABLE dosing_catches (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id  bigint      NOT NULL,
    pump_id  bigint      NOT NULL,
    order_id bigint      REFERENCES dosing_orders,
    user_id  bigint      NOT NULL,
    at       timestamptz NOT NULL,
    kind     text        NOT NULL CHECK (kind IN ('refused', 'mismatch', 'override')),
    code     text        NOT NULL,
    detail   text        NOT NULL
);
CREATE INDEX dosing_catches_site ON dosing_catches (site_id, at DESC);

-- Who can be asked to verify, and in which order.
CREATE TABLE dosing_oncall (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id bigint      NOT NULL,
    user_id bigint      NOT NULL,
    name    text        NOT NULL,
    from_at timestamptz NOT NULL,
    to_at   timestamptz NOT NULL,
    rank    smallint    NOT NULL CHECK (rank BETWEEN 1 AND 9),
    wait_s  integer     NOT NULL CHECK (wait_s BETWEEN 60 AND 86400), -- without an answer before the next one is asked
    CHECK (to_at > from_at)
);
CREATE INDEX dosing_oncall_site ON dosing_oncall (site_id, to_at);
