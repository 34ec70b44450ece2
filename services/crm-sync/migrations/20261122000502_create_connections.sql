-- A flow that waits for the admin's browser to come back. The state is kept as its hash, the PKCE verifier sealed.
CREATE TABLE connection_flows (
    organization_id uuid NOT NULL,
    flow_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider text NOT NULL,
    display_name text NOT NULL,
    login_url text NOT NULL,
    state_sha256 bytea NOT NULL,
    sealed_verifier bytea NOT NULL,
    expire_time timestamptz NOT NULL,
    CONSTRAINT connection_flows_pkey PRIMARY KEY (organization_id, flow_id),
    CONSTRAINT connection_flows_state_key UNIQUE (state_sha256),
    CONSTRAINT connection_flows_state_check CHECK (octet_length(state_sha256) = 32)
);

CREATE INDEX connection_flows_expire_idx ON connection_flows (organization_id, expire_time);

ALTER TABLE connection_flows ENABLE ROW LEVEL SECURITY;
ALTER TABLE connection_flows FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON connection_flows
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- A connection to one CRM. Both tokens are sealed, bound to organisation and connection.
CREATE TABLE connections (
    organization_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    provider text NOT NULL,
    -- The CRM's own id of its tenant: connecting the same one again renews this row.
    crm_organization_id text NOT NULL,
    display_name text NOT NULL,
    login_url text NOT NULL,
    instance_url text NOT NULL,
    state text NOT NULL,
    sealed_access_token bytea NOT NULL,
    sealed_refresh_token bytea NOT NULL,
    -- Counts the access tokens; whoever saw an older one finds a newer here instead of refreshing again.
    token_version bigint NOT NULL DEFAULT 1,
    -- The one refresh under way, by the database's clock; no transaction is open meanwhile.
    refresh_lease uuid,
    refresh_locked_until timestamptz,
    create_time timestamptz NOT NULL,
    CONSTRAINT connections_pkey PRIMARY KEY (organization_id, connection_id),
    CONSTRAINT connections_crm_organization_key UNIQUE (organization_id, provider, crm_organization_id),
    CONSTRAINT connections_provider_check CHECK (provider IN ('SALESFORCE')),
    CONSTRAINT connections_state_check CHECK (state IN ('CONNECTED', 'RECONNECT_NEEDED')),
    CONSTRAINT connections_lease_check CHECK ((refresh_lease IS NULL) = (refresh_locked_until IS NULL))
);

ALTER TABLE connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE connections FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON connections
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
