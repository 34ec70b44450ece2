-- Lifecycle, look and policy of spaces; addresses that are never given away again; what guests agreed to.
-- Additive: what was written before stays readable and writable by the binaries that wrote it.

ALTER TABLE spaces
    ADD COLUMN state text NOT NULL DEFAULT 'ACTIVE',
    ADD COLUMN state_before_delete text,
    ADD COLUMN archive_time timestamptz,
    ADD COLUMN delete_time timestamptz,
    ADD COLUMN purge_time timestamptz,
    -- Absent: the organisation's default.
    ADD COLUMN theme_id uuid,
    ADD COLUMN notify_visit_summaries boolean NOT NULL DEFAULT true,
    ADD COLUMN notify_new_joiners boolean NOT NULL DEFAULT true,
    ADD COLUMN notify_comments boolean NOT NULL DEFAULT true,
    ADD COLUMN customer_logo_height_px integer NOT NULL DEFAULT 64,
    ADD COLUMN organization_logo_height_px integer NOT NULL DEFAULT 64,
    ADD COLUMN transparent_background boolean NOT NULL DEFAULT false,
    -- Absent where there is no logo, or it was set before its format was kept.
    ADD COLUMN logo_format text,
    ADD COLUMN last_activity_time timestamptz NOT NULL DEFAULT now(),
    -- Without case and accents, for searching and sorting; absent where the writer did not fold.
    ADD COLUMN title_folded text,
    ADD CONSTRAINT spaces_state_check CHECK (state IN ('ACTIVE', 'ARCHIVED', 'DELETED')),
    ADD CONSTRAINT spaces_deleted_check CHECK (
        (state = 'DELETED') = (num_nonnulls(state_before_delete, delete_time, purge_time) = 3)
        AND num_nonnulls(state_before_delete, delete_time, purge_time) IN (0, 3)),
    ADD CONSTRAINT spaces_state_before_delete_check CHECK (state_before_delete IN ('ACTIVE', 'ARCHIVED')),
    ADD CONSTRAINT spaces_customer_logo_height_check CHECK (customer_logo_height_px BETWEEN 24 AND 400),
    ADD CONSTRAINT spaces_organization_logo_height_check CHECK (organization_logo_height_px BETWEEN 24 AND 400),
    ADD CONSTRAINT spaces_logo_format_check CHECK (logo_format IN ('PNG', 'JPEG', 'WEBP')),
    ADD CONSTRAINT spaces_transparency_check CHECK (NOT transparent_background OR logo_format = 'PNG');

-- Every address that was ever used, so that none is used again, even after its space is purged.
CREATE TABLE space_addresses (
    organization_id uuid NOT NULL,
    address text NOT NULL,
    space_id uuid NOT NULL,
    CONSTRAINT space_addresses_pkey PRIMARY KEY (organization_id, address)
);

-- By the database itself, so that no way of making a space forgets it.
CREATE FUNCTION remember_space_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO space_addresses (organization_id, address, space_id)
    VALUES (NEW.organization_id, NEW.address, NEW.space_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER spaces_remember_address AFTER INSERT ON spaces
    FOR EACH ROW EXECUTE FUNCTION remember_space_address();

-- Which abilities guests may be given at all; absent: all of them.
CREATE TABLE sharing_policies (
    organization_id uuid NOT NULL,
    allow_download boolean NOT NULL,
    allow_invite boolean NOT NULL,
    allow_upload boolean NOT NULL,
    version bigint NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT sharing_policies_pkey PRIMARY KEY (organization_id)
);

ALTER TABLE participants
    DROP CONSTRAINT participants_state_check,
    ADD CONSTRAINT participants_state_check CHECK (state IN ('INVITED', 'ACTIVE', 'REVOKED', 'LEFT'));

-- For the spaces that a person takes part in.
CREATE INDEX participants_person_idx ON participants (organization_id, user_id, space_id);

ALTER TABLE organizations
    -- The oldest privacy notice whose consent still stands.
    ADD COLUMN required_notice_version integer NOT NULL DEFAULT 1,
    -- Of the event that the copy was made from; an older one changes nothing.
    ADD COLUMN version bigint NOT NULL DEFAULT 0;

ALTER TABLE people
    ADD COLUMN locale text NOT NULL DEFAULT 'en',
    ADD COLUMN is_deactivated boolean NOT NULL DEFAULT false,
    ADD COLUMN consent_notice_version integer NOT NULL DEFAULT 0,
    ADD COLUMN consent_withdraw_time timestamptz,
    ADD COLUMN version bigint NOT NULL DEFAULT 0,
    ADD COLUMN name_folded text;

ALTER TABLE space_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE space_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON space_addresses
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE sharing_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE sharing_policies FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sharing_policies
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

REVOKE UPDATE, DELETE, TRUNCATE ON space_addresses FROM spaces_app;

-- The rows of all organisations are filled in here. Row-level security would hide them from the owner too; it is off for
-- the owner alone, within this transaction, which has the tables locked.
ALTER TABLE spaces NO FORCE ROW LEVEL SECURITY;
ALTER TABLE space_addresses NO FORCE ROW LEVEL SECURITY;
ALTER TABLE people NO FORCE ROW LEVEL SECURITY;

UPDATE spaces SET last_activity_time = update_time, title_folded = lower(title);
INSERT INTO space_addresses (organization_id, address, space_id)
SELECT organization_id, address, space_id FROM spaces;
UPDATE people SET name_folded = lower(display_name);

ALTER TABLE spaces FORCE ROW LEVEL SECURITY;
ALTER TABLE space_addresses FORCE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
