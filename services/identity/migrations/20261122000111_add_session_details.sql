-- How a session began, on what, and when it was last used.
ALTER TABLE sessions
    ADD COLUMN method text NOT NULL DEFAULT 'PASSWORD',
    -- What the client said of the device; empty: nothing.
    ADD COLUMN device_label text NOT NULL DEFAULT '',
    ADD COLUMN last_use_time timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT sessions_method_check CHECK (method IN ('PASSWORD', 'LINK', 'CODE', 'INVITATION'));
