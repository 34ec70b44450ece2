-- Notices in the app; see `notice`.
CREATE TABLE notices (
    organization_id uuid NOT NULL,
    -- UUIDv7 made of the event: the same event never makes a second one.
    notice_id uuid NOT NULL,
    user_id uuid NOT NULL,
    -- The order in which the person's notices came, which is the order in which they were committed.
    position bigint NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL,
    space_id uuid NOT NULL,
    -- What follows is as it was then.
    space_title text NOT NULL,
    actor_user_id uuid,
    actor_display_name text NOT NULL,
    object_id uuid,
    object_name text NOT NULL,
    locale text NOT NULL,
    is_read boolean NOT NULL DEFAULT false,
    -- The person is out of the space.
    is_hidden boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL,
    CONSTRAINT notices_pkey PRIMARY KEY (organization_id, notice_id),
    CONSTRAINT notices_event_key UNIQUE (organization_id, event_id, user_id, kind),
    CONSTRAINT notices_position_key UNIQUE (organization_id, user_id, position),
    CONSTRAINT notices_kind_check CHECK (kind IN ('ADDED_TO_SPACE', 'NEW_JOINER', 'ACCESS_REQUESTED', 'NEW_COMMENT',
        'MENTIONED', 'NEW_CONTENT', 'VISIT'))
);

CREATE INDEX notices_unread_idx ON notices (organization_id, user_id, position) WHERE NOT is_read AND NOT is_hidden;
CREATE INDEX notices_space_idx ON notices (organization_id, user_id, space_id);
CREATE INDEX notices_create_time_idx ON notices (create_time);

-- The last position of each person. Its lock is held until the notice is committed, so that positions become visible in
-- their order, and who has read up to one has missed none before it. Positions are microseconds since 1970, or one more
-- than the last where that is later: they grow also where the row was deleted in between.
CREATE TABLE notice_feeds (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    last_position bigint NOT NULL,
    CONSTRAINT notice_feeds_pkey PRIMARY KEY (organization_id, user_id)
);

CREATE INDEX notice_feeds_last_position_idx ON notice_feeds (last_position);

-- Who was shut out of a space or left it, so that what happened before and is told later does not reach them.
CREATE TABLE departures (
    organization_id uuid NOT NULL,
    space_id uuid NOT NULL,
    user_id uuid NOT NULL,
    depart_time timestamptz NOT NULL,
    CONSTRAINT departures_pkey PRIMARY KEY (organization_id, space_id, user_id)
);

CREATE INDEX departures_depart_time_idx ON departures (depart_time);

ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE notices FORCE ROW LEVEL SECURITY;
ALTER TABLE notice_feeds ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_feeds FORCE ROW LEVEL SECURITY;
ALTER TABLE departures ENABLE ROW LEVEL SECURITY;
ALTER TABLE departures FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON notices
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY tenant ON notice_feeds
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY tenant ON departures
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Lets the function below, which runs as the owner, see what is older than 90 days, of any organisation, and no more.
CREATE POLICY old ON notices TO CURRENT_USER USING (create_time < now() - interval '90 days');
CREATE POLICY old ON notice_feeds TO CURRENT_USER
    USING (last_position < extract(epoch FROM now() - interval '90 days') * 1000000);
CREATE POLICY old ON departures TO CURRENT_USER USING (depart_time < now() - interval '90 days');

-- Deletes what is older than 90 days, at most 1,000 rows of each table; returns how many.
CREATE FUNCTION delete_old_notices() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH old_notices AS (
        DELETE FROM notices WHERE (organization_id, notice_id) IN (
            SELECT organization_id, notice_id FROM notices
             WHERE create_time < now() - interval '90 days' ORDER BY create_time LIMIT 1000 FOR UPDATE SKIP LOCKED)
        RETURNING 1),
    old_feeds AS (
        DELETE FROM notice_feeds WHERE (organization_id, user_id) IN (
            SELECT organization_id, user_id FROM notice_feeds
             WHERE last_position < extract(epoch FROM now() - interval '90 days') * 1000000
             ORDER BY last_position LIMIT 1000 FOR UPDATE SKIP LOCKED)
        RETURNING 1),
    old_departures AS (
        DELETE FROM departures WHERE (organization_id, space_id, user_id) IN (
            SELECT organization_id, space_id, user_id FROM departures
             WHERE depart_time < now() - interval '90 days' ORDER BY depart_time LIMIT 1000 FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT (SELECT count(*) FROM old_notices) + (SELECT count(*) FROM old_feeds)
         + (SELECT count(*) FROM old_departures)
$$;
