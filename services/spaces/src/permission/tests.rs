//! The whole table, cell by cell.

use super::*;

const STATES: [SpaceState; 3] = [SpaceState::Active, SpaceState::Archived, SpaceState::Deleted];
const KINDS: [Option<Kind>; 4] = [None, Some(Kind::Owner), Some(Kind::Internal), Some(Kind::External)];

fn all_sharing() -> impl Iterator<Item = Sharing> {
    (0..8).map(|bits| Sharing { download: bits & 1 != 0, invite: bits & 2 != 0, upload: bits & 4 != 0 })
}

/// What the table of requirements says, written down a second time and in another way: by lists.
fn expected(rules: Rules, kind: Option<Kind>, is_admin: bool) -> Vec<Permission> {
    use Permission as P;
    let mut granted = match (kind, rules.state) {
        (Some(Kind::Owner), SpaceState::Active) => P::ALL.to_vec(),
        (Some(Kind::Internal), SpaceState::Active) => {
            vec![
                P::View,
                P::Edit,
                P::Invite,
                P::Download,
                P::Upload,
                P::Crm,
                P::Comment,
                P::Duplicate,
                P::Archive,
            ]
        }
        (Some(Kind::External), SpaceState::Active) => {
            let mut granted = vec![P::View, P::Comment];
            let (policy, space) = (rules.policy, rules.sharing);
            granted.extend((policy.invite && space.invite).then_some(P::Invite));
            granted.extend((policy.download && space.download).then_some(P::Download));
            granted.extend((policy.upload && space.upload).then_some(P::Upload));
            granted
        }
        (Some(Kind::Owner), SpaceState::Archived) => vec![P::View, P::Download, P::Archive, P::Delete],
        (Some(Kind::Internal), SpaceState::Archived) => vec![P::View, P::Download, P::Archive],
        _ => Vec::new(),
    };
    if is_admin {
        granted.extend([P::View, P::Archive, P::Delete]);
        granted.extend((rules.state == SpaceState::Active).then_some(P::Transfer));
    }
    P::ALL.into_iter().filter(|permission| granted.contains(permission)).collect()
}

#[test]
fn every_cell_of_policy_toggles_kind_state_and_role_grants_exactly_what_the_table_says() {
    let mut cells = 0;
    for (policy, sharing) in all_sharing().flat_map(|p| all_sharing().map(move |s| (p, s))) {
        for state in STATES {
            for (kind, is_admin) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
                let rules = Rules { policy, sharing, state };
                let standing = Standing { kind, is_admin, has_consent: true };
                let granted: Vec<_> = Permission::ALL
                    .into_iter()
                    .filter(|permission| refusals(rules, standing, *permission).is_empty())
                    .collect();
                assert_eq!(granted, expected(rules, kind, is_admin), "{rules:?} {standing:?}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 8 * 8 * 3 * 4 * 2);
}

#[test]
fn each_of_the_four_who_say_no_is_named_alone_and_together_in_order() {
    let closed = Sharing { download: false, invite: false, upload: false };
    let (open, guest) = (Sharing::ALL, Standing::of(Kind::External));
    let of = |policy, sharing, state| refusals(Rules { policy, sharing, state }, guest, Permission::Download);
    assert_eq!(of(open, open, SpaceState::Active), []);
    assert_eq!(of(closed, open, SpaceState::Active), [Refusal::Policy]);
    assert_eq!(of(open, closed, SpaceState::Active), [Refusal::Space]);
    assert_eq!(of(open, open, SpaceState::Archived), [Refusal::State]);
    assert_eq!(of(closed, closed, SpaceState::Archived), [Refusal::Policy, Refusal::Space, Refusal::State]);
    let rules = Rules { policy: open, sharing: open, state: SpaceState::Archived };
    assert_eq!(refusals(rules, guest, Permission::Edit), [Refusal::Kind, Refusal::State]);
}

#[test]
fn who_is_let_in_depends_on_part_role_consent_and_state() {
    for state in STATES {
        for (kind, is_admin) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            for has_consent in [false, true] {
                let standing = Standing { kind, is_admin, has_consent };
                let guest = kind == Some(Kind::External);
                let expected = match state {
                    _ if kind.is_none() && !is_admin => Err(Shut::NotFound),
                    SpaceState::Deleted if !is_admin => Err(Shut::NotFound),
                    _ if guest && !has_consent => Err(Shut::ConsentRequired),
                    SpaceState::Archived | SpaceState::Deleted if guest => Err(Shut::Archived),
                    _ => Ok(()),
                };
                assert_eq!(admission(standing, state), expected, "{standing:?} {state:?}");
            }
        }
    }
}
