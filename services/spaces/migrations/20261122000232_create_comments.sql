-- What people say about items. A comment goes with its item.
CREATE TABLE comments (
    organization_id uuid NOT NULL,
    comment_id uuid NOT NULL,
    space_id uuid NOT NULL,
    item_id uuid NOT NULL,
    author_user_id uuid NOT NULL,
    -- As it was then.
    author_display_name text NOT NULL,
    text text NOT NULL,
    mentioned_user_ids uuid[] NOT NULL,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    -- Who deletes it again is told it is gone; nothing of what was said is kept.
    delete_time timestamptz,
    CONSTRAINT comments_pkey PRIMARY KEY (organization_id, comment_id),
    CONSTRAINT comments_item_fkey FOREIGN KEY (organization_id, space_id, item_id)
        REFERENCES items (organization_id, space_id, item_id) ON DELETE CASCADE,
    CONSTRAINT comments_text_check CHECK (CASE WHEN delete_time IS NULL
        THEN char_length(text) BETWEEN 1 AND 5000
        ELSE text = '' AND mentioned_user_ids = '{}' END),
    CONSTRAINT comments_mentions_check CHECK (cardinality(mentioned_user_ids) <= 20)
);

CREATE INDEX comments_order_idx ON comments (organization_id, space_id, item_id, create_time, comment_id);

ALTER TABLE comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE comments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON comments
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
