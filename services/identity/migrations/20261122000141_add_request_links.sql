-- Who asks for a mail from a space's link may turn out to have no account: then the mail leads to asking for access. It is
-- prepared with every such link, so that the row tells nothing of who has the address.
ALTER TABLE sign_in_links
    -- Last part of the address of the space whose link was opened; absent: none was.
    ADD COLUMN space_address text,
    ADD COLUMN request_token_sha256 bytea,
    ADD COLUMN request_expire_time timestamptz,
    -- What the token was used for; asking again for the same is no second use.
    ADD COLUMN request_use_id uuid,
    ADD CONSTRAINT sign_in_links_request_check
        CHECK (num_nulls(space_address, request_token_sha256, request_expire_time) IN (0, 3)),
    ADD CONSTRAINT sign_in_links_request_token_key UNIQUE (organization_id, request_token_sha256);
