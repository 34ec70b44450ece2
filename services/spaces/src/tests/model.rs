//! No sequence of calls gains a guest a right: random sequences of calls by everybody, on the real service, against
//! what policy and toggles alone would give.

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
use crate::participant::{Invitation, Kind, State, Step as Move};
use crate::permission::{Permission, Sharing, Viewer};
use crate::policy::PolicyChange;
use crate::space::{Lifecycle, LogoDisplayChange, SpaceChange, Step};

const ADDRESSES: [&str; 3] = ["gina@buyer.example", "gus@buyer.example", "noah@acme.example"];
const CASES: usize = 24;

/// One call; numbers name people: 0 the owner, 1 and 2 guests, 3 a colleague, 4 an admin, 5 a stranger.
#[derive(Clone, Debug)]
enum Op {
    Invite(usize, usize),
    Accept(usize),
    Revoke(usize, usize),
    Leave(usize),
    Take(usize, Step),
    Transfer(usize, usize),
    Share(usize, [bool; 3]),
    Allow([bool; 3]),
    Look(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..6_usize;
    let step = prop_oneof![Just(Step::Archive), Just(Step::Reactivate), Just(Step::Delete)];
    prop_oneof![
        (who.clone(), 0..3_usize).prop_map(|(by, whom)| Op::Invite(by, whom)),
        (0..3_usize).prop_map(Op::Accept),
        (who.clone(), who.clone()).prop_map(|(by, whom)| Op::Revoke(by, whom)),
        who.clone().prop_map(Op::Leave),
        (who.clone(), step).prop_map(|(by, step)| Op::Take(by, step)),
        (who.clone(), who.clone()).prop_map(|(by, to)| Op::Transfer(by, to)),
        (who.clone(), any::<[bool; 3]>()).prop_map(|(by, on)| Op::Share(by, on)),
        any::<[bool; 3]>().prop_map(Op::Allow),
        who.prop_map(Op::Look),
    ]
}

fn sharing([download, invite, upload]: [bool; 3]) -> Sharing {
    Sharing { download, invite, upload }
}

struct Model<'a> {
    service: &'a Service,
    people: [Caller; 6],
    space_id: SpaceId,
    all: sqlx::PgPool,
}

impl Model<'_> {
    /// Makes the call; whether it is granted is the service's to say, and no refusal is a failure.
    async fn run(&self, op: &Op) {
        let call = |by: usize| testkit::call(&self.people[by]);
        let (spaces, participants, id) = (&self.service.spaces, &self.service.participants, self.space_id);
        let _refused = match op {
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
                set.is_ok() && shown.is_ok()
            }
        };
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

    /// What the stored state alone allows a guest at most: policy and toggles of an active space, for who takes part.
    async fn bound(&self, whom: usize) -> Vec<Permission> {
        let row: Option<(bool, bool, bool)> = sqlx::query_as(
            "SELECT s.allow_download AND coalesce(y.allow_download, true),
                    s.allow_invite AND coalesce(y.allow_invite, true),
                    s.allow_upload AND coalesce(y.allow_upload, true)
               FROM spaces s
               JOIN participants p USING (organization_id, space_id)
               LEFT JOIN sharing_policies y USING (organization_id)
              WHERE s.space_id = $1 AND p.user_id = $2 AND s.state = 'ACTIVE' AND p.state IN ('INVITED', 'ACTIVE')",
        )
        .bind(self.space_id)
        .bind(self.people[whom].user_id)
        .fetch_optional(&self.all)
        .await
        .unwrap();
        let Some((download, invite, upload)) = row else { return Vec::new() };
        let mut bound = vec![Permission::View, Permission::Comment];
        bound.extend(download.then_some(Permission::Download));
        bound.extend(invite.then_some(Permission::Invite));
        bound.extend(upload.then_some(Permission::Upload));
        bound
    }

    async fn check(&self, done: &[Op]) {
        for guest in [1, 2] {
            let (rights, bound) = (self.rights(guest).await, self.bound(guest).await);
            assert!(
                rights.iter().all(|right| bound.contains(right)),
                "{rights:?} of {bound:?} after {done:?}"
            );
        }
        assert!(self.rights(5).await.is_empty(), "a stranger gained a right by {done:?}");
        let owners: Vec<(Uuid, Uuid, String, String)> = sqlx::query_as(
            "SELECT s.owner_user_id, p.user_id, p.state, e.kind FROM spaces s
               JOIN participants p USING (organization_id, space_id)
               JOIN participants e ON e.participant_id = p.participant_id
              WHERE s.space_id = $1 AND p.kind = 'OWNER'",
        )
        .bind(self.space_id)
        .fetch_all(&self.all)
        .await
        .unwrap();
        assert_eq!(owners.len(), 1, "{done:?}");
        assert!(owners[0].0 == owners[0].1 && owners[0].2 == "ACTIVE", "{owners:?} after {done:?}");
    }
}

#[tokio::test]
async fn no_sequence_of_calls_gains_a_guest_a_right_and_a_space_always_has_its_one_owner() {
    let service = Service::start().await;
    let all = service.database.superuser_pool();
    let mut runner = TestRunner::deterministic();
    let sequences = prop::collection::vec(op(), 6..20);
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
        service.participant(&owner, space_id, ADDRESSES[0]).await;
        let model = Model { service: &service, people, space_id, all: all.clone() };
        for done in 0..ops.len() {
            model.run(&ops[done]).await;
            model.check(&ops[..=done]).await;
        }
    }
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
