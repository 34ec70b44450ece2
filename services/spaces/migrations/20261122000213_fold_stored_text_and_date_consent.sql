-- What was stored before its columns were: folded text, consent of guests who had accepted, and of which logo the format
-- is. Additive: old processes write beside new ones, and the triggers keep right what they do not know of.

ALTER TABLE people
    -- Of the event that consent was last told by; an older one changes nothing.
    ADD COLUMN consent_version bigint NOT NULL DEFAULT 0;

ALTER TABLE spaces
    -- The logo whose format is stored. A writer that leaves it alone when the logo changes does not know the format.
    ADD COLUMN logo_format_of uuid;

-- service_kit::fold::fold, as far as SQL can.
CREATE FUNCTION folded(plain text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(normalize(replace(replace(replace(replace(translate(
               lower(regexp_replace(normalize(plain, NFKD), '[\u0300-\u036f]', '', 'g')),
               'ØøŁłĐđÐðıς', 'oollddddiσ'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), NFKD),
               '[\u0300-\u036f]', '', 'g')
$$;

-- Folds where the writer did not: a new row without, or a changed text whose folded form was left alone.
CREATE FUNCTION fold_space_title() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.title_folded IS NULL THEN
        NEW.title_folded := folded(NEW.title);
    ELSIF TG_OP = 'UPDATE' THEN
        IF NEW.title_folded IS NOT DISTINCT FROM OLD.title_folded AND folded(NEW.title) <> folded(OLD.title) THEN
            NEW.title_folded := folded(NEW.title);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER spaces_fold_title BEFORE INSERT OR UPDATE OF title ON spaces
    FOR EACH ROW EXECUTE FUNCTION fold_space_title();

CREATE FUNCTION fold_person_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name_folded IS NULL THEN
        NEW.name_folded := folded(NEW.display_name);
    ELSIF TG_OP = 'UPDATE' THEN
        IF NEW.name_folded IS NOT DISTINCT FROM OLD.name_folded
                AND folded(NEW.display_name) <> folded(OLD.display_name) THEN
            NEW.name_folded := folded(NEW.display_name);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER people_fold_name BEFORE INSERT OR UPDATE OF display_name ON people
    FOR EACH ROW EXECUTE FUNCTION fold_person_name();

-- A format is of one logo: who replaces the logo without saying of which the format is leaves none, and no background is
-- removed of what may not be a PNG.
CREATE FUNCTION forget_logo_format() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.logo_id IS DISTINCT FROM OLD.logo_id AND NEW.logo_format_of IS NOT DISTINCT FROM OLD.logo_format_of THEN
        NEW.logo_format := NULL;
        NEW.logo_format_of := NULL;
        NEW.transparent_background := false;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER spaces_forget_logo_format BEFORE UPDATE OF logo_id ON spaces
    FOR EACH ROW EXECUTE FUNCTION forget_logo_format();

-- The rows of all organisations are filled in here. Row-level security would hide them from the owner too; it is off for
-- the owner alone, within this transaction, which has the tables locked.
ALTER TABLE spaces NO FORCE ROW LEVEL SECURITY;
ALTER TABLE people NO FORCE ROW LEVEL SECURITY;
ALTER TABLE participants NO FORCE ROW LEVEL SECURITY;

UPDATE spaces SET title_folded = folded(title);
UPDATE people SET name_folded = folded(display_name), consent_version = version;
-- Who had accepted an invitation before consent was kept had agreed to the first notice by that.
UPDATE people e SET consent_notice_version = 1
 WHERE e.consent_notice_version = 0 AND e.consent_withdraw_time IS NULL
   AND EXISTS (SELECT FROM participants p
                WHERE p.organization_id = e.organization_id AND p.user_id = e.user_id
                  AND p.kind = 'EXTERNAL' AND p.state = 'ACTIVE');

ALTER TABLE spaces FORCE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
ALTER TABLE participants FORCE ROW LEVEL SECURITY;
