//! Idempotency keys on a real database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use service_kit::caller::{Call, Caller, CallerKind, Principal};
use service_kit::db::{Database, delete_expired_idempotency_keys};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Request;

use super::server::GET_SPACE;
use crate::TestDatabase;

/// A call with a key, as the access layer and the handler make it.
fn call(caller: &Caller, key: &str, content: &str) -> Call {
    let mut request = Request::new(pb::GetSpaceRequest { space_id: content.to_owned() });
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request.extensions_mut().insert(sharedspaces_proto::find_method_rule(GET_SPACE).unwrap());
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    Call::of(&request).unwrap()
}

/// Runs a write that answers with `effects` and counts how often it was done.
async fn write(
    database: &Database,
    call: &Call,
    organization: OrganizationId,
    effects: &Arc<AtomicUsize>,
) -> Result<String, CommonError> {
    let effects = Arc::clone(effects);
    let work = database.write(call, organization, move |_| {
        Box::pin(async move {
            Ok::<_, CommonError>(format!("effect {}", effects.fetch_add(1, Ordering::SeqCst) + 1))
        })
    });
    work.await
}

async fn age(test: &TestDatabase, interval: &str) {
    sqlx::query("UPDATE idempotency_keys SET create_time = now() - $1::text::interval")
        .bind(interval)
        .execute(&test.superuser_pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_gives_the_same_reply_within_24_hours_and_is_new_after() {
    let test = TestDatabase::create("test-kit", &[]).await;
    let caller = crate::caller(CallerKind::Member);
    let organization = caller.organization_id;
    let effects = Arc::default();
    let same = call(&caller, "key", "a");
    for _ in 0..2 {
        assert_eq!(write(&test.database, &same, organization, &effects).await.unwrap(), "effect 1");
    }
    age(&test, "23 hours 59 minutes").await;
    assert_eq!(write(&test.database, &same, organization, &effects).await.unwrap(), "effect 1");
    assert_eq!(test.database.replay::<String>(&same, organization).await.unwrap().unwrap(), "effect 1");
    age(&test, "24 hours 1 second").await;
    assert_eq!(test.database.replay::<String>(&same, organization).await.unwrap(), None);
    assert_eq!(write(&test.database, &same, organization, &effects).await.unwrap(), "effect 2");
    assert_eq!(write(&test.database, &same, organization, &effects).await.unwrap(), "effect 2");
    // And another request may have it once it is old.
    let other = call(&caller, "key", "b");
    let reused = write(&test.database, &other, organization, &effects).await.unwrap_err();
    assert!(matches!(reused, CommonError::IdempotencyKeyReused), "{reused:?}");
    age(&test, "25 hours").await;
    assert_eq!(write(&test.database, &other, organization, &effects).await.unwrap(), "effect 3");
}

#[tokio::test]
async fn a_key_belongs_to_one_person_of_one_organisation() {
    let test = TestDatabase::create("test-kit", &[]).await;
    let one = crate::caller(CallerKind::Member);
    let colleague = crate::caller_of(one.organization_id, CallerKind::Member);
    let stranger = crate::caller(CallerKind::Member);
    let effects = Arc::default();
    for (number, caller) in [one, colleague, stranger].iter().enumerate() {
        let reply = write(&test.database, &call(caller, "key", "a"), caller.organization_id, &effects).await;
        assert_eq!(reply.unwrap(), format!("effect {}", number + 1));
    }
}

#[tokio::test]
async fn calls_with_one_key_at_once_have_one_effect_and_one_reply() {
    let test = TestDatabase::create("test-kit", &[]).await;
    let caller = crate::caller(CallerKind::Member);
    let effects = Arc::<AtomicUsize>::default();
    let calls = (0..8).map(|_| {
        let (database, call, effects) =
            (test.database.clone(), call(&caller, "key", "a"), Arc::clone(&effects));
        let organization = caller.organization_id;
        async move { write(&database, &call, organization, &effects).await.unwrap() }
    });
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(effects.load(Ordering::SeqCst), 1);
    assert!(replies.iter().all(|reply| reply == "effect 1"), "{replies:?}");
}

#[tokio::test]
async fn a_key_whose_work_failed_is_free_again() {
    let test = TestDatabase::create("test-kit", &[]).await;
    let caller = crate::caller(CallerKind::Member);
    let organization = caller.organization_id;
    let same = call(&caller, "key", "a");
    let failed: Result<String, CommonError> = test
        .database
        .write(&same, organization, |_| {
            Box::pin(async { Err::<String, _>(CommonError::Unexpected(std::io::Error::other("x").into())) })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(write(&test.database, &same, organization, &Arc::default()).await.unwrap(), "effect 1");
}

#[tokio::test]
async fn only_expired_keys_are_deleted_of_every_organisation_and_a_thousand_at_a_time() {
    let test = TestDatabase::create("test-kit", &[]).await;
    let superuser = test.superuser_pool();
    let insert =
        "INSERT INTO idempotency_keys (organization_id, principal, method, key, request_sha256, create_time)
                  SELECT $1, 'p', 'm', $2 || number, '', now() - $3::text::interval
                    FROM generate_series(1, $4) AS number";
    let organizations: [OrganizationId; 2] = [crate::ids().next(), crate::ids().next()];
    for organization in organizations {
        for (name, age, count) in [("old", "24 hours 1 second", 501), ("kept", "23 hours 59 minutes", 2)] {
            sqlx::query(insert)
                .bind(organization)
                .bind(name)
                .bind(age)
                .bind(count)
                .execute(&superuser)
                .await
                .unwrap();
        }
    }
    let pool = test.database.pool();
    // The service's role sees and deletes nothing without an organisation, and only its own with one.
    let count = "SELECT count(*) FROM idempotency_keys";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(pool).await.unwrap(), 0);
    let deleted = sqlx::query("DELETE FROM idempotency_keys").execute(pool).await.unwrap();
    assert_eq!(deleted.rows_affected(), 0);
    let own: i64 = test
        .database
        .read(organizations[0], move |tx| {
            Box::pin(async move {
                let own = sqlx::query_scalar(count).fetch_one(tx).await.map_err(CommonError::from)?;
                Ok::<i64, CommonError>(own)
            })
        })
        .await
        .unwrap();
    assert_eq!(own, 503);
    assert_eq!(delete_expired_idempotency_keys(pool).await.unwrap(), 1_000);
    assert_eq!(delete_expired_idempotency_keys(pool).await.unwrap(), 2);
    assert_eq!(delete_expired_idempotency_keys(pool).await.unwrap(), 0);
    let kept: Vec<String> = sqlx::query_scalar("SELECT key FROM idempotency_keys ORDER BY key")
        .fetch_all(&superuser)
        .await
        .unwrap();
    assert_eq!(kept, ["kept1", "kept1", "kept2", "kept2"]);
}
