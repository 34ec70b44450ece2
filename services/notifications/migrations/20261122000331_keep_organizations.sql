-- What mails say of organisations; identity owns them, this copy follows its events.
CREATE TABLE organizations (
    organization_id uuid NOT NULL,
    display_name text NOT NULL,
    slug text NOT NULL,
    -- Where links lead, without a slash at its end.
    base_url text NOT NULL,
    -- en, fr or de.
    locale text NOT NULL,
    -- Of the event that told it: an older one changes nothing.
    version bigint NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (organization_id)
);

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON organizations
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
