//! The smallest clients that can see what a dropped connection looks like: HTTP/1.1 and SMTP over a bare socket.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use url::form_urlencoded::byte_serialize;

use crate::{Options, Sandbox};

/// A directory that goes away with its owner.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("sandbox-test-{}", crate::world::token(12).unwrap()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(super) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Whether it could be removed is of no interest to a test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn start(dir: &Directory) -> Sandbox {
    Sandbox::start(Options::ephemeral(dir.path())).await.unwrap()
}

/// An answer, with the names of its headers in small letters.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The error code of the first entry of a REST error.
    pub(super) fn code(&self) -> String {
        self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request; None if the connection ended without an answer.
pub(super) async fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end without an answer too.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

pub(super) async fn get(to: SocketAddr, path: &str) -> Answer {
    send(to, "GET", path, &[], "").await.unwrap()
}

pub(super) async fn post_form(to: SocketAddr, path: &str, form: &[(&str, &str)]) -> Answer {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    send(to, "POST", path, &kind, &encode(form)).await.unwrap()
}

/// Scripts a failure or switches the org's behaviour.
pub(super) async fn script(sandbox: &Sandbox, fault: &Value) {
    let answer = send(sandbox.http_addr(), "POST", "/api/faults", &[], &fault.to_string()).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
}

pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    let one = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", one(name), one(value))).collect::<Vec<_>>().join("&")
}

/// An SMTP conversation.
pub(super) struct Smtp(BufReader<TcpStream>);

impl Smtp {
    /// Connects without reading the greeting.
    pub(super) async fn connect(to: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(to).await.unwrap()))
    }

    /// Connects and says EHLO.
    pub(super) async fn greeted(to: SocketAddr) -> Self {
        let mut smtp = Self::connect(to).await;
        assert_eq!(smtp.read().await.0, 220);
        assert_eq!(smtp.say("EHLO client.test").await.0, 250);
        smtp
    }

    /// Reads a reply, of one line or of several; 0 if the connection ended.
    pub(super) async fn read(&mut self) -> (u16, String) {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).await.unwrap_or(0);
            if read == 0 {
                return (0, text);
            }
            text.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return (line[..3].parse().unwrap(), text);
            }
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    pub(super) async fn say(&mut self, line: &str) -> (u16, String) {
        self.write(format!("{line}\r\n").as_bytes()).await;
        self.read().await
    }

    /// Sends a mail whose text must be stuffed already; gives the reply to the final dot.
    pub(super) async fn mail(&mut self, to: &str, text: &str) -> (u16, String) {
        assert_eq!(self.say("MAIL FROM:<seller@acme.test>").await.0, 250);
        assert_eq!(self.say(&format!("RCPT TO:<{to}>")).await.0, 250);
        assert_eq!(self.say("DATA").await.0, 354);
        self.say(&format!("{text}\r\n.")).await
    }
}
