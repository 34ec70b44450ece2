-- Lets the function below, which runs as the owner, see logos that nothing has shown for a day, of any organisation,
-- and no more.
CREATE POLICY unshown ON logos TO CURRENT_USER
    USING (state = 'READY' AND NOT is_shown AND use_time < now() - interval '24 hours');

-- Marks what nothing has shown for a day, at most 100; returns how many. From then on they are as abandoned uploads.
-- What is being rendered is left until that is over.
CREATE FUNCTION abandon_unshown_logos() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH abandoned AS (
        UPDATE logos SET state = 'ABANDONED'
         WHERE (organization_id, logo_id) IN (
               SELECT organization_id, logo_id FROM logos
                WHERE state = 'READY' AND NOT is_shown AND use_time < now() - interval '24 hours'
                  AND (is_rendered OR render_after < now())
                ORDER BY use_time LIMIT 100 FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM abandoned
$$;

-- Claims what is abandoned and was not claimed since `round`, at most 100; what was never claimed comes first, so that
-- what the store refuses to delete is in nobody's way. Once marked, an upload can no longer become ready. A mark stays
-- until the row is deleted: who stops in between is followed by the next.
CREATE FUNCTION claim_abandoned_logos(round timestamptz) RETURNS TABLE (organization_id uuid, logo_id uuid)
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE logos SET state = 'ABANDONED', claim_time = clock_timestamp()
     WHERE (logos.organization_id, logos.logo_id) IN (
           SELECT first.organization_id, first.logo_id FROM logos AS first
            WHERE first.state <> 'READY' AND first.create_time < now() - interval '1 hour'
              AND (first.claim_time IS NULL OR first.claim_time < round)
            ORDER BY first.claim_time NULLS FIRST, first.create_time LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING logos.organization_id, logos.logo_id
$$;

-- Processes from before there were smaller sizes would leave those behind: they find nothing any more.
CREATE OR REPLACE FUNCTION claim_abandoned_logos() RETURNS TABLE (organization_id uuid, logo_id uuid)
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id, logo_id FROM logos WHERE false
$$;
