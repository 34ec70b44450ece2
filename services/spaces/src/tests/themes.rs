//! Themes.

use messaging::Event;
use service_kit::caller::{Caller, CallerKind};
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::peers::{BANNER_ID, LOGO_ID};
use super::room::Room;
use crate::theme::{self, Colors, Font, Look, NewTheme, ThemeChange, ThemeError};

fn new(name: &str) -> NewTheme {
    NewTheme {
        name: name.to_owned(),
        colors: Look::built_in().colors,
        font: Font::Serif,
        banner_logo_id: None,
        is_default: false,
    }
}

async fn create(room: &Room, caller: &Caller, new: NewTheme) -> Result<pb::Theme, ThemeError> {
    let created: pb::CreateThemeResponse = room.themes.create(&Room::call(caller), new).await?;
    Ok(created.theme.unwrap())
}

async fn update(
    room: &Room,
    theme: &pb::Theme,
    change: ThemeChange,
) -> Result<pb::UpdateThemeResponse, ThemeError> {
    room.themes.update(&Room::call(&room.owner), id_of(theme), change).await
}

async fn delete(room: &Room, theme: &pb::Theme, replacement: Option<&pb::Theme>) -> Result<(), ThemeError> {
    let deleted: pb::DeleteThemeResponse =
        room.themes.delete(&Room::call(&room.owner), id_of(theme), replacement.map(id_of)).await?;
    assert_eq!(deleted, pb::DeleteThemeResponse {});
    Ok(())
}

fn id_of(theme: &pb::Theme) -> Uuid {
    theme.theme_id.parse().unwrap()
}

async fn list(room: &Room, caller: &Caller) -> Vec<pb::Theme> {
    let mut check = Violations::default();
    let page = PageRequest::read(&mut check, 100, "");
    let page = room.themes.list(caller, page).await.unwrap();
    page.items.into_iter().map(pb::Theme::from).collect()
}

async fn look(room: &Room, theme_id: Option<Uuid>) -> Look {
    let organization_id = room.owner.organization_id;
    room.database
        .database
        .read(organization_id, move |tx| {
            Box::pin(async move {
                let look = theme::look(tx, organization_id, theme_id).await?;
                Ok::<_, service_kit::error::CommonError>(look)
            })
        })
        .await
        .unwrap()
}

/// Returns the theme that the room's space chose.
async fn chosen(room: &Room) -> Option<Uuid> {
    sqlx::query_scalar("SELECT theme_id FROM spaces WHERE space_id = $1")
        .bind(room.space_id)
        .fetch_one(&room.superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_theme_is_listed_by_name_as_it_was_created_with_how_many_spaces_chose_it() {
    let room = Room::open().await;
    let second = create(&room, &room.owner, new("Zebra")).await.unwrap();
    let first = create(&room, &room.owner, new("apple")).await.unwrap();
    assert_eq!(list(&room, &room.owner).await, [first.clone(), second.clone()]);
    room.set(&format!("theme_id = '{}'", first.theme_id)).await;
    assert_eq!(list(&room, &room.owner).await[0].space_count, 1);
    room.set("state = 'DELETED', state_before_delete = 'ACTIVE', delete_time = now(), purge_time = now()")
        .await;
    assert_eq!(list(&room, &room.owner).await[0].space_count, 0);
    let mut check = Violations::default();
    let page = room.themes.list(&room.owner, PageRequest::read(&mut check, 1, "")).await.unwrap();
    let next = PageRequest::read(&mut check, 1, &page.next_page_token);
    assert_eq!(room.themes.list(&room.owner, next).await.unwrap().items[0].theme_id, id_of(&second));
    assert_eq!(
        list(&room, &testkit::caller(CallerKind::Admin)).await,
        [],
        "of another organisation: nothing"
    );
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case_and_free_in_another_organisation() {
    let room = Room::open().await;
    let elan = create(&room, &room.owner, new("Élan")).await.unwrap();
    let refused = create(&room, &room.owner, new("éLAN")).await;
    assert!(matches!(refused, Err(ThemeError::NameTaken)));
    let other = create(&room, &room.owner, new("Other")).await.unwrap();
    let rename = |name: &str| ThemeChange { name: Some(name.to_owned()), ..ThemeChange::default() };
    assert!(matches!(update(&room, &other, rename("ÉLAN")).await, Err(ThemeError::NameTaken)));
    update(&room, &elan, rename("ÉLAN")).await.expect("its own name in another case");
    create(&room, &testkit::caller(CallerKind::Admin), new("Élan")).await.unwrap();
}

#[tokio::test]
async fn an_organisation_has_50_themes_and_no_more() {
    let room = Room::open().await;
    for n in 0..50 {
        create(&room, &room.owner, new(&format!("Theme {n}"))).await.unwrap();
    }
    assert!(matches!(create(&room, &room.owner, new("One more")).await, Err(ThemeError::TooMany)));
    create(&room, &testkit::caller(CallerKind::Admin), new("Elsewhere")).await.unwrap();
    delete(&room, &list(&room, &room.owner).await[0], None).await.unwrap();
    create(&room, &room.owner, new("One more")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_admins_at_once_make_neither_a_51st_theme_nor_a_second_default() {
    let room = Room::open().await;
    for n in 0..46 {
        create(&room, &room.owner, new(&format!("Theme {n}"))).await.unwrap();
    }
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (themes, call) = (room.themes.clone(), Room::call(&room.owner));
        let new = NewTheme { is_default: true, ..new(&format!("At once {n}")) };
        calls.spawn(async move { themes.create::<pb::CreateThemeResponse>(&call, new).await });
    }
    let answers = calls.join_all().await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(ThemeError::TooMany))).count();
    assert_eq!((answers.iter().filter(|answer| answer.is_ok()).count(), refused), (4, 8));
    let themes = list(&room, &room.owner).await;
    assert_eq!((themes.len(), themes.iter().filter(|theme| theme.is_default).count()), (50, 1));
}

#[tokio::test]
async fn one_theme_at_most_is_the_default_and_spaces_without_a_theme_have_its_look() {
    let room = Room::open().await;
    assert_eq!(look(&room, None).await, Look::built_in());
    let default = |name| NewTheme { is_default: true, ..new(name) };
    let first = create(&room, &room.owner, default("First")).await.unwrap();
    let second = create(&room, &room.owner, default("Second")).await.unwrap();
    assert_eq!(look(&room, None).await.theme_id, Some(id_of(&second)));
    let back = ThemeChange { is_default: Some(true), ..ThemeChange::default() };
    update(&room, &first, back).await.unwrap();
    let defaults: Vec<_> = list(&room, &room.owner).await.iter().map(|theme| theme.is_default).collect();
    assert_eq!(defaults, [true, false]);
    assert_eq!(look(&room, Some(id_of(&second))).await.name, "Second");
    let none = ThemeChange { is_default: Some(false), ..ThemeChange::default() };
    update(&room, &first, none).await.unwrap();
    assert_eq!(look(&room, None).await, Look::built_in());
}

#[tokio::test]
async fn two_admins_lose_nothing_silently() {
    let room = Room::open().await;
    let theme = create(&room, &room.owner, new("Before")).await.unwrap();
    let change = |name: &str| ThemeChange {
        name: Some(name.to_owned()),
        version: theme.etag.parse().ok(),
        ..ThemeChange::default()
    };
    update(&room, &theme, change("First")).await.unwrap();
    assert!(matches!(update(&room, &theme, change("Second")).await, Err(ThemeError::Changed)));
    assert_eq!(list(&room, &room.owner).await[0].name, "First");
}

#[tokio::test]
async fn a_theme_of_another_organisation_is_not_found_whatever_is_asked_of_it() {
    let room = Room::open().await;
    let foreign = testkit::caller(CallerKind::Admin);
    let theirs = create(&room, &foreign, new("Theirs")).await.unwrap();
    let ours = create(&room, &room.owner, new("Ours")).await.unwrap();
    let change = ThemeChange { name: Some("Mine".to_owned()), ..ThemeChange::default() };
    assert!(matches!(update(&room, &theirs, change).await, Err(ThemeError::NotFound)));
    assert!(matches!(delete(&room, &theirs, None).await, Err(ThemeError::NotFound)));
    assert!(matches!(delete(&room, &ours, Some(&theirs)).await, Err(ThemeError::ReplacementNotFound)));
    assert_eq!(list(&room, &foreign).await, std::slice::from_ref(&theirs));
    assert_eq!(look(&room, Some(id_of(&theirs))).await, Look::built_in());
    let (organization_id, theme_id) = (room.owner.organization_id, id_of(&theirs));
    let exists: bool = room
        .database
        .database
        .read(organization_id, move |tx| {
            Box::pin(async move { Ok::<_, ThemeError>(theme::exists(tx, organization_id, theme_id).await?) })
        })
        .await
        .unwrap();
    assert!(!exists);
}

#[tokio::test]
async fn an_unused_theme_is_deleted_and_a_used_or_default_one_only_with_another_in_its_place() {
    let room = Room::open().await;
    let unused = create(&room, &room.owner, new("Unused")).await.unwrap();
    delete(&room, &unused, None).await.unwrap();
    let old = create(&room, &room.owner, NewTheme { is_default: true, ..new("Old") }).await.unwrap();
    let successor = create(&room, &room.owner, new("Successor")).await.unwrap();
    assert!(matches!(delete(&room, &old, None).await, Err(ThemeError::InUse)), "it is the default");
    room.set(&format!("theme_id = '{}'", successor.theme_id)).await;
    assert!(matches!(delete(&room, &successor, None).await, Err(ThemeError::InUse)), "a space chose it");
    let itself = delete(&room, &old, Some(&old)).await.unwrap_err();
    assert_eq!(tonic::Status::from(itself).code(), tonic::Code::InvalidArgument);

    room.set(&format!("theme_id = '{}'", old.theme_id)).await;
    delete(&room, &old, Some(&successor)).await.unwrap();
    assert_eq!(chosen(&room).await, Some(id_of(&successor)));
    let left = list(&room, &room.owner).await;
    assert_eq!(left.len(), 1);
    assert!(left[0].is_default && left[0].space_count == 1 && left[0].etag != successor.etag);
}

#[tokio::test]
async fn a_deleted_space_that_alone_chose_a_theme_does_not_keep_it() {
    let room = Room::open().await;
    let theme = create(&room, &room.owner, new("Gone")).await.unwrap();
    room.set(&format!("theme_id = '{}'", theme.theme_id)).await;
    room.set("state = 'DELETED', state_before_delete = 'ACTIVE', delete_time = now(), purge_time = now()")
        .await;
    delete(&room, &theme, None).await.unwrap();
    assert_eq!(chosen(&room).await, None);
}

#[tokio::test]
async fn a_banner_is_taken_only_if_assets_has_it_as_a_banner_and_its_place_is_told() {
    let room = Room::open().await;
    let with = |banner| NewTheme { banner_logo_id: Some(banner), ..new("Banner") };
    for bad in [Uuid::nil(), LOGO_ID] {
        assert!(matches!(create(&room, &room.owner, with(bad)).await, Err(ThemeError::BannerNotFound)));
    }
    let theme = create(&room, &room.owner, with(BANNER_ID)).await.unwrap();
    let change = |banner| ThemeChange { banner_logo_id: Some(banner), ..ThemeChange::default() };
    let refused = update(&room, &theme, change(Some(LOGO_ID))).await;
    assert!(matches!(refused, Err(ThemeError::BannerNotFound)));
    update(&room, &theme, ThemeChange { font: Some(Font::System), ..ThemeChange::default() }).await.unwrap();
    update(&room, &theme, change(None)).await.unwrap();
    update(&room, &theme, change(Some(BANNER_ID))).await.unwrap();
    delete(&room, &theme, None).await.unwrap();
    let placed = room.outbox::<LogoPlaced>().await;
    let shown: Vec<_> = placed.iter().map(|event| event.logo_id.clone()).collect();
    let banner = BANNER_ID.to_string();
    assert_eq!(shown, [banner.clone(), String::new(), banner, String::new()], "{}", LogoPlaced::ROUTING_KEY);
    assert!(placed.iter().all(|event| event.place_id == theme.theme_id));
    let versions: Vec<i64> = sqlx::query_scalar("SELECT aggregate_version FROM outbox ORDER BY id")
        .fetch_all(&room.superuser)
        .await
        .unwrap();
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
}

#[tokio::test]
async fn the_answer_warns_of_a_pair_of_colours_that_is_hard_to_read() {
    let room = Room::open().await;
    let colors = Colors { text: theme::Color::new(0x77, 0x77, 0x77), ..Look::built_in().colors };
    let created: pb::CreateThemeResponse =
        room.themes.create(&Room::call(&room.owner), NewTheme { colors, ..new("Gray") }).await.unwrap();
    let [warning] = created.contrast_warnings.as_slice() else { panic!("{created:?}") };
    assert_eq!((warning.foreground.as_str(), warning.background.as_str()), ("text", "background"));
    assert!(warning.ratio < 4.5 && warning.required_ratio == 4.5, "{warning:?}");
    let change = ThemeChange { colors: Some(Look::built_in().colors), ..ThemeChange::default() };
    let better = update(&room, &created.theme.unwrap(), change).await.unwrap();
    assert_eq!(better.contrast_warnings, []);
}

#[tokio::test]
async fn themes_hold_by_row_level_security_alone_where_a_query_forgets_the_tenant() {
    let room = Room::open().await;
    create(&room, &room.owner, new("Ours")).await.unwrap();
    let foreign = testkit::caller(CallerKind::Admin);
    let seen: i64 = room
        .database
        .database
        .read(foreign.organization_id, |tx| {
            Box::pin(async move {
                let sql = "SELECT (SELECT count(*) FROM themes) + (SELECT count(*) FROM spaces)
                                + (SELECT count(*) FROM items) + (SELECT count(*) FROM activities)";
                let seen = sqlx::query_scalar(sql).fetch_one(tx).await?;
                Ok::<_, service_kit::error::CommonError>(seen)
            })
        })
        .await
        .unwrap();
    assert_eq!(seen, 0);
}

#[test]
fn a_request_for_a_theme_is_taken_within_its_limits_and_refused_by_field_beyond() {
    let good = pb::CreateThemeRequest {
        name: "n".repeat(100),
        colors: Some(Look::built_in().colors.into()),
        ..pb::CreateThemeRequest::default()
    };
    let new = NewTheme::try_from(good.clone()).unwrap();
    assert_eq!((new.font, new.banner_logo_id, new.is_default), (Font::System, None, false));
    let bright = pb::ThemeColors { accent: "blue".to_owned(), ..Look::built_in().colors.into() };
    let bad = [
        ("name", pb::CreateThemeRequest { name: "n".repeat(101), ..good.clone() }),
        ("name", pb::CreateThemeRequest { name: " ".to_owned(), ..good.clone() }),
        ("colors", pb::CreateThemeRequest { colors: None, ..good.clone() }),
        ("colors.accent", pb::CreateThemeRequest { colors: Some(bright), ..good.clone() }),
        ("font", pb::CreateThemeRequest { font: 99, ..good.clone() }),
        ("banner_logo_id", pb::CreateThemeRequest { banner_logo_id: "x".to_owned(), ..good }),
    ];
    for (field, request) in bad {
        let refused = NewTheme::try_from(request).unwrap_err();
        let fields: Vec<_> = refused.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [field]);
    }
}
