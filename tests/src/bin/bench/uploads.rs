//! The largest logo there may be, against the bytes alone.
//!
//! Owns the section on UploadLogo: what decoding, re-encoding and the smaller sizes add to a PUT of the same file.

use std::collections::HashMap;
use std::io::Cursor;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use s3::creds::Credentials;
use s3::{Bucket, Region};
use xtask::environment::{S3_BUCKET, service_env};
use xtask::process::say;

use crate::load::Load;
use crate::stage::Stage;

/// Of the largest that is taken.
const MAX_BYTES: usize = 5_242_880;
const SIDE_PX: u32 = 1_310;
const TIMES: usize = 8;

/// UploadLogo against a PUT of the same bytes to the same store.
pub(crate) async fn uploads(stage: &mut Stage) -> anyhow::Result<()> {
    let file = noise()?;
    ensure!(file.len() <= MAX_BYTES && file.len() > MAX_BYTES / 10 * 9, "{} bytes", file.len());
    say(&format!("UploadLogo of {} bytes …", file.len()));
    let member = stage.sign_in().await?;
    let space = stage.journey.create_space(&member, "Contoso 2027 renewal", "", None).await?;
    let mut uploaded = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let begin = Instant::now();
        stage.journey.upload_logo(&member, &space.space_id, "noise.png", &file).await?;
        uploaded.push(begin.elapsed());
    }
    stage.memory.note(&stage.world)?;
    let put = put(stage, &file).await?;
    let (ours, bare) = (Load::of_one(uploaded)?, Load::of_one(put)?);
    let limit = (bare.per_second, "S3 PUT of the same bytes".to_owned());
    stage.report.add_calls("UploadLogo, 5 MB, 1 caller".to_owned(), &ours, limit, None);
    Ok(())
}

/// Returns the bucket that assets uses, as the client of S3 does alone.
pub(crate) fn bucket(stage: &Stage) -> anyhow::Result<Box<Bucket>> {
    let settings: HashMap<String, String> =
        service_env("assets", &stage.world.addresses)?.into_iter().collect();
    let setting = |name: &str| {
        settings.get(&format!("ASSETS__S3__{name}")).cloned().with_context(|| format!("no setting {name}"))
    };
    let region = Region::Custom { region: setting("REGION")?, endpoint: setting("ENDPOINT")? };
    let (key, secret) = (setting("ACCESS_KEY")?, setting("SECRET_KEY")?);
    let credentials = Credentials::new(Some(&key), Some(&secret), None, None, None)?;
    Ok(Bucket::new(S3_BUCKET, region, credentials)?.with_path_style())
}

async fn put(stage: &Stage, file: &[u8]) -> anyhow::Result<Vec<Duration>> {
    let bucket = bucket(stage)?;
    let mut took = Vec::with_capacity(TIMES);
    for n in 0..TIMES {
        let begin = Instant::now();
        let answer = bucket.put_object_with_content_type(format!("bench/{n}"), file, "image/png").await?;
        took.push(begin.elapsed());
        ensure!(answer.status_code() == 200, "the store answered {}", answer.status_code());
    }
    Ok(took)
}

/// Returns a PNG that cannot be made smaller.
fn noise() -> anyhow::Result<Vec<u8>> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        // xorshift32: the same picture in each run.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        u8::try_from(state >> 24).unwrap_or_default()
    };
    let picture = image::RgbImage::from_fn(SIDE_PX, SIDE_PX, |_, _| image::Rgb([next(), next(), next()]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}
