-- While the first letters are typed, many members match: those found by their name are read first, and only so many.
CREATE INDEX member_words_kind_idx ON member_words (organization_id, is_name, word, user_id);
