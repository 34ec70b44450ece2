-- What was asked for by address: a link to sign in, or to set a new password. There is a row whether somebody has the
-- address or not; who it is, is looked up when the mail is sent. Neither token nor code is here: both are made anew from
-- the key whenever they are printed.
CREATE TABLE sign_in_links (
    organization_id uuid NOT NULL,
    sign_in_link_id uuid NOT NULL,
    purpose text NOT NULL,
    -- Normalised, as people.email_address.
    email_address text NOT NULL,
    -- Where to go after signing in; absent: nowhere in particular.
    space_id uuid,
    token_sha256 bytea NOT NULL,
    -- Of what the browser that asked keeps; absent for a new password, which any browser may set.
    login_request_sha256 bytea,
    code_failures integer NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz NOT NULL,
    use_time timestamptz,
    -- Set: a newer one was asked for, or too many wrong codes came.
    void_time timestamptz,
    CONSTRAINT sign_in_links_pkey PRIMARY KEY (organization_id, sign_in_link_id),
    CONSTRAINT sign_in_links_token_key UNIQUE (organization_id, token_sha256),
    CONSTRAINT sign_in_links_login_request_key UNIQUE (organization_id, login_request_sha256),
    CONSTRAINT sign_in_links_purpose_check CHECK (purpose IN ('SIGN_IN', 'RESET_PASSWORD')),
    CONSTRAINT sign_in_links_login_request_check CHECK ((purpose = 'SIGN_IN') = (login_request_sha256 IS NOT NULL))
);

CREATE INDEX sign_in_links_address_idx ON sign_in_links (organization_id, email_address, create_time);
CREATE INDEX sign_in_links_expire_time_idx ON sign_in_links (expire_time);

ALTER TABLE sign_in_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_links FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sign_in_links
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see what expired a day ago, of any organisation, and no more.
CREATE POLICY stale ON sign_in_links TO CURRENT_USER
    USING (expire_time < now() - interval '1 day');

CREATE FUNCTION delete_stale_sign_in_links() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH deleted AS (
        DELETE FROM sign_in_links
         WHERE ctid IN (SELECT ctid FROM sign_in_links WHERE expire_time < now() - interval '1 day' LIMIT 1000)
        RETURNING 1)
    SELECT count(*) FROM deleted
$$;
