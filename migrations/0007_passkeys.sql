-- Passkeys, the codes that let people enrol them, and what a session may do
-- (internal/auth).
--
-- +goose Up

-- What a discoverable credential knows its person by. It says nothing about them.
ALTER TABLE auth_users ADD COLUMN handle uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX auth_users_handle ON auth_users (handle);

-- Keys that sign people in and that they step up with. A software key lives in a
-- browser and counts only in a demo.
CREATE TABLE auth_credentials (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       bigint      NOT NULL REFERENCES auth_users (id),
    credential    bytea       NOT NULL UNIQUE CHECK (octet_length(credential) BETWEEN 16 AND 1023),
    kind          text        NOT NULL CHECK (kind IN ('passkey', 'software')),
    public_key    bytea       NOT NULL, -- SubjectPublicKeyInfo, P-256
    rp_id         text        NOT NULL, -- that it was made for
    aaguid        bytea       NOT NULL CHECK (octet_length(aaguid) = 16),
    name          text        NOT NULL CHECK (name <> '' AND octet_length(name) <= 256),
    synced        boolean     NOT NULL, -- may be copied to other devices: signs no dose
    sign_count    bigint      NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    created_at    timestamptz NOT NULL,
    created_by    text        NOT NULL, -- how it came: "code 7", "signed in", "demo"
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    revoked_by    text,
    revoke_reason text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX auth_credentials_user ON auth_credentials (user_id, id);

-- One-time codes. One administrator issues, another confirms; the person enters
-- it. Only its hash is here.
CREATE TABLE auth_codes (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL REFERENCES auth_users (id),
    code_hash    bytea       NOT NULL UNIQUE CHECK (octet_length(code_hash) = 32),
    purpose      text        NOT NULL CHECK (purpose IN ('enrol', 'recover', 'link')),
    reason       text        NOT NULL,
    issued_at    timestamptz NOT NULL,
    issuer_id    bigint      REFERENCES auth_users (id), -- NULL: at the server itself
    issued_by    text        NOT NULL,
    confirmed_at timestamptz,
    confirmer_id bigint      REFERENCES auth_users (id),
    confirmed_by text,
    bootstrap    boolean     NOT NULL, -- nobody confirmed it, for there were not two administrators
    opens_at     timestamptz,          -- when it begins to count, once confirmed
    expires_at   timestamptz NOT NULL,
    closed_at    timestamptz,
    closed       text CHECK (closed IN ('used', 'withdrawn', 'objected', 'replaced')),
    closed_by    text,
    CHECK ((closed_at IS NULL) = (closed IS NULL)),
    CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL) AND (confirmed_at IS NULL) = (opens_at IS NULL)),
    CHECK (confirmer_id IS DISTINCT FROM issuer_id OR issuer_id IS NULL)
);
CREATE INDEX auth_codes_user ON auth_codes (user_id, id);
CREATE UNIQUE INDEX auth_codes_one_open ON auth_codes (user_id, purpose) WHERE closed_at IS NULL;

-- What an authenticator, or the provider of an OIDC login, has been asked. Each is
-- taken out when it is answered, so that no answer counts twice.
CREATE TABLE auth_challenges (
    nonce      bytea       PRIMARY KEY CHECK (octet_length(nonce) = 32),
    purpose    text        NOT NULL CHECK (purpose IN ('sign_in', 'enrol', 'step_up', 'oidc')),
    session_id bigint      REFERENCES auth_sessions (id) ON DELETE CASCADE,
    code_id    bigint      REFERENCES auth_codes (id),
    detail     jsonb       NOT NULL DEFAULT '{}',
    expires_at timestamptz NOT NULL
);
CREATE INDEX auth_challenges_expire ON auth_challenges (expires_at);
CREATE INDEX auth_challenges_session ON auth_challenges (session_id) WHERE session_id IS NOT NULL;

-- What people must hear about their own account.
CREATE TABLE auth_notices (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint      NOT NULL REFERENCES auth_users (id),
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    words   text        NOT NULL,
    code_id bigint      REFERENCES auth_codes (id), -- that can be objected to
    seen_at timestamptz
);
CREATE INDEX auth_notices_user ON auth_notices (user_id, id DESC);

-- Who a person is at an OIDC provider.
CREATE TABLE auth_links (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL REFERENCES auth_users (id),
    issuer       text        NOT NULL,
    subject      text        NOT NULL CHECK (subject <> '' AND octet_length(subject) <= 255),
    linked_at    timestamptz NOT NULL,
    last_used_at timestamptz,
    ended_at     timestamptz,
    ended_by     text
);
CREATE UNIQUE INDEX auth_links_subject ON auth_links (issuer, subject) WHERE ended_at IS NULL;
CREATE INDEX auth_links_user ON auth_links (user_id, id);

-- How a session began and what it is bound to. One that is enrolling may do
-- nothing but that.
ALTER TABLE auth_sessions
    ADD COLUMN means       text    NOT NULL DEFAULT 'password' CHECK (means IN ('password', 'passkey', 'software', 'oidc')),
    ADD COLUMN enrolling   boolean NOT NULL DEFAULT false,
    ADD COLUMN credential  bigint  REFERENCES auth_credentials (id),
    ADD COLUMN link        bigint  REFERENCES auth_links (id),
    ADD COLUMN provider_session text, -- sid of the provider
    ADD COLUMN visit_patient bigint REFERENCES registry_patients (id),
    ADD COLUMN visit_since timestamptz,
    ADD COLUMN visit_until timestamptz,
    ADD CHECK ((visit_patient IS NULL) = (visit_until IS NULL));
CREATE INDEX auth_sessions_link ON auth_sessions (link) WHERE link IS NOT NULL AND ended_at IS NULL;
