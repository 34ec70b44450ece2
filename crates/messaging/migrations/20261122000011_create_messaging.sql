-- Tables of crates/messaging. They hold rows of every organisation and are read by workers that act for none, so they
-- have no row-level security: the only tables that are exempt.

-- Events to publish. A row stands from the writer's commit until seven days after the broker's confirmation.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    routing_key text NOT NULL,
    type text NOT NULL,
    organization_id uuid NOT NULL,
    aggregate_id uuid NOT NULL,
    aggregate_version bigint NOT NULL,
    body bytea NOT NULL,
    traceparent text,
    create_time timestamptz NOT NULL DEFAULT now(),
    -- How often the broker would not take it, and when to offer it again.
    refusals integer NOT NULL DEFAULT 0,
    retry_time timestamptz NOT NULL DEFAULT now(),
    publish_time timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_event_id_key UNIQUE (event_id)
);

CREATE INDEX outbox_pending_idx ON outbox (id) WHERE publish_time IS NULL;
-- What later events of an aggregate wait for; nearly always empty.
CREATE INDEX outbox_refused_idx ON outbox (aggregate_id, id) WHERE publish_time IS NULL AND refusals > 0;

-- Events taken, so that a second delivery changes nothing. Kept 30 days.
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    receive_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id)
);

CREATE INDEX inbox_receive_time_idx ON inbox USING brin (receive_time);

-- Work to do. A row that is done is deleted.
CREATE TABLE jobs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- The order within a queue.
    seq bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    organization_id uuid NOT NULL,
    queue_key text,
    payload jsonb NOT NULL,
    -- The body of the event to apply; absent for named jobs.
    event bytea,
    traceparent text,
    state text NOT NULL DEFAULT 'pending',
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    run_after timestamptz NOT NULL DEFAULT now(),
    locked_by uuid,
    locked_until timestamptz,
    last_error text,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT jobs_state_check CHECK (state IN ('pending', 'running', 'dead')),
    CONSTRAINT jobs_max_attempts_check CHECK (max_attempts > 0)
);

CREATE INDEX jobs_open_idx ON jobs (seq) WHERE state <> 'dead';
CREATE INDEX jobs_queue_idx ON jobs (queue_key, seq) WHERE queue_key IS NOT NULL AND state <> 'dead';

-- Leases jobs that are due, and those whose lease has run out because their process has died. A job is due only when
-- no older one of its queue is open. A function for the sake of its settings: the table grows and empties faster than
-- its statistics follow, and a plan that reads and sorts all of it makes a backlog feed itself.
CREATE FUNCTION claim_jobs(runner uuid, names text[], batch bigint) RETURNS SETOF jobs
    LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT id FROM jobs AS job
         WHERE state <> 'dead' AND name = ANY(names)
           AND ((state = 'pending' AND run_after <= now())
                OR (state = 'running' AND locked_until < now() AND attempt < max_attempts))
           AND (queue_key IS NULL OR NOT EXISTS (
                SELECT FROM jobs AS older
                 WHERE older.queue_key = job.queue_key AND older.seq < job.seq AND older.state <> 'dead'))
         ORDER BY seq LIMIT batch FOR UPDATE SKIP LOCKED)
    UPDATE jobs
       SET state = 'running', attempt = jobs.attempt + 1, locked_by = runner,
           locked_until = now() + interval '15 seconds'
      FROM due WHERE jobs.id = due.id
    RETURNING jobs.*;
END
$$;
