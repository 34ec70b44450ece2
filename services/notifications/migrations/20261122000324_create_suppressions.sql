-- Addresses that get no mails any more but those their people ask for; see `suppression`.
CREATE TABLE suppressions (
    organization_id uuid NOT NULL,
    -- Normalised.
    email_address text NOT NULL,
    reason text NOT NULL,
    -- The codes of the mail server's refusal; never its words.
    detail text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT suppressions_pkey PRIMARY KEY (organization_id, email_address),
    CONSTRAINT suppressions_reason_check CHECK (reason IN ('BOUNCED')),
    CONSTRAINT suppressions_email_address_check CHECK (email_address <> '')
);

CREATE INDEX suppressions_newest_idx ON suppressions (organization_id, create_time DESC, email_address DESC);

ALTER TABLE suppressions ENABLE ROW LEVEL SECURITY;
ALTER TABLE suppressions FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON suppressions
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
