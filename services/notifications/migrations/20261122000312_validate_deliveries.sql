-- Other transactions may read and write meanwhile.
ALTER TABLE deliveries
    VALIDATE CONSTRAINT deliveries_kind_check,
    VALIDATE CONSTRAINT deliveries_state_check,
    VALIDATE CONSTRAINT deliveries_recipient_check;
