//! What rows from before a migration, and processes from before it, leave to the new ones.

use uuid::Uuid;

use super::world::{Service, new_id};

const FILLING: i64 = 20_261_122_000_213;

#[tokio::test]
async fn rows_from_before_are_folded_and_guests_who_had_accepted_keep_their_consent() {
    // A migrated database, taken back to before the migration, with rows laid in as they were then.
    let service = Service::start().await;
    let all = service.database.superuser_pool();
    let (organization_id, space_id, owner) = (new_id(), new_id(), new_id());
    let (came, asked) = (new_id(), new_id());
    let mut before = String::from(
        "DROP TRIGGER spaces_fold_title ON spaces; DROP TRIGGER people_fold_name ON people;
         DROP TRIGGER spaces_forget_logo_format ON spaces; DROP FUNCTION fold_space_title;
         DROP FUNCTION fold_person_name; DROP FUNCTION forget_logo_format; DROP FUNCTION folded;
         ALTER TABLE people DROP COLUMN consent_version; ALTER TABLE spaces DROP COLUMN logo_format_of;",
    );
    before.push_str(&format!(
        "INSERT INTO spaces (organization_id, space_id, title, title_folded, address, description, allow_download,
                             allow_invite, allow_upload, owner_user_id, version, create_time, update_time)
         VALUES ('{organization_id}', '{space_id}', 'Übung', 'übung', 'deal', '', true, true, true, '{owner}', 1,
                 now(), now());"
    ));
    for (user_id, state) in [(came, "ACTIVE"), (asked, "INVITED")] {
        before.push_str(&format!(
            "INSERT INTO people (organization_id, user_id, email_address, display_name, name_folded)
             VALUES ('{organization_id}', '{user_id}', '{user_id}@buyer.example', 'Zoë Straße', 'zoë straße');
             INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, create_time)
             VALUES ('{organization_id}', '{user_id}', '{space_id}', '{user_id}', 'EXTERNAL', '{state}', now());"
        ));
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(before)).execute(&all).await.unwrap();
    let migration = crate::MIGRATOR.iter().find(|migration| migration.version == FILLING).unwrap();
    sqlx::raw_sql(migration.sql.clone()).execute(&all).await.unwrap();
    let title: String = sqlx::query_scalar("SELECT title_folded FROM spaces").fetch_one(&all).await.unwrap();
    assert_eq!(title, "ubung");
    let consent = async |user_id: Uuid| -> (String, i32) {
        sqlx::query_as("SELECT name_folded, consent_notice_version FROM people WHERE user_id = $1")
            .bind(user_id)
            .fetch_one(&all)
            .await
            .unwrap()
    };
    assert_eq!(consent(came).await, ("zoe strasse".to_owned(), 1));
    assert_eq!(consent(asked).await, ("zoe strasse".to_owned(), 0));
}

#[tokio::test]
async fn what_an_old_process_renames_is_found_by_its_new_name() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    service.space(&owner, "Before").await;
    service.participant(&owner, service.space(&owner, "Before").await, "gina@buyer.example").await;
    let all = service.database.superuser_pool();
    let folded =
        async |sql: &'static str| -> String { sqlx::query_scalar(sql).fetch_one(&all).await.unwrap() };
    sqlx::query("UPDATE spaces SET title = 'Élan Łódź'").execute(&all).await.unwrap();
    assert_eq!(folded("SELECT max(title_folded) FROM spaces").await, "elan lodz");
    sqlx::query("UPDATE people SET display_name = 'Zoë'").execute(&all).await.unwrap();
    assert_eq!(folded("SELECT max(name_folded) FROM people").await, "zoe");
    // A new process folds better than SQL can: what it wrote stays where the text says the same.
    sqlx::query("UPDATE spaces SET title = 'x', title_folded = 'better'").execute(&all).await.unwrap();
    sqlx::query("UPDATE spaces SET title = 'X', title_folded = 'better'").execute(&all).await.unwrap();
    assert_eq!(folded("SELECT max(title_folded) FROM spaces").await, "better");
}
