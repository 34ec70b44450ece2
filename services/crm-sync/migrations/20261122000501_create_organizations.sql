-- What crm-sync keeps of identity's organisations: the plan, which decides whether there is a CRM at all.
CREATE TABLE organizations (
    organization_id uuid NOT NULL,
    plan text NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (organization_id),
    CONSTRAINT organizations_plan_check CHECK (plan IN ('PLUS', 'ULTIMATE'))
);

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
