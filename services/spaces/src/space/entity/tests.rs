//! The rules of a space, and every step of its state machine.

use service_kit::caller::CallerKind;
use service_kit::clock::Clock;

use super::*;

fn space() -> Space {
    let caller = testkit::caller(CallerKind::Member);
    let content = SpaceContent { title: "t".into(), ..SpaceContent::default() };
    let random = Address::from_random([7; 10]);
    Space::create(Uuid::nil().into(), &caller, content, random, testkit::clock().now())
}

fn logo(format: LogoFormat) -> Option<CustomerLogo> {
    Some(CustomerLogo { logo_id: Uuid::nil(), width_px: 30, height_px: 20, format: Some(format) })
}

#[test]
fn a_change_on_an_old_version_is_refused_and_changes_nothing() {
    let (mut space, now) = (space(), testkit::clock().now());
    let before = space.clone();
    let change = SpaceChange { title: Some("new".into()), version: Some(2), ..SpaceChange::default() };
    assert!(matches!(space.change(change, now), Err(SpaceError::Changed)));
    assert_eq!(space, before);
    let change = SpaceChange { title: Some("new".into()), version: Some(1), ..SpaceChange::default() };
    assert_eq!(space.change(change.clone(), now).unwrap(), [Changed::Title]);
    assert_eq!((space.title.as_str(), space.version), ("new", 2));
    let same = SpaceChange { version: Some(2), ..change };
    assert_eq!(space.change(same, now).unwrap(), []);
    assert_eq!(space.version, 2, "what changes nothing leaves the etag");
}

#[test]
fn a_background_is_removed_from_a_png_alone_and_comes_back_with_another_logo() {
    let (mut space, now) = (space(), testkit::clock().now());
    let transparent = LogoDisplayChange { transparent_background: Some(true), ..Default::default() };
    assert!(matches!(space.show_logos_as(transparent, now), Err(SpaceError::NoCustomerLogo)));
    for format in [LogoFormat::Jpeg, LogoFormat::Webp] {
        space.show_logo(logo(format), now);
        assert!(matches!(space.show_logos_as(transparent, now), Err(SpaceError::TransparencyNeedsPng)));
    }
    space.show_logo(logo(LogoFormat::Png), now);
    assert!(space.show_logos_as(transparent, now).unwrap());
    space.show_logo(logo(LogoFormat::Jpeg), now);
    assert!(!space.logo_display.transparent_background);
}

#[test]
fn every_step_of_the_state_machine_leads_where_it_is_drawn() {
    let deleted = |was_archived| Lifecycle::Deleted { was_archived, purge_time: None };
    let table = [
        (Lifecycle::Active, Step::Archive, Some(Lifecycle::Archived)),
        (Lifecycle::Active, Step::Reactivate, Some(Lifecycle::Active)),
        (Lifecycle::Active, Step::Delete, Some(deleted(false))),
        (Lifecycle::Archived, Step::Archive, Some(Lifecycle::Archived)),
        (Lifecycle::Archived, Step::Reactivate, Some(Lifecycle::Active)),
        (Lifecycle::Archived, Step::Delete, Some(deleted(true))),
        (deleted(false), Step::Archive, None),
        (deleted(false), Step::Reactivate, Some(Lifecycle::Active)),
        (deleted(false), Step::Delete, Some(deleted(false))),
        (deleted(true), Step::Archive, None),
        (deleted(true), Step::Reactivate, Some(Lifecycle::Archived)),
        (deleted(true), Step::Delete, Some(deleted(true))),
    ];
    for (from, step, to) in table {
        assert_eq!(from.after(step), to, "{from:?} {step:?}");
    }
}
