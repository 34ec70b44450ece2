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
use sharedspaces_proto::notifications::v1::notification_service_client::NotificationServiceClient;
use sharedspaces_proto::spaces::v1::access_request_service_client::AccessRequestServiceClient;
use sharedspaces_proto::spaces::v1::activity_service_client::ActivityServiceClient;
use sharedspaces_proto::spaces::v1::comment_service_client::CommentServiceClient;
use sharedspaces_proto::spaces::v1::content_service_client::ContentServiceClient;
use sharedspaces_proto::spaces::v1::participant_service_client::ParticipantServiceClient;
use sharedspaces_proto::spaces::v1::policy_service_client::PolicyServiceClient;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::environment::Environment;

/// One client of each service; a clone shares its connection.
#[derive(Clone, Debug)]
pub struct Api {
    /// identity
    pub organizations: OrganizationServiceClient<Channel>,
    /// identity
    pub sign_in: SignInServiceClient<Channel>,
    /// identity
    pub account: AccountServiceClient<Channel>,
    /// identity
    pub invitations: InvitationServiceClient<Channel>,
    /// identity
    pub consent: ConsentServiceClient<Channel>,
    /// spaces
    pub spaces: SpaceServiceClient<Channel>,
    /// spaces
    pub participants: ParticipantServiceClient<Channel>,
    /// spaces
    pub policies: PolicyServiceClient<Channel>,
    /// spaces
    pub activities: ActivityServiceClient<Channel>,
    /// spaces
    pub content: ContentServiceClient<Channel>,
    /// spaces
    pub comments: CommentServiceClient<Channel>,
    /// assets
    pub assets: AssetServiceClient<Channel>,
    /// assets
    pub logos: LogoServiceClient<Channel>,
    /// spaces
    pub access_requests: AccessRequestServiceClient<Channel>,
    /// notifications
    pub deliveries: DeliveryServiceClient<Channel>,
    /// notifications
    pub notices: NotificationServiceClient<Channel>,
    /// crm-sync
    pub connections: ConnectionServiceClient<Channel>,
    /// crm-sync
    pub records: RecordServiceClient<Channel>,
    /// crm-sync
    pub logs: LogServiceClient<Channel>,
}

impl Api {
    /// Returns clients that connect when first used.
    pub fn connect(environment: &Environment) -> anyhow::Result<Self> {
        let identity = channel(&environment.identity)?;
        let spaces = channel(&environment.spaces)?;
        let assets = channel(&environment.assets)?;
        let notifications = channel(&environment.notifications)?;
        let crm_sync = channel(&environment.crm_sync)?;
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
            notices: NotificationServiceClient::new(notifications),
            connections: ConnectionServiceClient::new(crm_sync.clone()),
            records: RecordServiceClient::new(crm_sync.clone()),
            logs: LogServiceClient::new(crm_sync),
        })
    }
}

/// Returns a channel that connects when first used.
pub fn channel(address: &str) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(address.to_owned())?.tcp_nodelay(true).connect_lazy())
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
