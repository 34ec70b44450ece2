-- When an owner was last told of somebody who asks for access.
CREATE INDEX deliveries_asked_idx ON deliveries (organization_id, recipient_user_id, space_id)
    WHERE kind = 'ACCESS_REQUESTED';
