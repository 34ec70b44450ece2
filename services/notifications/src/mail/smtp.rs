//! The conversation with the mail server (RFC 5321).
//!
//! Owns the connections, as many as the settings allow, the deadlines, and telling how a conversation ended. lettre speaks; its own timeout
//! covers connecting only and its transport sets no TCP_NODELAY, so both are done here.

mod observe;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use messaging::failpoint;
use opentelemetry::metrics::Histogram;
use secrecy::ExposeSecret;
use service_kit::telemetry::names;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::message::Letter;
use crate::config::{SmtpConfig, TlsMode};
use crate::delivery::Setback;

/// A crash after the content was sent and before the server has said that it took it.
pub(crate) const AFTER_DATA_BEFORE_250: &str = "email.after_data_before_250";

/// The job runner runs no more jobs than this at once.
const MAX_CONNECTIONS: usize = 8;
/// How long a mail waits for a connection before others are let past it.
const PLACE_WITHIN: Duration = Duration::from_secs(2);
/// From connecting until the recipient is accepted.
const GREETING_WITHIN: Duration = Duration::from_secs(30);
/// The whole: RFC 5321 §4.5.3.2.6 asks for ten minutes after the final dot, or copies result (RFC 1047).
const SENT_WITHIN: Duration = Duration::from_secs(600);
/// Servers close an idle connection after some minutes at the earliest.
const IDLE_FOR: Duration = Duration::from_secs(30);
const QUIT_WITHIN: Duration = Duration::from_secs(2);
/// "The server closes" (RFC 5321 §3.8).
const CLOSING: u16 = 421;

/// The mail server.
pub(crate) struct Smtp {
    config: SmtpConfig,
    tls: Option<TlsParameters>,
    hello: ClientId,
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
    deadlines: Deadlines,
    duration: Histogram<f64>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// The right to one connection.
pub(crate) struct Place<'a>(#[expect(dead_code, reason = "it is held, not read")] SemaphorePermit<'a>);

#[derive(Clone, Copy)]
struct Deadlines {
    greeting: Duration,
    sent: Duration,
}

/// Where in the conversation something went wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Connection,
    SignIn,
    Sender,
    Recipient,
    Content,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    /// 4xx.
    PutOff(u16),
    /// 5xx.
    Refused(Refusal),
    TimedOut,
    Broken(io::ErrorKind),
    /// The server ended the connection, or said what is not SMTP.
    Unintelligible,
    NotEncrypted,
    /// The address needs SMTPUTF8, which the server does not speak.
    AddressTooNew,
}

/// What a 5xx reply says: its code, and the code that tells more (RFC 3463), where there is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Refusal {
    code: u16,
    enhanced: Option<(u16, u16, u16)>,
}

impl Refusal {
    fn of(code: u16, text: &str) -> Self {
        Self { code, enhanced: enhanced_code(text) }
    }

    /// Whether it is the address that is bad, and not us (5.1.7 and 5.1.8), our mail or the moment.
    fn is_of_address(self) -> bool {
        match self.enhanced {
            Some((class, subject, detail)) => class == 5 && subject == 1 && !matches!(detail, 7 | 8),
            None => self.code == 550,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some((class, subject, detail)) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        Ok(())
    }
}

fn enhanced_code(text: &str) -> Option<(u16, u16, u16)> {
    let mut parts = text.split_ascii_whitespace().next()?.split('.').map(|part| part.parse().ok());
    let code = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(code)
}

/// Why a mail was not sent. Tells neither the address nor what the server said, which often repeats it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.words())]
pub(crate) struct SendError {
    step: Step,
    cause: Cause,
}

impl SendError {
    fn words(&self) -> String {
        let what = match self.step {
            Step::Connection => "the connection",
            Step::SignIn => "the sign-in",
            Step::Sender => "the sender",
            Step::Recipient => "the recipient",
            Step::Content => "the content",
        };
        match self.cause {
            Cause::PutOff(code) => format!("the mail server put off {what} (SMTP {code})"),
            Cause::Refused(refusal) if self.is_permanent() => {
                format!("the mail server refused {what} for good (SMTP {refusal})")
            }
            Cause::Refused(refusal) => format!("the mail server refused {what} (SMTP {refusal})"),
            Cause::TimedOut => format!("the mail server did not answer in time about {what}"),
            Cause::Broken(kind) => format!("the connection to the mail server broke at {what} ({kind})"),
            Cause::Unintelligible => format!("the mail server broke off at {what}"),
            Cause::NotEncrypted => "the mail server does not encrypt as it must".to_owned(),
            Cause::AddressTooNew => "the mail server does not take international addresses".to_owned(),
        }
    }

    /// A refusal of us is no judgement on the mail: it goes once our settings are mended. What is refused of the mail
    /// itself, its recipient or its content, stays so.
    fn is_permanent(&self) -> bool {
        match self.cause {
            Cause::Refused(_) | Cause::AddressTooNew => {
                matches!(self.step, Step::Recipient | Step::Content)
            }
            Cause::PutOff(_)
            | Cause::TimedOut
            | Cause::Broken(_)
            | Cause::Unintelligible
            | Cause::NotEncrypted => false,
        }
    }

    /// Tells whether the server may have taken the mail all the same: the connection ended once the content was under way.
    fn may_have_arrived(&self) -> bool {
        let is_unknown = match self.cause {
            Cause::TimedOut | Cause::Broken(_) | Cause::Unintelligible => true,
            Cause::PutOff(_) | Cause::Refused(_) | Cause::NotEncrypted | Cause::AddressTooNew => false,
        };
        self.step == Step::Content && is_unknown
    }

    /// Returns the codes with which the server refused the address itself for good.
    pub(crate) fn refusal_of_address(&self) -> Option<String> {
        match self.cause {
            Cause::Refused(refusal) if self.step == Step::Recipient && refusal.is_of_address() => {
                Some(refusal.to_string())
            }
            _ => None,
        }
    }

    /// Tells whether a connection that was idle has turned out to be dead.
    fn is_stale_connection(&self) -> bool {
        matches!(self.cause, Cause::Broken(_) | Cause::Unintelligible | Cause::PutOff(CLOSING))
    }
}

impl From<SendError> for Setback {
    fn from(error: SendError) -> Self {
        if error.is_permanent() { Self::permanent(error.words()) } else { Self::passing(error.words()) }
    }
}

impl Step {
    fn io(self, error: &io::Error) -> SendError {
        SendError { step: self, cause: Cause::Broken(error.kind()) }
    }

    fn timed_out<T>(self, _: T) -> SendError {
        SendError { step: self, cause: Cause::TimedOut }
    }

    fn failed(self, error: &smtp::Error) -> SendError {
        let code = error.status().map(u16::from);
        let cause = match code {
            Some(code) if error.is_permanent() => {
                let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                Cause::Refused(Refusal::of(code, &text))
            }
            Some(code) => Cause::PutOff(code),
            None if error.is_tls() => Cause::NotEncrypted,
            None => io_kind(error).map_or(Cause::Unintelligible, Cause::Broken),
        };
        SendError { step: self, cause }
    }
}

fn io_kind(error: &smtp::Error) -> Option<io::ErrorKind> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}

impl Smtp {
    /// Returns the mail server of the settings; connects when there is something to send.
    pub(crate) fn try_new(config: SmtpConfig) -> anyhow::Result<Self> {
        if config.username.is_some() != config.password.is_some() {
            anyhow::bail!("settings smtp.username and smtp.password: expected both or none");
        }
        if config.username.is_some() && config.tls == TlsMode::None {
            anyhow::bail!("setting smtp.tls: expected starttls or implicit, because smtp.password is set");
        }
        if !(1..=MAX_CONNECTIONS).contains(&config.connections) {
            anyhow::bail!("setting smtp.connections: expected 1 to {MAX_CONNECTIONS}");
        }
        let tls = match config.tls {
            TlsMode::None => None,
            TlsMode::StartTls | TlsMode::Implicit => Some(TlsParameters::new_rustls(config.host.clone())?),
        };
        Ok(Self {
            places: Semaphore::new(config.connections),
            config,
            tls,
            hello: ClientId::default(),
            idle: Mutex::default(),
            deadlines: Deadlines { greeting: GREETING_WITHIN, sent: SENT_WITHIN },
            duration: names::SMTP_DURATION.histogram(),
        })
    }

    /// Shortens the deadlines, for tests.
    #[cfg(test)]
    pub(crate) fn with_deadlines(mut self, greeting: Duration, sent: Duration) -> Self {
        self.deadlines = Deadlines { greeting, sent };
        self
    }

    /// Drops the connections that are idle, for tests.
    #[cfg(test)]
    pub(crate) fn forget_connections(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns who mails are from.
    pub(crate) fn from(&self) -> &Mailbox {
        &self.config.from
    }

    /// Waits two seconds for a connection to be free. Nothing: all are in use, be it by mails that a server keeps waiting.
    pub(crate) async fn find_place(&self) -> Option<Place<'_>> {
        timeout(PLACE_WITHIN, self.places.acquire()).await.ok()?.ok().map(Place)
    }

    /// Hands a message to the mail server. `may_have_arrived` is set as soon as the server may take it, be it that this is
    /// broken off, and set back where the server says that it did not.
    async fn converse(
        &self,
        _place: Place<'_>,
        letter: &Letter,
        may_have_arrived: &mut bool,
    ) -> Result<(), SendError> {
        let started = Instant::now();
        let mut connection = timeout(self.deadlines.greeting, self.begin(letter))
            .await
            .map_err(|elapsed| Step::Connection.timed_out(elapsed))??;
        let might_before = std::mem::replace(may_have_arrived, true);
        let left = self.deadlines.sent.saturating_sub(started.elapsed());
        let handed_over = timeout(left, hand_over(&mut connection, &letter.content))
            .await
            .unwrap_or_else(|elapsed| Err(Step::Content.timed_out(elapsed)));
        match handed_over {
            Ok(()) => self.keep(connection),
            Err(error) => {
                *may_have_arrived = might_before || error.may_have_arrived();
                leave(connection, error).await;
            }
        }
        handed_over
    }

    /// Comes to where the content can be sent, over a connection that is there or a new one.
    async fn begin(&self, letter: &Letter) -> Result<AsyncSmtpConnection, SendError> {
        if let Some(mut connection) = self.take() {
            match address(&mut connection, letter).await {
                Ok(()) => return Ok(connection),
                Err(error) if error.is_stale_connection() => drop(connection),
                Err(error) => {
                    leave(connection, error).await;
                    return Err(error);
                }
            }
        }
        let mut connection = self.connect().await?;
        match address(&mut connection, letter).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                leave(connection, error).await;
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let server = (self.config.host.as_str(), self.config.port);
        let failed = |error: smtp::Error| Step::Connection.failed(&error);
        let mut connection = if self.config.tls == TlsMode::Implicit {
            AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, self.tls.clone(), None)
                .await
                .map_err(failed)?
        } else {
            let stream = TcpStream::connect(server).await.map_err(|error| Step::Connection.io(&error))?;
            stream.set_nodelay(true).map_err(|error| Step::Connection.io(&error))?;
            AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello)
                .await
                .map_err(failed)?
        };
        if self.config.tls == TlsMode::StartTls {
            let not_encrypted = SendError { step: Step::Connection, cause: Cause::NotEncrypted };
            let parameters = self.tls.clone().filter(|_| connection.can_starttls()).ok_or(not_encrypted)?;
            connection.starttls(parameters, &self.hello).await.map_err(failed)?;
        }
        if let (Some(name), Some(password)) = (&self.config.username, &self.config.password) {
            let credentials = Credentials::new(name.clone(), password.expose_secret().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await
                .map_err(|error| Step::SignIn.failed(&error))?;
        }
        Ok(connection)
    }

    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < IDLE_FOR);
        idle.pop().map(|idle| idle.connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle { connection, since: Instant::now() });
    }
}

/// Names sender and recipient.
async fn address(connection: &mut AsyncSmtpConnection, letter: &Letter) -> Result<(), SendError> {
    let is_international = |address: &Address| !AsRef::<str>::as_ref(address).is_ascii();
    let mut parameters = Vec::new();
    if is_international(&letter.from) || is_international(&letter.to) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let step = if is_international(&letter.to) { Step::Recipient } else { Step::Sender };
            return Err(SendError { step, cause: Cause::AddressTooNew });
        }
        // Such an address stands in the header as it is (RFC 6532), and not in seven bits.
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let sender = Mail::new(Some(letter.from.clone()), parameters);
    connection.command(sender).await.map_err(|error| Step::Sender.failed(&error))?;
    let recipient = Rcpt::new(letter.to.clone(), Vec::new());
    connection.command(recipient).await.map_err(|error| Step::Recipient.failed(&error))?;
    Ok(())
}

/// Sends the content and waits for the server to take it.
async fn hand_over(connection: &mut AsyncSmtpConnection, content: &[u8]) -> Result<(), SendError> {
    let failed = |error: smtp::Error| Step::Content.failed(&error);
    connection.command(Data).await.map_err(failed)?;
    let mut sending = std::pin::pin!(connection.message(content));
    // Polled first, sending writes all of a mail that fits the socket's buffer and then waits for the answer.
    let early = tokio::select! {
        biased;
        answer = &mut sending => Some(answer),
        () = std::future::ready(()) => None,
    };
    let answer = match early {
        Some(answer) => answer,
        None => {
            failpoint(AFTER_DATA_BEFORE_250);
            sending.await
        }
    };
    answer.map(drop).map_err(failed)
}

/// Ends a conversation that led nowhere; politely, where the server still listens.
async fn leave(mut connection: AsyncSmtpConnection, error: SendError) {
    if matches!(error.cause, Cause::PutOff(_) | Cause::Refused(_) | Cause::AddressTooNew) {
        // What the server answers to a goodbye changes nothing.
        let _goodbye = timeout(QUIT_WITHIN, connection.quit()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(step: Step, code: u16, text: &str) -> SendError {
        SendError { step, cause: Cause::Refused(Refusal::of(code, text)) }
    }

    #[test]
    fn only_a_refusal_for_good_of_the_address_itself_is_one() {
        for (code, text, detail) in [
            (550, "no such user", "550"),
            (550, "5.1.1 no such user", "550 5.1.1"),
            (553, "5.1.3 bad syntax", "553 5.1.3"),
            (550, "5.1.10 null MX", "550 5.1.10"),
        ] {
            let refused = refused(Step::Recipient, code, text);
            assert_eq!(refused.refusal_of_address().as_deref(), Some(detail));
        }
        for (step, code, text) in [
            (Step::Recipient, 550, "5.7.1 you are on a list"),
            (Step::Recipient, 550, "5.1.8 bad sender"),
            (Step::Recipient, 552, "mailbox full"),
            (Step::Recipient, 552, "5.2.2 mailbox full"),
            (Step::Recipient, 554, "no"),
            (Step::Sender, 550, "5.1.1 no"),
            (Step::Content, 550, "5.1.1 no"),
        ] {
            assert_eq!(refused(step, code, text).refusal_of_address(), None, "{step:?} {code} {text}");
        }
        let put_off = SendError { step: Step::Recipient, cause: Cause::PutOff(450) };
        assert_eq!(put_off.refusal_of_address(), None);
    }

    #[test]
    fn a_mail_may_have_arrived_only_where_the_connection_ended_with_its_content_under_way() {
        for cause in [Cause::TimedOut, Cause::Broken(io::ErrorKind::ConnectionReset), Cause::Unintelligible] {
            assert!(SendError { step: Step::Content, cause }.may_have_arrived(), "{cause:?}");
            assert!(!SendError { step: Step::Recipient, cause }.may_have_arrived(), "{cause:?}");
        }
        assert!(!refused(Step::Content, 554, "no").may_have_arrived());
        assert!(!SendError { step: Step::Content, cause: Cause::PutOff(451) }.may_have_arrived());
    }
}
