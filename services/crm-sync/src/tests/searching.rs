//! Searching Accounts: what people type means itself.

use serde_json::json;
use sharedspaces_proto::crmsync::v1 as pb;

use super::world::{World, reason_of, switch};
use crate::connection::ConnectionError;

async fn search(world: &World, connection_id: &str, query: &str) -> Result<Vec<String>, ConnectionError> {
    let request =
        pb::SearchAccountsRequest { connection_id: connection_id.to_owned(), query: query.to_owned() };
    let found = world.records.search_accounts(&world.admin, request.try_into().unwrap()).await?;
    Ok(found.into_iter().map(|found| found.record.display_name).collect())
}

#[tokio::test]
async fn accounts_are_found_by_a_part_of_their_name_whatever_is_in_it() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    for (query, expected) in [
        ("contoso", vec!["Contoso Ltd", "Contoso Retail"]),
        ("O'Hara", vec!["O'Hara & Sons"]),
        ("100%", vec!["100% Organic"]),
        ("_Score", vec!["Under_Score Media"]),
        ("Back\\Slash", vec!["Back\\Slash Labs"]),
        ("Müller", vec!["Müller Maschinenbau"]),
        ("o_t", vec![]),
        ("%o%", vec![]),
        ("' OR Name LIKE '%", vec![]),
        ("x\\' OR Name != '", vec![]),
        ("%27 OR 1=1", vec![]),
        ("O\u{2019}Hara", vec![]),
        ("\\\\", vec![]),
    ] {
        assert_eq!(search(&world, &id, query).await.unwrap(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_search_with_an_expired_token_is_made_with_a_new_one() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    world.script(switch(&json!({"expire_all_tokens": true}))).await;
    assert_eq!(search(&world, &id, "Fabrikam").await.unwrap(), ["Fabrikam"]);
}

#[tokio::test]
async fn a_search_says_when_the_connection_has_ended_and_when_salesforce_is_away() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    world.script(json!({"target": "salesforce", "status": 503})).await;
    assert_eq!(reason_of(search(&world, &id, "Contoso").await), "CRM_UNAVAILABLE");
    world.script(switch(&json!({"revoke_all_refresh_tokens": true}))).await;
    assert_eq!(reason_of(search(&world, &id, "Contoso").await), "RECONNECT_NEEDED");
    assert_eq!(reason_of(search(&world, &id, "Contoso").await), "RECONNECT_NEEDED");
    let listed = world.connected().await.remove(0);
    assert_eq!(listed.state(), pb::ConnectionState::ReconnectNeeded);
    assert!(listed.reason.contains("an admin must connect it again"), "{}", listed.reason);
}

#[tokio::test]
async fn an_answer_beyond_1_mib_and_a_redirect_are_not_followed() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    let redirect =
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned();
    let of_length = |length: usize| {
        let records = r#"{"records":[]}"#;
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{records}{}",
            " ".repeat(length - records.len())
        )
    };
    for (answer, expected) in [
        (redirect, "Salesforce refused with status 302."),
        (of_length(1024 * 1024), "ok"),
        (of_length(1024 * 1024 + 1), "The CRM gave an answer of more than 1 MiB."),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        sqlx::query("UPDATE connections SET instance_url = $1")
            .bind(url)
            .execute(&world.superuser)
            .await
            .unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            // The client hangs up when it has read enough.
            let _cut = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
        });
        let told =
            search(&world, &id, "Contoso").await.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn a_connection_that_fails_hides_none_of_the_others() {
    let world = World::start().await;
    let salesforce = world.connect().await.connection_id;
    let c4c = world.connect_by(world.c4c()).await.unwrap().connection_id;
    let all = async || {
        let request = pb::SearchAccountsRequest { query: "Contoso".to_owned(), ..Default::default() };
        world.records.search_accounts(&world.admin, request.try_into().unwrap()).await
    };
    let connections = |found: &[crate::record::Found<crate::connectors::CrmRecord>]| {
        let ids = found.iter().map(|found| found.connection_id.to_string());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(connections(&all().await.unwrap()), [c4c.clone(), salesforce].into());
    world.script(json!({"target": "salesforce", "status": 503})).await;
    assert_eq!(connections(&all().await.unwrap()), [c4c].into());
}

#[tokio::test]
async fn people_and_opportunities_are_found_and_addresses_matched_contacts_first() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    let people = pb::SearchPeopleRequest { connection_id: id.clone(), query: "nora".to_owned() };
    let found = world.records.search_people(&world.admin, people.try_into().unwrap()).await.unwrap();
    assert_eq!(found.len(), 1, "the converted lead is not among them");
    assert_eq!(found[0].record.person_type, crate::connectors::PersonType::Contact);
    let search = pb::SearchOpportunitiesRequest { connection_id: id.clone(), query: "renewal".to_owned() };
    let found = world.records.search_opportunities(&world.admin, search.try_into().unwrap()).await.unwrap();
    assert!(!found.is_empty() && found.iter().all(|found| !found.record.detail.is_empty()));
    let addresses =
        ["Nora.Field@contoso.test", "pat.double@tailspin.test", "lena.brook@brookside.test", "x@y.test"];
    let request = pb::MatchAddressesRequest {
        connection_id: id,
        email_addresses: addresses.map(str::to_owned).to_vec(),
    };
    let found = world.records.match_addresses(&world.admin, request.try_into().unwrap()).await.unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 1, 0]);
}

#[tokio::test]
async fn an_invitation_is_checked_against_the_link_and_names_strangers() {
    let world = World::start().await;
    let id = world.connect().await.connection_id;
    let space = world.create_logged_space(&id, super::world::CONTOSO).await;
    let check = async |space_id: String, connection_id: String| {
        let request = pb::CheckInvitationRequest {
            organization_id: world.admin.organization_id.to_string(),
            space_id,
            connection_id,
            email_addresses: vec!["Nora.Field@contoso.test".to_owned(), "X@y.test".to_owned()],
        };
        world.records.check_invitation(request.try_into().unwrap()).await
    };
    assert_eq!(check(space.to_string(), String::new()).await.unwrap(), ["X@y.test"]);
    let unlinked = uuid::Uuid::nil().to_string();
    assert_eq!(check(unlinked.clone(), id).await.unwrap(), ["X@y.test"]);
    assert_eq!(reason_of(check(unlinked, String::new()).await), "NO_CRM_TARGET");
}
