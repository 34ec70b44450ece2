-- Files: what is known of an object in S3, at `assets/<organisation>/<asset>`.
CREATE TABLE assets (
    organization_id uuid NOT NULL,
    asset_id uuid NOT NULL,
    -- The space it was uploaded for.
    space_id uuid NOT NULL,
    uploader_user_id uuid NOT NULL,
    file_name text NOT NULL,
    -- What the uploader said; the check holds what arrived against it.
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    -- Whether the parts go straight to S3.
    is_direct boolean NOT NULL,
    -- S3's own name of the upload while there is one.
    upload_id text,
    -- The latest stream of bytes; an older one may add no more.
    stream_id uuid,
    received_bytes bigint NOT NULL DEFAULT 0,
    -- UPLOADING: bytes arrive. SCANNING: all have, and are checked. CLEAN, REFUSED: the outcome.
    -- ABANDONED: nobody finds it; its object is being deleted, and the row after it.
    state text NOT NULL DEFAULT 'UPLOADING',
    -- Set before the object is deleted, and that before the state says so.
    refusal text,
    -- By content; empty before the check.
    content_type text NOT NULL DEFAULT '',
    -- Whether an item shows it. Written with the row that makes it so.
    is_shown boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL DEFAULT now(),
    -- When something last happened to it; what is due for deletion is counted from here by the database's time.
    use_time timestamptz NOT NULL DEFAULT now(),
    -- When a process last took up deleting it.
    claim_time timestamptz,
    CONSTRAINT assets_pkey PRIMARY KEY (organization_id, asset_id),
    CONSTRAINT assets_file_name_check CHECK (char_length(file_name) BETWEEN 1 AND 255),
    CONSTRAINT assets_size_check CHECK (size_bytes BETWEEN 1 AND 2147483648),
    CONSTRAINT assets_received_check CHECK (received_bytes BETWEEN 0 AND size_bytes),
    CONSTRAINT assets_sha256_check CHECK (octet_length(sha256) = 32),
    CONSTRAINT assets_state_check CHECK (state IN ('UPLOADING', 'SCANNING', 'CLEAN', 'REFUSED', 'ABANDONED')),
    CONSTRAINT assets_refusal_check CHECK (refusal IN ('SIZE', 'CHECKSUM', 'TYPE_MISMATCH', 'TYPE', 'VIRUS')),
    CONSTRAINT assets_refused_check CHECK (state <> 'REFUSED' OR refusal IS NOT NULL)
);

CREATE INDEX assets_uploading_idx ON assets (organization_id, uploader_user_id) WHERE state = 'UPLOADING';
CREATE INDEX assets_due_idx ON assets (use_time) WHERE NOT is_shown;

ALTER TABLE assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE assets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON assets
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Pictures of a file, at its key with a suffix.
CREATE TABLE asset_previews (
    organization_id uuid NOT NULL,
    asset_id uuid NOT NULL,
    size text NOT NULL,
    content_type text NOT NULL,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    size_bytes bigint NOT NULL,
    CONSTRAINT asset_previews_pkey PRIMARY KEY (organization_id, asset_id, size),
    CONSTRAINT asset_previews_asset_fkey FOREIGN KEY (organization_id, asset_id)
        REFERENCES assets (organization_id, asset_id) ON DELETE CASCADE,
    CONSTRAINT asset_previews_size_check CHECK (size IN ('SMALL', 'LARGE')),
    CONSTRAINT asset_previews_dimensions_check CHECK (width_px BETWEEN 1 AND 1280 AND height_px BETWEEN 1 AND 1280),
    CONSTRAINT asset_previews_size_bytes_check CHECK (size_bytes > 0)
);

ALTER TABLE asset_previews ENABLE ROW LEVEL SECURITY;
ALTER TABLE asset_previews FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON asset_previews
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- What each item of spaces shows, as spaces says. The row of an item that is gone stays, so that an older event about
-- it changes nothing.
CREATE TABLE asset_places (
    organization_id uuid NOT NULL,
    place_id uuid NOT NULL,
    space_id uuid NOT NULL,
    -- Nothing where the item shows none. Not a foreign key: what an event names may be gone.
    asset_id uuid,
    -- The item's, at the event.
    version bigint NOT NULL,
    CONSTRAINT asset_places_pkey PRIMARY KEY (organization_id, place_id)
);

CREATE INDEX asset_places_asset_idx ON asset_places (organization_id, asset_id, space_id) WHERE asset_id IS NOT NULL;

ALTER TABLE asset_places ENABLE ROW LEVEL SECURITY;
ALTER TABLE asset_places FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON asset_places
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
