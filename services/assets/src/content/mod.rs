//! The content port: where files and previews are fetched from.
//!
//! Owns answering `GET` and `HEAD /content/<token>`, at an origin that serves nothing else and knows no cookies. The
//! token says who may fetch what; whether they still may is asked again, before the first byte and every few seconds while
//! bytes are sent. Whatever is wrong gives the same answer, so that nobody learns what there is.

mod headers;
mod places;
mod range;
mod token;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use service_kit::error::{DomainError, Kind, chain};

use crate::asset::{AssetError, Assets, Fetched};
use places::Places;
use range::Span;

pub(crate) use token::{ADDRESS_TTL, Addresses, Grant, Wanted};

const PATH: &str = "/content/";

#[derive(Clone)]
struct Content {
    assets: Assets,
    places: Places,
}

/// Returns what the content port offers.
pub(crate) fn routes(assets: Assets) -> Router {
    Router::new().fallback(fetch).with_state(Content { assets, places: Places::default() })
}

async fn fetch(State(content): State<Content>, request: Request) -> Response {
    let token = request.uri().path().strip_prefix(PATH).unwrap_or_default().to_owned();
    let is_head = request.method() == Method::HEAD;
    if token.is_empty() || !(is_head || request.method() == Method::GET) {
        return refusal(StatusCode::NOT_FOUND);
    }
    let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned);
    match content.answer(&token, range.as_deref(), is_head).await {
        Ok(response) => response,
        Err(error) => refusal_of(&error),
    }
}

impl Content {
    async fn answer(&self, token: &str, range: Option<&str>, is_head: bool) -> Result<Response, AssetError> {
        let grant = self.assets.granted(token)?;
        let place = self.places.take(grant.user_id).ok_or(AssetError::Busy)?;
        let fetched = self.assets.admit_fetch(grant).await?;
        let size = fetched.size_bytes;
        let (status, part) = match Span::read(range, size) {
            Span::Whole => (StatusCode::OK, None),
            Span::Part(first, last) => (StatusCode::PARTIAL_CONTENT, Some((first, last))),
            Span::Beyond => return Ok(beyond(size)),
        };
        let body = if is_head {
            Body::empty()
        } else {
            let pieces = self.assets.open(fetched.clone(), part).await?;
            Body::from_stream(place.send(pieces))
        };
        Ok(answer(&fetched, status, part, body))
    }
}

fn answer(fetched: &Fetched, status: StatusCode, part: Option<(i64, i64)>, body: Body) -> Response {
    let mut headers = HeaderMap::new();
    headers::put_common(&mut headers);
    headers::put_file(&mut headers, &fetched.content_type, &fetched.file_name, fetched.is_inline);
    let size = fetched.size_bytes;
    let length = part.map_or(size, |(first, last)| last - first + 1);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some((first, last)) = part {
        put_range(&mut headers, &format!("bytes {first}-{last}/{size}"));
    }
    response(status, headers, body)
}

/// Says that there is nothing in the range that was asked for.
fn beyond(size: i64) -> Response {
    let mut headers = HeaderMap::new();
    headers::put_common(&mut headers);
    put_range(&mut headers, &format!("bytes */{size}"));
    response(StatusCode::RANGE_NOT_SATISFIABLE, headers, Body::empty())
}

fn put_range(headers: &mut HeaderMap, range: &str) {
    // Digits, always a good value.
    if let Ok(range) = HeaderValue::from_str(range) {
        headers.insert(CONTENT_RANGE, range);
    }
}

/// Tells no more than whether trying again may help.
fn refusal_of(error: &AssetError) -> Response {
    match error.kind() {
        Kind::Unavailable | Kind::Aborted | Kind::ResourceExhausted | Kind::Internal => {
            tracing::warn!(error.reason = error.reason(), error.chain = %chain(error), "content not sent");
            refusal(StatusCode::SERVICE_UNAVAILABLE)
        }
        Kind::NotFound
        | Kind::AlreadyExists
        | Kind::InvalidArgument
        | Kind::FailedPrecondition
        | Kind::PermissionDenied
        | Kind::Unauthenticated => refusal(StatusCode::NOT_FOUND),
    }
}

fn refusal(status: StatusCode) -> Response {
    let mut headers = HeaderMap::new();
    headers::put_common(&mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let text = if status == StatusCode::NOT_FOUND { "not found\n" } else { "try again\n" };
    response(status, headers, Body::from(text))
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::tests::files::world::Files;

    #[tokio::test]
    async fn an_answer_holds_its_place_until_it_is_sent_and_one_too_many_is_told_to_try_again() {
        let files = Files::new().await;
        let (uploader, space_id) = files.uploader();
        let asset = files.upload_file(&uploader, space_id, "a.txt", &[b'a'; 1 << 20]).await;
        let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
        let token = url.split(PATH).nth(1).unwrap();
        let content = Content { assets: files.assets.clone(), places: Places::default() };
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(content.answer(token, None, false).await.unwrap());
        }
        let busy = content.answer(token, None, false).await.unwrap_err();
        assert_eq!(refusal_of(&busy).status(), StatusCode::SERVICE_UNAVAILABLE);
        for answer in answers {
            assert_eq!(to_bytes(answer.into_body(), 1 << 20).await.unwrap().len(), 1 << 20);
        }
        testkit::eventually("a place is free", async || content.answer(token, None, false).await.is_ok())
            .await;
    }
}
