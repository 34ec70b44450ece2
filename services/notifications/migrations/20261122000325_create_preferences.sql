-- What people want of mails, whatever the space; see `preference`.
CREATE TABLE preferences (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    -- By the clock where the person is; an end before the start is the next morning.
    quiet_start time NOT NULL,
    quiet_end time NOT NULL,
    CONSTRAINT preferences_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT preferences_quiet_check CHECK (quiet_start <> quiet_end)
);

ALTER TABLE preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE preferences FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON preferences
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
