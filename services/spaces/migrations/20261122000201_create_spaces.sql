-- What spaces keeps of identity's organisations and people, from events.
CREATE TABLE organizations (
    organization_id uuid NOT NULL,
    slug text NOT NULL,
    base_url text NOT NULL,
    plan text NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (organization_id),
    CONSTRAINT organizations_plan_check CHECK (plan IN ('PLUS', 'ULTIMATE'))
);

CREATE TABLE people (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    email_address text NOT NULL,
    display_name text NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (organization_id, user_id)
);

CREATE TABLE spaces (
    organization_id uuid NOT NULL,
    space_id uuid NOT NULL,
    title text NOT NULL,
    address text NOT NULL,
    description text NOT NULL,
    allow_download boolean NOT NULL,
    allow_invite boolean NOT NULL,
    allow_upload boolean NOT NULL,
    owner_user_id uuid NOT NULL,
    logo_id uuid,
    logo_width_px integer,
    logo_height_px integer,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT spaces_pkey PRIMARY KEY (organization_id, space_id),
    CONSTRAINT spaces_address_key UNIQUE (organization_id, address),
    CONSTRAINT spaces_title_check CHECK (char_length(title) BETWEEN 1 AND 255),
    CONSTRAINT spaces_description_check CHECK (char_length(description) <= 65535),
    CONSTRAINT spaces_logo_check CHECK (num_nulls(logo_id, logo_width_px, logo_height_px) IN (0, 3))
);

CREATE TABLE participants (
    organization_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    space_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    -- Both absent for the owner, who was not invited.
    invitation_id uuid,
    inviter_user_id uuid,
    create_time timestamptz NOT NULL,
    CONSTRAINT participants_pkey PRIMARY KEY (organization_id, participant_id),
    CONSTRAINT participants_user_key UNIQUE (organization_id, space_id, user_id),
    CONSTRAINT participants_invitation_key UNIQUE (organization_id, invitation_id),
    CONSTRAINT participants_space_fkey FOREIGN KEY (organization_id, space_id) REFERENCES spaces,
    CONSTRAINT participants_kind_check CHECK (kind IN ('OWNER', 'INTERNAL', 'EXTERNAL')),
    CONSTRAINT participants_state_check CHECK (state IN ('INVITED', 'ACTIVE')),
    CONSTRAINT participants_inviter_check CHECK (num_nulls(invitation_id, inviter_user_id) IN (0, 2))
);

CREATE INDEX participants_order_idx ON participants (organization_id, space_id, create_time, participant_id);

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE people ENABLE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON people
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE spaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE spaces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON spaces
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE participants ENABLE ROW LEVEL SECURITY;
ALTER TABLE participants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON participants
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
