-- Members and guests in one table, so that an address stands for one person of the organisation and no more.
CREATE TABLE people (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    -- Members only.
    role text,
    -- Normalised: trimmed, lower case, the domain in ASCII.
    email_address text NOT NULL,
    display_name text NOT NULL,
    locale text NOT NULL,
    -- Counts up with each change that others are told of.
    version bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL,
    -- Set: the person has no way in.
    deactivate_time timestamptz,
    CONSTRAINT people_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT people_organization_fkey FOREIGN KEY (organization_id) REFERENCES organizations (organization_id),
    CONSTRAINT people_email_address_key UNIQUE (organization_id, email_address),
    CONSTRAINT people_kind_check CHECK (kind IN ('MEMBER', 'GUEST')),
    CONSTRAINT people_role_check CHECK (role IN ('ADMIN', 'MEMBER')),
    CONSTRAINT people_member_role_check CHECK ((kind = 'MEMBER') = (role IS NOT NULL)),
    CONSTRAINT people_locale_check CHECK (locale IN ('en', 'fr'))
);

CREATE INDEX people_members_idx ON people (organization_id, (lower(display_name) COLLATE "C"), user_id)
    WHERE kind = 'MEMBER';

ALTER TABLE people ENABLE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON people
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Apart from people, so that reading people never reads a hash.
CREATE TABLE credentials (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    -- PHC string: algorithm, parameters, salt and hash.
    password_hash text NOT NULL,
    -- Counts up with each new password.
    version integer NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credentials_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT credentials_person_fkey FOREIGN KEY (organization_id, user_id)
        REFERENCES people (organization_id, user_id) ON DELETE CASCADE
);

ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON credentials
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
