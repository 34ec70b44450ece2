-- What people agreed to, word for word. Evidence: never changed, never deleted.
CREATE TABLE privacy_notices (
    organization_id uuid NOT NULL,
    privacy_notice_id uuid NOT NULL,
    version integer NOT NULL,
    locale text NOT NULL,
    text text NOT NULL,
    sha256 text NOT NULL,
    publish_time timestamptz NOT NULL,
    CONSTRAINT privacy_notices_pkey PRIMARY KEY (organization_id, privacy_notice_id),
    CONSTRAINT privacy_notices_version_key UNIQUE (organization_id, version, locale),
    CONSTRAINT privacy_notices_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations (organization_id),
    CONSTRAINT privacy_notices_locale_check CHECK (locale IN ('en', 'fr'))
);

ALTER TABLE privacy_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy_notices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON privacy_notices
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

REVOKE UPDATE, DELETE, TRUNCATE ON privacy_notices FROM identity_app;

-- Who agreed to which text, when and how. Append-only.
CREATE TABLE consents (
    organization_id uuid NOT NULL,
    consent_id uuid NOT NULL,
    user_id uuid NOT NULL,
    privacy_notice_id uuid NOT NULL,
    notice_version integer NOT NULL,
    notice_locale text NOT NULL,
    notice_sha256 text NOT NULL,
    action text NOT NULL,
    via text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT consents_pkey PRIMARY KEY (organization_id, consent_id),
    CONSTRAINT consents_notice_fkey FOREIGN KEY (organization_id, privacy_notice_id)
        REFERENCES privacy_notices (organization_id, privacy_notice_id),
    CONSTRAINT consents_action_check CHECK (action IN ('GIVEN')),
    CONSTRAINT consents_via_check CHECK (via IN ('INVITATION'))
);

CREATE INDEX consents_person_idx ON consents (organization_id, user_id, create_time);

ALTER TABLE consents ENABLE ROW LEVEL SECURITY;
ALTER TABLE consents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consents
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

REVOKE UPDATE, DELETE, TRUNCATE ON consents FROM identity_app;
