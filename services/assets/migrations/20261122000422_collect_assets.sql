-- Lets the functions below, which run as the owner, see what is due for deletion in any organisation, and no more.
CREATE POLICY due ON assets TO CURRENT_USER
    USING (state = 'ABANDONED'
        OR NOT is_shown AND (state IN ('UPLOADING', 'CLEAN') AND use_time < now() - interval '24 hours'
                          OR state = 'SCANNING' AND use_time < now() - interval '14 days'
                          OR state = 'REFUSED' AND use_time < now() - interval '30 days'));

-- Marks what is due, at most 100; returns how many: uploads at which nothing has happened for a day, files that no item
-- has shown for a day, refusals of 30 days ago, and what could not be checked in 14 days.
CREATE FUNCTION abandon_assets() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH abandoned AS (
        UPDATE assets SET state = 'ABANDONED'
         WHERE (organization_id, asset_id) IN (
               SELECT organization_id, asset_id FROM assets
                WHERE state <> 'ABANDONED' AND NOT is_shown
                  AND (state IN ('UPLOADING', 'CLEAN') AND use_time < now() - interval '24 hours'
                    OR state = 'SCANNING' AND use_time < now() - interval '14 days'
                    OR state = 'REFUSED' AND use_time < now() - interval '30 days')
                ORDER BY use_time LIMIT 100 FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM abandoned
$$;

-- Claims what is abandoned and was not claimed since `round`, at most 100; what was never claimed comes first, so that
-- what the store refuses to delete is in nobody's way. A mark stays until the row is deleted: who stops in between is
-- followed by the next.
CREATE FUNCTION claim_abandoned_assets(round timestamptz)
    RETURNS TABLE (organization_id uuid, asset_id uuid, upload_id text)
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE assets SET claim_time = clock_timestamp()
     WHERE (assets.organization_id, assets.asset_id) IN (
           SELECT first.organization_id, first.asset_id FROM assets AS first
            WHERE first.state = 'ABANDONED' AND (first.claim_time IS NULL OR first.claim_time < round)
            ORDER BY first.claim_time NULLS FIRST, first.create_time LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING assets.organization_id, assets.asset_id, assets.upload_id
$$;
