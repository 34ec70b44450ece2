//! The public API, as any client app calls it.
//!
//! Owns the channels and what each call carries: the person's token, a deadline, the trace, and the browser's network.
//! Must not know a page.

use std::time::Duration;

use service_kit::telemetry::propagation::current_traceparent;
use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sharedspaces_proto::assets::v1::job_service_client::JobServiceClient as AssetsJobClient;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::crmsync::v1::connection_service_client::ConnectionServiceClient;
use sharedspaces_proto::crmsync::v1::job_service_client::JobServiceClient as CrmSyncJobClient;
use sharedspaces_proto::crmsync::v1::log_service_client::LogServiceClient;
use sharedspaces_proto::crmsync::v1::record_service_client::RecordServiceClient;
use sharedspaces_proto::identity::v1::account_service_client::AccountServiceClient;
use sharedspaces_proto::identity::v1::consent_service_client::ConsentServiceClient;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::identity::v1::sign_in_service_client::SignInServiceClient;
use sharedspaces_proto::notifications::v1::delivery_service_client::DeliveryServiceClient;
use sharedspaces_proto::notifications::v1::job_service_client::JobServiceClient as NotificationsJobClient;
use sharedspaces_proto::notifications::v1::notification_service_client::NotificationServiceClient;
use sharedspaces_proto::notifications::v1::preference_service_client::PreferenceServiceClient;
use sharedspaces_proto::spaces::v1::access_request_service_client::AccessRequestServiceClient;
use sharedspaces_proto::spaces::v1::activity_service_client::ActivityServiceClient;
use sharedspaces_proto::spaces::v1::comment_service_client::CommentServiceClient;
use sharedspaces_proto::spaces::v1::content_service_client::ContentServiceClient;
use sharedspaces_proto::spaces::v1::job_service_client::JobServiceClient as SpacesJobClient;
use sharedspaces_proto::spaces::v1::participant_service_client::ParticipantServiceClient;
use sharedspaces_proto::spaces::v1::policy_service_client::PolicyServiceClient;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use crate::config::ApiConfig;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a page waits for one answer.
const DEADLINE: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(20);

/// One channel to each service; clients over them are made as they are needed.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    identity: Channel,
    spaces: Channel,
    assets: Channel,
    notifications: Channel,
    crm_sync: Channel,
}

/// Declares one method per client.
macro_rules! clients {
    ($($method:ident: $client:ident over $channel:ident,)*) => {
        impl Api {
            $(pub(crate) fn $method(&self) -> $client<Channel> {
                $client::new(self.$channel.clone())
            })*
        }
    };
}

clients! {
    organizations: OrganizationServiceClient over identity,
    sign_in: SignInServiceClient over identity,
    account: AccountServiceClient over identity,
    invitations: InvitationServiceClient over identity,
    consent: ConsentServiceClient over identity,
    spaces: SpaceServiceClient over spaces,
    participants: ParticipantServiceClient over spaces,
    requests: AccessRequestServiceClient over spaces,
    content: ContentServiceClient over spaces,
    comments: CommentServiceClient over spaces,
    activities: ActivityServiceClient over spaces,
    policies: PolicyServiceClient over spaces,
    assets: AssetServiceClient over assets,
    logos: LogoServiceClient over assets,
    deliveries: DeliveryServiceClient over notifications,
    connections: ConnectionServiceClient over crm_sync,
    crm_logs: LogServiceClient over crm_sync,
    records: RecordServiceClient over crm_sync,
    notices: NotificationServiceClient over notifications,
    preferences: PreferenceServiceClient over notifications,
    spaces_jobs: SpacesJobClient over spaces,
    assets_jobs: AssetsJobClient over assets,
    notifications_jobs: NotificationsJobClient over notifications,
    crm_sync_jobs: CrmSyncJobClient over crm_sync,
}

impl Api {
    /// Returns channels that connect when they are first used.
    pub(crate) fn new(config: &ApiConfig) -> anyhow::Result<Self> {
        Ok(Self {
            identity: channel(&config.identity)?,
            spaces: channel(&config.spaces)?,
            assets: channel(&config.assets)?,
            notifications: channel(&config.notifications)?,
            crm_sync: channel(&config.crm_sync)?,
        })
    }
}

fn channel(url: &Url) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_string())?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .connect_lazy())
}

/// Returns a call: with a token where there is one, and from the browser's network.
pub(crate) fn call<T>(message: T, token: Option<&str>, network: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    let metadata = request.metadata_mut();
    if let Some(Ok(value)) = token.map(|token| format!("Bearer {token}").parse()) {
        metadata.insert("authorization", value);
    }
    if let Ok(value) = network.parse() {
        metadata.insert("x-forwarded-for", value);
    }
    if let Some(Ok(value)) = current_traceparent().map(|parent| parent.parse()) {
        metadata.insert("traceparent", value);
    }
    request
}

/// Lets a call take effect once, however often its form is sent.
pub(crate) fn once<T>(mut request: Request<T>, key: &str) -> Request<T> {
    if let Some(Ok(value)) = (!key.is_empty()).then(|| key.parse()) {
        request.metadata_mut().insert("idempotency-key", value);
    }
    request
}
