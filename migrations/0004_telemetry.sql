-- What pumps report: cursors, samples, events, gaps, refusals, latest state,
-- presence and rollups (fleet/telemetry).
--
-- pump_id is registry_pumps.id. There are no foreign keys to it: pumps are never
-- deleted, and the hot path would pay for the check on every row.
--
-- Volumes are nL, rates nL per day, voltages mV, temperatures thousandths of a
-- degree Celsius, pressures Pa; all whole numbers.
--
-- +goose Up

-- What is committed, per pump and lane (1 main, 2 alarm). The only
-- deduplication: a writer locks the row, accepts exactly what follows, and moves
-- it in the same transaction.
CREATE TABLE telemetry_cursors (
    pump_id   bigint      NOT NULL,
    lane      smallint    NOT NULL CHECK (lane IN (1, 2)),
    epoch     bigint      NOT NULL DEFAULT 1 CHECK (epoch >= 1), -- journal epoch
    seq       bigint      NOT NULL DEFAULT 0 CHECK (seq >= 0),   -- last committed; 0 = none of this epoch
    device_at timestamptz,                                       -- the pump's clock at that record
    after_gap boolean     NOT NULL DEFAULT false,                -- that record is a gap whose end in time is not known yet
    moved_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pump_id, lane)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

-- Partitioned by the server's clock: a pump with a wrong clock must not land in
-- a partition that is dropped or not there.
CREATE TABLE telemetry_samples (
    pump_id        bigint      NOT NULL,
    epoch          bigint      NOT NULL,
    seq            bigint      NOT NULL,
    device_at      timestamptz NOT NULL, -- the pump's clock
    received_at    timestamptz NOT NULL, -- the server's clock
    mono_ms        bigint      NOT NULL, -- since the pump's boot
    rate_nl_day    bigint      NOT NULL,
    delivered_nl   bigint      NOT NULL,
    reservoir_nl   bigint      NOT NULL,
    sensed_nl      bigint,               -- NULL: no fill sensor
    flags          bigint      NOT NULL,
    battery_mv     integer     NOT NULL,
    temperature_mc integer     NOT NULL,
    pressure_pa    integer     NOT NULL,
    ptm_given      integer     NOT NULL,
    ptm_denied     integer     NOT NULL,
    run            smallint    NOT NULL CHECK (run BETWEEN 1 AND 6)
) PARTITION BY RANGE (received_at);
CREATE INDEX telemetry_samples_pump ON telemetry_samples (pump_id, device_at DESC);
CREATE INDEX telemetry_samples_received ON telemetry_samples USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);

-- Rows that no daily partition wanted. It should be empty; the server raises an
-- alarm when it is not.
CREATE TABLE telemetry_samples_default PARTITION OF telemetry_samples DEFAULT;

-- The server may not create tables; it calls these two.
--
-- telemetry_add_partitions makes the daily partitions (UTC) from p_first on that
-- are missing and returns how many it made. Rows of such a day that wait in the
-- default partition move over.
-- +goose StatementBegin
CREATE FUNCTION telemetry_add_partitions(p_first date, p_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' SET timezone = 'UTC' AS $$
DECLARE
    v_day  date;
    v_name text;
    v_made integer := 0;
BEGIN
    IF p_days NOT BETWEEN 1 AND 400 THEN
        RAISE EXCEPTION 'cannot make % partitions at once', p_days USING ERRCODE = '22023';
    END IF;
    -- Several servers may come at once.
    PERFORM pg_advisory_xact_lock(hashtextextended('telemetry_add_partitions', 0));
    FOR i IN 0 .. p_days - 1 LOOP
        v_day := p_first + i;
        v_name := 'telemetry_samples_' || to_char(v_day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('public.' || v_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.telemetry_samples INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
        -- Freeze early: a daily partition is written once and read often.
        EXECUTE format('ALTER TABLE public.%I SET (autovacuum_vacuum_insert_scale_factor = 0.05)', v_name);
        EXECUTE format('WITH moved AS (DELETE FROM public.telemetry_samples_default WHERE received_at >= %L AND received_at < %L RETURNING *) '
            'INSERT INTO public.%I SELECT * FROM moved', v_day::timestamptz, (v_day + 1)::timestamptz, v_name);
        EXECUTE format('ALTER TABLE public.telemetry_samples ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            v_name, v_day::timestamptz, (v_day + 1)::timestamptz);
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
END $$;
-- +goose StatementEnd

-- telemetry_drop_partitions drops the daily partitions that end at or before
-- p_before and returns how many. It refuses to touch the last three days,
-- whoever asks.
-- +goose StatementBegin
CREATE FUNCTION telemetry_drop_partitions(p_before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' SET timezone = 'UTC' AS $$
DECLARE
    v_name    text;
    v_dropped integer := 0;
BEGIN
    IF p_before > now() - interval '3 days' THEN
        RAISE EXCEPTION 'samples younger than three days are not dropped' USING ERRCODE = '22023';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('telemetry_add_partitions', 0));
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'public.telemetry_samples'::regclass AND c.relname ~ '^telemetry_samples_[0-9]{8}$'
           AND (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamptz <= p_before
         ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE public.%I', v_name);
        v_dropped := v_dropped + 1;
    END LOOP;
    RETURN v_dropped;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION telemetry_add_partitions(date, integer), telemetry_drop_partitions(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION telemetry_add_partitions(date, integer), telemetry_drop_partitions(timestamptz) TO cisterna_app;
SELECT telemetry_add_partitions((now() AT TIME ZONE 'UTC')::date - 1, 9);

-- Things that happened once, from the main lane. at is what timelines sort by:
-- a pump whose clock runs ahead must not report the future.
CREATE TABLE telemetry_events (
    pump_id     bigint      NOT NULL,
    epoch       bigint      NOT NULL,
    seq         bigint      NOT NULL,
    code        text        NOT NULL COLLATE "C" CHECK (code <> ''),
    detail      jsonb       NOT NULL DEFAULT '{}',
    device_at   timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    at          timestamptz NOT NULL GENERATED ALWAYS AS (least(device_at, received_at)) STORED,
    PRIMARY KEY (pump_id, epoch, seq)
);
CREATE INDEX telemetry_events_at ON telemetry_events (pump_id, at DESC, epoch DESC, seq DESC);

-- Ranges of records that a pump lost, as it said itself. The time they span lies
-- between the records around them.
CREATE TABLE telemetry_gaps (
    pump_id     bigint      NOT NULL,
    lane        smallint    NOT NULL CHECK (lane IN (1, 2)),
    epoch       bigint      NOT NULL,
    first_seq   bigint      NOT NULL,
    last_seq    bigint      NOT NULL CHECK (last_seq >= first_seq),
    lost_epoch  bigint      NOT NULL DEFAULT 0, -- the epoch whose journal was lost, 0 = this one
    reason      text        NOT NULL,
    from_at     timestamptz,                    -- the pump's clock at the record before, NULL = there was none
    until_at    timestamptz,                    -- the pump's clock at the record after, NULL = not come yet
    device_at   timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    at          timestamptz NOT NULL GENERATED ALWAYS AS (least(device_at, received_at)) STORED,
    PRIMARY KEY (pump_id, lane, epoch, first_seq)
);
CREATE INDEX telemetry_gaps_at ON telemetry_gaps (pump_id, at DESC);

-- The newest sample per pump, from a batch or a heartbeat.
CREATE TABLE telemetry_latest (
    pump_id        bigint      PRIMARY KEY,
    device_at      timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    rate_nl_day    bigint      NOT NULL,
    delivered_nl   bigint      NOT NULL,
    reservoir_nl   bigint      NOT NULL,
    sensed_nl      bigint,
    flags          bigint      NOT NULL,
    battery_mv     integer     NOT NULL,
    temperature_mc integer     NOT NULL,
    pressure_pa    integer     NOT NULL,
    ptm_given      integer     NOT NULL,
    ptm_denied     integer     NOT NULL,
    run            smallint    NOT NULL CHECK (run BETWEEN 1 AND 6)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

-- What a pump last said about itself in hello and heartbeat. Written at most
-- once per pump and second or two.
CREATE TABLE telemetry_states (
    pump_id         bigint      PRIMARY KEY,
    hello_at        timestamptz,            -- NULL: heartbeats only
    heartbeat_at    timestamptz,
    boot            bytea       NOT NULL,   -- the implant's boot id
    mono_ms         bigint      NOT NULL,   -- since that boot
    device_at       timestamptz NOT NULL,
    -- hello
    protocol_min    integer,
    protocol_max    integer,
    caps            text[],
    serial          text,
    model           text,
    firmware        text,
    firmware_comm   text,
    main_epoch      bigint,                 -- last record the pump has written
    main_seq        bigint,
    alarms_epoch    bigint,
    alarms_seq      bigint,
    vendor          jsonb,
    program         bytea,
    contents        bytea,
    -- hello and heartbeat
    run             smallint    NOT NULL,
    state_hash      bytea       NOT NULL,
    program_hash    bytea       NOT NULL,
    profile_hash    bytea       NOT NULL,
    lib_hash        bytea       NOT NULL,
    keyset          bigint      NOT NULL,
    gen             bigint      NOT NULL,
    order_epoch     bigint      NOT NULL,
    counter         bigint      NOT NULL,
    stop_counter    bigint      NOT NULL,
    order_window    bytea,
    checkpoint_size bigint      NOT NULL,
    checkpoint_root bytea       NOT NULL,
    smaller         boolean     NOT NULL,   -- it was shown a smaller checkpoint
    -- heartbeat
    backlog         bigint,                 -- records not yet acknowledged
    comm_mv         integer                 -- communicator battery
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

-- What was refused. body is the message, or the one record, as it came, the
-- first few whole and the others cut short; each link, code and hour keeps a
-- bounded number of rows, then one row with code E_RATE counts the rest.
CREATE TABLE telemetry_refusals (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id     bigint,                     -- the pump paired with the link, NULL = none
    link        text        NOT NULL COLLATE "C",
    kind        text        NOT NULL COLLATE "C", -- "up/tele"
    code        text        NOT NULL COLLATE "C" CHECK (code ~ '^E_[A-Z]+$'),
    reason      text        NOT NULL,
    claimed     bytea,                      -- wire id of the pump that the message says it is from
    epoch       bigint,
    seq         bigint,                     -- set for one record out of a signed batch
    device_at   timestamptz,
    received_at timestamptz NOT NULL,
    n           bigint      NOT NULL DEFAULT 1 CHECK (n > 0), -- messages that the row stands for
    size        integer     NOT NULL DEFAULT 0,               -- bytes of the message
    body        bytea
);
CREATE INDEX telemetry_refusals_pump ON telemetry_refusals (pump_id, received_at DESC, id DESC) WHERE pump_id IS NOT NULL;
CREATE INDEX telemetry_refusals_received ON telemetry_refusals USING brin (received_at);

-- How many, per link, code and hour; never bounded.
CREATE TABLE telemetry_refusal_counts (
    link    text        NOT NULL COLLATE "C",
    code    text        NOT NULL COLLATE "C",
    hour    timestamptz NOT NULL,
    pump_id bigint,
    n       bigint      NOT NULL CHECK (n > 0),
    last_at timestamptz NOT NULL,
    rate_id bigint,                          -- the E_RATE row, once there is one
    PRIMARY KEY (link, code, hour)
);
CREATE INDEX telemetry_refusal_counts_pump ON telemetry_refusal_counts (pump_id, hour) WHERE pump_id IS NOT NULL;

-- Signed answers of pumps to documents: what they did, or why not. body is the
-- signed message as it came.
CREATE TABLE telemetry_answers (
    pump_id      bigint      NOT NULL,
    doc          bytea       NOT NULL CHECK (octet_length(doc) = 32), -- SHA-256 of the document as received
    code         text        NOT NULL COLLATE "C" CHECK (code <> ''), -- "applied", or why not
    kind         text        NOT NULL COLLATE "C",                    -- the downlink that the document came by
    note         text        NOT NULL,
    run          smallint    NOT NULL,
    state_hash   bytea       NOT NULL,
    program_hash bytea       NOT NULL,
    device_at    timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    body         bytea       NOT NULL,
    PRIMARY KEY (pump_id, doc, code) -- a repeated answer is the same answer
);
CREATE INDEX telemetry_answers_received ON telemetry_answers (pump_id, received_at DESC);

-- Whether a pump can be reached. The session is (server_boot, conn): only the end
-- of this very session may close it. The sweep in SQL is the authority.
CREATE TABLE telemetry_presence (
    pump_id      bigint      PRIMARY KEY,
    state        text        NOT NULL COLLATE "C" CHECK (state IN ('online', 'stale', 'offline', 'never', 'unknown')),
    since        timestamptz NOT NULL,
    heard_at     timestamptz,               -- last message of any kind
    link         text        NOT NULL DEFAULT '',
    server_boot  text        NOT NULL DEFAULT '',
    conn         bigint      NOT NULL DEFAULT 0,
    session      bytea,                     -- the pump's own session id, from hello
    connected    boolean     NOT NULL DEFAULT false,
    connected_at timestamptz,
    closed_at    timestamptz,
    close_reason text        NOT NULL DEFAULT '',
    comm_lost    boolean     NOT NULL DEFAULT false, -- the COMM_LOST alarm is raised
    -- The silence rule of the pump's profile, in seconds; 0 = never.
    grace_s      integer     NOT NULL,
    stale_s      integer     NOT NULL,
    offline_s    integer     NOT NULL,
    lost_s      integer     NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

-- Changes of presence, for timelines.
CREATE TABLE telemetry_presence_log (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pump_id bigint      NOT NULL,
    at      timestamptz NOT NULL,
    was     text        NOT NULL,
    state   text        NOT NULL,
    reason  text        NOT NULL DEFAULT '' -- of the last close
);
CREATE INDEX telemetry_presence_log_pump ON telemetry_presence_log (pump_id, at DESC, id DESC);
CREATE INDEX telemetry_presence_log_at ON telemetry_presence_log USING brin (at);

-- Connections of links, open and past.
CREATE TABLE telemetry_sessions (
    server_boot     text        NOT NULL,
    conn            bigint      NOT NULL,
    link            text        NOT NULL COLLATE "C",
    pump_id         bigint,                 -- paired at that time, NULL = none
    remote          text        NOT NULL,
    cert_serial     text        NOT NULL,
    cert_not_after  timestamptz,
    opened_at       timestamptz NOT NULL,
    closed_at       timestamptz,
    close_reason    text        NOT NULL DEFAULT '',
    PRIMARY KEY (server_boot, conn)
);
CREATE INDEX telemetry_sessions_link ON telemetry_sessions (link, opened_at DESC);
CREATE INDEX telemetry_sessions_pump ON telemetry_sessions (pump_id, opened_at DESC) WHERE pump_id IS NOT NULL;

-- Rollups by minute and hour of the pump's clock. A bucket without samples has
-- no row, so that nothing is averaged over a gap. n counts samples, sensed_n
-- those with a fill sensor. The last_ columns are of the sample named by
-- (last_at, last_epoch, last_seq).
CREATE TABLE telemetry_minute (
    pump_id            bigint      NOT NULL,
    bucket             timestamptz NOT NULL,
    n                  bigint      NOT NULL CHECK (n > 0),
    last_at            timestamptz NOT NULL,
    last_epoch         bigint      NOT NULL,
    last_seq           bigint      NOT NULL,
    rate_nl_day_min    bigint      NOT NULL,
    rate_nl_day_max    bigint      NOT NULL,
    rate_nl_day_last   bigint      NOT NULL,
    rate_nl_day_sum    numeric     NOT NULL,
    delivered_nl_min   bigint      NOT NULL,
    delivered_nl_max   bigint      NOT NULL,
    delivered_nl_last  bigint      NOT NULL,
    reservoir_nl_min   bigint      NOT NULL,
    reservoir_nl_max   bigint      NOT NULL,
    reservoir_nl_last  bigint      NOT NULL,
    reservoir_nl_sum   numeric     NOT NULL,
    sensed_n           bigint      NOT NULL,
    sensed_nl_min      bigint,
    sensed_nl_max      bigint,
    sensed_nl_last     bigint,
    sensed_nl_sum      numeric,
    battery_mv_min     integer     NOT NULL,
    battery_mv_max     integer     NOT NULL,
    battery_mv_last    integer     NOT NULL,
    battery_mv_sum     numeric     NOT NULL,
    temperature_mc_min  integer    NOT NULL,
    temperature_mc_max  integer    NOT NULL,
    temperature_mc_last integer    NOT NULL,
    temperature_mc_sum  numeric    NOT NULL,
    pressure_pa_min    integer     NOT NULL,
    pressure_pa_max    integer     NOT NULL,
    pressure_pa_last   integer     NOT NULL,
    pressure_pa_sum    numeric     NOT NULL,
    run_last           smallint    NOT NULL,
    PRIMARY KEY (pump_id, bucket)
);
CREATE INDEX telemetry_minute_bucket ON telemetry_minute USING brin (bucket);
CREATE TABLE telemetry_hour (LIKE telemetry_minute INCLUDING CONSTRAINTS, PRIMARY KEY (pump_id, bucket));
CREATE INDEX telemetry_hour_bucket ON telemetry_hour USING brin (bucket);

-- How far the rollup job has come, by the server's clock.
CREATE TABLE telemetry_watermarks (
    job  text        PRIMARY KEY,
    upto timestamptz NOT NULL
);
