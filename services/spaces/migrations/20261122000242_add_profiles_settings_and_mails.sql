-- Profiles of people, which mails of a space each participant gets, and which mails inviting has sent.
-- Additive: what was written before stays readable and writable by the binaries that wrote it.

ALTER TABLE people
    ADD COLUMN job_title text NOT NULL DEFAULT '',
    ADD COLUMN company text NOT NULL DEFAULT '',
    ADD COLUMN phone text NOT NULL DEFAULT '',
    ADD COLUMN time_zone text NOT NULL DEFAULT '';

ALTER TABLE participants
    -- When they were last reminded of their invitation.
    ADD COLUMN remind_time timestamptz,
    -- When their last visit began; absent: never.
    ADD COLUMN last_visit_time timestamptz,
    -- Which mails they want; absent: what the space's defaults say, and of new content all.
    ADD COLUMN notify_visit_summaries boolean,
    ADD COLUMN notify_new_joiners boolean,
    ADD COLUMN notify_comments boolean,
    ADD COLUMN notify_new_content boolean;

-- Every mail that somebody made go out by inviting, so that they can be counted whichever process sent them.
CREATE TABLE invitation_mails (
    organization_id uuid NOT NULL,
    -- The invitation or the reminder.
    mail_id uuid NOT NULL,
    space_id uuid NOT NULL,
    -- What a reminder reminds of; of an invitation, itself; absent: a colleague was proposed.
    invitation_id uuid,
    kind text NOT NULL,
    sender_user_id uuid NOT NULL,
    recipient_user_id uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invitation_mails_pkey PRIMARY KEY (organization_id, mail_id),
    CONSTRAINT invitation_mails_space_fkey FOREIGN KEY (organization_id, space_id)
        REFERENCES spaces (organization_id, space_id) ON DELETE CASCADE,
    CONSTRAINT invitation_mails_kind_check CHECK (kind IN ('INVITATION', 'REMINDER', 'PROPOSAL')),
    CONSTRAINT invitation_mails_invitation_check CHECK ((invitation_id IS NULL) = (kind = 'PROPOSAL'))
);

CREATE INDEX invitation_mails_time_idx ON invitation_mails (organization_id, create_time);
CREATE INDEX invitation_mails_sender_idx ON invitation_mails (organization_id, sender_user_id, create_time);
CREATE INDEX invitation_mails_recipient_idx ON invitation_mails (organization_id, recipient_user_id, create_time);
CREATE INDEX invitation_mails_invitation_idx ON invitation_mails (organization_id, invitation_id);

ALTER TABLE invitation_mails ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation_mails FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitation_mails
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- What was sent stays counted.
REVOKE UPDATE, DELETE, TRUNCATE ON invitation_mails FROM spaces_app;
