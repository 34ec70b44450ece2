-- Lets the function below, which runs as the owner, see what is due, of any organisation, and no more.
CREATE POLICY due ON spaces FOR SELECT TO CURRENT_USER
    USING (state = 'DELETED' AND purge_time <= now());

CREATE INDEX spaces_purge_idx ON spaces (purge_time) WHERE state = 'DELETED';

-- Whoever takes one looks again in a transaction of its organisation.
CREATE FUNCTION list_spaces_to_purge() RETURNS TABLE (organization_id uuid, space_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id, space_id FROM spaces
     WHERE state = 'DELETED' AND purge_time <= now()
     ORDER BY purge_time LIMIT 100
$$;
