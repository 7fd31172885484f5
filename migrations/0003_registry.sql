-- +goose Up

-- Sites are the boundary of what a person may see.
CREATE TABLE registry_sites (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL CHECK (name <> ''),
    short      text NOT NULL CHECK (short ~ '^[A-Za-z0-9-]{1,16}$'),
    time_zone  text NOT NULL CHECK (time_zone <> ''),
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX registry_sites_short ON registry_sites (lower(short));

-- Who may do what where. Accounts themselves belong to package auth.
CREATE TABLE registry_memberships (
    user_id    bigint NOT NULL,
    site_id    bigint NOT NULL REFERENCES registry_sites,
    role       text NOT NULL CHECK (role IN ('engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist', 'auditor', 'admin')),
    granted_at timestamptz NOT NULL,
    granted_by text NOT NULL,
    PRIMARY KEY (user_id, site_id, role)
);
CREATE INDEX registry_memberships_site ON registry_memberships (site_id);

CREATE TABLE registry_pumps (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id             bigint NOT NULL REFERENCES registry_sites,
    maker               text NOT NULL,
    serial              text NOT NULL CHECK (serial ~ '^[!-~]([ -~]{0,38}[!-~])?$'),
    model               text NOT NULL CHECK (model <> ''),
    profile             text NOT NULL CHECK (profile <> ''),
    label               text NOT NULL,
    udi                 text NOT NULL, -- as printed, canonical form; '' if unknown
    udi_di              text NOT NULL, -- its device identifier
    status              text NOT NULL CHECK (status IN ('registered', 'active', 'revoked', 'explanted', 'retired', 'manual')),
    status_since        timestamptz NOT NULL,
    status_reason       text NOT NULL,
    device_key          text UNIQUE,   -- "ed25519:…" or "es256:…", bound for life at first enrolment
    key_hash            bytea UNIQUE CHECK (octet_length(key_hash) = 32),
    wire_id             bytea UNIQUE CHECK (octet_length(wire_id) = 16),
    key_at              timestamptz,
    -- What people note about the implant. Empty text, NULL: not known.
    lot                 text NOT NULL,
    made_on             date,
    use_by              date,
    implanted_on        date,
    pocket_site         text NOT NULL,
    pocket_side         text NOT NULL CHECK (pocket_side IN ('', 'left', 'right')),
    catheter_model      text NOT NULL,
    catheter_length_mm  bigint CHECK (catheter_length_mm BETWEEN 1 AND 2000), -- implanted, after trimming
    tip_level           text NOT NULL CHECK (tip_level ~ '^(C[1-8]|T[1-9]|T1[0-2]|L[1-5]|S[1-5])?$'),
    cap_present         boolean,       -- catheter access port: a direct way into the CSF
    last_alarm_test       date,
    mri_status          text NOT NULL CHECK (mri_status IN ('', 'conditional', 'unsafe')),
    warranty_until      date,
    recall_ref          text NOT NULL,
    created_at          timestamptz NOT NULL,
    rev                 bigint NOT NULL DEFAULT 1, -- rises with every change of the pump, its pairing or its certificates
    CHECK ((device_key IS NULL) = (key_hash IS NULL) AND (device_key IS NULL) = (wire_id IS NULL) AND (device_key IS NULL) = (key_at IS NULL)),
    CHECK (status <> 'active' OR device_key IS NOT NULL)
);
CREATE UNIQUE INDEX registry_pumps_serial ON registry_pumps (lower(maker), upper(serial));
CREATE INDEX registry_pumps_by_serial ON registry_pumps (upper(serial)); -- enrolment knows no maker
CREATE INDEX registry_pumps_site ON registry_pumps (site_id, id);
CREATE INDEX registry_pumps_di ON registry_pumps (udi_di) WHERE udi_di <> ''; -- recall search

-- A pump's key never changes: a pump with another key is another pump.
-- +goose StatementBegin
CREATE FUNCTION registry_keep_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.device_key IS NOT NULL AND NEW.device_key IS DISTINCT FROM OLD.device_key THEN
        RAISE EXCEPTION 'the device key of pump % is bound for life', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.rev <= OLD.rev THEN
        RAISE EXCEPTION 'pump % changed without a new revision', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER registry_keep_key BEFORE UPDATE ON registry_pumps FOR EACH ROW EXECUTE FUNCTION registry_keep_key();

-- A communicator's serial is its link id: MQTT client id and certificate CN.
CREATE TABLE registry_communicators (
    serial        text PRIMARY KEY CHECK (serial ~ '^[A-Za-z0-9_-]{1,64}$'),
    model         text NOT NULL,
    firmware      text NOT NULL,
    status        text NOT NULL CHECK (status IN ('stock', 'active', 'lost', 'retired', 'revoked')),
    status_since  timestamptz NOT NULL,
    status_reason text NOT NULL,
    created_at    timestamptz NOT NULL
);

-- Which communicator spoke for which pump, when. At most one open pairing per
-- pump and per communicator.
CREATE TABLE registry_pairings (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id    bigint NOT NULL REFERENCES registry_pumps,
    link       text NOT NULL REFERENCES registry_communicators,
    from_at    timestamptz NOT NULL,
    to_at      timestamptz,
    reason     text NOT NULL, -- why it began
    end_reason text NOT NULL DEFAULT '',
    CHECK (to_at >= from_at)
);
CREATE UNIQUE INDEX registry_pairings_pump_open ON registry_pairings (pump_id) WHERE to_at IS NULL;
CREATE UNIQUE INDEX registry_pairings_link_open ON registry_pairings (link) WHERE to_at IS NULL;
CREATE INDEX registry_pairings_pump ON registry_pairings (pump_id, id);
CREATE INDEX registry_pairings_link ON registry_pairings (link, id);

-- Client certificates of communicators. The chain is kept so that a pump that
-- lost the answer gets the same one again.
CREATE TABLE registry_certificates (
    serial       text PRIMARY KEY, -- of the leaf, lower-case hexadecimal
    pump_id      bigint NOT NULL REFERENCES registry_pumps,
    link         text NOT NULL REFERENCES registry_communicators,
    not_before   timestamptz NOT NULL,
    not_after    timestamptz NOT NULL,
    issued_at    timestamptz NOT NULL,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    leaf_hash    bytea NOT NULL UNIQUE CHECK (octet_length(leaf_hash) = 32), -- SHA-256 of the leaf, DER
    chain        bytea[] NOT NULL,
    revoked_at   timestamptz,
    reason       text NOT NULL DEFAULT '',
    CHECK (not_after > not_before)
);
CREATE INDEX registry_certificates_pump ON registry_certificates (pump_id, issued_at);
CREATE INDEX registry_certificates_request ON registry_certificates (request_hash);

-- One-time codes. Only hashes are kept; at most one open claim per pump.
CREATE TABLE registry_claims (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id    bigint NOT NULL REFERENCES registry_pumps,
    code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    link       text, -- the communicator it is for, if it is for one alone
    reason     text NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'used', 'replaced', 'withdrawn', 'locked')),
    attempts   int NOT NULL DEFAULT 0 CHECK (attempts >= 0), -- wrong codes
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    cert       text REFERENCES registry_certificates,
    CHECK ((state = 'used') = (used_at IS NOT NULL)),
    CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX registry_claims_open ON registry_claims (pump_id) WHERE state = 'open';
CREATE INDEX registry_claims_pump ON registry_claims (pump_id, id);

-- Patients are pseudonymous: a token and what a dose must be judged against.
CREATE TABLE registry_patients (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id    bigint NOT NULL REFERENCES registry_sites,
    token      text NOT NULL UNIQUE CHECK (token ~ '^P-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$'),
    facts_rev  bigint NOT NULL DEFAULT 1, -- rises with every fact that an approval must have seen
    created_at timestamptz NOT NULL
);
CREATE INDEX registry_patients_site ON registry_patients (site_id, id);

CREATE TABLE registry_bindings (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id bigint NOT NULL REFERENCES registry_patients,
    pump_id    bigint NOT NULL REFERENCES registry_pumps,
    from_at    timestamptz NOT NULL,
    to_at      timestamptz,
    reason     text NOT NULL,
    end_reason text NOT NULL DEFAULT '',
    CHECK (to_at >= from_at)
);
CREATE UNIQUE INDEX registry_bindings_pump_open ON registry_bindings (pump_id) WHERE to_at IS NULL;
CREATE UNIQUE INDEX registry_bindings_patient_open ON registry_bindings (patient_id) WHERE to_at IS NULL;

CREATE TABLE registry_allergies (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id bigint NOT NULL REFERENCES registry_patients,
    substance  text NOT NULL CHECK (substance <> ''), -- drug, class or excipient
    reaction   text NOT NULL,
    from_at    timestamptz NOT NULL,
    to_at      timestamptz, -- found not to be one
    end_reason text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX registry_allergies_open ON registry_allergies (patient_id, lower(substance)) WHERE to_at IS NULL;

-- The patient groups that a drug library's limits depend on.
CREATE TABLE registry_groups (
    patient_id bigint NOT NULL REFERENCES registry_patients,
    name       text NOT NULL CHECK (name IN ('cancer', 'non_cancer', 'spinal', 'cerebral', 'child')),
    since      timestamptz NOT NULL,
    PRIMARY KEY (patient_id, name)
);
