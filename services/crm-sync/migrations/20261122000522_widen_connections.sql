-- Four CRMs and five ways to sign in. A connection that an admin ended keeps its row, for its logs and links; its sealed
-- columns are empty and its state is RECONNECT_NEEDED, which binaries that do not know `disconnect_time` understand.
ALTER TABLE connections
    DROP CONSTRAINT connections_provider_check,
    ADD CONSTRAINT connections_provider_check
        CHECK (provider IN ('SALESFORCE', 'DATAVERSE', 'SAP_C4C', 'SAP_SALES_CLOUD')),
    ADD COLUMN sign_in text NOT NULL DEFAULT 'CODE',
    -- What a machine signs in with, sealed; empty where a refresh token is used.
    ADD COLUMN sealed_credentials bytea NOT NULL DEFAULT '',
    -- When the access token ends; nothing where the CRM does not tell.
    ADD COLUMN token_expire_time timestamptz,
    -- Why it has to be connected again, in words.
    ADD COLUMN reason text NOT NULL DEFAULT '',
    -- Until when nobody calls the CRM, and why; by the database's clock.
    ADD COLUMN paused_until timestamptz,
    ADD COLUMN pause_reason text NOT NULL DEFAULT '',
    ADD COLUMN disconnect_time timestamptz,
    ADD CONSTRAINT connections_sign_in_check
        CHECK (sign_in IN ('CODE', 'JWT_BEARER', 'CLIENT_CREDENTIALS', 'BASIC', 'SAML_BEARER'));

-- What a flow needs beside its addresses when it comes back, and the connection that it renews.
ALTER TABLE connection_flows
    ADD COLUMN instance_url text,
    ADD COLUMN sealed_credentials bytea NOT NULL DEFAULT '',
    ADD COLUMN connection_id uuid;

-- Whether logs are written (R11.1).
ALTER TABLE organizations
    ADD COLUMN logging_mode text NOT NULL DEFAULT 'AVAILABLE',
    ADD CONSTRAINT organizations_logging_mode_check CHECK (logging_mode IN ('OFF', 'AVAILABLE', 'DEFAULT_ON'));
