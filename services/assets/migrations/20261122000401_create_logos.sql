-- Logos: what is known of an image in S3, at `logos/<organisation>/<logo>`.
CREATE TABLE logos (
    organization_id uuid NOT NULL,
    logo_id uuid NOT NULL,
    space_id uuid NOT NULL,
    uploader_user_id uuid NOT NULL,
    file_name text NOT NULL,
    -- PENDING: the object may or may not be there. READY: it is. ABANDONED: it is being deleted, and the row after it.
    state text NOT NULL DEFAULT 'PENDING',
    format text NOT NULL,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    size_bytes bigint NOT NULL,
    -- Of the object as stored.
    sha256 bytea NOT NULL,
    -- The database's time: the hour after which an upload is abandoned is counted by one clock.
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT logos_pkey PRIMARY KEY (organization_id, logo_id),
    CONSTRAINT logos_file_name_check CHECK (char_length(file_name) <= 255),
    CONSTRAINT logos_state_check CHECK (state IN ('PENDING', 'READY', 'ABANDONED')),
    CONSTRAINT logos_format_check CHECK (format IN ('PNG', 'JPEG', 'WEBP')),
    CONSTRAINT logos_dimensions_check CHECK (width_px BETWEEN 1 AND 4096 AND height_px BETWEEN 1 AND 4096),
    CONSTRAINT logos_size_check CHECK (size_bytes > 0),
    CONSTRAINT logos_sha256_check CHECK (octet_length(sha256) = 32)
);

CREATE INDEX logos_unfinished_idx ON logos (create_time) WHERE state <> 'READY';

ALTER TABLE logos ENABLE ROW LEVEL SECURITY;
ALTER TABLE logos FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON logos
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see abandoned uploads of any organisation, and no more.
CREATE POLICY abandoned ON logos TO CURRENT_USER
    USING (state <> 'READY' AND create_time < now() - interval '1 hour');

-- Once marked, an upload can no longer become ready, so that its object may be deleted. A mark stays until the row is
-- deleted: who stops in between is followed by the next.
CREATE FUNCTION claim_abandoned_logos() RETURNS TABLE (organization_id uuid, logo_id uuid)
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE logos SET state = 'ABANDONED'
     WHERE (logos.organization_id, logos.logo_id) IN (
           SELECT oldest.organization_id, oldest.logo_id FROM logos AS oldest
            WHERE oldest.state <> 'READY' AND oldest.create_time < now() - interval '1 hour'
            ORDER BY oldest.create_time LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING logos.organization_id, logos.logo_id
$$;
