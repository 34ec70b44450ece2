CREATE TABLE themes (
    organization_id uuid NOT NULL,
    theme_id uuid NOT NULL,
    name text NOT NULL,
    -- In lower case: what tells two themes apart.
    name_folded text NOT NULL,
    background text NOT NULL,
    text_color text NOT NULL,
    header text NOT NULL,
    header_text text NOT NULL,
    accent text NOT NULL,
    accent_text text NOT NULL,
    font text NOT NULL,
    banner_logo_id uuid,
    is_default boolean NOT NULL,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT themes_pkey PRIMARY KEY (organization_id, theme_id),
    CONSTRAINT themes_name_key UNIQUE (organization_id, name_folded),
    CONSTRAINT themes_name_check CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT themes_font_check CHECK (font IN ('SYSTEM', 'SERIF', 'HUMANIST', 'GEOMETRIC', 'MONOSPACE')),
    CONSTRAINT themes_colors_check CHECK (
        background ~ '^#[0-9a-f]{6}$' AND text_color ~ '^#[0-9a-f]{6}$' AND header ~ '^#[0-9a-f]{6}$'
        AND header_text ~ '^#[0-9a-f]{6}$' AND accent ~ '^#[0-9a-f]{6}$' AND accent_text ~ '^#[0-9a-f]{6}$')
);

CREATE UNIQUE INDEX themes_default_key ON themes (organization_id) WHERE is_default;

ALTER TABLE themes ENABLE ROW LEVEL SECURITY;
ALTER TABLE themes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON themes
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

ALTER TABLE spaces ADD CONSTRAINT spaces_theme_fkey FOREIGN KEY (organization_id, theme_id)
    REFERENCES themes (organization_id, theme_id);
CREATE INDEX spaces_theme_idx ON spaces (organization_id, theme_id) WHERE theme_id IS NOT NULL;
