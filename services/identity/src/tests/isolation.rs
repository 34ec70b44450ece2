//! No organisation sees another's rows, and no secret is stored in clear.

use base64::Engine;
use service_kit::caller::CallerKind;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::v1 as pb;
use tonic::Code;
use uuid::Uuid;

use super::invitations;
use super::world::*;

#[tokio::test]
async fn an_organisation_sees_only_its_own_rows_even_where_a_query_names_none() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    world.sign_in(("globex", "ada@globex.example", PASSWORD)).await.unwrap();
    let own: OrganizationId = acme.id.parse::<Uuid>().unwrap().into();
    world.request_link_from(NOWHERE, ("globex", "ada@globex.example")).await.unwrap();
    world.enter(&globex, "gus@globex-guests.example").await;
    for table in [
        "organizations",
        "people",
        "credentials",
        "sessions",
        "refresh_tokens",
        "devices",
        "sign_in_links",
        "privacy_notices",
        "consents",
        "consent_ledgers",
        "member_words",
    ] {
        assert!(world.count(table).await > 0, "{table}");
        let query = format!("SELECT count(*) FROM {table} WHERE organization_id::text <> '{own}'");
        let others = world.test.database.read(own, move |tx| {
            Box::pin(async move {
                let query = sqlx::AssertSqlSafe(query);
                Ok::<i64, CommonError>(sqlx::query_scalar(query).fetch_one(tx).await?)
            })
        });
        assert_eq!(others.await.unwrap(), 0, "{table}");
    }
    let foreign = pb::ResolveAddressesRequest {
        organization_id: acme.id.clone(),
        email_addresses: vec!["ada@globex.example".to_owned()],
        user_ids: vec![globex.admin_id.clone()],
        create_missing_guests: false,
        guest_names: Vec::new(),
    };
    assert!(world.resolve(foreign).await.unwrap().is_empty());
    let stranger = person(&acme.id, &globex.admin_id, CallerKind::Admin, Uuid::nil());
    assert_refused(world.profile(&stranger).await, Code::NotFound, "PERSON_NOT_FOUND");
}

#[tokio::test]
async fn a_row_of_another_organisation_cannot_be_written() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let own: OrganizationId = acme.id.parse::<Uuid>().unwrap().into();
    let other: Uuid = globex.id.parse().unwrap();
    let written = world.test.database.transaction(own, move |tx| {
        Box::pin(async move {
            let done = sqlx::query("UPDATE people SET display_name = 'x' WHERE organization_id = $1").bind(other);
            assert_eq!(done.execute(&mut *tx).await?.rows_affected(), 0);
            let inserted = sqlx::query(
                "INSERT INTO people (organization_id, user_id, kind, email_address, display_name, locale, create_time)
                 VALUES ($1, $1, 'GUEST', 'x@y.example', '', 'en', now())",
            );
            inserted.bind(other).execute(tx).await?;
            Ok::<(), CommonError>(())
        })
    });
    assert!(written.await.is_err());
}

#[tokio::test]
async fn every_table_with_an_organisation_has_row_level_security_but_the_public_directory_and_the_broker_s() {
    let world = World::new().await;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'organization_id'
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
          ORDER BY 1",
    )
    .fetch_all(&world.all)
    .await
    .unwrap();
    let infrastructure = ["inbox", "jobs", "outbox"];
    let own: Vec<_> = open.iter().filter(|table| !infrastructure.contains(&table.as_str())).collect();
    assert_eq!(own, ["organization_slugs"]);
}

#[tokio::test]
async fn no_table_holds_a_token_or_a_password_and_the_counters_hold_no_address() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let guest = world.guest(&acme, "gus@outside.example").await;
    let issued = world.issue(invitations::invitation(&acme, &guest)).await.unwrap();
    let link_token = invitations::token_of(&issued.url);
    let tokens = world.signed_in().await;
    let next = world.refresh(&tokens.refresh_token).await.unwrap();
    world.sign_in(("acme", "canary@acme.example", "a wrong password")).await.unwrap_err();
    let (link, code) = (world.mail(ADMIN_ADDRESS).await, world.mail(ADMIN_ADDRESS).await);
    let entered = world.redeem_code(&code.login_request, &code.code).await.unwrap().tokens.unwrap();
    world.redeem_link(&link.token, &link.login_request).await.unwrap_err();
    world.request_reset(ADMIN_ADDRESS).await.unwrap();
    let reset = invitations::token_of(&world.print(world.last_link().await).await.url);

    let mut secrets = vec![PASSWORD.to_owned(), tokens.access_token.clone(), next.access_token.clone()];
    secrets.push(entered.access_token.clone());
    let opaque = [
        &tokens.refresh_token,
        &tokens.device_token,
        &next.refresh_token,
        &link_token,
        &link.token,
        &link.login_request,
        &code.token,
        &code.login_request,
        &reset,
        &entered.refresh_token,
        &entered.device_token,
    ];
    for token in opaque {
        let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).unwrap();
        secrets.push(raw[16..].iter().map(|byte| format!("{byte:02x}")).collect());
        secrets.push(token.clone());
    }
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&world.all)
            .await
            .unwrap();
    assert!(tables.len() > 12);
    for table in tables {
        let query =
            sqlx::AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"));
        let content: String = sqlx::query_scalar(query).fetch_one(&world.all).await.unwrap();
        // Six digits are within any number; as a word, or within an event, they must not be.
        let is_digits = |c: char| !c.is_ascii_digit();
        assert!(
            !content.split(is_digits).any(|word| word == link.code || word == code.code),
            "a code is in {table}"
        );
        for code in [&link.code, &code.code] {
            let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!content.contains(&hex), "a code is in {table}");
        }
        for secret in &secrets {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!content.contains(&hex), "a secret is in {table}");
            assert!(!content.contains(secret.as_str()), "a secret is in {table}");
        }
        assert!(!content.contains("canary"), "an address that was tried is in {table}");
    }
    assert_eq!(world.count("sign_in_attempts WHERE octet_length(account) = 32").await, 1);
}
