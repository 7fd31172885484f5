-- Work on many pumps: what became of requests, tags, groups, saved views, and runs
-- over frozen lists.
--
-- +goose Up

-- Requests by the key that their client made up, so that one that is sent again is
-- not done again (internal/once). The key itself is not kept: the answer is sealed
-- with it, so that whoever reads the table reads no answer.
CREATE TABLE once_requests (
    id          bytea       PRIMARY KEY CHECK (octet_length(id) = 32),   -- hash of person and key
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32), -- of operation, address and body
    attempt     bytea       NOT NULL CHECK (octet_length(attempt) = 16), -- who may finish it
    begun_at    timestamptz NOT NULL,
    done_at     timestamptz,           -- set by the transaction of the change itself
    answer      bytea                  -- sealed; NULL: not (yet) known
);
CREATE INDEX once_requests_begun ON once_requests (begun_at);

-- Tags that people give pumps (fleet/lists).
CREATE TABLE lists_tags (
    pump_id bigint      NOT NULL,
    tag     text        NOT NULL COLLATE "C" CHECK (tag ~ '^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$'),
    at      timestamptz NOT NULL,
    by      text        NOT NULL,
    PRIMARY KEY (pump_id, tag)
);
CREATE INDEX lists_tags_tag ON lists_tags (tag);

-- Groups of pumps of one site: by a list of members, or by a filter.
CREATE TABLE lists_groups (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id    bigint      NOT NULL,
    name       text        NOT NULL CHECK (name <> ''),
    note       text        NOT NULL,
    filter     text        NOT NULL, -- '' = by its members
    owner      bigint      NOT NULL, -- account
    owner_name text        NOT NULL,
    created_at timestamptz NOT NULL,
    rev        bigint      NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX lists_groups_name ON lists_groups (site_id, lower(name));
CREATE TABLE lists_members (
    group_id bigint      NOT NULL REFERENCES lists_groups ON DELETE CASCADE,
    pump_id  bigint      NOT NULL,
    at       timestamptz NOT NULL,
    by       text        NOT NULL,
    PRIMARY KEY (group_id, pump_id)
);
CREATE INDEX lists_members_pump ON lists_members (pump_id);

-- Saved views: a filter, an order, columns. Without a site it is its owner's alone.
CREATE TABLE lists_views (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner      bigint      NOT NULL,
    owner_name text        NOT NULL,
    site_id    bigint,
    name       text        NOT NULL CHECK (name <> ''),
    filter     text        NOT NULL,
    sort       text        NOT NULL,
    columns    text[]      NOT NULL,
    dense      boolean     NOT NULL,
    created_at timestamptz NOT NULL,
    rev        bigint      NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX lists_views_mine ON lists_views (owner, lower(name)) WHERE site_id IS NULL;
CREATE UNIQUE INDEX lists_views_site ON lists_views (site_id, lower(name)) WHERE site_id IS NOT NULL;

-- What a filter meant at one moment: bulk work acts on this, never on a filter that
-- goes on meaning something else.
CREATE TABLE lists_frozen (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner      bigint      NOT NULL,
    filter     text        NOT NULL,
    picked     boolean     NOT NULL, -- picked one by one out of what the filter meant
    epoch      text        NOT NULL, -- of the list, and its revision
    rev        bigint      NOT NULL,
    count      bigint      NOT NULL CHECK (count > 0),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at)
);
CREATE INDEX lists_frozen_expires ON lists_frozen (expires_at);
CREATE TABLE lists_frozen_pumps (
    frozen_id bigint NOT NULL REFERENCES lists_frozen ON DELETE CASCADE,
    pump_id   bigint NOT NULL,
    PRIMARY KEY (frozen_id, pump_id)
);

-- Work on a frozen list. An item's outcome commits with the item's own change.
CREATE TABLE lists_runs (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner      bigint      NOT NULL,
    site_id    bigint      NOT NULL, -- of all its pumps, 0 = of several
    action     text        NOT NULL CHECK (action IN ('tag', 'untag', 'group', 'ungroup', 'claim', 'revoke')),
    tags       text[]      NOT NULL,
    group_id   bigint      NOT NULL, -- 0 = none
    reason     text        NOT NULL,
    filter     text        NOT NULL,
    count      bigint      NOT NULL,
    state      text        NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    why        text        NOT NULL, -- it was stopped
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE INDEX lists_runs_running ON lists_runs (id) WHERE state = 'running';
CREATE INDEX lists_runs_owner ON lists_runs (owner, id DESC);
CREATE TABLE lists_run_items (
    run_id  bigint      NOT NULL REFERENCES lists_runs,
    pump_id bigint      NOT NULL,
    state   text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'refused')),
    detail  text        NOT NULL DEFAULT '', -- why it was refused
    at      timestamptz,
    PRIMARY KEY (run_id, pump_id),
    CHECK ((state = 'waiting') = (at IS NULL))
);
CREATE INDEX lists_run_items_waiting ON lists_run_items (run_id, pump_id) WHERE state = 'waiting';

-- How often pumps connected lately, for the quality of their links.
CREATE INDEX telemetry_sessions_opened ON telemetry_sessions USING brin (opened_at);
