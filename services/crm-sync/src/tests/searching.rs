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
