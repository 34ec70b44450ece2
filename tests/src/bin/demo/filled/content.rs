//! What is in the room: files of several kinds, links and folders, each with what it is for.

use std::collections::BTreeMap;

use anyhow::Context;
use journeys::api::with_key;
use journeys::visit::fresh_key;
use sharedspaces_proto::spaces::v1 as spaces;

use super::Stage;
use crate::drawing::{Stroke, letter, png};

/// Items by their title.
pub(super) type Shown = BTreeMap<String, spaces::Item>;

/// The title of what is talked about.
pub(super) const OFFER: &str = "Offer 2027";
/// The title of a picture.
pub(super) const PLAN: &str = "Site plan";

/// What an item leads to.
enum Source {
    Link(&'static str),
    File(&'static str, Vec<u8>),
}

struct Entry {
    title: &'static str,
    description: &'static str,
    source: Source,
}

fn at_top() -> anyhow::Result<[Entry; 3]> {
    let lines = [
        "42 licences, from 1 January 2027, for three years",
        "84,000 a year, invoiced in advance",
        "Support in English, French and German, within a day",
        "Valid until 31 January 2027",
    ];
    Ok([
        Entry {
            title: OFFER,
            description: "Valid until **31 January**; the prices hold for all three years.",
            source: Source::File("Offer 2027.pdf", letter("Offer for Contoso", &lines)),
        },
        Entry {
            title: PLAN,
            description: "Where the new licences are used: plant, office and shop.",
            source: Source::File("Site plan.png", plan()?),
        },
        Entry {
            title: "Product tour",
            description: "Ten minutes, without sound.",
            source: Source::Link("https://www.example.com/tour"),
        },
    ])
}

fn in_contract() -> [Entry; 2] {
    let lines = ["1. What we deliver", "2. What it costs", "3. How long it runs", "4. How it ends"];
    [
        Entry {
            title: "Contract",
            description: "For your lawyers; comments are welcome beside it.",
            source: Source::File("Contract.pdf", letter("Contract, draft of 12 November", &lines)),
        },
        Entry {
            title: "Data processing",
            description: "What we keep of whom, and for how long.",
            source: Source::Link("https://www.example.com/data-processing"),
        },
    ]
}

fn in_start() -> [Entry; 1] {
    let agenda =
        "Kick-off, Tuesday 10:00\n\n10:00  Who is who\n10:20  Plan of the first weeks\n11:00  Questions\n";
    [Entry {
        title: "Agenda of the kick-off",
        description: "",
        source: Source::File("Agenda.txt", agenda.as_bytes().to_vec()),
    }]
}

/// Three buildings by a road.
fn plan() -> anyhow::Result<Vec<u8>> {
    let (wall, road, mark) = ([0x24, 0x3b, 0x6b], [0xd8, 0xd4, 0xca], [0xe0, 0x7a, 0x3f]);
    let building = |x: i64, y: i64, width: i64| {
        Stroke::new(&[(x, y), (x + width, y), (x + width, y + 90), (x, y + 90), (x, y)], 5, wall)
    };
    let strokes = [
        Stroke::new(&[(0, 300), (250, 280), (640, 330)], 22, road),
        building(60, 90, 180),
        building(300, 60, 110),
        building(480, 120, 90),
        Stroke::new(&[(150, 135)], 14, mark),
        Stroke::new(&[(355, 105)], 14, mark),
        Stroke::new(&[(525, 165)], 14, mark),
    ];
    png((640, 400), Some([0xfb, 0xfa, 0xf7]), &strokes)
}

impl Stage<'_> {
    /// Fills the room with what is not in it yet; returns what is at its top.
    pub(super) async fn fill(&self, space_id: &str) -> anyhow::Result<Shown> {
        let mut shown = self.shown(space_id, "").await?;
        for entry in at_top()? {
            self.put(space_id, "", entry, &mut shown).await?;
        }
        self.fill_folder(space_id, "Contract", in_contract(), &mut shown).await?;
        self.fill_folder(space_id, "How we start", in_start(), &mut shown).await?;
        Ok(shown)
    }

    async fn fill_folder(
        &self,
        space_id: &str,
        title: &str,
        entries: impl IntoIterator<Item = Entry>,
        shown: &mut Shown,
    ) -> anyhow::Result<()> {
        if !shown.contains_key(title) {
            let folder = self.journey.create_folder(&self.seller, space_id, title).await?;
            shown.insert(title.to_owned(), folder);
        }
        let folder_id = shown.get(title).context("no folder")?.item_id.clone();
        let mut inside = self.shown(space_id, &folder_id).await?;
        for entry in entries {
            self.put(space_id, &folder_id, entry, &mut inside).await?;
        }
        Ok(())
    }

    async fn shown(&self, space_id: &str, folder_id: &str) -> anyhow::Result<Shown> {
        let items = self.journey.items(&self.seller, space_id, folder_id).await?;
        Ok(items.into_iter().map(|item| (item.title.clone(), item)).collect())
    }

    async fn put(
        &self,
        space_id: &str,
        folder_id: &str,
        entry: Entry,
        shown: &mut Shown,
    ) -> anyhow::Result<()> {
        if shown.contains_key(entry.title) {
            return Ok(());
        }
        let (url, asset_id) = match entry.source {
            Source::Link(url) => (url.to_owned(), String::new()),
            Source::File(name, bytes) => (
                String::new(),
                self.journey.upload(&self.seller, space_id, name, bytes, false).await?.asset_id,
            ),
        };
        let request = spaces::AddItemRequest {
            space_id: space_id.to_owned(),
            folder_id: folder_id.to_owned(),
            title: entry.title.to_owned(),
            description: entry.description.to_owned(),
            url,
            asset_id,
        };
        let request = with_key(request, self.seller.token(), &fresh_key());
        let added = self.journey.api.content.clone().add_item(request).await?.into_inner();
        shown.insert(entry.title.to_owned(), added.item.context("no item")?);
        Ok(())
    }
}
