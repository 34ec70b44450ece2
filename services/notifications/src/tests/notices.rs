//! Notices, as their person lists them and marks them read.

use std::collections::HashSet;

use service_kit::caller::{Caller, Principal, TokenExpiry};
use service_kit::clock::{Clock, SystemClock};
use service_kit::ids::SpaceId;
use sharedspaces_proto::find_method_rule;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::notification_service_server::NotificationService;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::room::{Happening, Room, id_of, person};
use crate::grpc::NotificationGrpc;
use crate::notice::{self, Hearer, Hub, News, NoticeKind};

pub(super) struct Desk {
    pub(super) room: Room,
    pub(super) service: NotificationGrpc,
    pub(super) bea: Person,
    pub(super) caller: Caller,
    pub(super) stop: CancellationToken,
}

impl Desk {
    async fn new() -> Self {
        Self::over("127.0.0.1:1".parse().unwrap()).await
    }

    /// Makes a desk that asks the identity at an address about sessions.
    pub(super) async fn over(identity: std::net::SocketAddr) -> Self {
        let room = Room::new().await;
        let stop = CancellationToken::new();
        let identity = testkit::peers(identity).identity().unwrap();
        let hub = Hub::new(room.database.database.pool().clone(), identity, stop.clone());
        let service =
            NotificationGrpc { notices: room.notices.clone(), hub, clock: std::sync::Arc::new(SystemClock) };
        let bea = person("Bea", "de");
        let caller = room.caller(&bea);
        Self { room, service, bea, caller, stop }
    }

    /// Tells Bea of that many things, the first first.
    pub(super) async fn tell(&self, count: usize) {
        let bea = self.bea.clone();
        tell(&self.room, &bea, count).await;
    }

    async fn list(
        &self,
        request: pb::ListNotificationsRequest,
    ) -> Result<pb::ListNotificationsResponse, Status> {
        let request = request_of(&self.caller, "ListNotifications", request);
        self.service.list_notifications(request).await.map(Response::into_inner)
    }

    async fn all(&self) -> pb::ListNotificationsResponse {
        self.list(pb::ListNotificationsRequest { page_size: 100, ..Default::default() }).await.unwrap()
    }

    async fn mark(&self, caller: &Caller, ids: &[String], up_to: &str) -> Result<i32, Status> {
        let request =
            pb::MarkReadRequest { notification_ids: ids.to_vec(), up_to_notification_id: up_to.to_owned() };
        let answer = self.service.mark_read(request_of(caller, "MarkRead", request)).await?;
        Ok(answer.into_inner().unread_count)
    }
}

/// Tells somebody of that many things in one transaction.
pub(super) async fn tell(room: &Room, who: &Person, count: usize) {
    let (organization_id, hearer) = (room.organization_id, hearer(who));
    let news: Vec<News> = (0..count).map(|n| news(room, &n.to_string())).collect();
    let told: Result<(), service_kit::error::CommonError> = room
        .database
        .database
        .transaction(organization_id, move |tx| {
            Box::pin(async move {
                for news in &news {
                    notice::tell(tx, news, [hearer]).await?;
                }
                Ok(())
            })
        })
        .await;
    told.unwrap();
}

pub(super) fn hearer(who: &Person) -> Hearer {
    Hearer {
        user_id: id_of(who).into(),
        locale: service_kit::locale::Locale::of(&who.locale),
        kind: NoticeKind::NewContent,
    }
}

pub(super) fn news(room: &Room, name: &str) -> News {
    News {
        organization_id: room.organization_id,
        event_id: testkit::ids().next(),
        event_time: SystemClock.now(),
        space_id: SpaceId::from(room.space.space_id.parse::<Uuid>().unwrap()),
        space_title: room.space.title.clone(),
        actor_user_id: Some(Uuid::from_u128(1).into()),
        actor_display_name: "Ann".to_owned(),
        object_id: Some(Uuid::from_u128(2)),
        object_name: name.to_owned(),
    }
}

pub(super) fn request_of<T>(caller: &Caller, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let path = format!("/sharedspaces.notifications.v1.NotificationService/{method}");
    request.extensions_mut().insert(find_method_rule(&path).unwrap());
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    request.extensions_mut().insert(TokenExpiry(SystemClock.now() + std::time::Duration::from_secs(300)));
    request
}

fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

fn names(listed: &pb::ListNotificationsResponse) -> Vec<&str> {
    listed.notifications.iter().map(|notice| notice.object_name.as_str()).collect()
}

#[tokio::test]
async fn notices_are_listed_newest_first_in_pages_that_miss_nothing_and_repeat_nothing() {
    let desk = Desk::new().await;
    desk.tell(7).await;
    let mut token = String::new();
    let mut seen = Vec::new();
    for expected in [3, 3, 1] {
        let request = pb::ListNotificationsRequest { page_size: 3, page_token: token, ..Default::default() };
        let page = desk.list(request).await.unwrap();
        assert_eq!((page.notifications.len(), page.unread_count), (expected, 7));
        seen.extend(names(&page).into_iter().map(str::to_owned));
        token = page.next_page_token;
        // What comes meanwhile is on no later page.
        desk.room.sql("DELETE FROM notices WHERE object_name = 'later'").await;
    }
    assert_eq!(token, "");
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
    let first = desk.all().await.notifications.remove(0);
    assert_eq!(first.kind(), pb::NotificationKind::NewContent);
    assert_eq!(first.summary, "Ann hat „6“ zu „Big deal“ hinzugefügt");
    assert_eq!((first.space_title.as_str(), first.is_read), ("Big deal", false));
    let request = pb::ListNotificationsRequest { locale: "fr".to_owned(), ..Default::default() };
    let french = desk.list(request).await.unwrap().notifications.remove(0);
    assert_eq!(french.summary, "Ann a ajouté « 6 » à « Big deal »");
}

#[tokio::test]
async fn a_bad_page_or_language_is_refused_by_its_field() {
    let desk = Desk::new().await;
    let ask = async |request| desk.list(request).await;
    for size in [0, 100] {
        assert!(ask(pb::ListNotificationsRequest { page_size: size, ..Default::default() }).await.is_ok());
    }
    for (request, field) in [
        (pb::ListNotificationsRequest { page_size: 101, ..Default::default() }, "page_size"),
        (pb::ListNotificationsRequest { page_size: -1, ..Default::default() }, "page_size"),
        (pb::ListNotificationsRequest { page_token: "x".to_owned(), ..Default::default() }, "page_token"),
        (pb::ListNotificationsRequest { locale: "it".to_owned(), ..Default::default() }, "locale"),
    ] {
        let refused = ask(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), [field]);
    }
}

#[tokio::test]
async fn notices_are_marked_read_by_name_or_all_up_to_one_and_again_changes_nothing() {
    let desk = Desk::new().await;
    desk.tell(6).await;
    let ids: Vec<String> =
        desk.all().await.notifications.into_iter().map(|notice| notice.notification_id).collect();
    for _ in 0..2 {
        assert_eq!(desk.mark(&desk.caller, &ids[0..1], "").await.unwrap(), 5);
    }
    // The fourth newest, and so the three before it.
    assert_eq!(desk.mark(&desk.caller, &[], &ids[3]).await.unwrap(), 2);
    let unread = pb::ListNotificationsRequest { unread_only: true, ..Default::default() };
    let unread = desk.list(unread).await.unwrap();
    assert_eq!((names(&unread), unread.unread_count), (vec!["4", "3"], 2));
    assert_eq!(desk.all().await.notifications.iter().filter(|notice| notice.is_read).count(), 4);
    assert_eq!(desk.mark(&desk.caller, &ids[1..2], &ids[5]).await.unwrap(), 1, "both ways at once");
}

#[tokio::test]
async fn up_to_a_hundred_notices_are_marked_by_name_and_nonsense_is_refused_by_its_field() {
    let desk = Desk::new().await;
    desk.tell(1).await;
    let one = desk.all().await.notifications.remove(0).notification_id;
    let many = |count: usize| vec![one.clone(); count];
    for (ids, up_to, field) in [
        (vec![], "", "notification_ids"),
        (many(101), "", "notification_ids"),
        (vec![one.clone(), "x".to_owned()], "", "notification_ids[1]"),
        (vec![], "x", "up_to_notification_id"),
    ] {
        let refused = desk.mark(&desk.caller, &ids, up_to).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), [field]);
        assert_eq!(desk.all().await.unread_count, 1, "nothing was changed");
    }
    assert_eq!(desk.mark(&desk.caller, &many(100), "").await.unwrap(), 0);
}

#[tokio::test]
async fn unread_notices_are_counted_to_a_thousand() {
    let desk = Desk::new().await;
    desk.tell(999).await;
    assert_eq!(desk.all().await.unread_count, 999);
    desk.tell(1).await;
    assert_eq!(desk.all().await.unread_count, 1_000);
    desk.tell(5).await;
    let listed = desk.all().await;
    assert_eq!(listed.unread_count, 1_000);
    let newest = listed.notifications[0].notification_id.clone();
    assert_eq!(desk.mark(&desk.caller, &[], &newest).await.unwrap(), 0);
}

#[tokio::test]
async fn nobody_sees_or_marks_the_notices_of_another_person_or_organisation() {
    let desk = Desk::new().await;
    desk.tell(2).await;
    let ids: Vec<String> =
        desk.all().await.notifications.into_iter().map(|notice| notice.notification_id).collect();
    let colleague = testkit::caller_of(desk.caller.organization_id, desk.caller.kind);
    let stranger = Caller { user_id: desk.caller.user_id, ..testkit::caller(desk.caller.kind) };
    for other in [&colleague, &stranger] {
        let request = request_of(other, "ListNotifications", pb::ListNotificationsRequest::default());
        let listed = desk.service.list_notifications(request).await.unwrap().into_inner();
        assert!(listed.notifications.is_empty() && listed.unread_count == 0);
        assert_eq!(desk.mark(other, &ids, &ids[0]).await.unwrap(), 0);
    }
    assert_eq!(desk.all().await.unread_count, 2);

    // Also where a query forgets to name the organisation.
    let mut foreign = desk.room.database.database.pool().begin().await.unwrap();
    service_kit::db::act_for(&mut foreign, stranger.organization_id).await.unwrap();
    for table in ["notices", "notice_feeds", "departures"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut *foreign).await.unwrap();
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn the_same_event_again_tells_nobody_twice_and_leaves_no_gap_that_hides_anything() {
    let desk = Desk::new().await;
    let ann = person("Ann", "en");
    let told = super::room::told(Happening::Added(desk.room.item(&ann, "Offer", &[&desk.bea])));
    for _ in 0..3 {
        desk.room.apply(told.clone()).await.unwrap();
    }
    assert_eq!(names(&desk.all().await), ["Offer"]);
    desk.tell(1).await;
    assert_eq!(names(&desk.all().await), ["0", "Offer"]);
}

#[tokio::test]
async fn notices_are_kept_for_ninety_days_by_the_databases_clock_and_no_longer() {
    let desk = Desk::new().await;
    let gone = person("Gus", "en");
    desk.tell(3).await;
    desk.room.happens(Happening::Removed(desk.room.removed(&gone))).await;
    let colleague = person("Cid", "en");
    tell(&desk.room, &colleague, 1_001).await;
    for (days, left) in [("89 days 23 hours", 3), ("90 days 1 minute", 0)] {
        for statement in [
            "UPDATE notices SET create_time = now() - $1::text::interval WHERE user_id = $2",
            "UPDATE departures SET depart_time = now() - $1::text::interval WHERE $2::uuid IS NOT NULL",
            "UPDATE notice_feeds SET last_position = extract(epoch FROM now() - $1::text::interval) * 1000000
              WHERE user_id = $2",
        ] {
            let aged = sqlx::query(statement).bind(days).bind(id_of(&desk.bea));
            aged.execute(&desk.room.all).await.unwrap();
        }
        let deleted = desk.room.notices.delete_old().await.unwrap();
        assert_eq!(deleted, if left == 0 { 5 } else { 0 }, "three notices, a feed and a departure");
        assert_eq!(desk.all().await.notifications.len(), left);
    }
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM notices").fetch_one(&desk.room.all).await.unwrap();
    assert_eq!(kept, 1_001, "others are kept");
    desk.room.sql("UPDATE notices SET create_time = now() - interval '91 days'").await;
    assert_eq!(desk.room.notices.delete_old().await.unwrap(), 1_001, "in as many rounds as it takes");
}

#[tokio::test]
async fn notices_of_a_space_are_gone_for_who_was_shut_out_of_it_and_not_counted() {
    let desk = Desk::new().await;
    desk.tell(2).await;
    desk.room.happens(Happening::Removed(desk.room.removed(&desk.bea))).await;
    let listed = desk.all().await;
    assert!(listed.notifications.is_empty() && listed.unread_count == 0);
    desk.tell(1).await;
    let seen: HashSet<String> =
        desk.all().await.notifications.into_iter().map(|notice| notice.object_name).collect();
    assert_eq!(seen.len(), 1);
}
