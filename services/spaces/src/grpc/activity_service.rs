//! ActivityService over the use cases of the timeline.

use service_kit::caller::Caller;
use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::locale::Locale;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::activity_service_server::ActivityService;
use tonic::{Request, Response, Status};

use super::convert_visit::{duration, space_of};
use crate::activity::{Activities, ActivityKey, ActivityKind, ToldActivity};
use crate::visit::{NEXT_CALL, Visits};

/// ActivityService.
pub(crate) struct ActivityGrpc {
    pub(crate) activities: Activities,
    pub(crate) visits: Visits,
}

#[tonic::async_trait]
impl ActivityService for ActivityGrpc {
    async fn list_activities(
        &self,
        request: Request<pb::ListActivitiesRequest>,
    ) -> Result<Response<pb::ListActivitiesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let Listing { space_id, page, locale } = Listing::try_from(request.into_inner())?;
        let page = self.activities.list(&caller, space_id, page, locale).await?;
        Ok(Response::new(list_activities_response(page)))
    }

    async fn record_visit(
        &self,
        request: Request<pb::RecordVisitRequest>,
    ) -> Result<Response<pb::RecordVisitResponse>, Status> {
        let caller = Caller::of(&request)?;
        let space_id = space_of(&request.into_inner().space_id)?;
        self.visits.record(&caller, space_id).await?;
        Ok(Response::new(pb::RecordVisitResponse { next_call_after: Some(duration(NEXT_CALL)) }))
    }

    async fn get_insights(
        &self,
        request: Request<pb::GetInsightsRequest>,
    ) -> Result<Response<pb::GetInsightsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let space_id = space_of(&request.into_inner().space_id)?;
        let insights = self.visits.insights(&caller, space_id).await?;
        Ok(Response::new(insights.into()))
    }
}

/// Which page of which timeline to list, and in which language.
struct Listing {
    space_id: SpaceId,
    page: PageRequest<ActivityKey>,
    locale: Option<Locale>,
}

impl TryFrom<pb::ListActivitiesRequest> for Listing {
    type Error = Violations;

    fn try_from(request: pb::ListActivitiesRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        let locale = Locale::read_optional(&mut check, "locale", &request.locale);
        check.into_result().map(|()| Self { space_id, page, locale })
    }
}

impl From<ActivityKind> for pb::ActivityType {
    fn from(kind: ActivityKind) -> Self {
        match kind {
            ActivityKind::SpaceCreated => Self::SpaceCreated,
            ActivityKind::SpaceRenamed => Self::SpaceRenamed,
            ActivityKind::DescriptionChanged => Self::DescriptionChanged,
            ActivityKind::SharingChanged => Self::SharingChanged,
            ActivityKind::LookChanged => Self::LookChanged,
            ActivityKind::LogoSet => Self::LogoSet,
            ActivityKind::LogoRemoved => Self::LogoRemoved,
            ActivityKind::ParticipantInvited => Self::ParticipantInvited,
            ActivityKind::ParticipantJoined => Self::ParticipantJoined,
            ActivityKind::ParticipantLeft => Self::ParticipantLeft,
            ActivityKind::ParticipantRevoked => Self::ParticipantRevoked,
            ActivityKind::OwnershipTransferred => Self::OwnershipTransferred,
            ActivityKind::ItemAdded => Self::ItemAdded,
            ActivityKind::ItemChanged => Self::ItemChanged,
            ActivityKind::ItemRemoved => Self::ItemRemoved,
            ActivityKind::ItemOpened => Self::ItemOpened,
            ActivityKind::ItemDownloaded => Self::ItemDownloaded,
            ActivityKind::CommentAdded => Self::CommentAdded,
            ActivityKind::CommentDeleted => Self::CommentDeleted,
            ActivityKind::SpaceArchived => Self::SpaceArchived,
            ActivityKind::SpaceReactivated => Self::SpaceReactivated,
            ActivityKind::SpaceDeleted => Self::SpaceDeleted,
            ActivityKind::CrmLogged => Self::CrmLogged,
            ActivityKind::NotificationDefaultsChanged => Self::NotificationDefaultsChanged,
            ActivityKind::ParticipantReminded => Self::ParticipantReminded,
            ActivityKind::AccessRequested => Self::AccessRequested,
            ActivityKind::AccessGranted => Self::AccessGranted,
            ActivityKind::AccessDeclined => Self::AccessDeclined,
            ActivityKind::ProfileChanged => Self::ProfileChanged,
            ActivityKind::SpaceVisited => Self::SpaceVisited,
        }
    }
}

impl From<ToldActivity> for pb::Activity {
    fn from(told: ToldActivity) -> Self {
        let ToldActivity { activity, summary } = told;
        let text_of = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            activity_id: activity.activity_id.to_string(),
            r#type: pb::ActivityType::from(activity.kind).into(),
            actor_user_id: text_of(activity.actor_user_id),
            actor_display_name: activity.actor_display_name,
            object_id: text_of(activity.object_id),
            object_name: activity.object_name,
            summary,
            create_time: Some(timestamp(activity.create_time)),
        }
    }
}

fn list_activities_response(page: Page<ToldActivity>) -> pb::ListActivitiesResponse {
    pb::ListActivitiesResponse {
        activities: page.items.into_iter().map(pb::Activity::from).collect(),
        next_page_token: page.next_page_token,
    }
}
