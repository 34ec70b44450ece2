//! Notices: the list of them, marking them read, their number at the head of each page, and the stream by which the script
//! learns of new ones.
//!
//! The stream is lines of JSON over the browser's own connection to us. It begins where the browser says it stood, so that
//! nothing is lost over a reconnect, and ends with the session, the access token, or this process.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sharedspaces_proto::notifications::v1 as pb;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use url::form_urlencoded;

use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::{Frame, render};
use crate::guard::is_from_our_page;
use crate::live::Line;
use crate::view::{Moment, Person};
use crate::visitor::{Me, Visitor, way_back};

/// How long a page waits for the number of unread notices; it is shown without one rather than late.
const COUNTED_WITHIN: Duration = Duration::from_millis(500);
/// How long the stream of the API may take to begin.
const BEGUN_WITHIN: Duration = Duration::from_secs(10);
/// What the layout says of the number before it is known. Nothing that people write can say it: their `<` are escaped.
const UNKNOWN: &str = "data-unread hidden><b>0</b>";

/// Which notices.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    page: String,
    #[serde(default)]
    unread: String,
}

struct Told {
    id: String,
    actor: Person,
    summary: String,
    space: String,
    to: String,
    when: Moment,
    is_read: bool,
}

#[derive(askama::Template)]
#[template(path = "notices/list.html")]
struct ListPage {
    frame: Frame,
    notices: Vec<Told>,
    /// The newest one, up to which all can be marked read; empty: nothing is unread.
    newest: String,
    is_unread_only: bool,
    next_page: String,
}

impl From<pb::Notification> for Told {
    fn from(notice: pb::Notification) -> Self {
        Self {
            to: way_to(&notice),
            actor: Person::new(&notice.actor_display_name, &notice.space_title),
            when: notice.create_time.into(),
            id: notice.notification_id,
            summary: notice.summary,
            space: notice.space_title,
            is_read: notice.is_read,
        }
    }
}

/// Where a notice leads: through the page that marks it read, to what it is about.
fn way_to(notice: &pb::Notification) -> String {
    use pb::NotificationKind::{
        AccessRequested, AddedToSpace, Mentioned, NewComment, NewContent, NewJoiner, Unspecified, Visit,
    };
    let object = &notice.object_id;
    let part = match notice.kind() {
        NewJoiner | AccessRequested => "/people".to_owned(),
        Visit => "/insights".to_owned(),
        NewComment | Mentioned | NewContent if !object.is_empty() => format!("/items/{object}"),
        NewComment | Mentioned | NewContent | AddedToSpace | Unspecified => String::new(),
    };
    let to = format!("/app/spaces/{}{part}", notice.space_id);
    let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
    format!("/app/notices/{}?to={to}", notice.notification_id)
}

/// Lists the person's notices.
pub(crate) async fn list(me: Me, Query(chosen): Query<Chosen>) -> Result<Response, Failure> {
    let is_unread_only = chosen.unread == "on";
    let request = pb::ListNotificationsRequest {
        page_size: 0,
        page_token: chosen.page,
        unread_only: is_unread_only,
        locale: me.locale().as_str().to_owned(),
    };
    let answer = me.web().api.notices().list_notifications(me.ask(request)).await?.into_inner();
    let notices: Vec<Told> = answer.notifications.into_iter().map(Told::from).collect();
    let newest = notices.first().filter(|_| answer.unread_count > 0).map(|notice| notice.id.clone());
    let page = ListPage {
        frame: Frame::new(&me, me.texts().live.notices).area("notices"),
        notices,
        newest: newest.unwrap_or_default(),
        is_unread_only,
        next_page: answer.next_page_token,
    };
    render(&page)
}

async fn mark(me: &Me, notification_ids: Vec<String>, up_to_notification_id: String) -> Result<(), Status> {
    let request = pb::MarkReadRequest { notification_ids, up_to_notification_id };
    me.web().api.notices().mark_read(me.ask(request)).await.map(drop)
}

/// Marks one notice read, or all up to one.
pub(crate) async fn mark_read(me: Me, form: Filled) -> Result<Redirect, Failure> {
    let named = Some(form.text("notice")).filter(|id| !id.is_empty());
    mark(&me, named.into_iter().collect(), form.text("up_to")).await?;
    Ok(Redirect::to(way_back(form.value("next"), "/app/notices")))
}

/// Where a notice leads.
#[derive(Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    to: String,
}

/// Leads to what a notice is about, and marks it read where the person followed it from our own page.
pub(crate) async fn follow(
    me: Me,
    Path(id): Path<String>,
    Query(way): Query<Way>,
    headers: HeaderMap,
) -> Redirect {
    // One that cannot be marked keeps nobody from where it leads.
    if is_from_our_page(&headers)
        && let Err(status) = mark(&me, vec![id], String::new()).await
    {
        tracing::warn!(rpc.code = ?status.code(), "a notice was not marked read");
    }
    Redirect::to(way_back(&way.to, "/app/notices"))
}

/// Where the browser stood.
#[derive(Deserialize)]
pub(crate) struct Since {
    #[serde(default)]
    after: String,
}

/// One line of the stream.
#[derive(Serialize)]
struct Said {
    cursor: String,
    unread: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<SaidNotice>,
}

#[derive(Serialize)]
struct SaidNotice {
    id: String,
    summary: String,
    space: String,
    to: String,
    when: String,
}

impl From<pb::WatchNotificationsResponse> for Said {
    fn from(message: pb::WatchNotificationsResponse) -> Self {
        let notice = message.notification.map(Told::from);
        Self {
            cursor: message.cursor,
            unread: message.unread_count,
            notice: notice.map(|of| SaidNotice {
                id: of.id,
                summary: of.summary,
                space: of.space,
                to: of.to,
                when: of.when.iso,
            }),
        }
    }
}

/// Streams the person's notices as they come; 401 where nobody is signed in any more, 429 beyond what one may have open.
pub(crate) async fn live(visitor: Visitor, Query(since): Query<Since>) -> Response {
    let Some(session) = visitor.session() else { return StatusCode::UNAUTHORIZED.into_response() };
    let Some(line) = visitor.web().lines.enter(&session.user_id) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let notices = match begin(&visitor, since.after).await {
        Ok(notices) => notices,
        Err(status) => return refused(&visitor, &status).into_response(),
    };
    let (sender, receiver) = channel(8);
    tokio::spawn(pass_on(visitor, line, notices, sender));
    let lines = ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>);
    let content_type = [(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    (content_type, Body::from_stream(lines)).into_response()
}

async fn begin(
    visitor: &Visitor,
    after: String,
) -> Result<Streaming<pb::WatchNotificationsResponse>, Status> {
    let request = pb::WatchNotificationsRequest { after, locale: visitor.locale().as_str().to_owned() };
    let mut request = visitor.ask(request);
    // A stream has no deadline: it ends with the token.
    request.metadata_mut().remove("grpc-timeout");
    let mut client = visitor.web().api.notices();
    let begun = tokio::time::timeout(BEGUN_WITHIN, client.watch_notifications(request)).await;
    begun.map_err(|_| Status::unavailable("the stream did not begin"))?.map(tonic::Response::into_inner)
}

/// A token that has not run out by itself and is refused belongs to a session that has ended; the browser comes again for
/// everything else.
fn refused(visitor: &Visitor, status: &Status) -> StatusCode {
    let is_stale = visitor.session().is_none_or(|session| session.is_stale(visitor.web().now()));
    match status.code() {
        Code::Unauthenticated if !is_stale => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Passes on what comes until either side ends, the process stops, or the browser has gone.
async fn pass_on(
    visitor: Visitor,
    line: Line,
    mut notices: Streaming<pb::WatchNotificationsResponse>,
    browser: Sender<Bytes>,
) {
    loop {
        let message = tokio::select! {
            () = line.ended() => return,
            () = browser.closed() => return,
            message = notices.message() => message,
        };
        let text = match message {
            Ok(Some(message)) => serde_json::to_string(&Said::from(message)).unwrap_or_default(),
            Ok(None) => return,
            Err(status) if refused(&visitor, &status) == StatusCode::UNAUTHORIZED => {
                r#"{"ended":true}"#.to_owned()
            }
            Err(_) => return,
        };
        if browser.send(Bytes::from(text + "\n")).await.is_err() {
            return;
        }
    }
}

/// Puts the number of unread notices into the head of a page. It is asked for while the page is made.
pub(crate) async fn count(visitor: Visitor, request: Request, next: Next) -> Response {
    let dest = request.headers().get("sec-fetch-dest").map(HeaderValue::as_bytes);
    let is_for_page = dest.is_none_or(|dest| dest == b"document");
    if visitor.session().is_none() || !is_for_page {
        return next.run(request).await;
    }
    if request.method() != Method::GET {
        // Most forms lead on to another page, which has the number.
        let response = next.run(request).await;
        return if is_html(&response) { shown(response, unread(&visitor).await).await } else { response };
    }
    let (response, unread) = tokio::join!(next.run(request), unread(&visitor));
    shown(response, unread).await
}

/// How many are unread; none where it cannot be told in time.
async fn unread(visitor: &Visitor) -> i32 {
    let request = pb::ListNotificationsRequest { page_size: 1, unread_only: true, ..Default::default() };
    let mut client = visitor.web().api.notices();
    let answer = tokio::time::timeout(COUNTED_WITHIN, client.list_notifications(visitor.ask(request))).await;
    answer.ok().and_then(Result::ok).map_or(0, |answer| answer.into_inner().unread_count)
}

fn is_html(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|of| of.as_bytes().starts_with(b"text/html"))
}

async fn shown(response: Response, unread: i32) -> Response {
    if unread == 0 || !is_html(&response) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // A page that was drawn lies in memory as a whole.
    let Ok(page) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    head.headers.remove(CONTENT_LENGTH);
    let page = String::from_utf8_lossy(&page).replacen(UNKNOWN, &known(unread), 1);
    Response::from_parts(head, Body::from(page))
}

fn known(unread: i32) -> String {
    let text = if unread > 99 { "99+".to_owned() } else { unread.to_string() };
    UNKNOWN.replace(" hidden", "").replace(">0<", &format!(">{text}<"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(kind: pb::NotificationKind, object: &str) -> pb::Notification {
        pb::Notification {
            notification_id: "n".to_owned(),
            kind: kind.into(),
            space_id: "s".to_owned(),
            object_id: object.to_owned(),
            ..pb::Notification::default()
        }
    }

    #[test]
    fn a_notice_leads_to_what_it_is_about() {
        use pb::NotificationKind as Kind;
        for (kind, object, to) in [
            (Kind::NewComment, "i", "%2Fitems%2Fi"),
            (Kind::NewContent, "", ""),
            (Kind::AccessRequested, "r", "%2Fpeople"),
            (Kind::Visit, "", "%2Finsights"),
            (Kind::AddedToSpace, "", ""),
        ] {
            let way = way_to(&notice(kind, object));
            assert_eq!(way, format!("/app/notices/n?to=%2Fapp%2Fspaces%2Fs{to}"), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn a_page_says_how_many_are_unread_and_its_length_is_its_own() {
        let page = || axum::response::Html(format!("<p {UNKNOWN}<p {UNKNOWN}")).into_response();
        assert_eq!(known(100), "data-unread><b>99+</b>");
        let counted = shown(page(), 7).await;
        assert!(!counted.headers().contains_key(CONTENT_LENGTH));
        let body = axum::body::to_bytes(counted.into_body(), 1_000).await.unwrap();
        assert_eq!(body, format!("<p data-unread><b>7</b><p {UNKNOWN}"));
        let none = shown(page(), 0).await;
        let body = axum::body::to_bytes(none.into_body(), 1_000).await.unwrap();
        assert_eq!(body, format!("<p {UNKNOWN}<p {UNKNOWN}"));
    }
}
