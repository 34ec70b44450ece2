-- The same idempotency key gives the same reply; see service-kit's `db::idempotency`.
CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL,
    principal text NOT NULL,
    method text NOT NULL,
    key text NOT NULL,
    request_sha256 bytea NOT NULL,
    -- Absent only within the transaction that has claimed the key.
    reply bytea,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, principal, method, key)
);

CREATE INDEX idempotency_keys_create_time_idx ON idempotency_keys (create_time);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON idempotency_keys
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see what is no longer kept, of any organisation, and no more.
CREATE POLICY expired ON idempotency_keys TO CURRENT_USER
    USING (create_time < now() - interval '24 hours');

CREATE FUNCTION delete_expired_idempotency_keys() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH deleted AS (
        DELETE FROM idempotency_keys
         WHERE ctid IN (
               SELECT ctid FROM idempotency_keys WHERE create_time < now() - interval '24 hours' LIMIT 1000)
        RETURNING 1)
    SELECT count(*) FROM deleted
$$;
