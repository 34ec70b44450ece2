//! Files of three sizes against the bare client of S3, and a long list of items.
//!
//! Owns the section on uploads both ways, downloads, and ListItems. The file is one part, repeated: it need not be held.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::StreamExt;
use journeys::api::with_token;
use journeys::visit::Session;
use ring::digest::{Context as Digest, SHA256};
use s3::Bucket;
use s3::serde_types::Part as StoredPart;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::upload_asset_request::Part;
use sharedspaces_proto::spaces::v1 as spaces;
use xtask::process::say;

use crate::load::Load;
use crate::memory::resident_mib;
use crate::stage::Stage;
use crate::uploads::bucket;

const MIB: usize = 1024 * 1024;
const PART_BYTES: usize = 16 * MIB;
const CHUNK_BYTES: usize = 256 * 1024;
/// Size in MiB, and how often.
const SIZES: [(usize, u32); 3] = [(1, 16), (64, 3), (1_024, 1)];
const DIRECT_AIM: f64 = 0.9;
const STREAMED_AIM: f64 = 0.5;
const OCTETS: &str = "application/octet-stream";
const ITEMS: i32 = 5_000;
const LISTS: usize = 40;

/// Links of a space, all in one folder.
const FILL: &str = "
    INSERT INTO items (organization_id, item_id, space_id, kind, position, title, description, url, origin,
                       adder_user_id, adder_display_name, version, create_time, update_time)
    SELECT organization_id, gen_random_uuid(), space_id, 'LINK', n, 'Brochure ' || n, 'About it',
           'https://www.example.com/brochure', 'INTERNAL', $2::uuid, 'Mia Meyer', 1, now(), now()
      FROM spaces, generate_series(0, $3::integer - 1) AS n WHERE space_id = $1::uuid";

/// A file of some size.
struct File {
    part: Bytes,
    bytes: usize,
}

impl File {
    fn new(mebibytes: usize) -> Self {
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            u8::try_from(state >> 24).unwrap_or_default()
        };
        let bytes = mebibytes * MIB;
        Self { part: (0..PART_BYTES.min(bytes)).map(|_| next()).collect(), bytes }
    }

    fn parts(&self) -> impl Iterator<Item = Bytes> + use<> {
        let (part, bytes) = (self.part.clone(), self.bytes);
        (0..bytes).step_by(PART_BYTES).map(move |begin| part.slice(..part.len().min(bytes - begin)))
    }

    fn sha256(&self) -> String {
        let mut digest = Digest::new(&SHA256);
        self.parts().for_each(|part| digest.update(&part));
        digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Who uploads, and by what.
struct Uploader<'a> {
    stage: &'a Stage,
    member: Session,
    space_id: String,
    http: reqwest::Client,
}

impl Uploader<'_> {
    /// Sends a file until it is complete; returns how long that took, and the file.
    async fn upload(
        &self,
        file: &File,
        sha256: &str,
        is_direct: bool,
    ) -> anyhow::Result<(Duration, assets::Asset)> {
        let journey = &self.stage.journey;
        let announced = assets::StartUploadRequest {
            space_id: self.space_id.clone(),
            file_name: "bench.bin".to_owned(),
            size_bytes: i64::try_from(file.bytes)?,
            sha256: sha256.to_owned(),
            is_direct,
        };
        let begin = Instant::now();
        let started = journey.start_upload(&self.member, announced).await?;
        let asset_id = started.asset.context("no file")?.asset_id;
        if is_direct {
            for (part, content) in started.parts.iter().zip(file.parts()) {
                let status = self.http.put(&part.url).body(content).send().await?.status();
                ensure!(status == 200, "the store answered {status}");
            }
        } else {
            let header = assets::UploadAssetHeader { asset_id: asset_id.clone(), offset_bytes: 0 };
            let chunks = file.parts().flat_map(|part| {
                let begins = (0..part.len()).step_by(CHUNK_BYTES);
                begins.map(move |begin| part.slice(begin..part.len().min(begin + CHUNK_BYTES)))
            });
            let parts = std::iter::once(Part::Header(header)).chain(chunks.map(Part::Chunk));
            let messages = parts.map(|part| assets::UploadAssetRequest { part: Some(part) });
            let request = with_token(tokio_stream::iter(messages), self.member.token());
            journey.api.assets.clone().upload_asset(request).await?;
        }
        let asset = journey.complete_upload(&self.member, &asset_id).await?;
        Ok((begin.elapsed(), asset))
    }

    /// Saves a file; returns how long that took.
    async fn download(&self, item_id: &str, bytes: usize) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let url = self.stage.journey.download_item(&self.member, &self.space_id, item_id).await?;
        let mut answer = self.http.get(url).send().await?.error_for_status()?;
        let mut came = 0;
        while let Some(piece) = answer.chunk().await? {
            came += piece.len();
        }
        ensure!(came == bytes, "{came} of {bytes} bytes came");
        Ok(begin.elapsed())
    }
}

/// Sends a file as the client of S3 does alone.
async fn put(bucket: &Bucket, key: &str, file: &File) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let upload_id = bucket.initiate_multipart_upload(key, OCTETS).await?.upload_id;
    let mut stored: Vec<StoredPart> = Vec::new();
    for (number, part) in (1..).zip(file.parts()) {
        stored.push(bucket.put_multipart_chunk(part.to_vec(), key, number, &upload_id, OCTETS).await?);
    }
    bucket.complete_multipart_upload(key, &upload_id, stored).await?;
    Ok(begin.elapsed())
}

async fn get(bucket: &Bucket, key: &str, bytes: usize) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let mut answer = bucket.get_object_stream(key).await?;
    let mut came = 0;
    while let Some(piece) = answer.bytes().next().await {
        came += piece?.len();
    }
    ensure!(came == bytes, "{came} of {bytes} bytes came");
    Ok(begin.elapsed())
}

/// Uploads and downloads of 1 MiB, 64 MiB and 1 GiB, and ListItems of 5,000.
pub(crate) async fn files(stage: &mut Stage) -> anyhow::Result<()> {
    // Whole files: what a call may take is no matter here.
    let bucket = bucket(stage)?.with_request_timeout(Duration::from_secs(600))?;
    let mut held = Vec::new();
    for (mebibytes, times) in SIZES {
        say(&format!("Files of {mebibytes} MiB …"));
        size(stage, &bucket, mebibytes, times).await?;
        stage.memory.note(&stage.world)?;
        let process_id = stage.world.process_id("assets").context("assets does not run")?;
        held.push(format!("{:.1} MiB after files of {mebibytes} MiB", resident_mib(process_id)?));
    }
    stage.report.add_note(format!("assets holds {}.", held.join(", ")));
    lists(stage).await
}

async fn size(stage: &mut Stage, bucket: &Bucket, mebibytes: usize, times: u32) -> anyhow::Result<()> {
    let file = File::new(mebibytes);
    let sha256 = file.sha256();
    // Access tokens live five minutes.
    let member = stage.sign_in().await?;
    let space_id = stage.journey.create_space(&member, "Contoso 2027 renewal", "", None).await?.space_id;
    let http = reqwest::Client::builder().build()?;
    let uploader = Uploader { stage, member, space_id, http };
    let [mut direct, mut streamed, mut bare_put, mut download, mut bare_get, mut checking] =
        [Duration::ZERO; 6];
    for n in 0..times {
        let key = format!("bench/{mebibytes}-{n}");
        // One after the other, so that whatever else the machine does falls on all alike.
        bare_put += put(bucket, &key, &file).await?;
        for (is_direct, took) in [(true, &mut direct), (false, &mut streamed)] {
            let (time, asset) = uploader.upload(&file, &sha256, is_direct).await?;
            *took += time;
            let begin = Instant::now();
            stage.journey.checked(&uploader.member, &asset.asset_id).await?;
            checking += begin.elapsed() / 2;
            if is_direct {
                continue;
            }
            let (who, space) = (&uploader.member, &uploader.space_id);
            let item = stage.journey.add_file(who, space, "", "A file", &asset.asset_id).await?;
            bare_get += get(bucket, &key, file.bytes).await?;
            download += uploader.download(&item.item_id, file.bytes).await?;
        }
        bucket.delete_object(&key).await?;
    }
    let total = f64::from(u32::try_from(mebibytes)? * times);
    let rate = |time: Duration| total / time.as_secs_f64();
    let (puts, gets) = (rate(bare_put), rate(bare_get));
    let size = format!("of {mebibytes} MiB, MiB");
    let put_limit = Some((puts, "S3 client, multipart"));
    stage.report.add_rate(&format!("Upload, direct, {size}"), rate(direct), put_limit, Some(DIRECT_AIM));
    stage.report.add_rate(
        &format!("Upload, streamed, {size}"),
        rate(streamed),
        put_limit,
        Some(STREAMED_AIM),
    );
    stage.report.add_rate(&format!("Check {size}"), rate(checking), None, None);
    let get_limit = Some((gets, "S3 client"));
    stage.report.add_rate(&format!("Download {size}"), rate(download), get_limit, Some(STREAMED_AIM));
    Ok(())
}

async fn lists(stage: &mut Stage) -> anyhow::Result<()> {
    say(&format!("ListItems of {ITEMS} …"));
    let member = stage.sign_in().await?;
    let space_id = stage.journey.create_space(&member, "Contoso 2027 renewal", "", None).await?.space_id;
    let database = stage.superuser("spaces").await?;
    sqlx::query(FILL)
        .bind(&space_id)
        .bind(&member.user_id)
        .bind(ITEMS)
        .execute(&database)
        .await
        .context("the items could not be inserted")?;
    sqlx::query("VACUUM ANALYZE items").execute(&database).await?;
    let (mut took, mut token, mut seen) = (Vec::new(), String::new(), 0);
    for _ in 0..LISTS {
        loop {
            let request = spaces::ListItemsRequest {
                space_id: space_id.clone(),
                page_size: 100,
                page_token: token,
                ..spaces::ListItemsRequest::default()
            };
            let begin = Instant::now();
            let request = with_token(request, member.token());
            let page = stage.journey.api.content.clone().list_items(request).await?.into_inner();
            took.push(begin.elapsed());
            seen += page.items.len();
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
    }
    ensure!(seen == usize::try_from(ITEMS)? * LISTS, "{seen} items were listed");
    stage.memory.note(&stage.world)?;
    stage.report.add_times(format!("ListItems of {ITEMS}, pages of 100, 1 caller"), &Load::of_one(took)?);
    Ok(())
}
