//! All SQL of changing people, and of the directory's words.

use service_kit::address::EmailAddress;
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;

use super::directory::{MemberSearch, words_of};
use super::{Person, PersonKind, Role};
use crate::locale::Locale;

/// Writes what can change of a person.
pub(super) async fn update(tx: &mut PgConnection, person: &Person) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE people
            SET display_name = $3, locale = $4, role = $5, job_title = $6, company = $7, phone = $8, time_zone = $9,
                version = $10
          WHERE organization_id = $1 AND user_id = $2",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        person.display_name,
        person.locale.as_str(),
        person.role.map(Role::as_str),
        person.job_title,
        person.company,
        person.phone,
        person.time_zone,
        person.version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a person's way in.
pub(super) async fn deactivate(tx: &mut PgConnection, person: &Person) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE people SET deactivate_time = now(), version = $3 WHERE organization_id = $1 AND user_id = $2",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        person.version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends every session of a person.
pub(super) async fn end_sessions(tx: &mut PgConnection, person: &Person) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET revoke_time = now()
          WHERE organization_id = $1 AND user_id = $2 AND revoke_time IS NULL",
        person.organization_id.uuid(),
        person.user_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts the admins who have a way in, but for one.
pub(super) async fn count_other_admins(tx: &mut PgConnection, but: &Person) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM people
            WHERE organization_id = $1 AND user_id <> $2 AND role = 'ADMIN' AND deactivate_time IS NULL"#,
        but.organization_id.uuid(),
        but.user_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// Tells whether a person has a password.
pub(super) async fn has_password(tx: &mut PgConnection, person: &Person) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM credentials WHERE organization_id = $1 AND user_id = $2) AS "has!""#,
        person.organization_id.uuid(),
        person.user_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// Lists the names of time zones, without those that name the machine's own or another way of counting seconds.
pub(super) async fn list_time_zones(tx: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT name AS "name!" FROM pg_timezone_names
            WHERE name !~ '^(posix|right)/' AND name NOT IN ('localtime', 'posixrules', 'Factory')"#
    )
    .fetch_all(tx)
    .await
}

/// Writes anew which words a member is found by.
pub(super) async fn replace_words(tx: &mut PgConnection, member: &Person) -> Result<(), sqlx::Error> {
    let (organization_id, user_id) = (member.organization_id.uuid(), member.user_id.uuid());
    let (words, are_names): (Vec<String>, Vec<bool>) = words_of(member).into_iter().unzip();
    sqlx::query!(
        "DELETE FROM member_words WHERE organization_id = $1 AND user_id = $2",
        organization_id,
        user_id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO member_words (organization_id, user_id, word, is_name)
         SELECT $1, $2, word, is_name FROM unnest($3::text[], $4::boolean[]) AS new (word, is_name)",
        organization_id,
        user_id,
        &words,
        &are_names,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How many members found by their names, and how many by their addresses, are ranked where one word is searched for: more
/// match only while the first letters are typed. In the order of the index whole words come first.
const RANKED_MAX: i64 = 1_000;

/// Finds members by one word, ranked as [`search`] does.
pub(super) async fn search_word(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    (word, limit): (&str, i64),
) -> Result<Vec<Person>, sqlx::Error> {
    sqlx::query_as!(
        Person,
        r#"SELECT organization_id AS "organization_id: OrganizationId", user_id AS "user_id: UserId",
                  kind AS "kind: PersonKind", role AS "role: Role", email_address AS "email_address: EmailAddress",
                  display_name, locale AS "locale: Locale", version, create_time, job_title, company, phone, time_zone,
                  deactivate_time IS NOT NULL AS "is_deactivated!",
                  standing_consent(organization_id, user_id) AS "consent_notice_version!"
             FROM people
             JOIN (SELECT user_id AS found_id, min(rank) AS rank
                     FROM ((SELECT user_id, CASE WHEN word = $2 THEN 0 ELSE 2 END AS rank
                              FROM member_words
                             WHERE organization_id = $1 AND is_name
                               AND word >= $2::text COLLATE "C" AND word < $3::text COLLATE "C"
                             ORDER BY word
                             LIMIT $5)
                           UNION ALL
                           (SELECT user_id, CASE WHEN word = $2 THEN 1 ELSE 3 END
                              FROM member_words
                             WHERE organization_id = $1 AND NOT is_name
                               AND word >= $2::text COLLATE "C" AND word < $3::text COLLATE "C"
                             ORDER BY word
                             LIMIT $5)) AS matches
                    GROUP BY user_id) AS found ON found.found_id = people.user_id
            WHERE organization_id = $1 AND kind = 'MEMBER' AND deactivate_time IS NULL
            ORDER BY found.rank, lower(display_name) COLLATE "C", user_id
            LIMIT $4"#,
        organization_id.uuid(),
        word,
        format!("{word}{}", char::MAX),
        limit,
        RANKED_MAX,
    )
    .fetch_all(tx)
    .await
}

/// Finds members who have a way in and, for each word searched for, a word that begins with it: whole words before
/// beginnings, names before addresses, then by name.
pub(super) async fn search(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    search: &MemberSearch,
) -> Result<Vec<Person>, sqlx::Error> {
    let ends: Vec<String> = search.words.iter().map(|word| format!("{word}{}", char::MAX)).collect();
    sqlx::query_as!(
        Person,
        r#"SELECT organization_id AS "organization_id: OrganizationId", user_id AS "user_id: UserId",
                  kind AS "kind: PersonKind", role AS "role: Role", email_address AS "email_address: EmailAddress",
                  display_name, locale AS "locale: Locale", version, create_time, job_title, company, phone, time_zone,
                  deactivate_time IS NOT NULL AS "is_deactivated!",
                  standing_consent(organization_id, user_id) AS "consent_notice_version!"
             FROM people
             JOIN (SELECT user_id AS found_id, sum(rank) AS rank
                     FROM (SELECT user_id, wanted.word,
                                  min(CASE WHEN member_words.word = wanted.word THEN 0 ELSE 2 END
                                      + CASE WHEN is_name THEN 0 ELSE 1 END) AS rank
                             FROM unnest($2::text[], $3::text[]) AS wanted (word, word_end)
                             JOIN member_words ON member_words.organization_id = $1
                              AND member_words.word >= wanted.word COLLATE "C"
                              AND member_words.word < wanted.word_end COLLATE "C"
                            GROUP BY user_id, wanted.word) AS matches
                    GROUP BY user_id
                   HAVING count(*) = cardinality($2::text[])) AS found ON found.found_id = people.user_id
            WHERE organization_id = $1 AND kind = 'MEMBER' AND deactivate_time IS NULL
            ORDER BY found.rank, lower(display_name) COLLATE "C", user_id
            LIMIT $4"#,
        organization_id.uuid(),
        &search.words,
        &ends,
        search.limit,
    )
    .fetch_all(tx)
    .await
}
