-- One mail to one recipient; see `delivery`.
CREATE TABLE deliveries (
    organization_id uuid NOT NULL,
    -- UUIDv5 of event and recipient: the same event never makes a second row.
    delivery_id uuid NOT NULL,
    -- The job that sends it; another one after a retry that found it gone.
    job_id uuid NOT NULL,
    kind text NOT NULL,
    recipient_user_id uuid NOT NULL,
    -- What the mail needs of its event. Never a link, token or password: those are asked for when it is sent.
    mail jsonb NOT NULL,
    -- Where it was last sent to; empty before the first try.
    email_address text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'PENDING',
    reason text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    sent_time timestamptz,
    CONSTRAINT deliveries_pkey PRIMARY KEY (organization_id, delivery_id),
    CONSTRAINT deliveries_kind_check
        CHECK (kind IN ('GUEST_INVITATION', 'COLLEAGUE_INVITATION', 'INVITATION_ACCEPTED')),
    CONSTRAINT deliveries_state_check CHECK (state IN ('PENDING', 'SENT', 'FAILED')),
    CONSTRAINT deliveries_attempts_check CHECK (attempts >= 0),
    CONSTRAINT deliveries_sent_time_check CHECK ((state = 'SENT') = (sent_time IS NOT NULL))
);

CREATE INDEX deliveries_newest_idx ON deliveries (organization_id, create_time DESC, delivery_id DESC);

ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON deliveries
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
