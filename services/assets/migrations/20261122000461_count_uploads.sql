-- Lets the function below, which runs as the owner, count the uploads of all organisations that have not ended.
CREATE POLICY counted ON assets FOR SELECT TO CURRENT_USER USING (state IN ('UPLOADING', 'SCANNING'));

-- Counts the uploads that have not ended, by state, for those who watch; says nothing of any of them.
CREATE FUNCTION count_uploads() RETURNS TABLE (uploading bigint, scanning bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FILTER (WHERE state = 'UPLOADING'), count(*) FILTER (WHERE state = 'SCANNING')
      FROM assets WHERE state IN ('UPLOADING', 'SCANNING')
$$;
