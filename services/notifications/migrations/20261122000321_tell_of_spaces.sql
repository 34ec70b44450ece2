-- Mails about what happens in spaces: some wait, some are gathered, some go to people without an account.
ALTER TABLE deliveries
    -- The space it is about.
    ADD COLUMN space_id uuid,
    -- Not to be sent before: quiet hours, or the end of the window in which others are gathered into it.
    ADD COLUMN due_time timestamptz,
    -- Others of its kind, space and recipient are still gathered into it.
    ADD COLUMN is_open boolean NOT NULL DEFAULT false;

-- NOT VALID: rows that exist are not looked at while the table is locked; the next migration does that.
ALTER TABLE deliveries
    DROP CONSTRAINT deliveries_kind_check,
    ADD CONSTRAINT deliveries_kind_check CHECK (kind IN (
        'GUEST_INVITATION', 'COLLEAGUE_INVITATION', 'INVITATION_ACCEPTED', 'ACCOUNT_LINK', 'SIGN_IN_LINK',
        'PASSWORD_RESET', 'NEW_DEVICE', 'PASSWORD_CHANGED', 'SESSION_REUSED', 'REMINDER', 'ACCESS_REQUESTED',
        'ACCESS_GRANTED', 'ACCESS_DECLINED', 'REQUEST_LINK', 'VISIT_SUMMARY', 'NEW_JOINER', 'NEW_COMMENT',
        'NEW_CONTENT')) NOT VALID,
    DROP CONSTRAINT deliveries_recipient_check,
    -- Whom a link is for, identity says when it is sent; who was declined may have no account at all.
    ADD CONSTRAINT deliveries_recipient_check CHECK (recipient_user_id IS NOT NULL OR kind IN (
        'ACCOUNT_LINK', 'REQUEST_LINK', 'ACCESS_DECLINED')) NOT VALID,
    ADD CONSTRAINT deliveries_open_check CHECK (NOT is_open OR state = 'PENDING') NOT VALID;
