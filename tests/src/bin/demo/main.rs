//! `demo seed` founds the demo organisations, one with a [`filled`] room; `demo run` walks through a running system and tells each step with what it
//! sent and saw: a guest's first [`visit`], the ways of [`signing_in`], what a seller does in a [`room`], what people do with files
//! ([`content`]), how [`people`] come in and go, and what arrives in each [`crm`].
//! Started by `cargo xtask up` and `cargo xtask demo`.
#![expect(clippy::print_stdout, reason = "a person reads this")]

mod content;
mod crm;
mod drawing;
mod filled;
mod people;
mod room;
mod signing_in;
mod visit;

use anyhow::bail;
use journeys::environment::Environment;
use journeys::visit::{Accounts, Journey};
use sharedspaces_proto::identity::v1::Plan;
use tonic::Code;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let variables = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    let journey = Journey::new(&Environment::from_variables(variables)?)?;
    match std::env::args().nth(1).as_deref() {
        Some("seed") => seed(&journey).await,
        Some("run") => run(&journey, std::env::args().nth(2).as_deref()).await,
        _ => bail!("usage: demo seed | demo run [visit | signing-in | room | content | people | crm]"),
    }
}

async fn seed(journey: &Journey) -> anyhow::Result<()> {
    let (acme, globex) = (Accounts::of(xtask::demo::ORGANIZATION), Accounts::of("globex"));
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    journey.found(&globex, "Globex", "fr", Plan::Plus).await?;
    filled::seed(journey, &acme).await
}

async fn run(journey: &Journey, part: Option<&str>) -> anyhow::Result<()> {
    match part {
        None => {
            visit::walk(journey).await?;
            signing_in::walk(journey).await?;
            room::walk(journey).await?;
            content::walk(journey).await?;
            people::walk(journey).await?;
            crm::walk(journey).await
        }
        Some("visit") => visit::walk(journey).await,
        Some("signing-in") => signing_in::walk(journey).await,
        Some("room") => room::walk(journey).await,
        Some("content") => content::walk(journey).await,
        Some("people") => people::walk(journey).await,
        Some("crm") => crm::walk(journey).await,
        Some(other) => {
            bail!("there is no walk `{other}`; there are visit, signing-in, room, content, people and crm")
        }
    }
}

fn step(number: u8, text: &str) {
    println!("\n{number}. {text}");
}

fn saw(text: &str) {
    println!("   → {text}");
}

fn expect(result: Result<(), tonic::Status>, code: Code, what: &str) -> anyhow::Result<()> {
    match result {
        Err(status) if status.code() == code => {
            saw(&format!("{what}: {code:?}, “{}”", status.message()));
            Ok(())
        }
        Err(status) => bail!("{what}: expected {code:?}, got {status}"),
        Ok(()) => bail!("{what}: expected {code:?}, but it was allowed"),
    }
}
