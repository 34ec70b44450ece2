-- People have pictures too. Checked in a step of its own, so that nobody waits for it.
ALTER TABLE logos
    DROP CONSTRAINT logos_kind_check,
    ADD CONSTRAINT logos_kind_check CHECK (kind IN ('CUSTOMER', 'ORGANIZATION', 'BANNER', 'PERSON')) NOT VALID;
ALTER TABLE logos VALIDATE CONSTRAINT logos_kind_check;

CREATE INDEX logos_person_idx ON logos (organization_id, uploader_user_id) WHERE kind = 'PERSON';

-- The picture that each person has now.
CREATE TABLE profile_pictures (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    logo_id uuid NOT NULL,
    CONSTRAINT profile_pictures_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT profile_pictures_logo_fkey FOREIGN KEY (organization_id, logo_id)
        REFERENCES logos (organization_id, logo_id)
);

CREATE INDEX profile_pictures_logo_idx ON profile_pictures (organization_id, logo_id);

ALTER TABLE profile_pictures ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile_pictures FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON profile_pictures
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
