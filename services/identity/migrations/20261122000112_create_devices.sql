-- Where somebody has signed in before. The token in the browser is not here, only its hash.
CREATE TABLE devices (
    organization_id uuid NOT NULL,
    device_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_sha256 bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    last_use_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT devices_pkey PRIMARY KEY (organization_id, device_id),
    CONSTRAINT devices_token_key UNIQUE (organization_id, user_id, token_sha256),
    CONSTRAINT devices_person_fkey FOREIGN KEY (organization_id, user_id)
        REFERENCES people (organization_id, user_id) ON DELETE CASCADE
);

CREATE INDEX devices_last_use_time_idx ON devices (last_use_time);

ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE devices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON devices
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see what was not used for long, of any organisation, and no more.
CREATE POLICY forgotten ON devices TO CURRENT_USER
    USING (last_use_time < now() - interval '180 days');

CREATE FUNCTION delete_forgotten_devices() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH deleted AS (
        DELETE FROM devices
         WHERE ctid IN (SELECT ctid FROM devices WHERE last_use_time < now() - interval '180 days' LIMIT 1000)
        RETURNING 1)
    SELECT count(*) FROM deleted
$$;
