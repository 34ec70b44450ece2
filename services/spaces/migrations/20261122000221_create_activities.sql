-- The timeline. Names are kept as they were then, so that what somebody did stays when they leave.
CREATE TABLE activities (
    organization_id uuid NOT NULL,
    activity_id uuid NOT NULL,
    space_id uuid NOT NULL,
    kind text NOT NULL,
    -- Only internal participants see it.
    is_internal boolean NOT NULL,
    -- Absent: the system.
    actor_user_id uuid,
    actor_display_name text NOT NULL,
    -- Absent: the space itself.
    object_id uuid,
    object_name text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT activities_pkey PRIMARY KEY (organization_id, activity_id),
    CONSTRAINT activities_space_fkey FOREIGN KEY (organization_id, space_id)
        REFERENCES spaces (organization_id, space_id) ON DELETE CASCADE
);

CREATE INDEX activities_order_idx ON activities (organization_id, space_id, create_time, activity_id);
-- A log that is told twice is one activity.
CREATE UNIQUE INDEX activities_crm_log_key ON activities (organization_id, space_id, object_id)
    WHERE kind = 'CRM_LOGGED';

ALTER TABLE activities ENABLE ROW LEVEL SECURITY;
ALTER TABLE activities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON activities
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
