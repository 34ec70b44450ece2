//! Profiles of guests, which internal participants fill in and guests correct (R7.1, R7.4, R8.12).
//!
//! Owns who may change whose. The profile itself is identity's, which is asked outside of any transaction; the copy kept
//! here follows at once.

use futures_util::StreamExt;
use prost_types::FieldMask;
use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::{Kind, Participant, ParticipantError, Participants, repo};
use crate::activity::ActivityKind;
use crate::permission::{Permission, Viewer};
use crate::person;
use crate::space::{self, SpaceView};

/// How many guests are named at a time after an invitation.
const NAMED_AT_ONCE: usize = 8;

/// What to change of a guest's profile; what is absent stays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ProfileChange {
    /// Name people see.
    pub(crate) display_name: Option<String>,
    /// What the guest does.
    pub(crate) job_title: Option<String>,
    /// Whom the guest works for.
    pub(crate) company: Option<String>,
    /// Telephone number.
    pub(crate) phone: Option<String>,
    /// BCP 47 language.
    pub(crate) locale: Option<String>,
    /// IANA time zone.
    pub(crate) time_zone: Option<String>,
}

/// A participant whose profile was changed.
#[derive(Clone, Debug)]
pub(crate) struct ProfileChanged(pub(crate) Participant);

impl ProfileChange {
    fn request(
        self,
        organization_id: OrganizationId,
        user_id: UserId,
    ) -> identity::UpdateGuestProfileRequest {
        let fields = [
            ("display_name", &self.display_name),
            ("job_title", &self.job_title),
            ("company", &self.company),
            ("phone", &self.phone),
            ("locale", &self.locale),
            ("time_zone", &self.time_zone),
        ];
        let named = fields.into_iter().filter(|(_, value)| value.is_some());
        let paths = named.map(|(field, _)| field.to_owned()).collect();
        identity::UpdateGuestProfileRequest {
            organization_id: organization_id.to_string(),
            user_id: user_id.to_string(),
            update_mask: Some(FieldMask { paths }),
            display_name: self.display_name.unwrap_or_default(),
            job_title: self.job_title.unwrap_or_default(),
            company: self.company.unwrap_or_default(),
            phone: self.phone.unwrap_or_default(),
            locale: self.locale.unwrap_or_default(),
            time_zone: self.time_zone.unwrap_or_default(),
        }
    }
}

impl Participants {
    /// Changes a guest's profile: internal participants of any guest of the space, a guest their own.
    pub(crate) async fn update_profile<R: Reply<ProfileChanged>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        participant_id: Uuid,
        change: ProfileChange,
    ) -> Result<R, ParticipantError> {
        let caller = call.caller()?;
        let viewer = Viewer::from(caller);
        if let Some(reply) = self.database.replay(call, viewer.organization_id).await? {
            return Ok(reply);
        }
        // identity does as it is told: whose profile may be changed is decided here, before.
        let (user_id, version) = self.changeable(caller, space_id, participant_id).await?;
        let request = change.request(viewer.organization_id, user_id);
        let answer = self.accounts.clone().update_guest_profile(request).await.map_err(refusal)?;
        let told = answer.into_inner().person.unwrap_or_default();
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = viewer.organization_id;
                    // The person before the space, as events about people take them.
                    person::repo::keep_profile(tx, organization_id, &told, version).await?;
                    space::repo::lock(tx, organization_id, space_id).await?;
                    let mut view = space::visible(tx, &viewer, space_id).await?;
                    editable(tx, &view, participant_id).await?;
                    let changed = repo::find_by_user(tx, organization_id, space_id, user_id)
                        .await?
                        .ok_or(ParticipantError::ParticipantNotFound)?;
                    let object = Some((user_id.uuid(), changed.person.display_name.clone()));
                    space::note(tx, &ids, &mut view, ActivityKind::ProfileChanged, object, now).await?;
                    let is_guest = view.standing.is_guest();
                    Ok(ProfileChanged(if is_guest { changed.seen_by_guest() } else { changed }))
                })
            })
            .await
    }

    /// Makes sure that the caller may change this guest's profile; returns who it is, and how new the copy of them is.
    async fn changeable(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        participant_id: Uuid,
    ) -> Result<(UserId, i64), ParticipantError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    let guest = editable(tx, &view, participant_id).await?;
                    let user_id = guest.person.user_id;
                    let version = person::repo::version_of(tx, viewer.organization_id, user_id).await?;
                    Ok((user_id, version))
                })
            })
            .await
    }

    /// Tells identity the names that an inviter gave guests without one. A name is not worth an invitation: one that
    /// cannot be set is left for the guest to fill in.
    pub(super) async fn name_guests(&self, organization_id: OrganizationId, names: Vec<(UserId, String)>) {
        futures_util::stream::iter(names)
            .for_each_concurrent(NAMED_AT_ONCE, |(user_id, name)| async move {
                let change = ProfileChange { display_name: Some(name), ..ProfileChange::default() };
                let request = change.request(organization_id, user_id);
                if let Err(status) = self.accounts.clone().update_guest_profile(request).await {
                    tracing::warn!(user.id = %user_id, rpc.code = ?status.code(), "guest could not be named");
                }
            })
            .await;
    }
}

/// Finds a guest whose profile the viewer may change.
async fn editable(
    tx: &mut PgConnection,
    view: &SpaceView,
    participant_id: Uuid,
) -> Result<Participant, ParticipantError> {
    let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
    let found = repo::find(tx, organization_id, space_id, participant_id)
        .await?
        .filter(|participant| participant.state.takes_part())
        .ok_or(ParticipantError::ParticipantNotFound)?;
    let is_own = view.standing.is_guest() && found.person.user_id == view.viewer_user_id;
    if !is_own {
        view.require(Permission::Edit)?;
    }
    if found.kind == Kind::External { Ok(found) } else { Err(ParticipantError::NotAGuest) }
}

/// Returns what identity's refusal means to whoever changes a profile; fields have the same names here and there.
fn refusal(status: Status) -> ParticipantError {
    match status.code() {
        Code::InvalidArgument => {
            let mut check = Violations::default();
            for violation in status.get_details_bad_request().into_iter().flat_map(|bad| bad.field_violations)
            {
                check.add(violation.field, violation.description);
            }
            match check.into_result() {
                Err(violations) => violations.into(),
                Ok(()) => ParticipantError::Common(CommonError::Peer(Box::new(status))),
            }
        }
        Code::NotFound => ParticipantError::ParticipantNotFound,
        Code::FailedPrecondition => ParticipantError::NotAGuest,
        _ => ParticipantError::Common(CommonError::Peer(Box::new(status))),
    }
}
