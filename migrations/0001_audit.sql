-- The roles, the leases, and the record (internal/lease, internal/audit).
--
-- +goose Up

-- Roles belong to the whole cluster, and several databases of one cluster may be
-- migrated at the same moment: whoever comes second finds them made.
--
-- cisterna_app  the server. It may write tables, except those of the record.
-- audit_owner   nobody: owns the record's tables and the only functions that
--               write them.
-- +goose StatementBegin
DO $$
BEGIN
    CREATE ROLE cisterna_app LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
BEGIN
    CREATE ROLE audit_owner NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
BEGIN
    -- Only a member may hand tables to audit_owner; superusers count as members.
    -- From PostgreSQL 16 on, whoever made a role is a member that may not act as it.
    IF NOT pg_has_role(current_user, 'audit_owner', CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
        EXECUTE format('GRANT audit_owner TO %I', current_user);
    END IF;
EXCEPTION WHEN unique_violation OR internal_error THEN -- another database's migration was faster
    NULL;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA public TO cisterna_app;
GRANT USAGE, CREATE ON SCHEMA public TO audit_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cisterna_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO cisterna_app;

-- Leases: who does what only one may do (internal/lease). The epoch rises with
-- every change of hands and fences off the former holder.
CREATE TABLE lease_leases (
    name       text        PRIMARY KEY CHECK (name <> ''),
    owner      text        NOT NULL CHECK (owner <> ''),
    epoch      bigint      NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL,
    -- Makes a change of epoch a change of key: it waits for transactions that
    -- hold FOR KEY SHARE (lease_held), while a renewal does not.
    UNIQUE (name, epoch)
);

-- lease_held reports whether the lease is in the hands of this epoch, and keeps
-- it there until the transaction ends.
-- +goose StatementBegin
CREATE FUNCTION lease_held(p_name text, p_epoch bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM public.lease_leases
     WHERE name = p_name AND epoch = p_epoch AND expires_at > clock_timestamp()
       FOR KEY SHARE;
    RETURN FOUND;
END $$;
-- +goose StatementEnd

-- The record. A leaf is written in the transaction of the change it tells of and
-- waits in audit_pending; the sequencer gives it its place in the tree.
CREATE TABLE audit_leaf (
    id        bigserial   PRIMARY KEY,
    leaf      bytea       NOT NULL CHECK (octet_length(leaf) BETWEEN 1 AND 65536), -- deterministic CBOR
    leaf_hash bytea       NOT NULL,                                               -- SHA-256(0x00 || leaf)
    -- Copies of what the leaf says, to search by. The verifier compares them.
    at        timestamptz NOT NULL,
    kind      text        NOT NULL COLLATE "C" CHECK (kind <> ''),
    actor     text        NOT NULL COLLATE "C" CHECK (actor <> ''),
    pump_id   bigint,
    site_id   bigint
);
CREATE INDEX audit_leaf_at ON audit_leaf (at);
CREATE INDEX audit_leaf_kind ON audit_leaf (kind, id);
CREATE INDEX audit_leaf_actor ON audit_leaf (actor, id);
CREATE INDEX audit_leaf_pump ON audit_leaf (pump_id, id) WHERE pump_id IS NOT NULL;
CREATE INDEX audit_leaf_site ON audit_leaf (site_id, id) WHERE site_id IS NOT NULL;

-- What may be erased: salt and payload together, by audit_erase. The leaf holds
-- SHA-256(salt || payload).
CREATE TABLE audit_payload (
    leaf_id bigint PRIMARY KEY,
    salt    bytea,
    payload json, -- not jsonb: the bytes count
    CHECK ((salt IS NULL) = (payload IS NULL))
);

-- Signed documents as they came, by their SHA-256.
CREATE TABLE audit_evidence (
    hash bytea PRIMARY KEY,
    body bytea NOT NULL
);

-- Leaves that have no place in the tree yet.
CREATE TABLE audit_pending (
    leaf_id   bigint PRIMARY KEY,
    leaf_hash bytea NOT NULL
);
ALTER TABLE audit_pending SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- The tree's leaves in order, without gaps.
CREATE TABLE audit_index (
    idx       bigint PRIMARY KEY CHECK (idx >= 0),
    leaf_id   bigint NOT NULL UNIQUE,
    leaf_hash bytea  NOT NULL
);

-- The tree's hashes in the order of golang.org/x/mod/sumdb/tlog, one row for
-- each run of the sequencer: hash number i is at 32 * (i - first) of the row
-- with the largest first <= i. They can be computed again from audit_index.
CREATE TABLE audit_hash (
    first  bigint PRIMARY KEY CHECK (first >= 0),
    hashes bytea  NOT NULL CHECK (octet_length(hashes) > 0 AND octet_length(hashes) % 32 = 0)
);
ALTER TABLE audit_hash ALTER COLUMN hashes SET STORAGE EXTERNAL; -- read 32 bytes without the rest

CREATE TABLE audit_checkpoint (
    size bigint      PRIMARY KEY CHECK (size > 0),
    root bytea       NOT NULL CHECK (octet_length(root) = 32),
    note text        NOT NULL, -- C2SP tlog-checkpoint: a signed note
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- audit_append adds a leaf and returns its id; audit_append_batch adds several in
-- the order of the arrays. They are the only way into the record. A pump or site
-- of 0, and a NULL salt or evidence, mean none.
-- +goose StatementBegin
CREATE FUNCTION audit_append(p_leaf bytea, p_micros bigint, p_kind text, p_actor text, p_pump bigint, p_site bigint,
    p_salt bytea, p_payload text, p_evidence bytea) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_hash bytea := sha256('\x00'::bytea || p_leaf);
    v_id   bigint;
BEGIN
    INSERT INTO public.audit_leaf (leaf, leaf_hash, at, kind, actor, pump_id, site_id)
    VALUES (p_leaf, v_hash, timestamptz 'epoch' + p_micros * interval '1 microsecond', p_kind, p_actor, nullif(p_pump, 0), nullif(p_site, 0))
    RETURNING id INTO v_id;
    INSERT INTO public.audit_pending (leaf_id, leaf_hash) VALUES (v_id, v_hash);
    IF p_salt IS NOT NULL THEN
        INSERT INTO public.audit_payload (leaf_id, salt, payload) VALUES (v_id, p_salt, p_payload::json);
    END IF;
    IF p_evidence IS NOT NULL THEN
        INSERT INTO public.audit_evidence (hash, body) VALUES (sha256(p_evidence), p_evidence) ON CONFLICT DO NOTHING;
    END IF;
    RETURN v_id;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION audit_append_batch(p_leaves bytea[], p_micros bigint[], p_kinds text[], p_actors text[],
    p_pumps bigint[], p_sites bigint[], p_salts bytea[], p_payloads text[], p_evidence bytea[]) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[];
BEGIN
    WITH l AS (
        INSERT INTO public.audit_leaf (leaf, leaf_hash, at, kind, actor, pump_id, site_id)
        SELECT u.leaf, sha256('\x00'::bytea || u.leaf),
               timestamptz 'epoch' + u.us * interval '1 microsecond', u.kind, u.actor, nullif(u.pump, 0), nullif(u.site, 0)
          FROM unnest(p_leaves, p_micros, p_kinds, p_actors, p_pumps, p_sites)
               WITH ORDINALITY u(leaf, us, kind, actor, pump, site, n)
         ORDER BY u.n -- ids are drawn in this order
        RETURNING id, leaf_hash
    ), p AS (
        INSERT INTO public.audit_pending (leaf_id, leaf_hash) SELECT id, leaf_hash FROM l
    )
    SELECT array_agg(id ORDER BY id) INTO v_ids FROM l;

    INSERT INTO public.audit_payload (leaf_id, salt, payload)
    SELECT v_ids[u.n], u.salt, u.payload::json
      FROM unnest(p_salts, p_payloads) WITH ORDINALITY u(salt, payload, n)
     WHERE u.salt IS NOT NULL;

    INSERT INTO public.audit_evidence (hash, body)
    SELECT DISTINCT sha256(u.body), u.body FROM unnest(p_evidence) u(body)
     WHERE u.body IS NOT NULL
     ORDER BY 1 -- everyone in the same order: no deadlock
    ON CONFLICT DO NOTHING;
    RETURN v_ids;
END $$;
-- +goose StatementEnd

-- audit_sequence gives pending leaves the places p_from, p_from + 1 and so on in
-- the order of their ids, and stores the hashes that the tree grows by. It can
-- only continue the tree: places and hashes must follow without a gap, the
-- leaves must be pending, and their hashes come from audit_append. A caller who
-- hands in wrong inner hashes spoils proofs, not the record: the signer refuses
-- a tree that does not continue what it signed, and the inner hashes can be
-- computed again.
-- +goose StatementBegin
CREATE FUNCTION audit_sequence(p_lease text, p_epoch bigint, p_from bigint, p_leaves bigint[], p_hashes bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Number of hashes stored for a tree of size n: 2n less the ones in n.
    v_first bigint := 2 * p_from - bit_count(int8send(p_from));
    v_n     bigint := cardinality(p_leaves);
    v_upto  bigint := 2 * (p_from + v_n) - bit_count(int8send(p_from + v_n));
    v_done  bigint;
BEGIN
    IF NOT public.lease_held(p_lease, p_epoch) THEN
        RAISE EXCEPTION 'lease % is not held by epoch %', p_lease, p_epoch USING ERRCODE = 'CI001';
    END IF;
    IF p_from <> coalesce((SELECT max(idx) + 1 FROM public.audit_index), 0)
       OR v_n = 0 OR octet_length(p_hashes) <> 32 * (v_upto - v_first)
       OR v_first <> coalesce((SELECT first + octet_length(hashes) / 32 FROM public.audit_hash ORDER BY first DESC LIMIT 1), 0) THEN
        RAISE EXCEPTION 'leaves from % on do not continue the tree', p_from USING ERRCODE = 'CI002';
    END IF;
    WITH taken AS (
        DELETE FROM public.audit_pending WHERE leaf_id = ANY (p_leaves) RETURNING leaf_id, leaf_hash
    ), placed AS (
        SELECT p_from + row_number() OVER (ORDER BY leaf_id) - 1 AS idx, leaf_id, leaf_hash FROM taken
    ), written AS (
        INSERT INTO public.audit_index (idx, leaf_id, leaf_hash)
        SELECT idx, leaf_id, leaf_hash FROM placed
         WHERE leaf_hash = substring(p_hashes FROM (32 * (2 * idx - bit_count(int8send(idx)) - v_first) + 1)::int FOR 32)
        RETURNING 1
    )
    SELECT count(*) INTO v_done FROM written;
    IF v_done <> v_n THEN
        RAISE EXCEPTION 'of % leaves from % on, % are pending with these hashes', v_n, p_from, v_done USING ERRCODE = 'CI002';
    END IF;
    INSERT INTO public.audit_hash (first, hashes) VALUES (v_first, p_hashes);
END $$;
-- +goose StatementEnd

-- audit_checkpoint_add keeps a signed checkpoint and returns its time. The same
-- one may be added again. What it says is checked by those who hold the keys.
-- +goose StatementBegin
CREATE FUNCTION audit_checkpoint_add(p_size bigint, p_root bytea, p_note text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_at timestamptz;
BEGIN
    SELECT at INTO v_at FROM public.audit_checkpoint WHERE size = p_size AND root = p_root;
    IF FOUND THEN
        RETURN v_at;
    END IF;
    IF p_size <= coalesce((SELECT max(size) FROM public.audit_checkpoint), 0)
       OR p_size > coalesce((SELECT max(idx) + 1 FROM public.audit_index), 0) THEN
        RAISE EXCEPTION 'a checkpoint of size % does not follow', p_size USING ERRCODE = 'CI002';
    END IF;
    INSERT INTO public.audit_checkpoint (size, root, note) VALUES (p_size, p_root, p_note) RETURNING at INTO v_at;
    RETURN v_at;
END $$;
-- +goose StatementEnd

-- audit_erase destroys the payload of a leaf. The record must already say so: a
-- leaf of kind audit.erase whose id is p_by. It returns false if there was
-- nothing (left) to erase.
-- +goose StatementBegin
CREATE FUNCTION audit_erase(p_leaf bigint, p_by bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM public.audit_leaf WHERE id = p_by AND kind = 'audit.erase';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'leaf % does not record an erasure', p_by USING ERRCODE = 'CI002';
    END IF;
    UPDATE public.audit_payload SET salt = NULL, payload = NULL WHERE leaf_id = p_leaf AND salt IS NOT NULL;
    RETURN FOUND;
END $$;
-- +goose StatementEnd

-- A speed bump and an alarm for owners and superusers, who can take it away. The
-- guarantee is the tree and its signed checkpoints.
-- +goose StatementBegin
CREATE FUNCTION audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the record is append-only: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_evidence FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_index FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_hash FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE DELETE OR TRUNCATE ON audit_payload FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse_update BEFORE UPDATE ON audit_payload FOR EACH ROW
    WHEN (NEW.leaf_id <> OLD.leaf_id OR NEW.salt IS NOT NULL OR NEW.payload IS NOT NULL) EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE UPDATE OR TRUNCATE ON audit_pending FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

-- The server reads the record and calls these functions; it owns and writes
-- nothing of it. A site that runs the sequencer apart from the server takes
-- audit_sequence and audit_checkpoint_add from cisterna_app and grants them, with
-- SELECT on audit_*, to the sequencer's role.
-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['audit_leaf', 'audit_payload', 'audit_evidence', 'audit_pending', 'audit_index', 'audit_hash', 'audit_checkpoint'] LOOP
        EXECUTE format('REVOKE ALL ON %I FROM cisterna_app, PUBLIC', t);
        EXECUTE format('GRANT SELECT ON %I TO cisterna_app', t);
        EXECUTE format('ALTER TABLE %I OWNER TO audit_owner', t);
    END LOOP;
    REVOKE ALL ON SEQUENCE audit_leaf_id_seq FROM cisterna_app, PUBLIC;
    FOREACH t IN ARRAY ARRAY[
        'audit_append(bytea, bigint, text, text, bigint, bigint, bytea, text, bytea)',
        'audit_append_batch(bytea[], bigint[], text[], text[], bigint[], bigint[], bytea[], text[], bytea[])',
        'audit_sequence(text, bigint, bigint, bigint[], bytea)',
        'audit_checkpoint_add(bigint, bytea, text)',
        'audit_erase(bigint, bigint)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || t || ' OWNER TO audit_owner';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || t || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || t || ' TO cisterna_app';
    END LOOP;
    ALTER FUNCTION audit_refuse() OWNER TO audit_owner;
END $$;
-- +goose StatementEnd
GRANT SELECT, UPDATE (expires_at) ON lease_leases TO audit_owner; -- UPDATE: for the row lock only
REVOKE CREATE ON SCHEMA public FROM audit_owner;
