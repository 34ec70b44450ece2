-- The ledger as a chain per organisation: each entry's hash covers the entry and the hash before it, and the ledger's head
-- says where the chain ends, so that a changed byte, a missing entry and a missing end are all found.
CREATE TABLE consent_ledgers (
    organization_id uuid NOT NULL,
    -- Of the newest entry.
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT consent_ledgers_pkey PRIMARY KEY (organization_id)
);

ALTER TABLE consent_ledgers ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_ledgers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent_ledgers
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);

-- Only the trigger below, which acts as the owner, moves a head.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON consent_ledgers FROM identity_app;

ALTER TABLE consents
    -- Counts up from 1 per organisation, without a gap.
    ADD COLUMN sequence bigint,
    ADD COLUMN previous_hash bytea,
    ADD COLUMN hash bytea,
    -- Keyed hash of the client's network, where it is known.
    ADD COLUMN client_mac bytea,
    -- What the client said of itself; empty: nothing.
    ADD COLUMN user_agent text NOT NULL DEFAULT '',
    ADD CONSTRAINT consents_user_agent_check CHECK (char_length(user_agent) <= 255),
    ADD CONSTRAINT consents_sequence_key UNIQUE (organization_id, sequence);

CREATE INDEX consents_person_sequence_idx ON consents (organization_id, user_id, sequence);

-- What stands before the first entry.
CREATE FUNCTION consent_chain_start() RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$ SELECT decode(repeat('00', 32), 'hex') $$;

-- The hash of an entry: SHA-256 over its fields in this order, each as text after its length in bytes; an absent one is a
-- dash. The one definition, for entries that are added and for the verification.
CREATE FUNCTION consent_hash(entry consents) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(
               string_agg(coalesce(octet_length(field)::text || ':' || field, '-'), '' ORDER BY place), 'UTF8'))
      FROM unnest(ARRAY[
               'sharedspaces.consent.v1',
               encode(entry.previous_hash, 'hex'),
               entry.sequence::text,
               entry.organization_id::text,
               entry.consent_id::text,
               entry.user_id::text,
               entry.privacy_notice_id::text,
               entry.notice_version::text,
               entry.notice_locale,
               entry.notice_sha256,
               entry.action,
               entry.via,
               (extract(epoch FROM entry.create_time) * 1000000)::bigint::text,
               encode(entry.client_mac, 'hex'),
               entry.user_agent
           ]) WITH ORDINALITY AS part (field, place)
$$;

-- Gives a new entry its place in the chain. Entries of one organisation wait for each other at its head. A trigger, so
-- that an entry cannot be added past it, also not by a release that does not know the chain.
CREATE FUNCTION chain_consent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    head consent_ledgers;
BEGIN
    INSERT INTO consent_ledgers (organization_id, sequence, hash)
    VALUES (NEW.organization_id, 0, consent_chain_start())
    ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT head FROM consent_ledgers WHERE organization_id = NEW.organization_id FOR UPDATE;
    NEW.sequence := head.sequence + 1;
    NEW.previous_hash := head.hash;
    NEW.create_time := now();
    NEW.hash := consent_hash(NEW);
    UPDATE consent_ledgers SET sequence = NEW.sequence, hash = NEW.hash WHERE organization_id = NEW.organization_id;
    RETURN NEW;
END
$$;

-- Entries that are there already, in the order they were made.
ALTER TABLE consents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_ledgers NO FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    entry consents;
    before consent_ledgers;
BEGIN
    FOR entry IN SELECT * FROM consents ORDER BY organization_id, create_time, consent_id LOOP
        IF before.organization_id IS DISTINCT FROM entry.organization_id THEN
            before := ROW(entry.organization_id, 0, consent_chain_start());
        END IF;
        entry.sequence := before.sequence + 1;
        entry.previous_hash := before.hash;
        entry.hash := consent_hash(entry);
        UPDATE consents SET sequence = entry.sequence, previous_hash = entry.previous_hash, hash = entry.hash
         WHERE organization_id = entry.organization_id AND consent_id = entry.consent_id;
        before := ROW(entry.organization_id, entry.sequence, entry.hash);
    END LOOP;
END
$$;
INSERT INTO consent_ledgers (organization_id, sequence, hash)
SELECT DISTINCT ON (organization_id) organization_id, sequence, hash
  FROM consents ORDER BY organization_id, sequence DESC;
ALTER TABLE consents FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_ledgers FORCE ROW LEVEL SECURITY;

ALTER TABLE consents
    ALTER COLUMN sequence SET NOT NULL,
    ALTER COLUMN previous_hash SET NOT NULL,
    ALTER COLUMN hash SET NOT NULL;

CREATE TRIGGER chain_consent BEFORE INSERT ON consents FOR EACH ROW EXECUTE FUNCTION chain_consent();

-- Recomputes an organisation's chain from its first entry. An entry holds when it is in its place, follows the one before,
-- has the hash of its fields, and is about a text that still has the hash it names. One statement, so that entries added
-- meanwhile change nothing.
CREATE FUNCTION verify_consents(
    organization uuid, OUT entry_count bigint, OUT head_hash bytea, OUT first_broken_sequence bigint
) LANGUAGE sql STABLE AS $$
    WITH notices AS MATERIALIZED (
        SELECT privacy_notice_id, version, locale, encode(sha256(convert_to(text, 'UTF8')), 'hex') AS sha256
          FROM privacy_notices WHERE organization_id = organization),
    entries AS (
        SELECT row_number() OVER chain AS place,
               consents.sequence, consents.hash, consents.previous_hash,
               lag(consents.hash, 1, consent_chain_start()) OVER chain AS hash_before,
               consent_hash(consents) AS expected_hash,
               notices.privacy_notice_id IS NOT NULL AS has_text
          FROM consents
          LEFT JOIN notices
            ON (notices.privacy_notice_id, notices.version, notices.locale, notices.sha256)
             = (consents.privacy_notice_id, consents.notice_version, consents.notice_locale, consents.notice_sha256)
         WHERE consents.organization_id = organization
        WINDOW chain AS (ORDER BY consents.sequence)),
    found AS (
        SELECT count(*) AS entries,
               (array_agg(hash ORDER BY sequence DESC))[1] AS last_hash,
               min(place) FILTER (WHERE sequence <> place OR previous_hash <> hash_before OR hash <> expected_hash
                                     OR NOT has_text) AS broken
          FROM entries),
    head AS (
        SELECT coalesce(max(sequence), 0) AS sequence,
               coalesce((array_agg(hash))[1], consent_chain_start()) AS hash
          FROM consent_ledgers WHERE organization_id = organization)
    SELECT found.entries,
           found.last_hash,
           coalesce(found.broken, CASE
               WHEN head.sequence <> found.entries THEN least(head.sequence, found.entries) + 1
               WHEN head.hash <> coalesce(found.last_hash, consent_chain_start()) THEN greatest(found.entries, 1)
               ELSE 0 END)
      FROM found, head
$$;

-- In the order of the chain, which decides.
CREATE OR REPLACE FUNCTION standing_consent(organization uuid, person uuid) RETURNS integer
    LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT CASE WHEN action = 'GIVEN' AND notice_version >= required_notice_version(organization)
                    THEN notice_version ELSE 0 END
          FROM consents
         WHERE organization_id = organization AND user_id = person
         ORDER BY sequence DESC
         LIMIT 1), 0)
$$;

-- Lets the function below, which runs as the owner, see the heads of every organisation, and no more.
CREATE POLICY heads ON consent_ledgers FOR SELECT TO CURRENT_USER USING (true);

CREATE FUNCTION list_consent_heads() RETURNS TABLE (organization_id uuid, sequence bigint, hash bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id, sequence, hash FROM consent_ledgers
$$;
