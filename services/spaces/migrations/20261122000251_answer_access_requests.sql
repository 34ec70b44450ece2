-- What asking for access needs: which organisation a link is of, how it answers strangers, and counters of how often.
-- Additive: what was written before stays readable and writable by the binaries that wrote it.

ALTER TABLE organizations
    -- Until identity tells: the mode that tells strangers nothing.
    ADD COLUMN sign_in_mode text NOT NULL DEFAULT 'VERIFY_FIRST',
    ADD COLUMN locale text NOT NULL DEFAULT 'en',
    ADD CONSTRAINT organizations_sign_in_mode_check CHECK (sign_in_mode IN ('VERIFY_FIRST', 'GUIDED'));

CREATE INDEX organizations_slug_idx ON organizations (slug);

-- Lets the function below, which runs as the owner, see the organisation that has the slug it looks for, and no other.
CREATE POLICY by_slug ON organizations FOR SELECT TO CURRENT_USER
    USING (slug = nullif(current_setting('app.wanted_slug', true), ''));

CREATE FUNCTION find_organization_by_slug(wanted text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    PERFORM set_config('app.wanted_slug', wanted, true);
    SELECT organization_id INTO found_id FROM organizations WHERE slug = wanted ORDER BY organization_id LIMIT 1;
    PERFORM set_config('app.wanted_slug', '', true);
    RETURN found_id;
END
$$;

-- For who has an address.
CREATE INDEX people_address_idx ON people (organization_id, email_address);

-- Lets the function below, which runs as the owner, see what has lapsed, of any organisation, and no more.
CREATE POLICY due ON access_requests FOR SELECT TO CURRENT_USER
    USING (state = 'REQUESTED' AND lapse_time <= now());

-- Whoever takes one looks again in a transaction of its organisation.
CREATE FUNCTION list_access_requests_to_lapse() RETURNS TABLE (organization_id uuid, access_request_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id, access_request_id FROM access_requests
     WHERE state = 'REQUESTED' AND lapse_time <= now()
     ORDER BY lapse_time LIMIT 100
$$;

-- How often something was done within a window of time. `bucket` is a keyed hash of what is counted: a network, a link,
-- whether there is such a thing or not. The table says nothing about anybody, so it belongs to no organisation and has no
-- row-level security; it is written before it is known who calls.
CREATE TABLE budgets (
    bucket bytea NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    count integer NOT NULL,
    CONSTRAINT budgets_pkey PRIMARY KEY (bucket)
);

CREATE INDEX budgets_window_end_idx ON budgets (window_end);
