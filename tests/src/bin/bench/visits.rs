//! People at work, for the services that the other sections leave idle.
//!
//! Owns a load of sign-ins, uploads and invitations; it is there for the memory that is read after it.

use std::time::Duration;

use futures_util::future::try_join_all;
use journeys::outside::within;
use journeys::visit::{Accounts, Journey, png, unique};
use xtask::process::say;

use crate::stage::Stage;

const EACH: usize = 16;

/// Lets members sign in, create a space, upload a logo and invite guests, and waits for the mails.
pub(crate) async fn visits(stage: &mut Stage) -> anyhow::Result<()> {
    say("Sign-ins, uploads, invitations …");
    let logo = png(640, 320)?;
    let Accounts { organization, admin, members: [first, second] } = &stage.accounts;
    let people = [admin, first, second].map(|person| visits_of(&stage.journey, organization, person, &logo));
    for last in try_join_all(people).await? {
        within(Duration::from_secs(60), "the last mail", async || {
            Ok(stage.journey.outside.mails(&last).await?.pop())
        })
        .await?;
    }
    stage.memory.note(&stage.world)
}

/// Returns the address that was invited last.
async fn visits_of(
    journey: &Journey,
    organization: &str,
    person: &str,
    logo: &[u8],
) -> anyhow::Result<String> {
    let mut last = String::new();
    for _ in 0..EACH {
        let session = journey.sign_in(organization, person).await?;
        let space = journey.create_space(&session, "Contoso 2027 renewal", "", None).await?;
        journey.show_logo(&session, &space.space_id, logo).await?;
        last = format!("gina.{}@buyer.example", unique());
        journey.invite(&session, &space.space_id, &[&last], "Looking forward to Tuesday!").await?;
    }
    Ok(last)
}
