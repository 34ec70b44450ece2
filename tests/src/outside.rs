//! The outside world as a person sees it: their mailbox, and the CRM's records.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use url::Url;

use crate::environment::Environment;

const POLL: Duration = Duration::from_millis(50);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a mail may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail as the mailbox shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// `Subject`.
    pub subject: String,
    /// `Message-ID`.
    pub message_id: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The header fields by name.
    pub headers: BTreeMap<String, String>,
}

impl Mail {
    /// Returns the first link with a fragment: the one that carries a token.
    pub fn link(&self) -> anyhow::Result<Url> {
        let link = self
            .text
            .split_whitespace()
            .find(|word| word.starts_with("http") && word.contains('#'))
            .context("the mail has no link with a token")?;
        Ok(link.parse()?)
    }

    /// Returns the token of the link by which one gets out of mails of this kind.
    pub fn unsubscribe_token(&self) -> anyhow::Result<String> {
        let link = self.text.split_whitespace().find(|word| word.contains("/unsubscribe#"));
        let link: Url = link.context("the mail has no link to get out of it")?.parse()?;
        Ok(link.fragment().context("the link has no token")?.to_owned())
    }
}

/// A record of the Salesforce look-alike.
pub type Task = serde_json::Value;

/// What a person can see of the outside world.
#[derive(Clone, Debug)]
pub struct Outside {
    http: reqwest::Client,
    sandbox: String,
    salesforce: String,
    dataverse: String,
    c4c: String,
    sales_cloud: String,
}

impl Outside {
    /// Returns the view of a running sandbox.
    pub fn new(environment: &Environment) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            sandbox: environment.sandbox.clone(),
            salesforce: environment.salesforce.clone(),
            dataverse: environment.dataverse.clone(),
            c4c: environment.c4c.clone(),
            sales_cloud: environment.sales_cloud.clone(),
        })
    }

    /// Returns all mails to an address, newest first.
    pub async fn mails(&self, to: &str) -> anyhow::Result<Vec<Mail>> {
        let url = Url::parse_with_params(&format!("{}/api/mails", self.sandbox), [("to", to)])?;
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// Waits for a mail to an address whose subject has a word in it.
    pub async fn wait_for_mail(&self, to: &str, subject: &str) -> anyhow::Result<Mail> {
        within(PATIENCE, &format!("a mail with `{subject}` in its subject"), async || {
            Ok(self.mails(to).await?.into_iter().find(|mail| mail.subject.contains(subject)))
        })
        .await
    }

    /// Waits for a mail as [`Self::wait_for_mail`] does, that is another than the one seen before.
    pub async fn wait_for_another_mail(&self, to: &str, subject: &str, seen: &Mail) -> anyhow::Result<Mail> {
        within(PATIENCE, &format!("another mail with `{subject}` in its subject"), async || {
            let mut mails = self.mails(to).await?.into_iter();
            Ok(mails.find(|mail| mail.subject.contains(subject) && mail.message_id != seen.message_id))
        })
        .await
    }

    /// Says yes on the CRM's own page, as an admin's browser does; returns the code and the state it is sent back with.
    pub async fn approve(&self, authorization_url: &str) -> anyhow::Result<(String, String)> {
        let mut url = Url::parse(authorization_url)?;
        url.query_pairs_mut().append_pair("approve", "true");
        let answer = self.http.get(url).send().await?;
        ensure!(answer.status().is_redirection(), "the CRM did not send the browser back");
        let location = answer.headers().get("location").context("the CRM sent the browser nowhere")?;
        let back = Url::parse(location.to_str()?)?;
        let find = |name: &str| {
            back.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .with_context(|| format!("the CRM sent no {name}"))
        };
        Ok((find("code")?, find("state")?))
    }

    /// Returns all tasks of the CRM that belong to a record.
    pub async fn tasks_of(&self, record_id: &str, title: &str) -> anyhow::Result<Vec<Task>> {
        let url = format!("{}/api/salesforce/tasks", self.sandbox);
        let tasks: Vec<Task> = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let holds = |task: &Task, text: &str| task.to_string().contains(text);
        Ok(tasks.into_iter().filter(|task| holds(task, record_id) && holds(task, title)).collect())
    }

    /// Tells the sandbox how to fail next; see its page for what it knows.
    pub async fn fail_next(&self, fault: &serde_json::Value) -> anyhow::Result<()> {
        self.http
            .post(format!("{}/api/faults", self.sandbox))
            .json(fault)
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// Puts everything in the sandbox back to how it behaved at first.
    pub async fn fail_no_more(&self) -> anyhow::Result<()> {
        self.http.delete(format!("{}/api/faults", self.sandbox)).send().await?.error_for_status()?;
        Ok(())
    }

    /// Returns what the sandbox tells of a look-alike, such as `dataverse/records`.
    pub async fn tell(&self, what: &str) -> anyhow::Result<serde_json::Value> {
        let url = format!("{}/api/{what}", self.sandbox);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// Fetches an address, such as a presigned one; returns status, content type and bytes.
    pub async fn fetch(&self, url: &str) -> anyhow::Result<(u16, String, Vec<u8>)> {
        let answer = self.http.get(url).send().await?;
        let status = answer.status().as_u16();
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Ok((status, content_type, answer.bytes().await?.to_vec()))
    }

    /// Fetches an address; returns all of the answer.
    pub async fn get(&self, url: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.http.get(url).send().await?)
    }

    /// Sends bytes to an address; returns the answer's status.
    pub async fn put(&self, url: &str, body: bytes::Bytes) -> anyhow::Result<u16> {
        Ok(self.http.put(url).body(body).send().await?.status().as_u16())
    }

    /// Returns where the Salesforce look-alike is.
    pub fn salesforce(&self) -> &str {
        &self.salesforce
    }

    /// Returns where the Dataverse look-alike is.
    pub fn dataverse(&self) -> &str {
        &self.dataverse
    }

    /// Returns where the SAP C4C look-alike is.
    pub fn c4c(&self) -> &str {
        &self.c4c
    }

    /// Returns where the SAP Sales Cloud V2 look-alike is.
    pub fn sales_cloud(&self) -> &str {
        &self.sales_cloud
    }
}

/// Looks again and again until there is something to see, or the time is over.
pub async fn within<T>(
    time: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + time;
    loop {
        let last = match look().await {
            Ok(Some(seen)) => return Ok(seen),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if Instant::now() > deadline {
            match last {
                Some(error) => return Err(error.context(format!("{what} did not come within {time:?}"))),
                None => bail!("{what} did not come within {time:?}"),
            }
        }
        tokio::time::sleep(POLL).await;
    }
}
