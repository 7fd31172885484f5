-- People: accounts, sessions, and what keeps guessers slow (internal/auth).
--
-- +goose Up

CREATE TABLE auth_users (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login       text        NOT NULL CHECK (login ~ '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$'),
    name        text        NOT NULL CHECK (name <> '' AND octet_length(name) <= 256),
    password    text        NOT NULL CHECK (password LIKE '$argon2id$%'), -- PHC string
    password_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz
);
-- "Anna" and "anna" are one person. Logins are ASCII, so lower() means the same in every locale.
CREATE UNIQUE INDEX auth_users_login ON auth_users (lower(login));

-- A session is known by the SHA-256 of its token; the token itself is only in the
-- browser. Ended ones are kept for a while: people may look up where they were
-- signed in, and an address that a person used before is told from a stranger's.
CREATE TABLE auth_sessions (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id    bigint      NOT NULL REFERENCES auth_users (id),
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL, -- of the last thing the person did
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    address    text        NOT NULL,
    source     text        NOT NULL, -- the address, or its /64, as limits see it
    agent      text        NOT NULL CHECK (octet_length(agent) <= 256),
    ended_at   timestamptz,
    ended      text CHECK (ended IN ('sign_out', 'replaced', 'idle', 'expired', 'revoked', 'disabled', 'password')),
    CHECK ((ended_at IS NULL) = (ended IS NULL))
);
CREATE INDEX auth_sessions_user ON auth_sessions (user_id, created_at DESC);
CREATE INDEX auth_sessions_open ON auth_sessions (seen_at) WHERE ended_at IS NULL;
CREATE INDEX auth_sessions_ended ON auth_sessions (ended_at) WHERE ended_at IS NOT NULL;

-- One row per address, login, or login at an address that has been wrong lately.
-- The key is a hash: people type passwords into the field for the login.
-- free_at is when all earlier attempts are paid for (GCRA).
CREATE TABLE auth_throttle (
    key     bytea       PRIMARY KEY CHECK (octet_length(key) = 32),
    free_at timestamptz NOT NULL
);
CREATE INDEX auth_throttle_free ON auth_throttle (free_at);

-- Failed sign-ins that the record is being told about in summary.
CREATE TABLE auth_failures (
    key       bytea       PRIMARY KEY CHECK (octet_length(key) = 32),
    user_id   bigint      REFERENCES auth_users (id), -- NULL: no such login
    address   text        NOT NULL,
    attempts  bigint      NOT NULL CHECK (attempts > 0),
    throttled bigint      NOT NULL CHECK (throttled >= 0), -- of these, refused unseen
    told      bigint      NOT NULL CHECK (told >= 0),      -- of these, on the record
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL
);
CREATE INDEX auth_failures_last ON auth_failures (last_at);
