-- The public directory: which organisation a slug leads to. A public call knows no tenant before it has looked here, so
-- the table has no row-level security; it holds nothing that an address on the web does not tell already. A slug is
-- never given up, so that an old link cannot lead into another organisation.
CREATE TABLE organization_slugs (
    slug text NOT NULL,
    organization_id uuid NOT NULL,
    CONSTRAINT organization_slugs_pkey PRIMARY KEY (slug),
    CONSTRAINT organization_slugs_organization_key UNIQUE (organization_id)
);

REVOKE UPDATE, DELETE, TRUNCATE ON organization_slugs FROM identity_app;

CREATE TABLE organizations (
    organization_id uuid NOT NULL,
    slug text NOT NULL,
    display_name text NOT NULL,
    plan text NOT NULL,
    locale text NOT NULL,
    base_url text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (organization_id),
    CONSTRAINT organizations_slug_fkey FOREIGN KEY (slug) REFERENCES organization_slugs (slug),
    CONSTRAINT organizations_plan_check CHECK (plan IN ('PLUS', 'ULTIMATE')),
    CONSTRAINT organizations_locale_check CHECK (locale IN ('en', 'fr'))
);

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
