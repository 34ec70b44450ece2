//! No sequence of calls gains a guest a right: random sequences of calls by everybody, on the real service, beside a model
//! in memory in which a guest does nothing but what a guest may do.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::peers::LOGO_ID;
use super::world::Service;
use crate::participant::{Invitation, Kind, OwnSettings, ProfileChange, State, Step as Move};
use crate::permission::{Permission, Sharing, Viewer};
use crate::policy::PolicyChange;
use crate::space::{Lifecycle, LogoDisplayChange, SpaceChange, Step};

const ADDRESSES: [&str; 3] = ["gina@buyer.example", "gus@buyer.example", "noah@acme.example"];
const CASES: usize = 24;
const GUESTS: [usize; 2] = [1, 2];
const COLLEAGUE: usize = 3;
const STRANGER: usize = 5;

/// One call; numbers name people: 0 the owner, 1 and 2 guests, 3 a colleague, 4 an admin, 5 a stranger.
#[derive(Clone, Debug)]
enum Op {
    Invite(usize, usize),
    Accept(usize),
    Revoke(usize, usize),
    Leave(usize),
    Remind(usize, usize),
    Rename(usize, usize),
    Mute(usize),
    Take(usize, Step),
    Transfer(usize, usize),
    Share(usize, [bool; 3]),
    Allow([bool; 3]),
    Look(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..6_usize;
    // Mostly between owner and guests, so that sequences get somewhere.
    let often = prop_oneof![3 => 0..3_usize, 1 => 0..6_usize];
    let step = prop_oneof![1 => Just(Step::Archive), 3 => Just(Step::Reactivate), 1 => Just(Step::Delete)];
    let open = prop_oneof![3 => Just([true; 3]), 1 => any::<[bool; 3]>()];
    prop_oneof![
        4 => (often.clone(), 0..3_usize).prop_map(|(by, whom)| Op::Invite(by, whom)),
        2 => (0..3_usize).prop_map(Op::Accept),
        4 => (often.clone(), often.clone()).prop_map(|(by, whom)| Op::Revoke(by, whom)),
        1 => often.clone().prop_map(Op::Leave),
        1 => (often.clone(), often.clone()).prop_map(|(by, whom)| Op::Remind(by, whom)),
        1 => (often.clone(), often.clone()).prop_map(|(by, whom)| Op::Rename(by, whom)),
        1 => often.prop_map(Op::Mute),
        2 => (who.clone(), step).prop_map(|(by, step)| Op::Take(by, step)),
        1 => (who.clone(), who.clone()).prop_map(|(by, to)| Op::Transfer(by, to)),
        1 => (who.clone(), open.clone()).prop_map(|(by, on)| Op::Share(by, on)),
        1 => open.prop_map(Op::Allow),
        1 => who.prop_map(Op::Look),
    ]
}

fn sharing([download, invite, upload]: [bool; 3]) -> Sharing {
    Sharing { download, invite, upload }
}

/// What the calls that were granted must have left, kept beside the service and told by nothing that it stores.
#[derive(Debug)]
struct Memory {
    /// Where the people stand; nothing: never invited.
    parts: [Option<State>; 6],
    owner: usize,
    is_archived: bool,
    is_deleted: bool,
    sharing: Sharing,
    policy: Sharing,
}

impl Memory {
    fn new() -> Self {
        let active = Some(State::Active);
        Self {
            parts: [active, active, active, None, None, None],
            owner: 0,
            is_archived: false,
            is_deleted: false,
            sharing: Sharing::ALL,
            policy: Sharing::ALL,
        }
    }

    fn is_in(&self, who: usize) -> bool {
        matches!(self.parts[who], Some(State::Invited | State::Active))
    }

    fn rights(&self, guest: usize) -> Vec<Permission> {
        if !self.is_in(guest) || self.is_archived || self.is_deleted {
            return Vec::new();
        }
        let (policy, space) = (self.policy, self.sharing);
        let has = |permission: &Permission| match permission {
            Permission::View | Permission::Comment => true,
            Permission::Invite => policy.invite && space.invite,
            Permission::Download => policy.download && space.download,
            Permission::Upload => policy.upload && space.upload,
            _ => false,
        };
        Permission::ALL.into_iter().filter(has).collect()
    }

    /// Tells who makes a call; nobody: an event.
    fn actor(op: &Op) -> Option<usize> {
        match op {
            Op::Accept(_) => None,
            Op::Allow(_) => Some(4),
            Op::Invite(by, _)
            | Op::Revoke(by, _)
            | Op::Leave(by)
            | Op::Remind(by, _)
            | Op::Rename(by, _)
            | Op::Mute(by)
            | Op::Take(by, _)
            | Op::Transfer(by, _)
            | Op::Share(by, _)
            | Op::Look(by) => Some(*by),
        }
    }

    /// Tells whether a guest, or a stranger, must be granted a call; every other must be refused.
    fn guest_may(&self, guest: usize, op: &Op) -> bool {
        match op {
            Op::Invite(_, whom) => {
                let whom = whom + 1;
                // A colleague is only proposed, which the owner answers.
                let may_come = whom == COLLEAGUE || self.parts[whom] != Some(State::Revoked);
                self.rights(guest).contains(&Permission::Invite) && may_come
            }
            Op::Leave(_) => self.is_in(guest) && !self.is_deleted,
            Op::Rename(_, whom) => *whom == guest && self.rights(guest).contains(&Permission::View),
            Op::Mute(_) => self.rights(guest).contains(&Permission::View),
            _ => false,
        }
    }

    /// Takes over what a call that was granted did.
    fn take(&mut self, op: &Op) {
        match op {
            Op::Invite(by, whom) if GUESTS.contains(by) && whom + 1 == COLLEAGUE => {}
            Op::Invite(_, whom) if !self.is_in(whom + 1) => {
                let added = if whom + 1 == COLLEAGUE { State::Active } else { State::Invited };
                self.parts[whom + 1] = Some(added);
            }
            Op::Accept(whom) if self.is_in(whom + 1) => self.parts[whom + 1] = Some(State::Active),
            Op::Revoke(_, whom) if self.is_in(*whom) => self.parts[*whom] = Some(State::Revoked),
            Op::Leave(by) => self.parts[*by] = Some(State::Left),
            Op::Take(_, Step::Archive) => self.is_archived = true,
            Op::Take(_, Step::Delete) => self.is_deleted = true,
            // What was deleted comes back as it was.
            Op::Take(_, Step::Reactivate) if self.is_deleted => self.is_deleted = false,
            Op::Take(_, Step::Reactivate) => self.is_archived = false,
            Op::Transfer(_, to) => self.owner = *to,
            Op::Share(_, on) => self.sharing = sharing(*on),
            Op::Allow(on) => self.policy = sharing(*on),
            Op::Invite(..) | Op::Accept(_) | Op::Revoke(..) | Op::Look(_) => {}
            Op::Remind(..) | Op::Rename(..) | Op::Mute(_) => {}
        }
    }
}

struct Model<'a> {
    service: &'a Service,
    people: [Caller; 6],
    space_id: SpaceId,
    all: sqlx::PgPool,
}

impl Model<'_> {
    /// Makes the call and tells whether it was granted.
    async fn run(&self, op: &Op) -> bool {
        let call = |by: usize| testkit::call(&self.people[by]);
        let (spaces, participants, id) = (&self.service.spaces, &self.service.participants, self.space_id);
        match op {
            Op::Invite(by, whom) => {
                let addresses = [ADDRESSES[*whom].to_owned()];
                let invitation = Invitation::checked(&mut Violations::default(), id, &addresses, "");
                participants.invite::<pb::InviteParticipantsResponse>(&call(*by), invitation).await.is_ok()
            }
            Op::Accept(whom) => self.accept(*whom).await,
            Op::Revoke(by, whom) => {
                let participant_id = self.participant_id(*whom).await;
                let call = call(*by);
                participants.revoke::<pb::RevokeParticipantResponse>(&call, id, participant_id).await.is_ok()
            }
            Op::Remind(by, whom) => {
                let participant_id = self.participant_id(*whom).await;
                participants
                    .remind::<pb::RemindParticipantResponse>(&call(*by), id, participant_id)
                    .await
                    .is_ok()
            }
            Op::Rename(by, whom) => {
                let participant_id = self.participant_id(*whom).await;
                let change = ProfileChange { company: Some("Buyer".to_owned()), ..ProfileChange::default() };
                participants
                    .update_profile::<pb::UpdateParticipantProfileResponse>(
                        &call(*by),
                        id,
                        participant_id,
                        change,
                    )
                    .await
                    .is_ok()
            }
            Op::Mute(by) => {
                let change = OwnSettings { comments: Some(false), ..OwnSettings::default() };
                participants
                    .update_settings::<pb::UpdateNotificationSettingsResponse>(&call(*by), id, change)
                    .await
                    .is_ok()
            }
            Op::Leave(by) => participants.leave::<pb::LeaveSpaceResponse>(&call(*by), id).await.is_ok(),
            Op::Take(by, step) => {
                spaces.step::<pb::ArchiveSpaceResponse>(&call(*by), id, *step).await.is_ok()
            }
            Op::Transfer(by, to) => {
                let to = self.people[*to].user_id;
                spaces.transfer::<pb::TransferOwnershipResponse>(&call(*by), id, to).await.is_ok()
            }
            Op::Share(by, on) => {
                let change = SpaceChange { sharing: Some(sharing(*on)), ..SpaceChange::default() };
                spaces.update::<pb::UpdateSpaceResponse>(&call(*by), id, change).await.is_ok()
            }
            Op::Allow([download, invite, upload]) => {
                let change = PolicyChange {
                    download: Some(*download),
                    invite: Some(*invite),
                    upload: Some(*upload),
                    version: None,
                };
                let policies = &self.service.policies;
                policies.update::<pb::UpdateSharingPolicyResponse>(&call(4), change).await.is_ok()
            }
            Op::Look(by) => {
                let set = spaces.set_logo::<pb::SetCustomerLogoResponse>(&call(*by), id, LOGO_ID).await;
                let change = LogoDisplayChange { organization_height_px: Some(99), ..Default::default() };
                let shown =
                    spaces.update_logo_display::<pb::UpdateLogoDisplayResponse>(&call(*by), id, change).await;
                set.is_ok() || shown.is_ok()
            }
        }
    }

    async fn accept(&self, whom: usize) -> bool {
        let known: Option<Option<Uuid>> =
            sqlx::query_scalar("SELECT invitation_id FROM participants WHERE space_id = $1 AND user_id = $2")
                .bind(self.space_id)
                .bind(super::peers::user_of(ADDRESSES[whom]))
                .fetch_optional(&self.all)
                .await
                .unwrap();
        if let Some(Some(invitation_id)) = known {
            let organization_id = self.people[0].organization_id;
            self.service.accept_invitation(organization_id, invitation_id, ADDRESSES[whom]).await;
        }
        true
    }

    async fn participant_id(&self, whom: usize) -> Uuid {
        sqlx::query_scalar("SELECT participant_id FROM participants WHERE space_id = $1 AND user_id = $2")
            .bind(self.space_id)
            .bind(self.people[whom].user_id)
            .fetch_optional(&self.all)
            .await
            .unwrap()
            .unwrap_or_default()
    }

    async fn rights(&self, whom: usize) -> Vec<Permission> {
        let viewer = Viewer::from(&self.people[whom]);
        self.service.spaces.check_access(viewer, self.space_id).await.unwrap()
    }

    async fn check(&self, memory: &Memory, done: &[Op]) {
        for guest in GUESTS {
            assert_eq!(self.rights(guest).await, memory.rights(guest), "{memory:?} after {done:?}");
        }
        assert!(self.rights(5).await.is_empty(), "a stranger gained a right by {done:?}");
        let owners: Vec<(Uuid, Uuid, String)> = sqlx::query_as(
            "SELECT s.owner_user_id, p.user_id, p.state FROM spaces s
               JOIN participants p USING (organization_id, space_id)
              WHERE s.space_id = $1 AND p.kind = 'OWNER'",
        )
        .bind(self.space_id)
        .fetch_all(&self.all)
        .await
        .unwrap();
        assert_eq!(owners.len(), 1, "{done:?}");
        let owner = self.people[memory.owner].user_id.uuid();
        assert_eq!((owners[0].0, owners[0].1, owners[0].2.as_str()), (owner, owner, "ACTIVE"), "{done:?}");
    }
}

#[tokio::test]
async fn no_sequence_of_calls_gains_a_guest_a_right_and_a_space_always_has_its_one_owner() {
    let service = Service::start().await;
    let all = service.database.superuser_pool();
    let mut runner = TestRunner::deterministic();
    // Of guests and strangers: refused, granted.
    let mut guests = [0; 2];
    let sequences = prop::collection::vec(op(), 10..30);
    for _ in 0..CASES {
        let ops = sequences.new_tree(&mut runner).unwrap().current();
        let owner = service.member_of_new_organization(true).await;
        let of = |address: &str, kind| Caller {
            user_id: super::peers::user_of(address).into(),
            ..testkit::caller_of(owner.organization_id, kind)
        };
        let people = [
            owner.clone(),
            of(ADDRESSES[0], CallerKind::Guest),
            of(ADDRESSES[1], CallerKind::Guest),
            of(ADDRESSES[2], CallerKind::Member),
            testkit::caller_of(owner.organization_id, CallerKind::Admin),
            testkit::caller_of(owner.organization_id, CallerKind::Guest),
        ];
        let space_id = service.space(&owner, "Room").await;
        let change = SpaceChange { sharing: Some(Sharing::ALL), ..SpaceChange::default() };
        let _open: pb::UpdateSpaceResponse =
            service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
        service.participant(&owner, space_id, ADDRESSES[0]).await;
        service.participant(&owner, space_id, ADDRESSES[1]).await;
        let mut memory = Memory::new();
        let model = Model { service: &service, people, space_id, all: all.clone() };
        for done in 0..ops.len() {
            let (op, so_far) = (&ops[done], &ops[..=done]);
            let is_granted = model.run(op).await;
            if let Some(guest) = Memory::actor(op).filter(|by| GUESTS.contains(by) || *by == STRANGER) {
                assert_eq!(is_granted, memory.guest_may(guest, op), "{op:?}: {memory:?} after {so_far:?}");
                guests[usize::from(is_granted)] += 1;
            }
            if is_granted {
                memory.take(op);
            }
            model.check(&memory, so_far).await;
        }
    }
    assert!(guests.iter().all(|count| *count > 10), "guests were refused and granted calls: {guests:?}");
}

fn lifecycles() -> impl Strategy<Value = Lifecycle> {
    prop_oneof![
        Just(Lifecycle::Active),
        Just(Lifecycle::Archived),
        any::<bool>().prop_map(|was_archived| Lifecycle::Deleted { was_archived, purge_time: None }),
    ]
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_space_comes_back_to_what_it_was_and_repeating_a_step_changes_nothing(
        from in lifecycles(),
        steps in prop::collection::vec(
            prop_oneof![Just(Step::Archive), Just(Step::Reactivate), Just(Step::Delete)], 0..30),
    ) {
        let mut at = from;
        for step in steps {
            let Some(to) = at.after(step) else { continue };
            let undoes = matches!(at, Lifecycle::Deleted { .. }) && step == Step::Reactivate;
            prop_assert!(undoes || to.after(step) == Some(to), "{at:?} {step:?} {to:?}");
            if step == Step::Delete && !matches!(at, Lifecycle::Deleted { .. }) {
                prop_assert_eq!(to.after(Step::Reactivate), Some(at));
            }
            at = to;
        }
    }

    #[test]
    fn whoever_is_out_comes_back_by_an_invitation_alone(
        moves in prop::collection::vec(
            prop_oneof![Just(Move::Invite), Just(Move::Accept), Just(Move::Revoke), Just(Move::Leave)], 0..30),
        is_guest in any::<bool>(),
    ) {
        let kind = if is_guest { Kind::External } else { Kind::Internal };
        let mut at: Option<State> = None;
        for step in moves {
            let to = State::after(at, kind, step);
            let (was_in, is_in) = (at.is_some_and(State::takes_part), to.is_some_and(State::takes_part));
            prop_assert!(was_in || !is_in || step == Move::Invite, "{at:?} {step:?} {to:?}");
            prop_assert!(to != Some(State::Active) || at == Some(State::Active) || step == Move::Accept || !is_guest);
            at = to;
        }
    }
}
