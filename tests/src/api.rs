//! Clients of all services, as a client app has them.

use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::crmsync::v1::connection_service_client::ConnectionServiceClient;
use sharedspaces_proto::crmsync::v1::log_service_client::LogServiceClient;
use sharedspaces_proto::crmsync::v1::record_service_client::RecordServiceClient;
use sharedspaces_proto::identity::v1::account_service_client::AccountServiceClient;
use sharedspaces_proto::identity::v1::consent_service_client::ConsentServiceClient;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::identity::v1::sign_in_service_client::SignInServiceClient;
use sharedspaces_proto::notifications::v1::delivery_service_client::DeliveryServiceClient;
use sharedspaces_proto::notifications::v1::job_service_client::JobServiceClient;
use sharedspaces_proto::notifications::v1::notification_service_client::NotificationServiceClient;
use sharedspaces_proto::spaces::v1::access_request_service_client::AccessRequestServiceClient;
use sharedspaces_proto::spaces::v1::activity_service_client::ActivityServiceClient;
use sharedspaces_proto::spaces::v1::comment_service_client::CommentServiceClient;
use sharedspaces_proto::spaces::v1::content_service_client::ContentServiceClient;
use sharedspaces_proto::spaces::v1::participant_service_client::ParticipantServiceClient;
use sharedspaces_proto::spaces::v1::policy_service_client::PolicyServiceClient;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use tonic::Request;

use crate::environment::Environment;
use crate::wire::Line;
pub use crate::wire::channel;

/// One client of each service; a clone shares its connection.
#[derive(Clone, Debug)]
pub struct Api {
    /// identity
    pub organizations: OrganizationServiceClient<Line>,
    /// identity
    pub sign_in: SignInServiceClient<Line>,
    /// identity
    pub account: AccountServiceClient<Line>,
    /// identity
    pub invitations: InvitationServiceClient<Line>,
    /// identity
    pub consent: ConsentServiceClient<Line>,
    /// spaces
    pub spaces: SpaceServiceClient<Line>,
    /// spaces
    pub participants: ParticipantServiceClient<Line>,
    /// spaces
    pub policies: PolicyServiceClient<Line>,
    /// spaces
    pub activities: ActivityServiceClient<Line>,
    /// spaces
    pub content: ContentServiceClient<Line>,
    /// spaces
    pub comments: CommentServiceClient<Line>,
    /// assets
    pub assets: AssetServiceClient<Line>,
    /// assets
    pub logos: LogoServiceClient<Line>,
    /// spaces
    pub access_requests: AccessRequestServiceClient<Line>,
    /// notifications
    pub deliveries: DeliveryServiceClient<Line>,
    /// notifications
    pub notices: NotificationServiceClient<Line>,
    /// notifications
    pub notifications_jobs: JobServiceClient<Line>,
    /// crm-sync
    pub connections: ConnectionServiceClient<Line>,
    /// crm-sync
    pub records: RecordServiceClient<Line>,
    /// crm-sync
    pub logs: LogServiceClient<Line>,
}

impl Api {
    /// Returns clients that connect when first used.
    pub fn connect(environment: &Environment) -> anyhow::Result<Self> {
        let line = |service: &str| Line::new(service, environment.wire, &environment.gateway);
        let identity = line(&environment.identity)?;
        let spaces = line(&environment.spaces)?;
        let assets = line(&environment.assets)?;
        let notifications = line(&environment.notifications)?;
        let crm_sync = line(&environment.crm_sync)?;
        Ok(Self {
            organizations: OrganizationServiceClient::new(identity.clone()),
            sign_in: SignInServiceClient::new(identity.clone()),
            account: AccountServiceClient::new(identity.clone()),
            invitations: InvitationServiceClient::new(identity.clone()),
            consent: ConsentServiceClient::new(identity),
            spaces: SpaceServiceClient::new(spaces.clone()),
            participants: ParticipantServiceClient::new(spaces.clone()),
            policies: PolicyServiceClient::new(spaces.clone()),
            activities: ActivityServiceClient::new(spaces.clone()),
            content: ContentServiceClient::new(spaces.clone()),
            comments: CommentServiceClient::new(spaces.clone()),
            access_requests: AccessRequestServiceClient::new(spaces),
            assets: AssetServiceClient::new(assets.clone()),
            logos: LogoServiceClient::new(assets),
            deliveries: DeliveryServiceClient::new(notifications.clone()),
            notices: NotificationServiceClient::new(notifications.clone()),
            notifications_jobs: JobServiceClient::new(notifications),
            connections: ConnectionServiceClient::new(crm_sync.clone()),
            records: RecordServiceClient::new(crm_sync.clone()),
            logs: LogServiceClient::new(crm_sync),
        })
    }
}

/// Returns a request that carries an access token.
pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    if let Ok(value) = format!("Bearer {token}").parse() {
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Returns a request that carries an access token and an idempotency key.
pub fn with_key<T>(message: T, token: &str, key: &str) -> Request<T> {
    let mut request = with_token(message, token);
    if let Ok(value) = key.parse() {
        request.metadata_mut().insert("idempotency-key", value);
    }
    request
}
