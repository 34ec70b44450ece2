-- What an admin may choose for the organisation. Rows that exist keep what held until now.
ALTER TABLE organizations
    ADD COLUMN sign_in_mode text NOT NULL DEFAULT 'VERIFY_FIRST',
    ADD COLUMN password_min_length integer NOT NULL DEFAULT 15,
    -- Counts up with each change; the etag.
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN update_time timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT organizations_sign_in_mode_check CHECK (sign_in_mode IN ('VERIFY_FIRST', 'GUIDED')),
    ADD CONSTRAINT organizations_password_min_length_check CHECK (password_min_length BETWEEN 12 AND 64),
    DROP CONSTRAINT organizations_locale_check,
    ADD CONSTRAINT organizations_locale_check CHECK (locale IN ('en', 'fr', 'de'));

-- Forced row-level security holds for the owner too; within this transaction nobody else sees the table.
ALTER TABLE organizations NO FORCE ROW LEVEL SECURITY;
UPDATE organizations SET update_time = create_time;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;

-- What people say about themselves; empty: not told.
ALTER TABLE people
    ADD COLUMN job_title text NOT NULL DEFAULT '',
    ADD COLUMN company text NOT NULL DEFAULT '',
    ADD COLUMN phone text NOT NULL DEFAULT '',
    ADD COLUMN time_zone text NOT NULL DEFAULT '',
    DROP CONSTRAINT people_locale_check,
    ADD CONSTRAINT people_locale_check CHECK (locale IN ('en', 'fr', 'de'));

ALTER TABLE privacy_notices
    -- Consent to an earlier version does not stand for this one.
    ADD COLUMN is_material boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT privacy_notices_locale_check,
    ADD CONSTRAINT privacy_notices_locale_check CHECK (locale IN ('en', 'fr', 'de'));

ALTER TABLE consents
    DROP CONSTRAINT consents_action_check,
    ADD CONSTRAINT consents_action_check CHECK (action IN ('GIVEN', 'WITHDRAWN')),
    DROP CONSTRAINT consents_via_check,
    ADD CONSTRAINT consents_via_check CHECK (via IN ('INVITATION', 'ACCOUNT'));

-- The oldest version of the notice whose consent still stands: the newest material one.
CREATE FUNCTION required_notice_version(organization uuid) RETURNS integer
    LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(version) FILTER (WHERE is_material), 1)
      FROM privacy_notices WHERE organization_id = organization
$$;

-- The version that a person's standing consent is for; 0: none stands.
CREATE FUNCTION standing_consent(organization uuid, person uuid) RETURNS integer
    LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT CASE WHEN action = 'GIVEN' AND notice_version >= required_notice_version(organization)
                    THEN notice_version ELSE 0 END
          FROM consents
         WHERE organization_id = organization AND user_id = person
         ORDER BY create_time DESC, consent_id DESC
         LIMIT 1), 0)
$$;
