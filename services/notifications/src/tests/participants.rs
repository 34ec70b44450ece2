//! spaces as far as recipients go, played in this process.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::{
    ParticipantService, ParticipantServiceServer,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Everybody gets every mail, unless told otherwise.
#[derive(Clone, Default)]
pub(super) struct PlayedSpaces {
    shut_out: Arc<Mutex<HashSet<String>>>,
    checked: Arc<Mutex<Vec<pb::CheckRecipientsRequest>>>,
    muted: Arc<Mutex<Vec<pb::MuteNotificationsRequest>>>,
    failure: Arc<Mutex<Option<Status>>>,
}

impl PlayedSpaces {
    pub(super) async fn start() -> (Self, SocketAddr) {
        let spaces = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(ParticipantServiceServer::new(spaces.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        (spaces, address)
    }

    pub(super) fn shuts_out(&self, user_id: &str) {
        self.shut_out.lock().unwrap().insert(user_id.to_owned());
    }

    pub(super) fn fails_with(&self, failure: Option<Status>) {
        *self.failure.lock().unwrap() = failure;
    }

    pub(super) fn checked(&self) -> Vec<pb::CheckRecipientsRequest> {
        self.checked.lock().unwrap().clone()
    }

    pub(super) fn muted(&self) -> Vec<pb::MuteNotificationsRequest> {
        self.muted.lock().unwrap().clone()
    }

    fn answers(&self) -> Result<(), Status> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

macro_rules! not_played {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl ParticipantService for PlayedSpaces {
            $(
                async fn $method(&self, _: Request<pb::$request>) -> Result<Response<pb::$response>, Status> {
                    Err(Status::unimplemented("not played"))
                }
            )*

            async fn mute_notifications(
                &self,
                request: Request<pb::MuteNotificationsRequest>,
            ) -> Result<Response<pb::MuteNotificationsResponse>, Status> {
                self.answers()?;
                self.muted.lock().unwrap().push(request.into_inner());
                Ok(Response::new(pb::MuteNotificationsResponse {}))
            }

            async fn check_recipients(
                &self,
                request: Request<pb::CheckRecipientsRequest>,
            ) -> Result<Response<pb::CheckRecipientsResponse>, Status> {
                self.answers()?;
                let request = request.into_inner();
                self.checked.lock().unwrap().push(request.clone());
                let mut user_ids = request.user_ids;
                user_ids.retain(|id| !self.shut_out.lock().unwrap().contains(id));
                Ok(Response::new(pb::CheckRecipientsResponse { user_ids }))
            }
        }
    };
}

not_played! {
    invite_participants(InviteParticipantsRequest) -> InviteParticipantsResponse;
    list_participants(ListParticipantsRequest) -> ListParticipantsResponse;
    revoke_participant(RevokeParticipantRequest) -> RevokeParticipantResponse;
    leave_space(LeaveSpaceRequest) -> LeaveSpaceResponse;
    update_participant_profile(UpdateParticipantProfileRequest) -> UpdateParticipantProfileResponse;
    remind_participant(RemindParticipantRequest) -> RemindParticipantResponse;
    get_notification_settings(GetNotificationSettingsRequest) -> GetNotificationSettingsResponse;
    update_notification_settings(UpdateNotificationSettingsRequest) -> UpdateNotificationSettingsResponse;
}
