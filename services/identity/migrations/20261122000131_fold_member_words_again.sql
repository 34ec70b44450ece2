-- The words of members who were there before the directory, folded as the service folds them: also the letters that no
-- mark tells from their plain form. Those of everybody else come out as they are.
ALTER TABLE people NO FORCE ROW LEVEL SECURITY;
ALTER TABLE member_words NO FORCE ROW LEVEL SECURITY;
CREATE TEMPORARY TABLE refolded ON COMMIT DROP AS
SELECT organization_id, word, user_id, bool_or(is_name) AS is_name
  FROM (SELECT organization_id, user_id, is_name,
               regexp_split_to_table(
                   replace(replace(replace(replace(
                       translate(
                           lower(regexp_replace(normalize(content, NFKD), U&'[\0300-\036F]', '', 'g')), 'øłđðı', 'olddi'),
                       'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), '[^[:alnum:]]+') AS word
          FROM people
         CROSS JOIN LATERAL (VALUES (display_name, true), (email_address, false)) AS part (content, is_name)
         WHERE kind = 'MEMBER' AND content ~* '[øłđðıßæœþ]') AS parts
 WHERE word <> ''
 GROUP BY organization_id, word, user_id;
INSERT INTO member_words (organization_id, word, user_id, is_name)
SELECT organization_id, word, user_id, is_name FROM refolded
    ON CONFLICT ON CONSTRAINT member_words_pkey DO UPDATE SET is_name = member_words.is_name OR excluded.is_name;
-- What no query finds, for a query is folded.
DELETE FROM member_words WHERE word ~* '[øłđðıßæœþ]';
ALTER TABLE member_words FORCE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
