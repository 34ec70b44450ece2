-- The organisation's version at the last event that was applied: an older one never overwrites it.
ALTER TABLE organizations ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- Who asked for a log; nothing for those asked for before this was kept.
ALTER TABLE logs ADD COLUMN requester_user_id uuid;
