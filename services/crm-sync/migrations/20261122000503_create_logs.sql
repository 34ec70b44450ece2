-- One log asked for is one record in the CRM; the log's id is the record's key there.
CREATE TABLE logs (
    organization_id uuid NOT NULL,
    log_id uuid NOT NULL,
    space_id uuid NOT NULL,
    kind text NOT NULL,
    -- Without a foreign key: a space may name a connection that never was, and the log then says so.
    connection_id uuid NOT NULL,
    record_type text NOT NULL,
    record_id text NOT NULL,
    record_name text NOT NULL,
    -- What is logged, as it was when it was asked for.
    snapshot jsonb NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    -- The last job that was to write it; a dead one is set to run again when somebody asks for another try.
    job_id uuid NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    last_try_time timestamptz,
    crm_record_id text,
    create_time timestamptz NOT NULL,
    -- Since when it waits: its creation, or the last time somebody asked for another try.
    pending_time timestamptz NOT NULL,
    logged_time timestamptz,
    CONSTRAINT logs_pkey PRIMARY KEY (organization_id, log_id),
    CONSTRAINT logs_kind_check CHECK (kind IN ('CREATION')),
    CONSTRAINT logs_record_type_check CHECK (record_type IN ('ACCOUNT', 'OPPORTUNITY')),
    CONSTRAINT logs_state_check CHECK (state IN ('PENDING', 'LOGGED', 'FAILED', 'RECONNECT_NEEDED')),
    CONSTRAINT logs_logged_check
        CHECK ((state = 'LOGGED') = (crm_record_id IS NOT NULL) AND (state = 'LOGGED') = (logged_time IS NOT NULL))
);

CREATE INDEX logs_space_idx ON logs (organization_id, space_id, create_time DESC, log_id DESC);

ALTER TABLE logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE logs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON logs
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
