//! Owns the SMTP conversation (RFC 5321) with SIZE, 8BITMIME, SMTPUTF8 and PIPELINING.
//!
//! Any address is a mailbox here. Lines end in CRLF only: a bare line feed in a mail is refused, because
//! servers that let it pass can be made to see two mails where one was sent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::store::{Envelope, Mailbox};
use crate::faults::{Faults, Phase};

/// The largest mail, in bytes, as SIZE announces it (RFC 1870).
pub(super) const MAX_MESSAGE_BYTES: usize = 10 * 1024 * 1024;
/// The longest line of a mail, CRLF included (RFC 5321 §4.5.3.1.6).
const MAX_TEXT_LINE_BYTES: usize = 1000;
/// The longest command line, CRLF included: 512 and what MAIL's extensions may add.
const MAX_COMMAND_LINE_BYTES: usize = 2048;
/// The longest path (RFC 5321 §4.5.3.1.3).
const MAX_PATH_BYTES: usize = 256;
/// The most recipients of one mail (RFC 5321 §4.5.3.1.8 asks for at least as many).
const MAX_RECIPIENTS: usize = 100;
/// How long a client may be silent (RFC 5321 §4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(300);

/// What the conversation does next.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Close,
}

/// What a scripted failure did to a command.
enum Injected {
    Nothing,
    Replied,
    Close,
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    BareLineFeed,
    End,
}

struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    mailbox: Arc<Mailbox>,
    faults: Arc<Faults>,
    greeted: bool,
    utf8: bool,
    envelope: Option<Envelope>,
}

/// Leads one conversation to its end.
pub(super) async fn converse(
    stream: TcpStream,
    mailbox: Arc<Mailbox>,
    faults: Arc<Faults>,
) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let reader = BufReader::new(reader);
    let mut session =
        Session { reader, writer, mailbox, faults, greeted: false, utf8: false, envelope: None };
    match session.inject(Phase::Banner, &[]).await? {
        Injected::Nothing => session.reply("220 sandbox.test ESMTP, every mail stays here").await?,
        Injected::Replied | Injected::Close => return Ok(()),
    }
    loop {
        let Ok(line) =
            tokio::time::timeout(IDLE, read_line(&mut session.reader, MAX_COMMAND_LINE_BYTES)).await
        else {
            return session.reply("421 4.4.2 silent for too long").await;
        };
        let flow = match line? {
            Line::End => return Ok(()),
            Line::TooLong => session.go_on("500 5.5.2 line too long").await?,
            Line::BareLineFeed => session.go_on("500 5.5.2 lines end in CRLF").await?,
            Line::Text(line) => match std::str::from_utf8(&line) {
                Ok(line) => session.command(line).await?,
                Err(_) => session.go_on("500 5.5.2 commands are UTF-8").await?,
            },
        };
        if flow == Flow::Close {
            return Ok(());
        }
    }
}

impl Session {
    async fn command(&mut self, line: &str) -> io::Result<Flow> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.ehlo(argument).await,
            "HELO" => self.helo(argument).await,
            "MAIL" => self.mail(argument).await,
            "RCPT" => self.rcpt(argument).await,
            "DATA" => self.data(argument).await,
            "RSET" => {
                self.reset();
                self.go_on("250 2.0.0 forgotten").await
            }
            "NOOP" => self.go_on("250 2.0.0 fine").await,
            "VRFY" => self.go_on("252 2.1.5 send it and see").await,
            "QUIT" => {
                self.reply("221 2.0.0 bye").await?;
                Ok(Flow::Close)
            }
            "HELP" | "EXPN" | "AUTH" | "STARTTLS" => self.go_on("502 5.5.1 not offered").await,
            _other => self.go_on("500 5.5.1 unknown command").await,
        }
    }

    async fn ehlo(&mut self, name: &str) -> io::Result<Flow> {
        if name.is_empty() {
            return self.go_on("501 5.5.4 EHLO needs a name").await;
        }
        self.reset();
        self.greeted = true;
        self.go_on(&format!(
            "250-sandbox.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-ENHANCEDSTATUSCODES\r\n250 SIZE {MAX_MESSAGE_BYTES}"
        ))
        .await
    }

    async fn helo(&mut self, name: &str) -> io::Result<Flow> {
        if name.is_empty() {
            return self.go_on("501 5.5.4 HELO needs a name").await;
        }
        self.reset();
        self.greeted = true;
        self.go_on("250 sandbox.test").await
    }

    async fn mail(&mut self, argument: &str) -> io::Result<Flow> {
        if !self.greeted {
            return self.go_on("503 5.5.1 EHLO first").await;
        }
        if self.envelope.is_some() {
            return self.go_on("503 5.5.1 a mail was begun already").await;
        }
        let Some((from, parameters)) = split_path(argument, "FROM:") else {
            return self.go_on("501 5.5.4 write MAIL FROM:<address>").await;
        };
        let mut utf8 = false;
        for parameter in parameters.split_ascii_whitespace() {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (key.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
                ("SIZE", size) => match size.parse::<usize>() {
                    Ok(size) if size > MAX_MESSAGE_BYTES => {
                        return self.go_on("552 5.3.4 larger than SIZE allows").await;
                    }
                    Ok(_fits) => {}
                    Err(_) => return self.go_on("501 5.5.4 SIZE takes a number").await,
                },
                ("BODY", "7BIT" | "8BITMIME") => {}
                ("SMTPUTF8", "") => utf8 = true,
                _other => return self.go_on("555 5.5.4 unknown parameter of MAIL").await,
            }
        }
        if !from.is_empty() && !is_address(from) {
            return self.go_on("501 5.1.7 not an address").await;
        }
        if !from.is_ascii() && !utf8 {
            return self.go_on("553 5.6.7 SMTPUTF8 is needed for this address").await;
        }
        match self.inject(Phase::Mail, &[]).await? {
            Injected::Nothing => {}
            Injected::Replied => return Ok(Flow::Continue),
            Injected::Close => return Ok(Flow::Close),
        }
        self.utf8 = utf8;
        self.envelope = Some(Envelope { from: from.to_owned(), to: Vec::new() });
        self.go_on("250 2.1.0 go on").await
    }

    async fn rcpt(&mut self, argument: &str) -> io::Result<Flow> {
        let Some(envelope) = &self.envelope else {
            return self.go_on("503 5.5.1 MAIL first").await;
        };
        let full = envelope.to.len() >= MAX_RECIPIENTS;
        let Some((to, parameters)) = split_path(argument, "TO:") else {
            return self.go_on("501 5.5.4 write RCPT TO:<address>").await;
        };
        if !parameters.is_empty() {
            return self.go_on("555 5.5.4 unknown parameter of RCPT").await;
        }
        if !is_address(to) {
            return self.go_on("501 5.1.3 not an address").await;
        }
        if !to.is_ascii() && !self.utf8 {
            return self.go_on("553 5.6.7 SMTPUTF8 is needed for this address").await;
        }
        if full {
            return self.go_on("452 4.5.3 too many recipients").await;
        }
        match self.inject(Phase::Rcpt, &[to.to_owned()]).await? {
            Injected::Nothing => {}
            Injected::Replied => return Ok(Flow::Continue),
            Injected::Close => return Ok(Flow::Close),
        }
        if let Some(envelope) = &mut self.envelope {
            envelope.to.push(to.to_owned());
        }
        self.go_on("250 2.1.5 go on").await
    }

    async fn data(&mut self, argument: &str) -> io::Result<Flow> {
        let Some(envelope) = self.envelope.clone() else {
            return self.go_on("503 5.5.1 MAIL first").await;
        };
        if !argument.is_empty() {
            return self.go_on("501 5.5.4 DATA takes nothing").await;
        }
        if envelope.to.is_empty() {
            return self.go_on("554 5.5.1 no recipient was accepted").await;
        }
        match self.inject(Phase::Data, &envelope.to).await? {
            Injected::Nothing => {}
            Injected::Replied => return Ok(Flow::Continue),
            Injected::Close => return Ok(Flow::Close),
        }
        self.reply("354 end with a dot on a line of its own").await?;
        let body = match tokio::time::timeout(IDLE, read_body(&mut self.reader)).await {
            Ok(body) => body?,
            Err(_elapsed) => {
                self.reply("421 4.4.2 silent for too long").await?;
                return Ok(Flow::Close);
            }
        };
        self.reset();
        match body {
            Body::Whole(raw) => self.finish(envelope, raw).await,
            Body::Refused(reply) => self.go_on(reply).await,
            Body::CutOff => Ok(Flow::Close),
        }
    }

    /// Keeps the mail and says so, unless a scripted failure comes between: a reply instead of keeping it,
    /// or an end of the connection after keeping it, which leaves the sender in doubt.
    async fn finish(&mut self, envelope: Envelope, raw: Bytes) -> io::Result<Flow> {
        let fault = self.faults.take_mail(Phase::AfterData, &envelope.to);
        if let Some(reply) = fault.as_ref().and_then(|fault| fault.reply.clone()) {
            if let Some(fault) = &fault {
                fault.stall().await;
            }
            return self.go_on(&reply).await;
        }
        let id = self.mailbox.keep(envelope, raw)?;
        if let Some(fault) = fault {
            fault.stall().await;
            if fault.drop {
                return Ok(Flow::Close);
            }
        }
        self.go_on(&format!("250 2.0.0 kept as {id}")).await
    }

    async fn inject(&mut self, phase: Phase, recipients: &[String]) -> io::Result<Injected> {
        let Some(fault) = self.faults.take_mail(phase, recipients) else {
            return Ok(Injected::Nothing);
        };
        fault.stall().await;
        if let Some(reply) = &fault.reply {
            self.reply(reply).await?;
        }
        // 421 announces that the server closes (RFC 5321 §3.8).
        let closes = fault.drop || fault.reply.as_ref().is_some_and(|reply| reply.starts_with("421"));
        Ok(match fault.reply {
            _ if closes => Injected::Close,
            Some(_) => Injected::Replied,
            None => Injected::Nothing,
        })
    }

    fn reset(&mut self) {
        self.envelope = None;
        self.utf8 = false;
    }

    async fn go_on(&mut self, reply: &str) -> io::Result<Flow> {
        self.reply(reply).await?;
        Ok(Flow::Continue)
    }

    async fn reply(&mut self, reply: &str) -> io::Result<()> {
        self.writer.write_all(format!("{reply}\r\n").as_bytes()).await
    }
}

enum Body {
    Whole(Bytes),
    Refused(&'static str),
    CutOff,
}

/// Reads up to the final dot, taking the stuffed dots out; a mail that breaks a limit is read to its end too.
async fn read_body(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Body> {
    let mut raw = Vec::new();
    let mut refused = None;
    loop {
        // One more than the limit, for a stuffed dot.
        match read_line(reader, MAX_TEXT_LINE_BYTES + 1).await? {
            Line::End => return Ok(Body::CutOff),
            Line::TooLong => refused = refused.or(Some("554 5.6.0 a line is longer than 998 octets")),
            Line::BareLineFeed => refused = refused.or(Some("554 5.6.0 a bare line feed")),
            Line::Text(line) if line == b"." => break,
            Line::Text(line) => {
                let text = line.strip_prefix(b".").unwrap_or(&line);
                if text.len() + 2 > MAX_TEXT_LINE_BYTES {
                    refused = refused.or(Some("554 5.6.0 a line is longer than 998 octets"));
                } else if raw.len() + text.len() + 2 > MAX_MESSAGE_BYTES {
                    refused = refused.or(Some("552 5.3.4 larger than SIZE allows"));
                } else if refused.is_none() {
                    raw.extend_from_slice(text);
                    raw.extend_from_slice(b"\r\n");
                }
            }
        }
    }
    Ok(match refused {
        Some(reply) => Body::Refused(reply),
        None => Body::Whole(Bytes::from(raw)),
    })
}

/// Reads one line without its CRLF; what goes beyond `max` bytes is read and thrown away.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>, max: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut length = 0_usize;
    let mut bare = false;
    let mut last = 0_u8;
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(Line::End);
        }
        let feed = available.iter().position(|byte| *byte == b'\n');
        let taken = feed.map_or(available.len(), |place| place + 1);
        let piece = available.get(..taken).unwrap_or(available);
        length += piece.len();
        if length <= max {
            line.extend_from_slice(piece);
        }
        let before = piece.len().checked_sub(2).and_then(|place| piece.get(place)).copied().unwrap_or(last);
        last = piece.last().copied().unwrap_or(last);
        reader.consume(taken);
        if feed.is_some() {
            if before == b'\r' {
                break;
            }
            bare = true;
        }
    }
    if length > max {
        return Ok(Line::TooLong);
    }
    if bare {
        return Ok(Line::BareLineFeed);
    }
    line.truncate(line.len().saturating_sub(2));
    Ok(Line::Text(line))
}

/// Splits `FROM:<path> parameters`; the path comes without its brackets.
fn split_path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let start = argument.get(..keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = argument.get(keyword.len()..)?.trim_start().strip_prefix('<')?;
    let (path, parameters) = rest.split_once('>')?;
    (parameters.is_empty() || parameters.starts_with(' ')).then_some((path, parameters.trim()))
}

fn is_address(path: &str) -> bool {
    let sides = path.rsplit_once('@');
    path.len() <= MAX_PATH_BYTES
        && !path.contains(|character: char| {
            character.is_control() || character.is_whitespace() || character == '<'
        })
        && sides.is_some_and(|(local, domain)| {
            !local.is_empty() && local.len() <= 64 && !domain.is_empty() && domain.len() <= 255
        })
}
