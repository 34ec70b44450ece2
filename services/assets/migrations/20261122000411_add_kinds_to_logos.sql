-- What a logo is for. A customer's is bound to the space it was uploaded for; the organisation's own and the banners of
-- themes belong to no space. Those that are there are all customers'.
ALTER TABLE logos
    ADD COLUMN kind text NOT NULL DEFAULT 'CUSTOMER',
    ALTER COLUMN space_id DROP NOT NULL,
    ADD CONSTRAINT logos_kind_check CHECK (kind IN ('CUSTOMER', 'ORGANIZATION', 'BANNER')),
    ADD CONSTRAINT logos_space_id_check CHECK ((kind = 'CUSTOMER') = (space_id IS NOT NULL));

-- The organisation's own logo of now.
CREATE TABLE organization_logos (
    organization_id uuid NOT NULL,
    logo_id uuid NOT NULL,
    CONSTRAINT organization_logos_pkey PRIMARY KEY (organization_id),
    CONSTRAINT organization_logos_logo_fkey FOREIGN KEY (organization_id, logo_id)
        REFERENCES logos (organization_id, logo_id)
);

ALTER TABLE organization_logos ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization_logos FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization_logos
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
