-- What sending needs to remember between its tries.
ALTER TABLE deliveries
    -- When the mail server was first offered it without saying no for certain: it may have arrived since.
    ADD COLUMN handover_time timestamptz,
    -- When it was counted against the limits of muteable mails; absent: it is not counted.
    ADD COLUMN counted_time timestamptz;

CREATE INDEX deliveries_counted_idx ON deliveries (organization_id, counted_time DESC) WHERE counted_time IS NOT NULL;
CREATE INDEX deliveries_address_idx ON deliveries (organization_id, email_address, create_time DESC, delivery_id DESC);
CREATE INDEX deliveries_space_idx ON deliveries (organization_id, space_id, create_time DESC, delivery_id DESC)
    WHERE space_id IS NOT NULL;
