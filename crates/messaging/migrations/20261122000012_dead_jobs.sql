-- What the admins of an organisation look at: few rows among many, and the newest first. Built at once: the table is
-- small whenever its runners keep up, and what appends to it waits no longer than for a batch.
CREATE INDEX jobs_dead_idx ON jobs (organization_id, seq) WHERE state = 'dead';
