-- Counts the connections that nobody ended, by CRM and state, for those who watch; says nothing of any of them. Sees them by the
-- owner's policy `rotation`.
CREATE FUNCTION count_connections() RETURNS TABLE (provider text, state text, count bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT connections.provider,
           CASE WHEN connections.state <> 'CONNECTED' THEN 'reconnect_needed'
                WHEN connections.paused_until > now() THEN 'paused'
                ELSE 'connected' END,
           count(*)
      FROM connections WHERE connections.disconnect_time IS NULL
     GROUP BY 1, 2
$$;
