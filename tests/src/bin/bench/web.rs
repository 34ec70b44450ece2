//! Pages of the web client.
//!
//! Owns the section on pages: how long one takes at the server, against the calls that it is made of, made as the page makes
//! them: what does not need another's answer, at the same time.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use journeys::visit::{Journey, PASSWORD, Session};
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use tokio::task::block_in_place;
use xtask::process::say;

use crate::stage::Stage;

/// Times each page and its calls are taken, in turns.
const TIMES: usize = 300;
const WARM: usize = 20;
const ITEMS: usize = 20;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The most that a page is to take of the time of its calls.
const AIM: f64 = 1.3;

/// A browser's end of the connection: whoever has signed in.
struct Reader {
    http: reqwest::Client,
    web: String,
    cookie: String,
}

impl Reader {
    async fn sign_in(web: String, organization: &str, address: &str) -> anyhow::Result<Self> {
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).redirect(policy).build()?;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email_address", address)
            .append_pair("password", PASSWORD)
            .finish();
        let sent =
            http.post(format!("{web}/{organization}/sign-in/password")).header(ORIGIN, &web).body(form);
        let answer = sent.send().await?;
        let set = answer.headers().get_all(SET_COOKIE).iter().filter_map(|set| set.to_str().ok());
        let mut kept = set.filter_map(|set| set.split(';').next());
        let cookie = kept.find(|pair| pair.starts_with("__Host-session=")).context("no session")?.to_owned();
        Ok(Self { http, web, cookie })
    }

    async fn read(&self, path: &str) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let asked = self.http.get(format!("{}{path}", self.web)).header(COOKIE, &self.cookie);
        let answer = asked.send().await?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await?;
        Ok(begun.elapsed())
    }
}

/// The page of a space and the list of spaces.
pub(crate) async fn pages(stage: &mut Stage) -> anyhow::Result<()> {
    let web = block_in_place(|| stage.world.start_web())?;
    let member = stage.sign_in().await?;
    let space = stage.journey.create_space(&member, "Contoso pages", "", None).await?.space_id;
    for number in 0..ITEMS {
        stage.journey.add_link(&member, &space, "", &format!("Chapter {number}")).await?;
    }
    let [address, _] = stage.accounts.members.clone();
    let reader = Reader::sign_in(web, &stage.accounts.organization, &address).await?;
    say("Pages of the web client …");
    let page = format!("/app/spaces/{space}");
    let journey = stage.journey.clone();
    let of_space = async || calls_of_space(&journey, &member, &space).await;
    stage.report.add_note(compare(&reader, ("space", page.as_str()), of_space).await?);
    let of_list = async || calls_of_list(&journey, &member).await;
    stage.report.add_note(compare(&reader, ("list of spaces", "/app/spaces"), of_list).await?);
    Ok(())
}

async fn calls_of_space(journey: &Journey, member: &Session, space: &str) -> anyhow::Result<()> {
    let content = async {
        journey.get_space(member, space).await?;
        journey.items(member, space, "").await
    };
    let (content, notices) = tokio::join!(content, journey.notices(member));
    content?;
    notices?;
    Ok(())
}

async fn calls_of_list(journey: &Journey, member: &Session) -> anyhow::Result<()> {
    let (found, notices) = tokio::join!(journey.find_spaces(member, ""), journey.notices(member));
    found?;
    notices?;
    Ok(())
}

/// Takes a page and its calls in turns, so that both see the same machine.
async fn compare(
    reader: &Reader,
    (what, page): (&str, &str),
    calls: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let (mut pages, mut made) = (Vec::with_capacity(TIMES), Vec::with_capacity(TIMES));
    for turn in 0..WARM + TIMES {
        let time = reader.read(page).await?;
        let begun = Instant::now();
        calls().await?;
        if turn >= WARM {
            pages.push(time);
            made.push(begun.elapsed());
        }
    }
    let (page, calls) = (median(&mut pages)?, median(&mut made)?);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    Ok(format!(
        "web: the page of the {what} takes {:.2} ms, its calls {:.2} ms: {:.2} times (aim ≤ {AIM})",
        milliseconds(page),
        milliseconds(calls),
        page.as_secs_f64() / calls.as_secs_f64(),
    ))
}

fn median(times: &mut [Duration]) -> anyhow::Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("nothing was measured")
}
