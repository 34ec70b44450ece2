//! People at work, for the services that the other sections leave idle.
//!
//! Owns a load of sign-ins, uploads and invitations; it is there for the memory that is read after it.

use std::time::Duration;

use futures_util::future::try_join_all;
use journeys::outside::within;
use journeys::visit::{Accounts, Journey, png, unique};
use xtask::process::say;

use crate::stage::Stage;

const AT_ONCE: usize = 8;
const EACH: usize = 8;

/// Lets members sign in, create a space, upload a logo and invite guests, and waits for the mails.
pub(crate) async fn visits(stage: &mut Stage) -> anyhow::Result<()> {
    say("Sign-ins, uploads, invitations …");
    let logo = png(640, 320)?;
    let people = (0..AT_ONCE).map(|_| visit(&stage.journey, &stage.accounts, &logo));
    for last in try_join_all(people).await? {
        within(Duration::from_secs(60), "the last mail", async || {
            Ok(stage.journey.outside.mails(&last).await?.pop())
        })
        .await?;
    }
    stage.memory.note(&stage.world)
}

/// Returns the address that was invited last.
async fn visit(journey: &Journey, accounts: &Accounts, logo: &[u8]) -> anyhow::Result<String> {
    let [member, _] = &accounts.members;
    let mut last = String::new();
    for _ in 0..EACH {
        let member = journey.sign_in(&accounts.organization, member).await?;
        let space = journey.create_space(&member, "Contoso 2027 renewal", "", None).await?;
        journey.show_logo(&member, &space.space_id, logo).await?;
        last = format!("gina.{}@buyer.example", unique());
        journey.invite(&member, &space.space_id, &[&last], "Looking forward to Tuesday!").await?;
    }
    Ok(last)
}
