//! What every connector promises of an answer that lies: it leads nowhere else, and is read no further than 1 MiB.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::crm::Crm;
use crate::connectors::{CrmError, Provider, Session};

/// Starts a server that gives the same answer to every call, and counts them.
async fn serve(answer: impl Fn(&Url) -> String) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let (answer, calls) = (answer(&url), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 16_384];
                // A client that hangs up has read enough.
                let _read = stream.read(&mut request).await;
                let _cut = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (url, calls)
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(super) async fn it_follows_no_redirect_and_no_foreign_link(crm: Crm) {
    let (elsewhere, calls) = serve(|_| ok("{}")).await;
    let session = crm.session().await;
    let at = |instance_url: Url| Session { instance_url, ..session.clone() };
    let asked = ["nora.field@contoso.test".to_owned()];

    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let redirect = format!(
            "HTTP/1.1 {status}\r\nlocation: {elsewhere}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        let (stub, seen) = serve(|_| redirect.clone()).await;
        let session = at(stub);
        let refused = crm.connector.search_accounts(&session, "Contoso").await.unwrap_err();
        assert!(matches!(refused, CrmError::Permanent { .. }), "{status}: {refused:?}");
        assert!(crm.connector.match_addresses(&session, &asked).await.is_err());
        assert!(crm.connector.check_setup(&session).await.map_or(true, |findings| {
            findings.iter().any(|finding| finding.severity > crate::connectors::Severity::Ok)
        }));
        assert!(seen.load(Ordering::Relaxed) >= 3);
    }

    for path in ["", "api/data/v9.2/contacts", "sap/c4c/odata/v1/c4codataapi/ContactCollection"] {
        let next = format!("{elsewhere}{path}?$skiptoken=2");
        let page = json!({
            "value": [], "@odata.nextLink": next, "d": {"results": [], "__next": next},
            "records": [], "searchRecords": [], "totalSize": 0, "done": false, "nextRecordsUrl": next,
        });
        let (stub, _seen) = serve(|_| ok(&page.to_string())).await;
        let found = crm.connector.match_addresses(&at(stub), &asked).await;
        if matches!(crm.provider, Provider::Dataverse | Provider::SapC4c) {
            assert!(matches!(found, Err(CrmError::Permanent { .. })), "{found:?}");
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

/// A CRM whose pages never end is left after a few.
#[tokio::test]
async fn dataverse_and_c4c_leave_a_list_that_never_ends() {
    for (provider, path, row) in [
        (Provider::Dataverse, "api/data/v9.2/contacts", json!({"contactid": "x", "leadid": "x"})),
        (Provider::SapC4c, "sap/c4c/odata/v1/c4codataapi/ContactCollection", json!({"ContactID": "1"})),
    ] {
        let crm = Crm::start(provider).await;
        let session = crm.session().await;
        let (stub, seen) = serve(|own| {
            let next = format!("{own}{path}?$skiptoken=2");
            let page =
                json!({"value": [row], "@odata.nextLink": next, "d": {"results": [row], "__next": next}});
            ok(&page.to_string())
        })
        .await;
        let session = Session { instance_url: stub, ..session };
        // The leads that follow name a page of contacts, which is not their own.
        let found = crm.connector.match_addresses(&session, &["nora.field@contoso.test".to_owned()]).await;
        assert!(matches!(found, Err(CrmError::Permanent { .. })), "{found:?}");
        assert_eq!(seen.load(Ordering::Relaxed), 6, "{provider:?}");
    }
}

pub(super) async fn it_reads_no_more_than_1_mib(crm: Crm) {
    const MIB: usize = 1024 * 1024;
    let session = crm.session().await;
    let empty = json!({"value": [], "d": {"results": []}, "records": [], "searchRecords": [], "totalSize": 0,
        "done": true})
    .to_string();
    for (length, fits) in [(MIB, true), (MIB + 1, false)] {
        let body = format!("{empty}{}", " ".repeat(length - empty.len()));
        let (stub, _seen) = serve(|_| ok(&body)).await;
        let session = Session { instance_url: stub, ..session.clone() };
        let found = crm.connector.search_accounts(&session, "Contoso").await;
        match found {
            Ok(found) => assert!(fits && found.is_empty()),
            Err(refused) => assert!(!fits && refused.to_string().contains("1 MiB"), "{refused}"),
        }
    }
}
