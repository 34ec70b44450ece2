//! Owns the scripted failures: what was asked for, and how often each is still to happen.
//!
//! Decides when a failure is due; carrying it out is left to the part that plays the party.

use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::world::lock;

/// Who fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The SMTP server; what is meant where no target is given.
    #[default]
    Mailbox,
    /// The object store.
    S3,
    /// The Salesforce look-alike.
    Salesforce,
    /// The Dataverse look-alike, its token endpoint among it.
    Dataverse,
    /// The SAP C4C look-alike, its token endpoint among it.
    C4c,
    /// The SAP Sales Cloud V2 look-alike.
    SalesCloud,
}

/// When it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// SMTP: instead of the greeting.
    Banner,
    /// SMTP: at MAIL.
    Mail,
    /// SMTP: at RCPT.
    Rcpt,
    /// SMTP: at DATA.
    Data,
    /// SMTP: after the final dot; with `drop` the mail is stored all the same.
    AfterData,
    /// HTTP: before anything happens.
    BeforeCommit,
    /// HTTP: once the write has taken effect, instead of its answer.
    AfterCommit,
}

/// One scripted failure, as posted and as listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Who fails.
    #[serde(default)]
    pub(crate) target: Target,
    /// When; for HTTP targets `before_commit` where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<Phase>,
    /// SMTP: the reply line, 4xx or 5xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<String>,
    /// How long to wait first; alone it only delays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stall_seconds: Option<u64>,
    /// End the connection without an answer.
    #[serde(default)]
    pub(crate) drop: bool,
    /// How often it is still to happen.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// Of the calls it could hit, only each so-manieth; 1 where it is not given.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub(crate) every: u32,
    /// How many calls it could have hit.
    #[serde(skip)]
    seen: u32,
    /// SMTP: only for this recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recipient: Option<String>,
    /// HTTP: the status to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// HTTP: the vendor's error code in the body.
    #[serde(default, rename = "errorCode", alias = "error_code", skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<String>,
    /// HTTP: the message in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// HTTP: how many seconds the answer asks to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    /// HTTP: only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// HTTP: only paths that contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_once(number: &u32) -> bool {
    *number == 1
}

impl Fault {
    /// Checks that the failure can happen at all, and fills in the phase; the error names field and rule.
    pub(crate) fn validate(mut self) -> Result<Self, String> {
        if self.times == 0 {
            return Err("times: must be at least 1".to_owned());
        }
        if self.every == 0 {
            return Err("every: must be at least 1".to_owned());
        }
        if self.stall_seconds.is_some_and(|seconds| seconds > 3600) {
            return Err("stall_seconds: must be at most 3600".to_owned());
        }
        match self.target {
            Target::Mailbox => self.validate_mail()?,
            Target::S3 | Target::Salesforce | Target::Dataverse | Target::C4c | Target::SalesCloud => {
                self.validate_http()?;
            }
        }
        Ok(self)
    }

    fn validate_mail(&self) -> Result<(), String> {
        let phase = self.phase.ok_or("phase: must be banner, mail, rcpt, data or after_data")?;
        if matches!(phase, Phase::BeforeCommit | Phase::AfterCommit) {
            return Err("phase: must be banner, mail, rcpt, data or after_data for the mailbox".to_owned());
        }
        if self.recipient.is_some() && matches!(phase, Phase::Banner | Phase::Mail) {
            return Err("recipient: is not known yet at the phases banner and mail".to_owned());
        }
        let http = [self.error_code.is_some(), self.method.is_some(), self.path.is_some()];
        if self.status.is_some() || self.retry_after.is_some() || http.contains(&true) {
            return Err("status, errorCode, retry_after, method, path: are not for the mailbox".to_owned());
        }
        if let Some(reply) = &self.reply {
            let code = reply.get(..3).and_then(|code| code.parse::<u16>().ok());
            let one_line = !reply.contains(['\r', '\n']);
            if !code.is_some_and(|code| (400..600).contains(&code)) || !one_line {
                return Err("reply: must be one line that starts with a code from 400 to 599".to_owned());
            }
        }
        if self.reply.is_none() && self.stall_seconds.is_none() && !self.drop {
            return Err("reply, stall_seconds, drop: at least one must be given".to_owned());
        }
        Ok(())
    }

    fn validate_http(&mut self) -> Result<(), String> {
        let phase = *self.phase.get_or_insert(Phase::BeforeCommit);
        if !matches!(phase, Phase::BeforeCommit | Phase::AfterCommit) {
            return Err("phase: must be before_commit or after_commit for s3 and the CRMs".to_owned());
        }
        if self.reply.is_some() || self.recipient.is_some() {
            return Err("reply, recipient: are only for the mailbox".to_owned());
        }
        if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            return Err("status: must be from 400 to 599".to_owned());
        }
        if self.retry_after.is_some() && self.status.is_none() {
            return Err("retry_after: goes with a status".to_owned());
        }
        if self.method.as_ref().is_some_and(|method| Method::from_bytes(method.as_bytes()).is_err()) {
            return Err("method: must be an HTTP method".to_owned());
        }
        if self.status.is_none() && self.stall_seconds.is_none() && !self.drop {
            return Err("status, stall_seconds, drop: at least one must be given".to_owned());
        }
        Ok(())
    }

    /// Waits as long as the failure says, if it does.
    pub(crate) async fn stall(&self) {
        if let Some(seconds) = self.stall_seconds {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

/// A request as the failures of HTTP targets see it.
pub(crate) struct Call<'a> {
    /// Who was called.
    pub(crate) target: Target,
    /// Before or after the effect.
    pub(crate) phase: Phase,
    /// The method.
    pub(crate) method: &'a Method,
    /// The path.
    pub(crate) path: &'a str,
    /// Whether a failure that names no path may hit this one.
    pub(crate) ordinary: bool,
}

/// All failures still to happen, oldest first.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds a validated failure.
    pub(crate) fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    /// Lists what is still to happen.
    pub(crate) fn list(&self) -> Vec<Fault> {
        lock(&self.0).clone()
    }

    /// Forgets every failure.
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Takes the SMTP failure that is due, counting it down.
    pub(crate) fn take_mail(&self, phase: Phase, recipients: &[String]) -> Option<Fault> {
        self.take(|fault| {
            fault.target == Target::Mailbox
                && fault.phase == Some(phase)
                && fault
                    .recipient
                    .as_ref()
                    .is_none_or(|wanted| recipients.iter().any(|known| known.eq_ignore_ascii_case(wanted)))
        })
    }

    /// Takes the HTTP failure that is due, counting it down.
    pub(crate) fn take_http(&self, call: &Call<'_>) -> Option<Fault> {
        let writes = !matches!(*call.method, Method::GET | Method::HEAD | Method::OPTIONS);
        self.take(|fault| {
            fault.target == call.target
                && fault.phase == Some(call.phase)
                && fault.path.as_ref().map_or(call.ordinary, |part| call.path.contains(part.as_str()))
                && fault
                    .method
                    .as_ref()
                    // Only a write has an effect to lose the answer of.
                    .map_or(call.phase == Phase::BeforeCommit || writes, |method| {
                        method.eq_ignore_ascii_case(call.method.as_str())
                    })
        })
    }

    fn take(&self, due: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = lock(&self.0);
        let place = faults.iter().position(due)?;
        let fault = faults.get_mut(place)?;
        fault.seen += 1;
        if fault.seen % fault.every != 0 {
            return None;
        }
        fault.times -= 1;
        let taken = fault.clone();
        if taken.times == 0 {
            faults.remove(place);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Fault, String> {
        serde_json::from_str::<Fault>(json).map_err(|error| error.to_string())?.validate()
    }

    #[test]
    fn fault_is_counted_down_and_then_gone() {
        let faults = Faults::default();
        faults.add(parse(r#"{"phase":"rcpt","reply":"451 later","times":2}"#).unwrap());
        assert!(faults.take_mail(Phase::Mail, &[]).is_none());
        assert_eq!(faults.take_mail(Phase::Rcpt, &[]).unwrap().times, 1);
        assert_eq!(faults.list().len(), 1);
        assert!(faults.take_mail(Phase::Rcpt, &[]).is_some());
        assert!(faults.take_mail(Phase::Rcpt, &[]).is_none());
        assert!(faults.list().is_empty());
    }

    #[test]
    fn fault_of_each_third_call_spares_the_others() {
        let faults = Faults::default();
        faults.add(parse(r#"{"phase":"rcpt","reply":"451 later","times":2,"every":3}"#).unwrap());
        let hits: Vec<bool> = (0..9).map(|_| faults.take_mail(Phase::Rcpt, &[]).is_some()).collect();
        assert_eq!(hits, [false, false, true, false, false, true, false, false, false]);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn fault_for_a_recipient_spares_the_others() {
        let faults = Faults::default();
        faults.add(parse(r#"{"phase":"rcpt","reply":"550 no","recipient":"A@x.test"}"#).unwrap());
        assert!(faults.take_mail(Phase::Rcpt, &["b@x.test".to_owned()]).is_none());
        assert!(faults.take_mail(Phase::Rcpt, &["a@x.test".to_owned()]).is_some());
    }

    #[test]
    fn fault_that_can_never_happen_is_refused_by_field() {
        for (json, field) in [
            (r#"{"phase":"rcpt"}"#, "reply"),
            (r#"{"reply":"451 x"}"#, "phase"),
            (r#"{"phase":"after_commit","drop":true}"#, "phase"),
            (r#"{"phase":"mail","reply":"250 fine"}"#, "reply"),
            (r#"{"phase":"mail","reply":"451 a\r\n250 b"}"#, "reply"),
            (r#"{"phase":"mail","drop":true,"recipient":"a@x"}"#, "recipient"),
            (r#"{"phase":"mail","drop":true,"times":0}"#, "times"),
            (r#"{"phase":"mail","stall_seconds":3601}"#, "stall_seconds"),
            (r#"{"target":"s3","phase":"rcpt","drop":true}"#, "phase"),
            (r#"{"target":"s3","status":200}"#, "status"),
            (r#"{"target":"salesforce"}"#, "status"),
            (r#"{"target":"c4c","status":429,"every":0}"#, "every"),
            (r#"{"target":"dataverse","drop":true,"retry_after":3}"#, "retry_after"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with(field), "{json}: {error}");
        }
        assert!(parse(r#"{"phase":"mail","stall_seconds":3600}"#).is_ok());
    }

    #[test]
    fn after_commit_hits_writes_only_and_names_no_sign_in_path_by_itself() {
        let faults = Faults::default();
        faults.add(parse(r#"{"target":"salesforce","phase":"after_commit","drop":true}"#).unwrap());
        let call = |method, ordinary| Call {
            target: Target::Salesforce,
            phase: Phase::AfterCommit,
            method,
            path: "/services/x",
            ordinary,
        };
        assert!(faults.take_http(&call(&Method::GET, true)).is_none());
        assert!(faults.take_http(&call(&Method::POST, false)).is_none());
        assert!(faults.take_http(&call(&Method::PATCH, true)).is_some());
    }
}
