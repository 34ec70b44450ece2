-- The smaller sizes of a logo, at its own key in S3 with a suffix. The full size is the logo itself.
CREATE TABLE logo_renditions (
    organization_id uuid NOT NULL,
    logo_id uuid NOT NULL,
    rendition text NOT NULL,
    -- With the background removed.
    transparent boolean NOT NULL,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    size_bytes bigint NOT NULL,
    CONSTRAINT logo_renditions_pkey PRIMARY KEY (organization_id, logo_id, rendition, transparent),
    CONSTRAINT logo_renditions_logo_fkey FOREIGN KEY (organization_id, logo_id)
        REFERENCES logos (organization_id, logo_id) ON DELETE CASCADE,
    CONSTRAINT logo_renditions_rendition_check CHECK (rendition IN ('HEADER', 'GALLERY')),
    CONSTRAINT logo_renditions_dimensions_check CHECK (width_px BETWEEN 1 AND 4096 AND height_px BETWEEN 1 AND 400),
    CONSTRAINT logo_renditions_size_check CHECK (size_bytes > 0)
);

ALTER TABLE logo_renditions ENABLE ROW LEVEL SECURITY;
ALTER TABLE logo_renditions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON logo_renditions
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE logos
    ADD COLUMN can_be_transparent boolean NOT NULL DEFAULT false,
    -- Whether it has its smaller sizes. Logos from before there were any get them from a worker.
    ADD COLUMN is_rendered boolean NOT NULL DEFAULT false,
    -- When they may be made (again): whoever takes it up moves it on, and has until then.
    ADD COLUMN render_after timestamptz NOT NULL DEFAULT now();

CREATE INDEX logos_unrendered_idx ON logos (render_after) WHERE state = 'READY' AND NOT is_rendered;

-- Lets the function below, which runs as the owner, see logos without smaller sizes of any organisation, and no more.
CREATE POLICY unrendered ON logos TO CURRENT_USER USING (state = 'READY' AND NOT is_rendered);

-- Takes up one for five minutes. One that fails comes again after those that wait.
CREATE FUNCTION claim_unrendered_logo() RETURNS TABLE (organization_id uuid, logo_id uuid)
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE logos SET render_after = now() + interval '5 minutes'
     WHERE (logos.organization_id, logos.logo_id) IN (
           SELECT first.organization_id, first.logo_id FROM logos AS first
            WHERE first.state = 'READY' AND NOT first.is_rendered AND first.render_after <= now()
            ORDER BY first.render_after LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING logos.organization_id, logos.logo_id
$$;
