//! Secrets at rest: what a dump holds, what moved or changed ciphertexts do, and changing the key-encryption key.

use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;

use super::connecting::{contains, dump};
use super::world::{CONTOSO, World, key, reason_of, secrets_of};
use crate::connection::{Secrets, rotate};
use crate::record::Records;

/// Whether a process with these keys can call a connection's CRM.
async fn finds(world: &World, secrets: Secrets, connection_id: &str) -> &'static str {
    let connections = world.process(secrets);
    let records = Records::new(world.test.database.clone(), connections.sessions().clone());
    let search =
        pb::SearchAccountsRequest { connection_id: connection_id.to_owned(), query: "Contoso".to_owned() };
    reason_of(records.search_accounts(&world.admin, search.try_into().unwrap()).await)
}

async fn execute(world: &World, sql: &'static str) {
    sqlx::query(sql).execute(&world.superuser).await.unwrap();
}

#[tokio::test]
async fn a_machines_password_is_nowhere_in_the_database_in_clear() {
    let world = World::start().await;
    world.connect_by(world.c4c()).await.unwrap();
    world.connect_by(world.dataverse()).await.unwrap();
    let rows = dump(&world).await;
    for secret in [sandbox::C4C_PASSWORD, sandbox::DATAVERSE_CLIENT_SECRET] {
        assert!(!contains(&rows, secret), "{secret}");
    }
}

#[tokio::test]
async fn a_changed_or_moved_ciphertext_does_not_open() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    let ok = || finds(&world, secrets_of(7, &[]), &id);
    assert_eq!(ok().await, "ok");
    // One byte of the token.
    let flip = "UPDATE connections SET sealed_access_token = set_byte(sealed_access_token, 30,
                    (get_byte(sealed_access_token, 30) + 1) % 256)";
    execute(&world, flip).await;
    assert_eq!(ok().await, "INTERNAL");
    let back = "UPDATE connections SET sealed_access_token = set_byte(sealed_access_token, 30,
                    (get_byte(sealed_access_token, 30) + 255) % 256)";
    execute(&world, back).await;
    assert_eq!(ok().await, "ok");
    // The refresh token in place of the access token.
    let other = "UPDATE connections SET sealed_access_token = sealed_refresh_token,
                    sealed_refresh_token = sealed_access_token";
    execute(&world, other).await;
    assert_eq!(ok().await, "INTERNAL");
    execute(&world, other).await;
    // One byte of the wrapped data key.
    let flip =
        "UPDATE data_keys SET wrapped_key = set_byte(wrapped_key, 20, (get_byte(wrapped_key, 20) + 1) % 256)";
    execute(&world, flip).await;
    assert_eq!(ok().await, "INTERNAL");
}

#[tokio::test]
async fn another_tenants_ciphertext_and_key_do_not_open() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    let thief = testkit::caller(service_kit::caller::CallerKind::Admin);
    world.create_organization(thief.organization_id, Plan::Ultimate).await;
    let copy = "INSERT INTO connections (organization_id, connection_id, provider, crm_organization_id, display_name,
                    login_url, instance_url, state, sealed_access_token, sealed_refresh_token, create_time)
                SELECT $1, connection_id, provider, crm_organization_id, display_name, login_url, instance_url, state,
                    sealed_access_token, sealed_refresh_token, create_time FROM connections";
    let copy_key = "INSERT INTO data_keys (organization_id, key_version, wrapped_key)
                    SELECT $1, key_version, wrapped_key FROM data_keys";
    for statement in [copy, copy_key] {
        sqlx::query(statement).bind(thief.organization_id).execute(&world.superuser).await.unwrap();
    }
    let search = pb::SearchAccountsRequest { connection_id: id, query: "Contoso".to_owned() };
    let stolen = world.records.search_accounts(&thief, search.try_into().unwrap()).await;
    assert_eq!(reason_of(stolen), "INTERNAL");
}

#[tokio::test]
async fn the_key_encryption_key_is_changed_while_both_old_and_new_processes_work() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    let c4c = world.connect_by(world.c4c()).await.unwrap().connection_id;
    let both = || secrets_of(8, &[7]);
    for connection in [&id, &c4c] {
        assert_eq!(finds(&world, both(), connection).await, "ok");
        assert_eq!(finds(&world, secrets_of(8, &[]), connection).await, "INTERNAL");
    }
    let done = rotate::rotate(&world.test.database, &both()).await.unwrap();
    assert_eq!((done.organizations, done.rewrapped, done.resealed), (1, 1, 0));
    let again = rotate::rotate(&world.test.database, &both()).await.unwrap();
    assert_eq!((again.rewrapped, again.resealed), (0, 0));
    for connection in [&id, &c4c] {
        // Also a process that has the old key as its current one and knows the new one.
        for keys in [both(), secrets_of(8, &[]), secrets_of(7, &[8])] {
            assert_eq!(finds(&world, keys, connection).await, "ok");
        }
        assert_eq!(finds(&world, secrets_of(7, &[]), connection).await, "INTERNAL");
    }
    world.create_logged_space(&id, CONTOSO).await;
}

#[tokio::test]
async fn secrets_of_before_there_were_data_keys_open_and_are_sealed_anew() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    // The look-alike's own tokens, sealed as they were then.
    let book = world.book();
    let access = book["sessions"].as_object().unwrap().keys().next().unwrap().clone();
    let sealer = service_kit::seal::Sealer::try_new(&key(7)).unwrap();
    let bound_to = format!("crm-sync/access/{}/{id}", world.admin.organization_id);
    let sealed = sealer.seal(access.as_bytes(), bound_to.as_bytes()).unwrap();
    for statement in
        ["UPDATE connections SET sealed_access_token = $1", "DELETE FROM data_keys WHERE $1 = $1"]
    {
        sqlx::query(statement).bind(&sealed).execute(&world.superuser).await.unwrap();
    }
    execute(&world, "UPDATE connections SET sealed_refresh_token = ''").await;
    assert_eq!(finds(&world, secrets_of(7, &[]), &id).await, "ok");
    let done = rotate::rotate(&world.test.database, &secrets_of(8, &[7])).await.unwrap();
    assert_eq!((done.rewrapped, done.resealed), (0, 1));
    assert_eq!(finds(&world, secrets_of(8, &[]), &id).await, "ok");
}
