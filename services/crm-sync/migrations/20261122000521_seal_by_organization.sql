-- The key that an organisation's secrets are sealed with, itself sealed ("wrapped") with the service's key-encryption key
-- and bound to organisation and version.
CREATE TABLE data_keys (
    organization_id uuid NOT NULL,
    key_version integer NOT NULL,
    wrapped_key bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT data_keys_pkey PRIMARY KEY (organization_id, key_version),
    CONSTRAINT data_keys_version_check CHECK (key_version > 0)
);

ALTER TABLE data_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON data_keys
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see which organisations have secrets, and no more.
CREATE POLICY rotation ON data_keys FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY rotation ON connections FOR SELECT TO CURRENT_USER USING (true);

-- Names the organisations whose keys and secrets the operator's command goes through.
CREATE FUNCTION list_organizations_with_secrets() RETURNS TABLE (organization_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT data_keys.organization_id FROM data_keys
    UNION SELECT connections.organization_id FROM connections
    ORDER BY 1
$$;
