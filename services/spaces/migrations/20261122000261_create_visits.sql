-- Visits of guests (R13.1). A visit is open until nothing was heard of it for a while; then it is told, once.
CREATE TABLE visits (
    organization_id uuid NOT NULL,
    visit_id uuid NOT NULL,
    space_id uuid NOT NULL,
    user_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    -- When it was last heard of.
    last_time timestamptz NOT NULL,
    is_open boolean NOT NULL DEFAULT true,
    CONSTRAINT visits_pkey PRIMARY KEY (organization_id, visit_id),
    CONSTRAINT visits_space_fkey FOREIGN KEY (organization_id, space_id)
        REFERENCES spaces (organization_id, space_id) ON DELETE CASCADE,
    CONSTRAINT visits_times_check CHECK (last_time >= start_time)
);

-- Somebody is in a space once, however many windows are open.
CREATE UNIQUE INDEX visits_open_key ON visits (organization_id, space_id, user_id) WHERE is_open;
CREATE INDEX visits_space_idx ON visits (organization_id, space_id, user_id, start_time);
CREATE INDEX visits_to_end_idx ON visits (last_time) WHERE is_open;

-- What was opened and downloaded in a visit. The item may go; that it was opened stays.
CREATE TABLE visit_items (
    organization_id uuid NOT NULL,
    visit_id uuid NOT NULL,
    item_id uuid NOT NULL,
    -- As it was then.
    title text NOT NULL,
    open_count integer NOT NULL DEFAULT 0,
    download_count integer NOT NULL DEFAULT 0,
    first_time timestamptz NOT NULL,
    CONSTRAINT visit_items_pkey PRIMARY KEY (organization_id, visit_id, item_id),
    CONSTRAINT visit_items_visit_fkey FOREIGN KEY (organization_id, visit_id)
        REFERENCES visits (organization_id, visit_id) ON DELETE CASCADE,
    CONSTRAINT visit_items_counts_check CHECK (open_count >= 0 AND download_count >= 0)
);

ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
ALTER TABLE visits FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON visits
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE visit_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE visit_items FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON visit_items
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see what is due, of any organisation, and no more.
CREATE POLICY due ON visits FOR SELECT TO CURRENT_USER USING (is_open);

-- Whoever takes one looks again in a transaction of its organisation.
CREATE FUNCTION list_visits_to_end(quiet interval) RETURNS TABLE (organization_id uuid, visit_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id, visit_id FROM visits
     WHERE is_open AND last_time <= now() - quiet
     ORDER BY last_time LIMIT 100
$$;
