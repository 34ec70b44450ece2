-- Three kinds of logs. `crm_record_id` stays the id of the main record.
ALTER TABLE logs
    DROP CONSTRAINT logs_kind_check,
    ADD CONSTRAINT logs_kind_check CHECK (kind IN ('CREATION', 'INVITATION', 'SNAPSHOT')),
    -- The Contacts and Leads it is on: [{person_type, record_id, display_name}].
    ADD COLUMN people jsonb NOT NULL DEFAULT '[]',
    -- Whether `people` is what it will be: those of an invitation are found when it is written.
    ADD COLUMN is_matched boolean NOT NULL DEFAULT true,
    -- What people are told of the matching, in the log's own text.
    ADD COLUMN match_note text NOT NULL DEFAULT '',
    -- Not to be tried before; nothing: at once.
    ADD COLUMN due_time timestamptz;

-- The records that a log becomes, noted before the CRM is called and again after it has answered.
CREATE TABLE log_writes (
    organization_id uuid NOT NULL,
    log_id uuid NOT NULL,
    -- The record's key in the CRM where it takes one.
    key uuid NOT NULL,
    role text NOT NULL,
    position integer NOT NULL,
    display_name text NOT NULL,
    object text NOT NULL,
    state text NOT NULL,
    record_id text,
    readable_id text,
    begin_time timestamptz,
    done_time timestamptz,
    CONSTRAINT log_writes_pkey PRIMARY KEY (organization_id, key),
    CONSTRAINT log_writes_log_fkey FOREIGN KEY (organization_id, log_id) REFERENCES logs (organization_id, log_id)
        ON DELETE CASCADE,
    CONSTRAINT log_writes_role_key UNIQUE (organization_id, log_id, role),
    CONSTRAINT log_writes_state_check CHECK (state IN ('PLANNED', 'BEGUN', 'DONE')),
    CONSTRAINT log_writes_done_check
        CHECK ((state = 'DONE') = (record_id IS NOT NULL) AND (state = 'DONE') = (done_time IS NOT NULL))
);

ALTER TABLE log_writes ENABLE ROW LEVEL SECURITY;
ALTER TABLE log_writes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON log_writes
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Which record a space is linked to (R8.9). Without a foreign key to connections, as logs.
CREATE TABLE space_links (
    organization_id uuid NOT NULL,
    space_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    record_type text NOT NULL,
    record_id text NOT NULL,
    record_name text NOT NULL,
    update_time timestamptz NOT NULL,
    CONSTRAINT space_links_pkey PRIMARY KEY (organization_id, space_id),
    CONSTRAINT space_links_record_type_check CHECK (record_type IN ('ACCOUNT', 'OPPORTUNITY'))
);

ALTER TABLE space_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE space_links FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON space_links
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
