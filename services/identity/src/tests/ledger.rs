//! The ledger of consent, and what notices have to do with it.

use std::sync::Arc;

use service_kit::caller::{CallerKind, Principal};
use service_kit::db::migrate;
use sharedspaces_proto::identity::events::v1::{ConsentChanged, InvitationAccepted, PrivacyNoticePublished};
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::consent_service_server::ConsentService;
use sqlx::migrate::Migrator;
use testkit::TestDatabase;
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use super::keys::verifier;
use super::world::*;
use crate::MIGRATOR;

fn guest(of: &Tenant, user_id: &str) -> Principal {
    person(&of.id, user_id, CallerKind::Guest, Uuid::nil())
}

async fn give_to(world: &World, who: &Principal, notice: &str) -> Answer<pb::Consent> {
    let message = pb::GiveConsentRequest { privacy_notice_id: notice.to_owned(), consent_given: true };
    let mut request = request("ConsentService/GiveConsent", who, message);
    request.metadata_mut().insert("user-agent", "Browser/1".parse().unwrap());
    Ok(world.consent_grpc().give_consent(request).await?.into_inner().consent.unwrap())
}

async fn give(world: &World, who: &Principal) -> Answer<pb::Consent> {
    let notice = world.notice("acme", "").await.unwrap();
    give_to(world, who, &notice.privacy_notice_id).await
}

async fn withdraw(world: &World, who: &Principal) -> Answer<Option<pb::Consent>> {
    let request = request("ConsentService/WithdrawConsent", who, pb::WithdrawConsentRequest {});
    Ok(world.consent_grpc().withdraw_consent(request).await?.into_inner().consent)
}

async fn list(
    world: &World,
    who: &Principal,
    message: pb::ListConsentsRequest,
) -> Answer<pb::ListConsentsResponse> {
    let request = request("ConsentService/ListConsents", who, message);
    Ok(world.consent_grpc().list_consents(request).await?.into_inner())
}

async fn verify(world: &World, of: &Tenant) -> pb::VerifyConsentLedgerResponse {
    let request =
        request("ConsentService/VerifyConsentLedger", &of.admin(), pb::VerifyConsentLedgerRequest {});
    world.consent_grpc().verify_consent_ledger(request).await.unwrap().into_inner()
}

fn text(locale: &str, text: &str) -> pb::PrivacyNoticeText {
    pb::PrivacyNoticeText { locale: locale.to_owned(), text: text.to_owned() }
}

async fn publish(
    world: &World,
    of: &Tenant,
    texts: Vec<pb::PrivacyNoticeText>,
    is_material: bool,
) -> Answer<Vec<pb::PrivacyNotice>> {
    let message = pb::PublishPrivacyNoticeRequest { texts, is_material };
    let request = request("ConsentService/PublishPrivacyNotice", &of.admin(), message);
    Ok(world.consent_grpc().publish_privacy_notice(request).await?.into_inner().privacy_notices)
}

/// The claim of an access token.
fn claimed(world: &World, tokens: &pb::Tokens) -> i32 {
    match verifier(world).verify(&tokens.access_token).unwrap() {
        Principal::Person(caller) => caller.consent_notice_version,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn consent_is_given_withdrawn_and_given_anew_and_repeating_adds_nothing() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (gus, tokens) = world.enter(&acme, "gus@outside.example").await;
    assert_eq!(claimed(&world, &tokens), 1);
    let accepted = world.events::<InvitationAccepted>().await;
    assert_eq!(accepted[0].2.person.as_ref().unwrap().consent_notice_version, 1);
    let who = guest(&acme, &gus.user_id);
    let standing = give(&world, &who).await.unwrap();
    assert_eq!((standing.sequence, standing.via()), (1, pb::ConsentVia::Invitation));

    let taken_back = withdraw(&world, &who).await.unwrap().unwrap();
    assert_eq!((taken_back.sequence, taken_back.action()), (2, pb::ConsentAction::Withdrawn));
    assert_eq!(taken_back.notice_sha256, standing.notice_sha256);
    assert_eq!(withdraw(&world, &who).await.unwrap(), None);
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(claimed(&world, &tokens), 0);

    let anew = give(&world, &who).await.unwrap();
    assert_eq!(
        (anew.sequence, anew.action(), anew.via()),
        (3, pb::ConsentAction::Given, pb::ConsentVia::Account)
    );
    assert_eq!(give(&world, &who).await.unwrap(), anew);
    assert_eq!(claimed(&world, &world.refresh(&tokens.refresh_token).await.unwrap()), 1);
    assert_eq!(world.profile(&who).await.unwrap().consent_notice_version, 1);

    let events = world.events::<ConsentChanged>().await;
    let told: Vec<_> = events
        .iter()
        .map(|(id, version, event)| {
            (id.to_string(), *version, event.person.as_ref().unwrap().consent_notice_version)
        })
        .collect();
    assert_eq!(told, [(gus.user_id.clone(), 3, 0), (gus.user_id.clone(), 4, 1)]);
    assert_eq!(world.count("consents").await, 3);
    assert_eq!(world.count("consents WHERE user_agent = 'Browser/1'").await, 1);
    assert!(verify(&world, &acme).await.is_intact);
}

#[tokio::test]
async fn members_have_no_consent_to_give_or_take_back_and_the_ticked_box_is_needed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (gus, _) = world.enter(&acme, "gus@outside.example").await;
    assert_refused(give(&world, &acme.admin()).await, Code::FailedPrecondition, "CONSENT_NOT_NEEDED");
    assert_refused(withdraw(&world, &acme.admin()).await, Code::FailedPrecondition, "CONSENT_NOT_NEEDED");
    assert_eq!(claimed(&world, &world.signed_in().await), 0);
    let who = guest(&acme, &gus.user_id);
    let message = pb::GiveConsentRequest { privacy_notice_id: "7".to_owned(), consent_given: false };
    for field in ["consent_given", "privacy_notice_id"] {
        let request = request("ConsentService/GiveConsent", &who, message.clone());
        assert_names(world.consent_grpc().give_consent(request).await, field);
    }
    let globex = world.tenant("globex").await;
    let foreign = world.notice("globex", "").await.unwrap().privacy_notice_id;
    for other in [foreign, Uuid::nil().to_string()] {
        assert_refused(give_to(&world, &who, &other).await, Code::FailedPrecondition, "NOTICE_OUTDATED");
    }
    world.sql("UPDATE people SET deactivate_time = now() WHERE kind = 'GUEST'").await;
    assert_refused(give(&world, &who).await, Code::NotFound, "PERSON_NOT_FOUND");
    assert_eq!(verify(&world, &globex).await.entry_count, 0);
}

#[tokio::test]
async fn a_material_change_asks_again_and_another_leaves_consent_standing() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (gus, tokens) = world.enter(&acme, "gus@outside.example").await;
    let who = guest(&acme, &gus.user_id);
    let first = world.notice("acme", "").await.unwrap().privacy_notice_id;

    publish(&world, &acme, vec![text("en", "Two")], false).await.unwrap();
    assert_refused(give_to(&world, &who, &first).await, Code::FailedPrecondition, "NOTICE_OUTDATED");
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(claimed(&world, &tokens), 1);

    let third = publish(&world, &acme, vec![text("en", "Three"), text("fr", "Trois")], true).await.unwrap();
    assert_eq!(third.iter().map(|notice| notice.version).collect::<Vec<_>>(), [3, 3]);
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(claimed(&world, &tokens), 0);
    assert_eq!(world.profile(&who).await.unwrap().consent_notice_version, 0);

    let again = give_to(&world, &who, &third[1].privacy_notice_id).await.unwrap();
    assert_eq!((again.notice_version, again.notice_locale.as_str()), (3, "fr"));
    assert_eq!(claimed(&world, &world.refresh(&tokens.refresh_token).await.unwrap()), 3);

    publish(&world, &acme, vec![text("en", "Four")], false).await.unwrap();
    let events = world.events::<PrivacyNoticePublished>().await;
    let told: Vec<_> = events.iter().map(|(_, _, e)| (e.version, e.required_version)).collect();
    assert_eq!(told, [(2, 1), (3, 3), (4, 3)]);
    assert!(
        events.iter().all(|(_, version, e)| *version == i64::from(e.version) && e.organization_id == acme.id)
    );
}

#[tokio::test]
async fn a_consent_that_a_material_change_took_its_force_can_still_be_taken_back() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (gus, _) = world.enter(&acme, "gus@outside.example").await;
    publish(&world, &acme, vec![text("en", "Two")], true).await.unwrap();
    let entry = withdraw(&world, &guest(&acme, &gus.user_id)).await.unwrap().unwrap();
    assert_eq!((entry.notice_version, entry.action()), (1, pb::ConsentAction::Withdrawn));
}

#[tokio::test]
async fn a_notice_is_published_within_its_limits_and_each_broken_rule_is_named() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let longest = "é".repeat(20_000);
    let too_long = "é".repeat(20_001);
    for (field, texts) in [
        ("texts", vec![]),
        ("texts", vec![text("fr", "Sans la langue de la maison")]),
        ("texts[0].locale", vec![text("it", "x")]),
        ("texts[1].locale", vec![text("en", "x"), text("en", "y")]),
        ("texts[0].text", vec![text("en", " \n")]),
        ("texts[0].text", vec![text("en", &too_long)]),
        ("texts[0].text", vec![text("en", "a\u{7}b")]),
        ("texts", vec![text("en", "a"), text("fr", "b"), text("de", "c"), text("en", "d")]),
    ] {
        assert_names(publish(&world, &acme, texts, false).await, field);
    }
    assert_eq!(world.count("privacy_notices").await, 3);
    let all = vec![text("en", &longest), text("fr", "Deux"), text("de", "Zwei")];
    let made = publish(&world, &acme, all, true).await.unwrap();
    assert_eq!(made.len(), 3);
    assert!(made.iter().all(|notice| notice.is_material && notice.version == 2));
    assert_eq!(world.notice("acme", "de").await.unwrap().text, "Zwei");
    // A language that the newest version does not have is answered in the organisation's own.
    publish(&world, &acme, vec![text("en", "Three")], false).await.unwrap();
    assert_eq!(world.notice("acme", "de").await.unwrap().text, "Three");
}

#[tokio::test]
async fn notices_are_listed_the_newest_first_in_pages_of_at_most_10() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    publish(&world, &acme, vec![text("fr", "Deux"), text("en", "Two")], true).await.unwrap();
    world.tenant("globex").await;
    let page = async |page_size: i32, page_token: String| {
        let message = pb::ListPrivacyNoticesRequest { page_size, page_token };
        let request = request("ConsentService/ListPrivacyNotices", &acme.admin(), message);
        Ok::<_, tonic::Status>(world.consent_grpc().list_privacy_notices(request).await?.into_inner())
    };
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let answer = page(2, token).await.unwrap();
        seen.extend(answer.privacy_notices.into_iter().map(|notice| (notice.version, notice.locale)));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let seen: Vec<_> = seen.iter().map(|(version, locale)| (*version, locale.as_str())).collect();
    assert_eq!(seen, [(2, "en"), (2, "fr"), (1, "de"), (1, "en"), (1, "fr")]);
    assert_eq!(page(0, String::new()).await.unwrap().privacy_notices.len(), 5);
    assert!(page(10, String::new()).await.is_ok());
    for bad in [-1, 11] {
        assert_names(page(bad, String::new()).await, "page_size");
    }
}

#[tokio::test]
async fn people_list_their_own_entries_and_admins_everybodys() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (gus, _) = world.enter(&acme, "gus@outside.example").await;
    let (eve, _) = world.enter(&acme, "eve@outside.example").await;
    withdraw(&world, &guest(&acme, &gus.user_id)).await.unwrap();
    let whose = |user_id: &str| pb::ListConsentsRequest {
        user_id: user_id.to_owned(),
        ..pb::ListConsentsRequest::default()
    };
    let sequences = |answer: pb::ListConsentsResponse| {
        answer.consents.iter().map(|entry| entry.sequence).collect::<Vec<_>>()
    };
    let (admin, gus_caller) = (acme.admin(), guest(&acme, &gus.user_id));
    assert_eq!(sequences(list(&world, &admin, whose("")).await.unwrap()), [3, 2, 1]);
    assert_eq!(sequences(list(&world, &admin, whose(&eve.user_id)).await.unwrap()), [2]);
    assert_eq!(sequences(list(&world, &gus_caller, whose("")).await.unwrap()), [3, 1]);
    assert_eq!(sequences(list(&world, &gus_caller, whose(&gus.user_id)).await.unwrap()), [3, 1]);
    let others = list(&world, &gus_caller, whose(&eve.user_id)).await;
    assert_refused(others, Code::PermissionDenied, "OWN_CONSENTS_ONLY");
    let member = person(&acme.id, &Uuid::from_u128(9).to_string(), CallerKind::Member, Uuid::nil());
    assert!(list(&world, &member, whose("")).await.unwrap().consents.is_empty());
    let first = list(&world, &admin, pb::ListConsentsRequest { page_size: 2, ..whose("") }).await.unwrap();
    let page_token = first.next_page_token.clone();
    assert_eq!(sequences(first), [3, 2]);
    assert_eq!(
        sequences(list(&world, &admin, pb::ListConsentsRequest { page_token, ..whose("") }).await.unwrap()),
        [1]
    );
    assert_names(list(&world, &admin, whose("7")).await, "user_id");
    let globex = world.tenant("globex").await;
    assert!(list(&world, &globex.admin(), whose("")).await.unwrap().consents.is_empty());
    assert!(list(&world, &globex.admin(), whose(&gus.user_id)).await.unwrap().consents.is_empty());
}

#[tokio::test]
async fn entries_made_at_once_stand_in_one_chain_without_a_gap() {
    let world = Arc::new(World::new().await);
    let acme = world.tenant("acme").await;
    let globex = world.tenant("globex").await;
    let mut guests = Vec::new();
    for at in 0..12 {
        guests.push(world.guest(&acme, &format!("g{at}@outside.example")).await.user_id);
    }
    let mut calls = JoinSet::new();
    for turn in 0..36 {
        let (world, who) = (Arc::clone(&world), guest(&acme, &guests[turn % 12]));
        calls.spawn(async move { give(&world, &who).await.unwrap() });
    }
    calls.join_all().await;
    world.enter(&globex, "gus@outside.example").await;
    let sequences: Vec<i64> = sqlx::query_scalar(
        "SELECT sequence FROM consents WHERE organization_id::text = $1 ORDER BY sequence",
    )
    .bind(&acme.id)
    .fetch_all(&world.all)
    .await
    .unwrap();
    assert_eq!(sequences, (1..=12).collect::<Vec<i64>>());
    let verdict = verify(&world, &acme).await;
    assert!(verdict.is_intact && verdict.entry_count == 12 && verdict.head_hash.len() == 64, "{verdict:?}");
    assert_eq!(verify(&world, &globex).await.entry_count, 1);
    let heads = crate::consent::repo::list_heads(&world.test.database).await.unwrap();
    let mut heads: Vec<_> =
        heads.iter().map(|head| (head.sequence, crate::consent::hex(&head.hash))).collect();
    heads.sort();
    assert_eq!(heads[1], (12, verdict.head_hash), "what the log is given is the head");
}

#[tokio::test]
async fn whatever_is_changed_in_or_taken_from_a_ledger_is_named() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for at in 0..5 {
        let (gus, _) = world.enter(&acme, &format!("g{at}@outside.example")).await;
        if at == 2 {
            withdraw(&world, &guest(&acme, &gus.user_id)).await.unwrap();
        }
    }
    assert!(verify(&world, &acme).await.is_intact);
    assert_eq!(world.count("consents").await, 6);
    world.sql("CREATE TABLE kept AS SELECT * FROM consents").await;
    world.sql("CREATE TABLE kept_heads AS SELECT * FROM consent_ledgers").await;
    world.sql("CREATE TABLE kept_notices AS SELECT * FROM privacy_notices").await;
    let columns = [
        "consent_id = gen_random_uuid()",
        "user_id = gen_random_uuid()",
        "privacy_notice_id = (SELECT privacy_notice_id FROM privacy_notices WHERE locale = 'fr')",
        "notice_version = notice_version + 1",
        "notice_locale = 'fr'",
        "notice_sha256 = overlay(notice_sha256 placing 'x' from 1)",
        "action = CASE action WHEN 'GIVEN' THEN 'WITHDRAWN' ELSE 'GIVEN' END",
        "via = 'ACCOUNT' || repeat(' ', 0), user_agent = user_agent || 'x'",
        "via = CASE via WHEN 'INVITATION' THEN 'ACCOUNT' ELSE 'INVITATION' END",
        "create_time = create_time + interval '1 microsecond'",
        "client_mac = 'x'",
        "user_agent = 'x'",
        "previous_hash = set_byte(previous_hash, 31, 255 - get_byte(previous_hash, 31))",
        "hash = set_byte(hash, 0, 255 - get_byte(hash, 0))",
    ];
    for sequence in [1, 4, 6] {
        for change in columns {
            tamper(&world, &format!("UPDATE consents SET {change} WHERE sequence = {sequence}")).await;
            assert_broken(&world, &acme, sequence, change).await;
        }
    }
    // The whole row hashed anew is found at the one behind it, whose previous hash it is not.
    let anew =
        "UPDATE consents c SET user_agent = 'x', hash = consent_hash(ROW(c.*)::consents) WHERE sequence = 3";
    tamper(&world, anew).await;
    tamper(&world, "UPDATE consents c SET hash = consent_hash(c) WHERE sequence = 3").await;
    assert_broken(&world, &acme, 4, anew).await;
    for (change, sequence) in [
        ("UPDATE consents SET sequence = 9 WHERE sequence = 3", 3),
        ("DELETE FROM consents WHERE sequence = 1", 1),
        ("DELETE FROM consents WHERE sequence = 3", 3),
        ("DELETE FROM consents WHERE sequence = 6", 6),
        ("DELETE FROM consents WHERE sequence > 4", 5),
        ("DELETE FROM consents", 1),
        ("UPDATE consent_ledgers SET sequence = 5", 6),
        ("UPDATE consent_ledgers SET sequence = 7", 7),
        ("UPDATE consent_ledgers SET hash = set_byte(hash, 0, 255 - get_byte(hash, 0))", 6),
        ("DELETE FROM consent_ledgers", 1),
        ("UPDATE privacy_notices SET text = text || '.'", 1),
        ("UPDATE consents SET organization_id = gen_random_uuid() WHERE sequence = 2", 2),
    ] {
        tamper(&world, change).await;
        assert_broken(&world, &acme, sequence, change).await;
    }
}

/// Changes something as somebody who may change everything, past the keys.
async fn tamper(world: &World, change: &str) {
    let mut connection = world.all.acquire().await.unwrap();
    sqlx::query("SET session_replication_role = replica").execute(&mut *connection).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(change.to_owned())).execute(&mut *connection).await.unwrap();
    sqlx::query("RESET session_replication_role").execute(&mut *connection).await.unwrap();
}

/// Checks what the verification names, then puts everything back.
async fn assert_broken(world: &World, acme: &Tenant, sequence: i64, change: &str) {
    let verdict = verify(world, acme).await;
    assert!(!verdict.is_intact, "{change} at {sequence} was not seen");
    assert_eq!(verdict.first_broken_sequence, sequence, "{change}");
    for restore in [
        "DELETE FROM consents",
        "INSERT INTO consents SELECT * FROM kept",
        "DELETE FROM consent_ledgers",
        "INSERT INTO consent_ledgers SELECT * FROM kept_heads",
        "UPDATE privacy_notices p SET text = k.text FROM kept_notices k WHERE k.privacy_notice_id = p.privacy_notice_id",
    ] {
        tamper(world, restore).await;
    }
    assert!(verify(world, acme).await.is_intact);
}

#[tokio::test]
async fn an_upgrade_chains_the_entries_and_finds_the_members_that_were_there_before() {
    let old = MIGRATOR.migrations.iter().filter(|migration| migration.version <= 20_261_122_000_106);
    let old = Migrator { migrations: old.cloned().collect(), ..Migrator::DEFAULT };
    let test = TestDatabase::create("identity", &[&messaging::MIGRATOR, &old]).await;
    let all = test.superuser_pool();
    let acme = Uuid::from_u128(1);
    sqlx::raw_sql(
        "INSERT INTO organization_slugs VALUES ('acme', '00000000-0000-0000-0000-000000000001');
         INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'acme', 'Acme', 'PLUS', 'en',
                'https://share.example', '2026-01-01');
         INSERT INTO people (organization_id, user_id, kind, role, email_address, display_name, locale, create_time)
         VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', 'MEMBER', 'ADMIN',
                 'z.mueller@acme.example', 'Zoë Müller', 'en', now());
         INSERT INTO privacy_notices VALUES ('00000000-0000-0000-0000-000000000001',
                '00000000-0000-0000-0000-000000000003', 1, 'en', 'abc',
                'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', now());
         INSERT INTO consents (organization_id, consent_id, user_id, privacy_notice_id, notice_version, notice_locale,
                               notice_sha256, action, via, create_time)
         SELECT '00000000-0000-0000-0000-000000000001', gen_random_uuid(), gen_random_uuid(),
                '00000000-0000-0000-0000-000000000003', 1, 'en',
                'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'GIVEN', 'INVITATION',
                now() - n * interval '1 day'
           FROM generate_series(1, 5) AS n",
    )
    .execute(&all)
    .await
    .unwrap();
    migrate::run(&test.config, &[&messaging::MIGRATOR, &MIGRATOR]).await.unwrap();

    let verdict: (i64, i64) =
        sqlx::query_as("SELECT entry_count, first_broken_sequence FROM verify_consents($1)")
            .bind(acme)
            .fetch_one(&all)
            .await
            .unwrap();
    assert_eq!(verdict, (5, 0));
    let in_order: bool = sqlx::query_scalar(
        "SELECT bool_and(sequence = place) FROM (SELECT sequence, row_number() OVER (ORDER BY create_time) AS place
           FROM consents) AS entries",
    )
    .fetch_one(&all)
    .await
    .unwrap();
    assert!(in_order);
    // An entry of a release that does not know the chain.
    let mut transaction = all.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.organization_id', $1, true)")
        .bind(acme.to_string())
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO consents (organization_id, consent_id, user_id, privacy_notice_id, notice_version, notice_locale,
                               notice_sha256, action, via)
         SELECT organization_id, gen_random_uuid(), user_id, privacy_notice_id, notice_version, notice_locale,
                notice_sha256, action, via
           FROM consents LIMIT 1",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    let head: (i64, i64, bool) = sqlx::query_as(
        "SELECT v.entry_count, v.first_broken_sequence, l.hash = v.head_hash
           FROM consent_ledgers l, verify_consents(l.organization_id) v",
    )
    .fetch_one(&all)
    .await
    .unwrap();
    assert_eq!(head, (6, 0, true));
    let words: Vec<(String, bool)> =
        sqlx::query_as("SELECT word, is_name FROM member_words ORDER BY word").fetch_all(&all).await.unwrap();
    let words: Vec<_> = words.iter().map(|(word, is_name)| (word.as_str(), *is_name)).collect();
    let expected = [
        ("acme", false),
        ("example", false),
        ("mueller", false),
        ("muller", true),
        ("z", false),
        ("zoe", true),
    ];
    assert_eq!(words, expected);
    let kept: bool = sqlx::query_scalar("SELECT update_time = create_time FROM organizations")
        .fetch_one(&all)
        .await
        .unwrap();
    assert!(kept);
}
