-- Files stand among the items. What is shown of one is kept here, so that listing asks nobody else.
ALTER TABLE items
    ADD COLUMN file_name text,
    ADD COLUMN content_type text,
    ADD COLUMN size_bytes bigint;

ALTER TABLE items DROP CONSTRAINT items_kind_check;
ALTER TABLE items
    ADD CONSTRAINT items_kind_check CHECK (kind IN ('FOLDER', 'LINK', 'FILE')),
    -- A file is known whole, and nothing else has anything of one.
    ADD CONSTRAINT items_file_check CHECK (
        num_nonnulls(asset_id, file_name, content_type, size_bytes) = CASE kind WHEN 'FILE' THEN 4 ELSE 0 END),
    ADD CONSTRAINT items_size_check CHECK (size_bytes >= 0);
