-- Orders of the list of spaces, and who sees which logo.
CREATE INDEX spaces_activity_idx ON spaces (organization_id, last_activity_time DESC, space_id DESC);
CREATE INDEX spaces_creation_idx ON spaces (organization_id, create_time DESC, space_id DESC);
CREATE INDEX spaces_title_idx
    ON spaces (organization_id, (coalesce(title_folded, lower(title)) COLLATE "C"), space_id);
CREATE INDEX spaces_logo_idx ON spaces (organization_id, logo_id) WHERE logo_id IS NOT NULL;

-- A space has one owner, whatever the order of two transfers.
CREATE UNIQUE INDEX participants_owner_key ON participants (organization_id, space_id) WHERE kind = 'OWNER';
