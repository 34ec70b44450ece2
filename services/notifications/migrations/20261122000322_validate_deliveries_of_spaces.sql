-- Other transactions may read and write meanwhile.
ALTER TABLE deliveries
    VALIDATE CONSTRAINT deliveries_kind_check,
    VALIDATE CONSTRAINT deliveries_recipient_check,
    VALIDATE CONSTRAINT deliveries_open_check;

-- At most one mail at a time is gathered for one person, space and kind.
CREATE UNIQUE INDEX deliveries_open_idx ON deliveries (organization_id, recipient_user_id, space_id, kind) WHERE is_open;
CREATE INDEX deliveries_waiting_idx ON deliveries (organization_id, space_id, recipient_user_id) WHERE state = 'PENDING';
