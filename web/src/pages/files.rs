//! Files and logos: sending them up, and the way to look at and save them.
//!
//! A file's bytes are kept beside this process until its size and hash are known, which the API wants first; then they are
//! streamed on. What is fetched is fetched from the files' own origin, never through here.

use std::time::Duration;

use axum::extract::{Multipart, Path, Query};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use serde::Deserialize;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::spaces::v1 as spaces;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::content::{Back, Place, back_to, draw_back};
use super::room::Refused;
use super::settings;
use crate::failure::{Failure, Reason};
use crate::form::Filled;
use crate::frame::fill;
use crate::guard::is_from_our_page;
use crate::texts::Texts;
use crate::visitor::Me;

/// Most bytes of a file that is sent through a form.
const FILE_MAX: u64 = 100_000_000;
/// Most files of one form.
const FILES_MAX: i32 = 20;
/// How far a file that is too large is read on, so that the browser gets to see why it is refused.
const READ_ON_MAX: u64 = 2_000_000_000;
/// Most bytes of a logo; one more is sent on, so that the API says its rule.
const LOGO_MAX: usize = 5_242_881;
const CHUNK: usize = 128 * 1024;
/// How long a page waits for a file to be checked.
const CHECKED_WITHIN: Duration = Duration::from_secs(20);
/// How long sending a logo may take.
const LOGO_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// A file from a form, whole.
struct Sent {
    name: String,
    size: u64,
    sha256: String,
    file: File,
}

/// What a form with a file holds.
struct SentForm {
    form: Filled,
    file: Option<Sent>,
    is_too_large: bool,
}

/// One field of a form with files.
enum Piece {
    Text(String, String),
    File(Sent),
    /// No file was chosen.
    Nothing,
    /// The name of a file with more bytes than a form may bring.
    TooLarge(String),
}

/// Reads the next field. A file that is too large is read on, up to a bound: a browser that is still sending shows no answer.
async fn next(parts: &mut Multipart) -> Result<Option<Piece>, Failure> {
    let Some(mut part) = parts.next_field().await.map_err(|_| Reason::BadForm)? else { return Ok(None) };
    let name = part.name().unwrap_or_default().to_owned();
    if name != "file" {
        let text = part.text().await.map_err(|_| Reason::BadForm)?;
        return Ok(Some(Piece::Text(name, text.chars().take(100_000).collect())));
    }
    let name = part.file_name().unwrap_or_default().to_owned();
    let mut file = temporary().await.map_err(|_| Reason::Undrawable)?;
    let (mut hash, mut size) = (Context::new(&SHA256), 0_u64);
    while let Some(chunk) = part.chunk().await.map_err(|_| Reason::BadForm)? {
        size += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if size > READ_ON_MAX {
            return Err(Reason::BadForm.into());
        }
        if size <= FILE_MAX {
            hash.update(&chunk);
            file.write_all(&chunk).await.map_err(|_| Reason::Undrawable)?;
        }
    }
    file.rewind().await.map_err(|_| Reason::Undrawable)?;
    let sha256 = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(match size {
        0 => Piece::Nothing,
        1..=FILE_MAX => Piece::File(Sent { name, size, sha256, file }),
        _ => Piece::TooLarge(name),
    }))
}

/// Reads a form with one file.
async fn read(mut parts: Multipart) -> Result<SentForm, Failure> {
    let mut sent = SentForm { form: Filled::default(), file: None, is_too_large: false };
    while let Some(piece) = next(&mut parts).await? {
        match piece {
            Piece::Text(name, text) => sent.form.put(&name, &text),
            Piece::File(file) => sent.file = Some(file),
            Piece::Nothing => {}
            Piece::TooLarge(_) => sent.is_too_large = true,
        }
    }
    Ok(sent)
}

/// Opens a file without a name: it is gone as soon as it is closed.
async fn temporary() -> std::io::Result<File> {
    #[expect(clippy::disallowed_methods, reason = "a name that nobody can foresee, and nothing more")]
    let path = std::env::temp_dir().join(format!("sharedspaces-web-{}", uuid::Uuid::new_v4()));
    let file = File::options().create_new(true).read(true).write(true).open(&path).await?;
    tokio::fs::remove_file(&path).await?;
    Ok(file)
}

/// Takes files, one after the other, and adds each to the space once it has been checked.
pub(crate) async fn upload(
    me: Me,
    Path(space_id): Path<String>,
    Query(place): Query<Place>,
    mut parts: Multipart,
) -> Result<Response, Refused> {
    let t = me.texts();
    let (mut form, mut refused, mut count) = (Filled::default(), Vec::new(), 0);
    while let Some(piece) = next(&mut parts).await? {
        count += i32::from(!matches!(piece, Piece::Text(..) | Piece::Nothing));
        match piece {
            Piece::Text(name, text) => form.put(&name, &text),
            Piece::Nothing => {}
            Piece::TooLarge(name) => refused.push(fill(t.live.too_large, name)),
            Piece::File(_) if count > FILES_MAX => refused.push(t.live.too_many_files.to_owned()),
            Piece::File(file) => refused.extend(add(&me, (&space_id, &place), &form, file).await?),
        }
    }
    if count == 0 {
        refused.push(t.file_missing.to_owned());
    }
    if refused.is_empty() {
        return Ok(back_to(&space_id, &place.folder, "added"));
    }
    refused.dedup();
    form.general = refused.join(" ");
    draw_back(&me, &space_id, (place, Back { adding: "file", add: form, describe: None })).await
}

/// Adds one file; returns why it is not there, in the person's words.
async fn add(me: &Me, place: (&str, &Place), form: &Filled, file: Sent) -> Result<Option<String>, Failure> {
    let (t, name) = (me.texts(), file.name.clone());
    match add_checked(me, place, form, file).await {
        Ok(words) => Ok(words.map(|words| format!("{name}: {words}"))),
        Err(status) => {
            let rule = crate::failure::field_errors(t, &status).into_values().next();
            let refused = Filled::default().refused(t, status)?;
            Ok(Some(format!("{name}: {}", rule.unwrap_or(refused.general))))
        }
    }
}

/// Adds one file where checking it finds nothing; returns what it found otherwise.
async fn add_checked(
    me: &Me,
    (space_id, place): (&str, &Place),
    form: &Filled,
    file: Sent,
) -> Result<Option<&'static str>, Status> {
    let (t, name) = (me.texts(), file.name.clone());
    let stored = store(me, space_id, file).await?;
    match stored.state() {
        pb::AssetState::Clean => {}
        pb::AssetState::Scanning | pb::AssetState::Uploading => return Ok(Some(t.file_waiting)),
        pb::AssetState::Refused | pb::AssetState::Unspecified => return Ok(Some(t.file_refused)),
    }
    let request = spaces::AddItemRequest {
        space_id: space_id.to_owned(),
        folder_id: place.folder.clone(),
        title: name,
        description: form.lines("description"),
        url: String::new(),
        asset_id: stored.asset_id.clone(),
    };
    // The file's own id is the key: sent again, it is the same item.
    me.web().api.content().add_item(me.ask_once(request, &stored.asset_id)).await?;
    Ok(None)
}

/// Streams a file to assets and waits until it is checked.
async fn store(me: &Me, space_id: &str, sent: Sent) -> Result<pb::Asset, Status> {
    let mut assets = me.web().api.assets();
    let request = pb::StartUploadRequest {
        space_id: space_id.to_owned(),
        file_name: sent.name,
        size_bytes: i64::try_from(sent.size).unwrap_or(i64::MAX),
        sha256: sent.sha256,
        is_direct: false,
    };
    let begun = assets.start_upload(me.ask(request)).await?.into_inner().asset;
    let asset_id = begun.ok_or_else(|| Status::internal("no file"))?.asset_id;
    let mut streamed = me.ask(chunks(asset_id.clone(), sent.file));
    streamed.set_timeout(Duration::from_secs(600));
    assets.upload_asset(streamed).await?;
    assets.complete_upload(me.ask(pb::CompleteUploadRequest { asset_id: asset_id.clone() })).await?;
    let deadline = tokio::time::Instant::now() + CHECKED_WITHIN;
    loop {
        let request = me.ask(pb::GetAssetRequest { asset_id: asset_id.clone() });
        let asset = assets.get_asset(request).await?.into_inner().asset.unwrap_or_default();
        let is_done = matches!(asset.state(), pb::AssetState::Clean | pb::AssetState::Refused);
        if is_done || tokio::time::Instant::now() > deadline {
            return Ok(asset);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Sends a file as assets takes it: what it is, then its bytes, as fast as they are taken.
fn chunks(asset_id: String, mut file: File) -> ReceiverStream<pb::UploadAssetRequest> {
    use pb::upload_asset_request::Part;
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        let header = Part::Header(pb::UploadAssetHeader { asset_id, offset_bytes: 0 });
        let mut next = Some(header);
        while let Some(part) = next {
            // Whoever does not listen any more wants no more.
            if sender.send(pb::UploadAssetRequest { part: Some(part) }).await.is_err() {
                return;
            }
            let mut chunk = vec![0; CHUNK];
            next = match file.read(&mut chunk).await {
                Ok(0) | Err(_) => None,
                Ok(length) => {
                    chunk.truncate(length);
                    Some(Part::Chunk(Bytes::from(chunk)))
                }
            };
        }
    });
    ReceiverStream::new(receiver)
}

/// Takes the customer's logo and shows it in the header.
pub(crate) async fn upload_logo(
    me: Me,
    Path(space_id): Path<String>,
    parts: Multipart,
) -> Result<Response, Refused> {
    let t = me.texts();
    let SentForm { form, file, is_too_large } = read(parts).await?;
    let Some(sent) = file else {
        let words = if is_too_large { t.logo_too_large } else { t.file_missing };
        return settings::draw_with_logo(&me, &space_id, form.saying(words)).await;
    };
    match show_logo(&me, &space_id, sent).await {
        Ok(()) => Ok(Redirect::to(&format!("/app/spaces/{space_id}/settings?done=saved")).into_response()),
        Err(status) => {
            // The rule is about the picture as a whole, whatever part of the call it names.
            let general = crate::failure::words(t, &status);
            settings::draw_with_logo(&me, &space_id, form.refused(t, status)?.saying(&general)).await
        }
    }
}

async fn show_logo(me: &Me, space_id: &str, sent: Sent) -> Result<(), Status> {
    use pb::upload_logo_request::Part;
    let (file_name, chunks) = picture(sent).await?;
    let header = pb::UploadLogoHeader { space_id: space_id.to_owned(), file_name };
    let parts = std::iter::once(Part::Header(header)).chain(chunks.into_iter().map(Part::Chunk));
    let messages: Vec<_> = parts.map(|part| pb::UploadLogoRequest { part: Some(part) }).collect();
    let mut request = me.ask(tokio_stream::iter(messages));
    request.set_timeout(LOGO_WITHIN);
    let logo = me.web().api.logos().upload_logo(request).await?.into_inner().logo.unwrap_or_default();
    let request = spaces::SetCustomerLogoRequest { space_id: space_id.to_owned(), logo_id: logo.logo_id };
    me.web().api.spaces().set_customer_logo(me.ask(request)).await?;
    Ok(())
}

/// Reads a picture into the pieces in which it is sent on, no further than the first byte too many.
async fn picture(mut sent: Sent) -> Result<(String, Vec<Bytes>), Status> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LOGO_MAX).unwrap_or(u64::MAX);
    let mut start = (&mut sent.file).take(limit);
    start.read_to_end(&mut bytes).await.map_err(|_| Status::internal("the picture cannot be read"))?;
    Ok((sent.name, bytes.chunks(CHUNK).map(Bytes::copy_from_slice).collect()))
}

/// How sending a picture that belongs to no space went.
pub(crate) enum LogoSent {
    Kept,
    Missing,
    TooLarge,
    Refused(Box<Status>),
}

impl LogoSent {
    fn of<T>(answer: Result<T, Status>) -> Self {
        match answer {
            Ok(_) => Self::Kept,
            Err(status) => Self::Refused(Box::new(status)),
        }
    }

    /// Returns a form that says why it was not kept; nothing where it was.
    pub(crate) fn refused(self, t: &'static Texts) -> Result<Option<Filled>, Failure> {
        let form = Filled::default();
        Ok(match self {
            Self::Kept => None,
            Self::Missing => Some(form.saying(t.file_missing)),
            Self::TooLarge => Some(form.saying(t.logo_too_large)),
            Self::Refused(status) => {
                // The rule is about the picture as a whole, whatever part of the call it names.
                let general = crate::failure::words(t, &status);
                Some(form.refused(t, *status)?.saying(&general))
            }
        })
    }
}

/// Reads the picture of a form that asks for nothing else; what is wrong where it brought none.
async fn chosen(parts: Multipart) -> Result<Result<(String, Vec<Bytes>), LogoSent>, Failure> {
    let SentForm { file, is_too_large, .. } = read(parts).await?;
    Ok(match file {
        Some(sent) => Ok(picture(sent).await?),
        None if is_too_large => Err(LogoSent::TooLarge),
        None => Err(LogoSent::Missing),
    })
}

/// Sends the person's own picture.
pub(crate) async fn send_own_picture(me: &Me, parts: Multipart) -> Result<LogoSent, Failure> {
    use pb::upload_profile_picture_request::Part;
    let (file_name, chunks) = match chosen(parts).await? {
        Ok(picture) => picture,
        Err(none) => return Ok(none),
    };
    let header = Part::Header(pb::ImageHeader { file_name });
    let parts = std::iter::once(header).chain(chunks.into_iter().map(Part::Chunk));
    let messages: Vec<_> = parts.map(|part| pb::UploadProfilePictureRequest { part: Some(part) }).collect();
    let mut request = me.ask(tokio_stream::iter(messages));
    request.set_timeout(LOGO_WITHIN);
    Ok(LogoSent::of(me.web().api.logos().upload_profile_picture(request).await))
}

/// Sends the organisation's own logo.
pub(crate) async fn send_own_logo(me: &Me, parts: Multipart) -> Result<LogoSent, Failure> {
    use pb::upload_organization_logo_request::Part;
    let (file_name, chunks) = match chosen(parts).await? {
        Ok(picture) => picture,
        Err(none) => return Ok(none),
    };
    let header = Part::Header(pb::ImageHeader { file_name });
    let parts = std::iter::once(header).chain(chunks.into_iter().map(Part::Chunk));
    let messages: Vec<_> = parts.map(|part| pb::UploadOrganizationLogoRequest { part: Some(part) }).collect();
    let mut request = me.ask(tokio_stream::iter(messages));
    request.set_timeout(LOGO_WITHIN);
    Ok(LogoSent::of(me.web().api.logos().upload_organization_logo(request).await))
}

/// How a logo is to be shown.
#[derive(Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    transparent: String,
}

/// Leads to a logo, at an address that lives for a minute.
pub(crate) async fn logo(
    me: Me,
    Path(logo_id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Redirect, Failure> {
    let request = pb::GetLogoRequest {
        logo_id,
        rendition: pb::LogoRendition::Header.into(),
        transparent_background: shown.transparent == "on",
    };
    let link = me.web().api.logos().get_logo(me.ask(request)).await?.into_inner();
    Ok(Redirect::temporary(&link.url))
}

/// Leads to the organisation's own logo.
pub(crate) async fn own_logo(me: Me) -> Result<Redirect, Failure> {
    let request = pb::GetOrganizationLogoRequest { rendition: pb::LogoRendition::Header.into() };
    let link = me.web().api.logos().get_organization_logo(me.ask(request)).await?.into_inner().logo_link;
    Ok(Redirect::temporary(&link.unwrap_or_default().url))
}

/// Leads to a file or link to look at. It is noted as opened; so another site's link leads to the item's page instead.
pub(crate) async fn open(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Failure> {
    if !is_from_our_page(&headers) {
        return Ok(Redirect::to(&format!("/app/spaces/{space_id}/items/{item_id}")));
    }
    let request = spaces::OpenItemRequest { space_id, item_id };
    let opened = me.web().api.content().open_item(me.ask(request)).await?.into_inner();
    Ok(Redirect::to(&opened.url))
}

/// Leads to a file to save, as [`open`] does.
pub(crate) async fn download(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Failure> {
    if !is_from_our_page(&headers) {
        return Ok(Redirect::to(&format!("/app/spaces/{space_id}/items/{item_id}")));
    }
    let request = spaces::DownloadItemRequest { space_id, item_id };
    let given = me.web().api.content().download_item(me.ask(request)).await?.into_inner();
    Ok(Redirect::to(&given.url))
}
