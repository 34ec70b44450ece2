//! What people say about items.

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::UserId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::comment_service_server::CommentService;
use tonic::{Code, Request};
use uuid::Uuid;

use super::room::Room;
use crate::comment::{CommentChange, CommentError, NewComment};
use crate::grpc::CommentGrpc;
use crate::item::{NewContent, NewItem};

async fn lay_item(room: &Room, folder_id: Option<Uuid>, content: NewContent) -> Uuid {
    let new = NewItem {
        space_id: room.space_id,
        folder_id,
        title: "Offer".to_owned(),
        description: String::new(),
        content,
    };
    let added: pb::AddItemResponse = room.items().add(&Room::call(&room.owner), new).await.unwrap();
    added.item.unwrap().item_id.parse().unwrap()
}

async fn lay_link(room: &Room) -> Uuid {
    lay_item(room, None, NewContent::Link("https://a.example/".to_owned())).await
}

async fn mention(
    room: &Room,
    who: &Caller,
    item_id: Uuid,
    text: &str,
    mentioned: &[UserId],
) -> Result<pb::Comment, CommentError> {
    let new = NewComment {
        space_id: room.space_id,
        item_id,
        text: text.to_owned(),
        mentioned_user_ids: mentioned.to_vec(),
    };
    let added: pb::AddCommentResponse = room.comments().add(&Room::call(who), new).await?;
    Ok(added.comment.unwrap())
}

async fn say(room: &Room, who: &Caller, item_id: Uuid, text: &str) -> Result<pb::Comment, CommentError> {
    mention(room, who, item_id, text, &[]).await
}

async fn edit(
    room: &Room,
    who: &Caller,
    comment: &pb::Comment,
    text: &str,
    etag: &str,
) -> Result<pb::Comment, CommentError> {
    let change = CommentChange { text: text.to_owned(), version: etag.parse().ok() };
    let comment_id = comment.comment_id.parse().unwrap();
    let changed: pb::UpdateCommentResponse =
        room.comments().update(&Room::call(who), room.space_id, comment_id, change).await?;
    Ok(changed.comment.unwrap())
}

async fn delete(room: &Room, who: &Caller, comment: &pb::Comment) -> Result<(), CommentError> {
    let comment_id = comment.comment_id.parse().unwrap();
    let deleted: Result<pb::DeleteCommentResponse, _> =
        room.comments().delete(&Room::call(who), room.space_id, comment_id).await;
    deleted.map(|_| ())
}

async fn list(room: &Room, who: &Caller, item_id: Uuid) -> Result<Vec<pb::Comment>, CommentError> {
    let (mut comments, mut token) = (Vec::new(), String::new());
    loop {
        let page = PageRequest::read(&mut Violations::default(), 2, &token);
        let page = room.comments().list(who, room.space_id, item_id, page).await?;
        comments.extend(page.items.into_iter().map(pb::Comment::from));
        if page.next_page_token.is_empty() {
            return Ok(comments);
        }
        token = page.next_page_token;
    }
}

async fn texts(room: &Room, item_id: Uuid) -> Vec<String> {
    list(room, &room.owner, item_id).await.unwrap().into_iter().map(|comment| comment.text).collect()
}

/// Returns how many comments each item of the space itself says it has.
async fn counts(room: &Room) -> Vec<i32> {
    let page = PageRequest::read(&mut Violations::default(), 0, "");
    let page = room.items().list(&room.guest, room.space_id, None, page).await.unwrap();
    page.items.into_iter().map(|item| pb::Item::from(item).comment_count).collect()
}

async fn told(room: &Room, who: &Caller) -> Vec<String> {
    let page = PageRequest::read(&mut Violations::default(), 100, "");
    let told = room.activities().list(who, room.space_id, page, None).await.unwrap();
    told.items.into_iter().rev().map(|told| told.summary).collect()
}

async fn rows(room: &Room) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM comments").fetch_one(&room.superuser).await.unwrap()
}

async fn set_state(room: &Room, who: &Caller, state: &str) {
    sqlx::query("UPDATE participants SET state = $2 WHERE user_id = $1")
        .bind(who.user_id)
        .bind(state)
        .execute(&room.superuser)
        .await
        .unwrap();
}

#[tokio::test]
async fn comments_are_listed_the_oldest_first_under_the_names_they_were_made_with() {
    let room = Room::open().await;
    let (item, other) = (lay_link(&room).await, lay_item(&room, None, NewContent::Folder).await);
    for (who, text) in [(&room.owner, "one"), (&room.guest, "two"), (&room.colleague, "three")] {
        say(&room, who, item, text).await.unwrap();
    }
    say(&room, &room.guest, other, "of a folder").await.unwrap();
    assert_eq!(texts(&room, item).await, ["one", "two", "three"]);
    assert_eq!(counts(&room).await, [3, 1]);
    room.know_person(&room.guest, "Regina", "en").await;
    set_state(&room, &room.guest, "LEFT").await;
    let comments = list(&room, &room.colleague, item).await.unwrap();
    assert_eq!((comments[1].author_display_name.as_str(), comments[1].etag.as_str()), ("Gina", "1"));
    assert_eq!(comments[1].author_user_id, room.guest.user_id.to_string());
    assert_eq!(comments[1].create_time, comments[1].update_time);
    assert!(matches!(say(&room, &room.guest, item, "more").await, Err(CommentError::SpaceNotFound)));
    assert!(matches!(delete(&room, &room.guest, &comments[1]).await, Err(CommentError::SpaceNotFound)));
}

#[tokio::test]
async fn everybody_who_takes_part_or_is_invited_is_mentioned_and_nobody_else() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let people = [room.owner.user_id, room.guest.user_id];
    let comment = mention(&room, &room.guest, item, "look", &people).await.unwrap();
    assert_eq!(comment.mentioned_user_ids, people.map(|user_id| user_id.to_string()));
    assert_eq!(list(&room, &room.owner, item).await.unwrap(), [comment]);
    for (state, is_taken) in [("INVITED", true), ("ACTIVE", true), ("LEFT", false), ("REVOKED", false)] {
        set_state(&room, &room.guest, state).await;
        let said = mention(&room, &room.owner, item, "look", &people).await;
        assert_eq!(said.is_ok(), is_taken, "{state}: {said:?}");
        assert!(is_taken || matches!(said, Err(CommentError::ParticipantNotFound)));
    }
    let refused = mention(&room, &room.owner, item, "look", &[room.stranger.user_id]).await;
    assert!(matches!(refused, Err(CommentError::ParticipantNotFound)));
    assert_eq!(rows(&room).await, 3);
}

#[tokio::test]
async fn authors_change_and_delete_their_own_and_internal_participants_delete_any() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let ours = say(&room, &room.owner, item, "ours").await.unwrap();
    let theirs = say(&room, &room.guest, item, "theirs").await.unwrap();
    let another = testkit::caller_of(room.owner.organization_id, CallerKind::Guest);
    room.know_person(&another, "Gus", "en").await;
    room.lay_participant(room.space_id, &another, "EXTERNAL").await;
    for (who, comment) in
        [(&room.guest, &ours), (&another, &theirs), (&room.colleague, &ours), (&room.owner, &theirs)]
    {
        let refused = edit(&room, who, comment, "forged", "").await;
        assert!(matches!(refused, Err(CommentError::OwnCommentsOnly)));
    }
    for (who, comment) in [(&room.guest, &ours), (&another, &theirs)] {
        assert!(matches!(delete(&room, who, comment).await, Err(CommentError::OwnCommentsOnly)));
    }
    let edited = edit(&room, &room.guest, &theirs, "better", &theirs.etag).await.unwrap();
    assert_eq!((edited.text.as_str(), edited.etag.as_str()), ("better", "2"));
    let stale = edit(&room, &room.guest, &theirs, "late", &theirs.etag).await;
    assert!(matches!(stale, Err(CommentError::Changed)));
    let same = edit(&room, &room.guest, &edited, "better", "").await.unwrap();
    assert_eq!(same, edited, "the same words change nothing");
    assert_eq!(texts(&room, item).await, ["ours", "better"]);
    delete(&room, &room.colleague, &edited).await.unwrap();
    delete(&room, &room.owner, &ours).await.unwrap();
    assert!(texts(&room, item).await.is_empty());
}

#[tokio::test]
async fn a_deleted_comment_leaves_no_word_and_deleting_it_again_changes_nothing() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let comment = mention(&room, &room.guest, item, "secret-canary", &[room.owner.user_id]).await.unwrap();
    delete(&room, &room.guest, &comment).await.unwrap();
    let noted = told(&room, &room.owner).await;
    for who in [&room.guest, &room.owner] {
        delete(&room, who, &comment).await.unwrap();
    }
    assert_eq!(told(&room, &room.owner).await, noted);
    assert_eq!(noted[1..], ["Gina commented on “Offer”", "Gina deleted a comment on “Offer”"]);
    assert_eq!(told(&room, &room.guest).await, noted[..2], "guests see that one was added");
    let refused = edit(&room, &room.guest, &comment, "again", "").await;
    assert!(matches!(refused, Err(CommentError::NotFound)));
    assert_eq!(counts(&room).await, [0]);
    let kept: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM comments WHERE text <> '' OR cardinality(mentioned_user_ids) > 0",
    )
    .fetch_one(&room.superuser)
    .await
    .unwrap();
    assert_eq!(kept, 0);
    let nothing = pb::Comment { comment_id: Uuid::nil().to_string(), ..comment };
    assert!(matches!(delete(&room, &room.guest, &nothing).await, Err(CommentError::NotFound)));
}

#[tokio::test]
async fn comments_go_with_their_item_and_with_the_folder_it_lies_in() {
    let room = Room::open().await;
    let shelf = lay_item(&room, None, NewContent::Folder).await;
    let inside = lay_item(&room, Some(shelf), NewContent::Link("https://a.example/".to_owned())).await;
    let comment = say(&room, &room.guest, inside, "inside").await.unwrap();
    say(&room, &room.guest, shelf, "shelf").await.unwrap();
    let stays = lay_link(&room).await;
    say(&room, &room.guest, stays, "stays").await.unwrap();
    let _removed: pb::RemoveItemResponse =
        room.items().remove(&Room::call(&room.owner), room.space_id, shelf).await.unwrap();
    assert_eq!(rows(&room).await, 1);
    assert!(matches!(say(&room, &room.owner, inside, "x").await, Err(CommentError::ItemNotFound)));
    assert!(matches!(list(&room, &room.owner, inside).await, Err(CommentError::ItemNotFound)));
    assert!(matches!(edit(&room, &room.guest, &comment, "x", "").await, Err(CommentError::NotFound)));
    assert!(matches!(delete(&room, &room.guest, &comment).await, Err(CommentError::NotFound)));
}

#[tokio::test]
async fn who_takes_no_part_says_and_reads_nothing_and_nobody_says_anything_in_an_archived_space() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let comment = say(&room, &room.guest, item, "before").await.unwrap();
    let foreign = testkit::caller(CallerKind::Admin);
    for nobody in [&room.stranger, &foreign] {
        assert!(matches!(say(&room, nobody, item, "x").await, Err(CommentError::SpaceNotFound)));
        assert!(matches!(edit(&room, nobody, &comment, "x", "").await, Err(CommentError::SpaceNotFound)));
        assert!(matches!(delete(&room, nobody, &comment).await, Err(CommentError::SpaceNotFound)));
        assert!(matches!(list(&room, nobody, item).await, Err(CommentError::SpaceNotFound)));
    }
    let admin = testkit::caller_of(room.owner.organization_id, CallerKind::Admin);
    assert_eq!(list(&room, &admin, item).await.unwrap().len(), 1);
    let refused = say(&room, &admin, item, "x").await;
    assert!(matches!(refused, Err(CommentError::InternalParticipantsOnly)));
    let mut other = Room::open().await;
    let theirs = lay_link(&other).await;
    assert!(matches!(say(&room, &room.owner, theirs, "x").await, Err(CommentError::ItemNotFound)));
    let said = say(&other, &other.owner, theirs, "theirs").await.unwrap();
    other.space_id = testkit::ids().next();
    other.lay_space(&other.owner, other.space_id, "Second").await;
    other.lay_participant(other.space_id, &other.owner, "OWNER").await;
    assert!(matches!(say(&other, &other.owner, theirs, "x").await, Err(CommentError::ItemNotFound)));
    assert!(matches!(delete(&other, &other.owner, &said).await, Err(CommentError::NotFound)));
    assert!(matches!(edit(&other, &other.owner, &said, "x", "").await, Err(CommentError::NotFound)));

    room.set("state = 'ARCHIVED', archive_time = now()").await;
    for who in [&room.owner, &room.guest] {
        assert!(matches!(say(&room, who, item, "x").await, Err(CommentError::SpaceArchived)));
        assert!(matches!(edit(&room, who, &comment, "x", "").await, Err(CommentError::SpaceArchived)));
        assert!(matches!(delete(&room, who, &comment).await, Err(CommentError::SpaceArchived)));
    }
    assert_eq!(texts(&room, item).await, ["before"], "members read on");
    assert!(matches!(list(&room, &room.guest, item).await, Err(CommentError::SpaceArchived)));
    room.set("state = 'ACTIVE', archive_time = NULL").await;
    sqlx::query("UPDATE people SET consent_notice_version = 0").execute(&room.superuser).await.unwrap();
    let without = Caller { consent_notice_version: 0, ..room.guest.clone() };
    assert!(matches!(say(&room, &without, item, "x").await, Err(CommentError::ConsentRequired)));
    assert!(matches!(list(&room, &without, item).await, Err(CommentError::ConsentRequired)));
}

/// A request as the access layer hands it on.
fn from<T>(caller: &Caller, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(service_kit::caller::Principal::Person(caller.clone()));
    let path = format!("/sharedspaces.spaces.v1.CommentService/{method}");
    request.extensions_mut().insert(sharedspaces_proto::find_method_rule(&path).unwrap());
    request
}

#[tokio::test]
async fn a_retried_comment_is_one_comment() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let grpc = CommentGrpc { comments: room.comments() };
    let request = |key: &str| {
        let message = pb::AddCommentRequest {
            space_id: room.space_id.to_string(),
            item_id: item.to_string(),
            text: "once".to_owned(),
            mentioned_user_ids: vec![room.owner.user_id.to_string(); 3],
        };
        let mut request = from(&room.guest, "AddComment", message);
        request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        request
    };
    let (one, two) = tokio::join!(grpc.add_comment(request("k1")), grpc.add_comment(request("k1")));
    let first = one.unwrap().into_inner();
    assert_eq!(first, two.unwrap().into_inner());
    assert_eq!(first.comment.as_ref().unwrap().mentioned_user_ids.len(), 1, "named again, mentioned once");
    assert_eq!(rows(&room).await, 1);
    grpc.add_comment(request("k2")).await.unwrap();
    assert_eq!(rows(&room).await, 2);
    assert_eq!(told(&room, &room.guest).await.len(), 3, "the item, and two comments");
}

#[tokio::test]
async fn texts_and_etags_of_requests_are_refused_by_name() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let grpc = CommentGrpc { comments: room.comments() };
    let space_id = room.space_id.to_string();
    let add = |text: String| pb::AddCommentRequest {
        space_id: space_id.clone(),
        item_id: item.to_string(),
        text,
        ..pb::AddCommentRequest::default()
    };
    let longest = grpc.add_comment(from(&room.guest, "AddComment", add("é".repeat(5_000)))).await.unwrap();
    let comment_id = longest.into_inner().comment.unwrap().comment_id;
    for text in [String::new(), " \n".to_owned(), "é".repeat(5_001)] {
        let refused = grpc.add_comment(from(&room.guest, "AddComment", add(text))).await.unwrap_err();
        assert!(refused.code() == Code::InvalidArgument && refused.message().contains("text: "), "{refused}");
    }
    let update = |text: String, etag: &str| pb::UpdateCommentRequest {
        space_id: space_id.clone(),
        comment_id: comment_id.clone(),
        text,
        etag: etag.to_owned(),
    };
    let call = |message| grpc.update_comment(from(&room.guest, "UpdateComment", message));
    call(update("x".repeat(5_000), "1")).await.unwrap();
    for (message, words) in [
        (update("x".repeat(5_001), ""), "text: "),
        (update(String::new(), ""), "text: "),
        (update("x".to_owned(), "y"), "etag: "),
    ] {
        let refused = call(message).await.unwrap_err();
        assert!(refused.message().contains(words), "{refused}");
    }
    let listing = pb::ListCommentsRequest {
        space_id: space_id.clone(),
        item_id: item.to_string(),
        page_size: 101,
        page_token: String::new(),
    };
    let refused = grpc.list_comments(from(&room.guest, "ListComments", listing.clone())).await.unwrap_err();
    assert!(refused.message().contains("page_size"), "{refused}");
    let listing = pb::ListCommentsRequest { page_size: 100, ..listing };
    let listed = grpc.list_comments(from(&room.guest, "ListComments", listing)).await.unwrap();
    assert_eq!(listed.into_inner().comments.len(), 1);
    let deletion = pb::DeleteCommentRequest { space_id, comment_id };
    grpc.delete_comment(from(&room.guest, "DeleteComment", deletion)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_removed_while_people_comment_leaves_no_comment_behind() {
    let room = Room::open().await;
    let item = lay_link(&room).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..24 {
        let (comments, items) = (room.comments(), room.items());
        let (call, space_id) = (Room::call(&room.owner), room.space_id);
        calls.spawn(async move {
            if n == 12 {
                items.remove::<pb::RemoveItemResponse>(&call, space_id, item).await.unwrap();
                return;
            }
            let new =
                NewComment { space_id, item_id: item, text: "c".to_owned(), mentioned_user_ids: Vec::new() };
            let said = comments.add::<pb::AddCommentResponse>(&call, new).await;
            assert!(matches!(said, Ok(_) | Err(CommentError::ItemNotFound)), "{said:?}");
        });
    }
    calls.join_all().await;
    assert_eq!(rows(&room).await, 0);
}
