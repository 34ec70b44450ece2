-- The keys that sign access tokens of every organisation: infrastructure, without row-level security. The private half
-- is sealed with the key-encryption key, bound to the kid.
CREATE TABLE signing_keys (
    kid text NOT NULL,
    public_key bytea NOT NULL,
    sealed_private_key bytea NOT NULL,
    -- Signs from here on.
    not_before timestamptz NOT NULL DEFAULT now(),
    -- Neither signs nor is published from here on. Absent: in use without an end.
    retire_after timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
);
