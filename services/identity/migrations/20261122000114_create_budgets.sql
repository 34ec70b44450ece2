-- How often something was done within a window of time. `bucket` is a keyed hash of what is counted: a network, an
-- address, a slug, whether there is such a thing or not. The table says nothing about anybody, so it belongs to no
-- organisation and has no row-level security; like sign_in_attempts it is written before it is known who calls.
CREATE TABLE budgets (
    bucket bytea NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    count integer NOT NULL,
    CONSTRAINT budgets_pkey PRIMARY KEY (bucket)
);

CREATE INDEX budgets_window_end_idx ON budgets (window_end);
