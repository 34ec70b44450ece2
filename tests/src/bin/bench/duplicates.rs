//! Making a new space of one with five hundred items.
//!
//! Owns the section on DuplicateSpace, one call after the other.

use std::time::Instant;

use xtask::process::say;

use crate::load::Load;
use crate::stage::Stage;

const ITEMS: usize = 500;
const FOLDERS: usize = 10;
const TIMES: usize = 20;

/// DuplicateSpace, from the call to its answer.
pub(crate) async fn duplicates(stage: &mut Stage) -> anyhow::Result<()> {
    say(&format!("A space with {ITEMS} items …"));
    let member = stage.sign_in().await?;
    let journey = &stage.journey;
    let space = journey.create_space(&member, "Contoso 2027 renewal", "", None).await?.space_id;
    for folder in 0..FOLDERS {
        let folder = journey.create_folder(&member, &space, &format!("Folder {folder}")).await?.item_id;
        for item in 1..ITEMS / FOLDERS {
            journey.add_link(&member, &space, &folder, &format!("Brochure {item}")).await?;
        }
    }
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let begin = Instant::now();
        journey.duplicate(&member, &space, "en").await?;
        took.push(begin.elapsed());
    }
    stage.memory.note(&stage.world)?;
    stage.report.add_times(format!("DuplicateSpace of {ITEMS} items, 1 caller"), &Load::of_one(took)?);
    Ok(())
}
