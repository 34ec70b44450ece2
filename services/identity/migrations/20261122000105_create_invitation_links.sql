-- One link per invitation of spaces. The token itself is not here: it is made anew from the key whenever it is printed.
CREATE TABLE invitation_links (
    organization_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    space_id uuid NOT NULL,
    user_id uuid NOT NULL,
    inviter_user_id uuid NOT NULL,
    -- Counts up when an expired link is replaced; part of what the token is made from.
    version integer NOT NULL,
    secret_sha256 bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz NOT NULL,
    use_time timestamptz,
    CONSTRAINT invitation_links_pkey PRIMARY KEY (organization_id, invitation_id),
    CONSTRAINT invitation_links_secret_key UNIQUE (organization_id, secret_sha256),
    CONSTRAINT invitation_links_person_fkey FOREIGN KEY (organization_id, user_id)
        REFERENCES people (organization_id, user_id),
    CONSTRAINT invitation_links_inviter_fkey FOREIGN KEY (organization_id, inviter_user_id)
        REFERENCES people (organization_id, user_id)
);

CREATE INDEX invitation_links_person_idx ON invitation_links (organization_id, user_id);

ALTER TABLE invitation_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation_links FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitation_links
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
