CREATE TABLE sessions (
    organization_id uuid NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    -- When it ends however often it is refreshed.
    expire_time timestamptz NOT NULL,
    revoke_time timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (organization_id, session_id),
    CONSTRAINT sessions_person_fkey FOREIGN KEY (organization_id, user_id)
        REFERENCES people (organization_id, user_id) ON DELETE CASCADE
);

CREATE INDEX sessions_person_idx ON sessions (organization_id, user_id);
CREATE INDEX sessions_end_idx ON sessions (least(expire_time, revoke_time));

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sessions
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Rotated tokens stay as long as their session, so that using one again is recognised.
CREATE TABLE refresh_tokens (
    organization_id uuid NOT NULL,
    token_sha256 bytea NOT NULL,
    session_id uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz NOT NULL,
    rotate_time timestamptz,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (organization_id, token_sha256),
    CONSTRAINT refresh_tokens_session_fkey FOREIGN KEY (organization_id, session_id)
        REFERENCES sessions (organization_id, session_id) ON DELETE CASCADE
);

CREATE INDEX refresh_tokens_session_idx ON refresh_tokens (organization_id, session_id);

ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refresh_tokens
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see what ended long ago, of any organisation, and no more.
CREATE POLICY ended ON sessions TO CURRENT_USER
    USING (least(expire_time, revoke_time) < now() - interval '30 days');

CREATE FUNCTION delete_ended_sessions() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH deleted AS (
        DELETE FROM sessions
         WHERE ctid IN (
               SELECT ctid FROM sessions
                WHERE least(expire_time, revoke_time) < now() - interval '30 days' LIMIT 1000)
        RETURNING 1)
    SELECT count(*) FROM deleted
$$;

-- How often somebody failed to sign in. `account` is a keyed hash of slug and address, whether there is such an account
-- or not: the table says nothing about anybody, so it belongs to no organisation and has no row-level security.
CREATE TABLE sign_in_attempts (
    account bytea NOT NULL,
    failures integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (account)
);

CREATE INDEX sign_in_attempts_update_time_idx ON sign_in_attempts (update_time);
