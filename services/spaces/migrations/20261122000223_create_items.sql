-- What a space holds: folders and links, in order.
CREATE TABLE items (
    organization_id uuid NOT NULL,
    item_id uuid NOT NULL,
    space_id uuid NOT NULL,
    -- The folder it is in; absent: the space itself.
    folder_id uuid,
    kind text NOT NULL,
    -- From 0, without gaps.
    position integer NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    url text,
    -- For files, which are not kept yet.
    asset_id uuid,
    origin text NOT NULL,
    adder_user_id uuid NOT NULL,
    -- As it was then.
    adder_display_name text NOT NULL,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT items_pkey PRIMARY KEY (organization_id, item_id),
    CONSTRAINT items_space_key UNIQUE (organization_id, space_id, item_id),
    CONSTRAINT items_space_fkey FOREIGN KEY (organization_id, space_id)
        REFERENCES spaces (organization_id, space_id) ON DELETE CASCADE,
    -- A folder holds what is of its own space, and goes with all that is in it.
    CONSTRAINT items_folder_fkey FOREIGN KEY (organization_id, space_id, folder_id)
        REFERENCES items (organization_id, space_id, item_id) ON DELETE CASCADE,
    -- Asked when the transaction ends: moving shifts several at once.
    CONSTRAINT items_position_key UNIQUE NULLS NOT DISTINCT (organization_id, space_id, folder_id, position)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT items_position_check CHECK (position >= 0),
    CONSTRAINT items_kind_check CHECK (kind IN ('FOLDER', 'LINK')),
    CONSTRAINT items_url_check CHECK ((kind = 'LINK') = (url IS NOT NULL) AND char_length(url) <= 2048),
    CONSTRAINT items_origin_check CHECK (origin IN ('INTERNAL', 'EXTERNAL')),
    CONSTRAINT items_title_check CHECK (char_length(title) BETWEEN 1 AND 255),
    CONSTRAINT items_description_check CHECK (char_length(description) <= 5000)
);

ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON items
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
