-- The words of members' names and addresses, folded: the directory. Compared byte by byte, so that a range of the index
-- answers "begins with"; LIKE would not be let near the index by row-level security (it is not leakproof).
CREATE TABLE member_words (
    organization_id uuid NOT NULL,
    word text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    -- Of the name; else of the address only.
    is_name boolean NOT NULL,
    CONSTRAINT member_words_pkey PRIMARY KEY (organization_id, word, user_id),
    CONSTRAINT member_words_person_fkey FOREIGN KEY (organization_id, user_id)
        REFERENCES people (organization_id, user_id) ON DELETE CASCADE
);

CREATE INDEX member_words_person_idx ON member_words (organization_id, user_id);

-- Those who are members already. The service folds a few letters more (ß, ø) when a name changes.
ALTER TABLE people NO FORCE ROW LEVEL SECURITY;
INSERT INTO member_words (organization_id, word, user_id, is_name)
SELECT organization_id, word, user_id, bool_or(is_name)
  FROM (SELECT organization_id, user_id, is_name,
               regexp_split_to_table(
                   lower(regexp_replace(normalize(content, NFKD), U&'[\0300-\036F]', '', 'g')), '[^[:alnum:]]+') AS word
          FROM people
         CROSS JOIN LATERAL (VALUES (display_name, true), (email_address, false)) AS part (content, is_name)
         WHERE kind = 'MEMBER') AS parts
 WHERE word <> ''
 GROUP BY organization_id, word, user_id;
ALTER TABLE people FORCE ROW LEVEL SECURITY;

ALTER TABLE member_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_words FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON member_words
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
