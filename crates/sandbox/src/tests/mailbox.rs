//! The mailbox: what SMTP must accept and refuse, what is kept, what is shown, and how it fails on demand.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Directory, Smtp, get, script, send, start};

const MAIL: &str = "From: Seller <seller@acme.test>\r\nTo: ann@buyer.test\r\nSubject: Hello\r\n\
    Message-ID: <m1@acme.test>\r\n\r\nfirst line";

#[tokio::test]
async fn mail_is_kept_with_stuffed_dots_taken_out_and_outlives_a_restart() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    let text = format!("{MAIL}\r\n..one dot\r\n...two dots\r\nlast");
    assert_eq!(smtp.mail("Ann@buyer.test", &text).await.0, 250);
    assert_eq!(smtp.say("QUIT").await.0, 221);

    let mails = get(sandbox.http_addr(), "/api/mails?to=ann@BUYER.test").await.json();
    assert_eq!(mails.as_array().unwrap().len(), 1);
    assert_eq!(mails[0]["from"], "seller@acme.test");
    assert_eq!(mails[0]["to"], json!(["Ann@buyer.test"]));
    assert_eq!(mails[0]["subject"], "Hello");
    assert_eq!(mails[0]["message_id"], "m1@acme.test");
    assert_eq!(mails[0]["headers"]["To"], "ann@buyer.test");
    assert!(
        mails[0]["text"].as_str().unwrap().replace("\r\n", "\n").contains("\n.one dot\n..two dots\nlast")
    );
    assert!(mails[0]["html"].is_null());
    assert_eq!(get(sandbox.http_addr(), "/api/mails?to=bob@buyer.test").await.json(), json!([]));

    sandbox.stop().await;
    let sandbox = start(&dir).await;
    let mails = get(sandbox.http_addr(), "/api/mails").await.json();
    assert_eq!(mails[0]["subject"], "Hello");
    let raw = get(sandbox.http_addr(), "/mail/1/raw").await;
    assert!(raw.body.ends_with("first line\r\n.one dot\r\n..two dots\r\nlast\r\n"), "{}", raw.body);

    assert_eq!(send(sandbox.http_addr(), "DELETE", "/api/mails", &[], "").await.unwrap().status, 204);
    assert_eq!(get(sandbox.http_addr(), "/api/mails").await.json(), json!([]));
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    smtp.mail("ann@buyer.test", MAIL).await;
    assert_eq!(get(sandbox.http_addr(), "/api/mails").await.json()[0]["id"], 2);
    sandbox.stop().await;
}

#[tokio::test]
async fn commands_out_of_order_or_malformed_are_refused() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let mut smtp = Smtp::connect(sandbox.smtp_addr()).await;
    smtp.read().await;
    for (line, code) in [
        ("MAIL FROM:<a@b.test>", 503),
        ("EHLO", 501),
        ("HELO client.test", 250),
        ("RCPT TO:<a@b.test>", 503),
        ("DATA", 503),
        ("MAIL a@b.test", 501),
        ("MAIL FROM:<nobody>", 501),
        ("MAIL FROM:<a@b.test> SIZE=10485761", 552),
        ("MAIL FROM:<a@b.test> COLOUR=red", 555),
        ("MAIL FROM:<ä@b.test>", 553),
        ("MAIL FROM:<a@b.test> SIZE=10485760 BODY=8BITMIME", 250),
        ("MAIL FROM:<a@b.test>", 503),
        ("DATA", 554),
        ("RCPT TO:<>", 501),
        ("RCPT TO:<ä@b.test>", 553),
        ("RCPT TO:<a@b.test> NOTIFY=NEVER", 555),
        ("RSET", 250),
        ("DATA", 503),
        ("MAIL FROM:<> SMTPUTF8", 250),
        ("RCPT TO:<ä@bücher.test>", 250),
        ("NOOP", 250),
        ("STARTTLS", 502),
        ("FLY", 500),
    ] {
        assert_eq!(smtp.say(line).await.0, code, "{line}");
    }
    let (code, ehlo) = smtp.say("EHLO client.test").await;
    assert_eq!(code, 250);
    for extension in ["8BITMIME", "SMTPUTF8", "SIZE 10485760", "PIPELINING"] {
        assert!(ehlo.contains(extension), "{ehlo}");
    }
    assert_eq!(smtp.say(&"X".repeat(3000)).await.0, 500);
    assert_eq!(smtp.say("MAIL FROM:<a@b.test>").await.0, 250);
    for number in 0..100 {
        assert_eq!(smtp.say(&format!("RCPT TO:<a{number}@b.test>")).await.0, 250);
    }
    assert_eq!(smtp.say("RCPT TO:<one-more@b.test>").await.0, 452);
    sandbox.stop().await;
}

#[tokio::test]
async fn limits_of_line_and_message_hold_on_both_sides() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    assert_eq!(smtp.mail("a@b.test", &"x".repeat(998)).await.0, 250);
    assert_eq!(smtp.mail("a@b.test", &"x".repeat(999)).await.0, 554);
    assert_eq!(smtp.mail("a@b.test", &format!("..{}", "x".repeat(997))).await.0, 250);
    assert_eq!(smtp.mail("a@b.test", "one\nsmuggled\r\nline").await.0, 554);
    assert_eq!(smtp.mail("a@b.test", "one\n.\nstill the same mail").await.0, 554);
    // 10 MiB are 10,485 lines of 1,000 bytes and one of 760.
    let line = format!("{}\r\n", "x".repeat(998));
    let most = line.repeat(10_485);
    assert_eq!(smtp.mail("a@b.test", &format!("{most}{}", "y".repeat(758))).await.0, 250);
    assert_eq!(smtp.mail("a@b.test", &format!("{most}{}", "y".repeat(759))).await.0, 552);
    assert_eq!(get(sandbox.http_addr(), "/api/mails").await.json().as_array().unwrap().len(), 3);
    sandbox.stop().await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    smtp.write(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<bad>\r\nDATA\r\n").await;
    for code in [250, 250, 501, 354] {
        assert_eq!(smtp.read().await.0, code);
    }
    assert_eq!(smtp.say(".").await.0, 250);
    sandbox.stop().await;
}

#[tokio::test]
async fn scripted_failures_happen_as_often_as_asked() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    script(&sandbox, &json!({"phase": "banner", "reply": "421 4.3.2 not now"})).await;
    let mut smtp = Smtp::connect(sandbox.smtp_addr()).await;
    assert_eq!(smtp.read().await.0, 421);
    assert_eq!(smtp.read().await.0, 0);

    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    script(&sandbox, &json!({"phase": "mail", "reply": "451 4.3.0 later"})).await;
    script(
        &sandbox,
        &json!({"phase": "rcpt", "reply": "550 5.1.1 unknown", "recipient": "gone@b.test", "times": 2}),
    )
    .await;
    script(&sandbox, &json!({"phase": "data", "reply": "452 4.3.1 full"})).await;
    script(&sandbox, &json!({"phase": "after_data", "reply": "554 5.7.1 spam"})).await;
    let listed = get(sandbox.http_addr(), "/api/faults").await.json();
    assert_eq!(listed["faults"].as_array().unwrap().len(), 4);
    for (line, code) in [
        ("MAIL FROM:<a@b.test>", 451),
        ("MAIL FROM:<a@b.test>", 250),
        ("RCPT TO:<here@b.test>", 250),
        ("RCPT TO:<gone@b.test>", 550),
        ("RCPT TO:<GONE@b.test>", 550),
        ("RCPT TO:<gone@b.test>", 250),
        ("DATA", 452),
        ("DATA", 354),
        (".", 554),
    ] {
        assert_eq!(smtp.say(line).await.0, code, "{line}");
    }
    assert_eq!(get(sandbox.http_addr(), "/api/mails").await.json(), json!([]));
    assert_eq!(smtp.mail("a@b.test", MAIL).await.0, 250);
    sandbox.stop().await;
}

#[tokio::test]
async fn drop_after_data_keeps_the_mail_and_tells_nothing() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    script(&sandbox, &json!({"phase": "after_data", "drop": true})).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    assert_eq!(smtp.mail("a@b.test", MAIL).await.0, 0);
    assert_eq!(get(sandbox.http_addr(), "/api/mails").await.json().as_array().unwrap().len(), 1);
    script(&sandbox, &json!({"phase": "rcpt", "drop": true})).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    smtp.say("MAIL FROM:<a@b.test>").await;
    assert_eq!(smtp.say("RCPT TO:<a@b.test>").await.0, 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn stall_delays_and_then_goes_on() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    script(&sandbox, &json!({"phase": "mail", "stall_seconds": 1})).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    let before = Instant::now();
    assert_eq!(smtp.say("MAIL FROM:<a@b.test>").await.0, 250);
    assert!(before.elapsed() >= Duration::from_secs(1));
    script(&sandbox, &json!({"phase": "rcpt", "stall_seconds": 3600})).await;
    let faults = send(sandbox.http_addr(), "DELETE", "/api/faults", &[], "").await.unwrap();
    assert_eq!(faults.status, 204);
    assert_eq!(smtp.say("RCPT TO:<a@b.test>").await.0, 250);
    sandbox.stop().await;
}

#[tokio::test]
async fn fault_that_cannot_be_understood_is_refused_by_name() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    for (fault, named) in [
        ("{", "body"),
        (r#"{"phase":"teatime"}"#, "teatime"),
        (r#"{"phase":"mail","reply":"451 x","tmes":2}"#, "tmes"),
        (r#"{"phase":"mail","reply":"hello"}"#, "reply"),
        (r#"{"target":"salesforce","rotation":true,"bogus":1}"#, "bogus"),
    ] {
        let answer = send(sandbox.http_addr(), "POST", "/api/faults", &[], fault).await.unwrap();
        assert_eq!(answer.status, 400, "{fault}");
        assert!(answer.json()["error"].as_str().unwrap().contains(named), "{}", answer.body);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn page_shows_a_hostile_mail_harmlessly() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let mut smtp = Smtp::greeted(sandbox.smtp_addr()).await;
    let text = "From: x@y.test\r\nSubject: <script>alert(1)</script>\r\nContent-Type: text/html\r\n\r\n\
        <p>Hi</p>\"></iframe><script>alert(2)</script>";
    smtp.mail("a\"'&b@b.test", text).await;
    for path in ["/mail", "/mail/1", "/mail?to=%22%3E%3Cscript%3E"] {
        let page = get(sandbox.http_addr(), path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("<script"), "{path}: {}", page.body);
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    let page = get(sandbox.http_addr(), "/mail/1").await;
    assert!(page.body.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\""));
    assert!(page.body.contains("&lt;p&gt;Hi&lt;/p&gt;"));
    assert_eq!(get(sandbox.http_addr(), "/mail/9").await.status, 404);
    let raw = get(sandbox.http_addr(), "/mail/1/raw").await;
    assert_eq!(raw.header("content-type"), Some("text/plain; charset=utf-8"));
    let home = get(sandbox.http_addr(), "/").await;
    assert!(home.body.contains(&format!("http://{}", sandbox.salesforce_addr())));
    sandbox.stop().await;
}
