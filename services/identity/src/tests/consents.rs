//! `ConsentService`, and what the ledger allows.

use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use tonic::Code;
use uuid::Uuid;

use super::world::*;

#[tokio::test]
async fn get_privacy_notice_returns_the_text_in_each_language_and_the_organisations_own_by_default() {
    let world = World::new().await;
    world.tenant("acme").await;
    let (english, french) =
        (world.notice("acme", "en").await.unwrap(), world.notice("acme", "fr").await.unwrap());
    assert!(english.text.starts_with("Privacy notice of acme Inc."));
    assert!(french.text.starts_with("Avis de confidentialité de acme Inc."));
    assert_eq!((english.version, french.version), (1, 1));
    assert_ne!(english.sha256, french.sha256);
    assert_eq!(english.sha256.len(), 64);
    assert_eq!(world.notice("acme", "").await.unwrap(), english);
    assert!(english.publish_time.is_some());
}

#[tokio::test]
async fn get_privacy_notice_refuses_an_unknown_organisation_alike_and_a_language_without_a_text() {
    let world = World::new().await;
    world.tenant("acme").await;
    let long = "x".repeat(1_000);
    let mut refusals = Vec::new();
    for unknown in ["globex", "", "../acme", "ACME", long.as_str()] {
        let answer = world.notice(unknown, "en").await;
        refusals.push(bytes(&assert_refused(answer, Code::NotFound, "ORGANIZATION_NOT_FOUND")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert_names(world.notice("acme", "it").await, "locale");
}

#[tokio::test]
async fn the_service_can_neither_change_nor_delete_a_consent_a_notice_or_a_slug() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let own: OrganizationId = acme.id.parse::<Uuid>().unwrap().into();
    for statement in [
        "UPDATE consents SET action = 'GIVEN'",
        "DELETE FROM consents",
        "TRUNCATE consents",
        "UPDATE consents SET hash = previous_hash",
        "UPDATE consent_ledgers SET sequence = 0",
        "DELETE FROM consent_ledgers",
        "INSERT INTO consent_ledgers VALUES (gen_random_uuid(), 1, 'x')",
        "UPDATE privacy_notices SET text = 'x'",
        "DELETE FROM privacy_notices",
        "UPDATE organization_slugs SET slug = 'x'",
        "DELETE FROM organization_slugs",
    ] {
        let done = world.test.database.transaction(own, move |tx| {
            Box::pin(async move {
                sqlx::query(statement).execute(tx).await?;
                Ok::<(), CommonError>(())
            })
        });
        let CommonError::Storage(sqlx::Error::Database(error)) = done.await.unwrap_err() else {
            panic!("{statement} failed otherwise");
        };
        assert_eq!(error.code().as_deref(), Some("42501"), "{statement}");
    }
}
