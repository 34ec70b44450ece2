//! spaces, as far as assets asks it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use service_kit::caller::Caller;
use service_kit::ids::SpaceId;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::Permission;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Said to be visible in each answer.
pub(crate) const NOT_ASKED_FOR: Uuid = Uuid::max();

type Rights = HashMap<(String, String, String), Vec<i32>>;

/// spaces, as far as assets asks it.
#[derive(Clone, Default)]
pub(crate) struct PlayedSpaces {
    rights: Arc<Mutex<Rights>>,
    /// Organisation, person and logo.
    visible: Arc<Mutex<HashSet<(String, String, String)>>>,
    calls: Arc<AtomicUsize>,
    last: Arc<Mutex<pb::CheckLogoAccessRequest>>,
}

impl PlayedSpaces {
    pub(crate) fn allow(&self, caller: &Caller, space_id: SpaceId, permissions: &[Permission]) {
        let key = (caller.organization_id.to_string(), space_id.to_string(), caller.user_id.to_string());
        let permissions = permissions.iter().map(|permission| i32::from(*permission)).collect();
        self.rights.lock().unwrap().insert(key, permissions);
    }

    /// Lets somebody see a space that shows a logo.
    pub(crate) fn show(&self, caller: &Caller, logo_id: &str) {
        self.visible.lock().unwrap().insert(seen(caller, logo_id));
    }

    pub(crate) fn hide(&self, caller: &Caller, logo_id: &str) {
        self.visible.lock().unwrap().remove(&seen(caller, logo_id));
    }

    /// Returns what was last asked about logos.
    pub(crate) fn last_asked(&self) -> pb::CheckLogoAccessRequest {
        self.last.lock().unwrap().clone()
    }

    /// Tells how often it was asked anything.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn seen(caller: &Caller, logo_id: &str) -> (String, String, String) {
    (caller.organization_id.to_string(), caller.user_id.to_string(), logo_id.to_owned())
}

macro_rules! play {
    ($($unplayed:ident: $request:ident => $response:ident,)+) => {
        #[tonic::async_trait]
        impl SpaceService for PlayedSpaces {
            async fn check_access(
                &self,
                request: Request<pb::CheckAccessRequest>,
            ) -> Result<Response<pb::CheckAccessResponse>, Status> {
                self.calls.fetch_add(1, Ordering::SeqCst);
                let asked = request.into_inner();
                let key = (asked.organization_id, asked.space_id, asked.user_id);
                let permissions = self.rights.lock().unwrap().get(&key).cloned().unwrap_or_default();
                Ok(Response::new(pb::CheckAccessResponse { permissions }))
            }

            async fn check_logo_access(
                &self,
                request: Request<pb::CheckLogoAccessRequest>,
            ) -> Result<Response<pb::CheckLogoAccessResponse>, Status> {
                self.calls.fetch_add(1, Ordering::SeqCst);
                let asked = request.into_inner();
                *self.last.lock().unwrap() = asked.clone();
                let visible = self.visible.lock().unwrap();
                let is_seen = |logo_id: &String| {
                    visible.contains(&(asked.organization_id.clone(), asked.user_id.clone(), logo_id.clone()))
                };
                let mut logo_ids: Vec<_> = asked.logo_ids.iter().filter(|id| is_seen(id)).cloned().collect();
                // Nobody should believe these.
                logo_ids.extend(["nonsense".to_owned(), NOT_ASKED_FOR.to_string()]);
                Ok(Response::new(pb::CheckLogoAccessResponse { logo_ids }))
            }

            $(
                async fn $unplayed(
                    &self,
                    _: Request<pb::$request>,
                ) -> Result<Response<pb::$response>, Status> {
                    Err(Status::unimplemented("not played"))
                }
            )+
        }
    };
}

play! {
    create_space: CreateSpaceRequest => CreateSpaceResponse,
    get_space: GetSpaceRequest => GetSpaceResponse,
    list_spaces: ListSpacesRequest => ListSpacesResponse,
    update_space: UpdateSpaceRequest => UpdateSpaceResponse,
    set_customer_logo: SetCustomerLogoRequest => SetCustomerLogoResponse,
    remove_customer_logo: RemoveCustomerLogoRequest => RemoveCustomerLogoResponse,
    update_logo_display: UpdateLogoDisplayRequest => UpdateLogoDisplayResponse,
    preview_space: PreviewSpaceRequest => PreviewSpaceResponse,
    describe_duplication: DescribeDuplicationRequest => DescribeDuplicationResponse,
    duplicate_space: DuplicateSpaceRequest => DuplicateSpaceResponse,
    archive_space: ArchiveSpaceRequest => ArchiveSpaceResponse,
    reactivate_space: ReactivateSpaceRequest => ReactivateSpaceResponse,
    delete_space: DeleteSpaceRequest => DeleteSpaceResponse,
    transfer_ownership: TransferOwnershipRequest => TransferOwnershipResponse,
    get_share_link: GetShareLinkRequest => GetShareLinkResponse,
    explain_permissions: ExplainPermissionsRequest => ExplainPermissionsResponse,
    describe_space: DescribeSpaceRequest => DescribeSpaceResponse,
}
