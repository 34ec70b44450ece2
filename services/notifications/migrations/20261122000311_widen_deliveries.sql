-- Mails about accounts: a link somebody asked for, and notices. Whom a link is for, identity says only when it is sent.
ALTER TABLE deliveries ALTER COLUMN recipient_user_id DROP NOT NULL;

-- NOT VALID: rows that exist are not looked at while the table is locked; the next migration does that.
ALTER TABLE deliveries
    DROP CONSTRAINT deliveries_kind_check,
    ADD CONSTRAINT deliveries_kind_check CHECK (kind IN (
        'GUEST_INVITATION', 'COLLEAGUE_INVITATION', 'INVITATION_ACCEPTED', 'ACCOUNT_LINK', 'SIGN_IN_LINK',
        'PASSWORD_RESET', 'NEW_DEVICE', 'PASSWORD_CHANGED', 'SESSION_REUSED')) NOT VALID,
    DROP CONSTRAINT deliveries_state_check,
    ADD CONSTRAINT deliveries_state_check CHECK (state IN ('PENDING', 'SENT', 'FAILED', 'NOT_DUE')) NOT VALID,
    ADD CONSTRAINT deliveries_recipient_check
        CHECK (recipient_user_id IS NOT NULL OR (kind = 'ACCOUNT_LINK' AND email_address = '')) NOT VALID;
