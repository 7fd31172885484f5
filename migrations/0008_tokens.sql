-- +goose Up

-- API tokens. The token itself is signed and only with its owner; the row is what
-- makes it count, and what ends it at once. It is found by the SHA-256 of the
-- token's id, and must say the same as the token.
CREATE TABLE token_tokens (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    jti_hash   bytea       NOT NULL UNIQUE CHECK (octet_length(jti_hash) = 32),
    owner_id   bigint      NOT NULL, -- account
    name       text        NOT NULL CHECK (name <> ''),
    scopes     text[]      NOT NULL CHECK (cardinality(scopes) > 0),
    sites      bigint[]    NOT NULL CHECK (cardinality(sites) > 0),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at AND expires_at <= created_at + interval '90 days'),
    used_at    timestamptz,
    used_from  text        NOT NULL DEFAULT '',
    revoked_at timestamptz,
    revoked_by text        NOT NULL DEFAULT '',
    reason     text        NOT NULL DEFAULT '', -- of the revocation
    CHECK ((revoked_at IS NULL) = (revoked_by = ''))
);
CREATE INDEX token_tokens_owner ON token_tokens (owner_id, id);
CREATE INDEX token_tokens_sites ON token_tokens USING gin (sites);

-- Changes of a site say which state they were made from.
ALTER TABLE registry_sites ADD COLUMN rev bigint NOT NULL DEFAULT 1;
