//! What an admin gives to connect each look-alike.

use sharedspaces_proto::crmsync::v1 as pb;

use super::world::World;
use crate::connection::{ConnectionError, ListConnections, NewConnection};

impl World {
    /// The form for the look-alike of Salesforce, by code.
    pub(super) fn salesforce(&self, display_name: &str) -> NewConnection {
        let request = pb::StartConnectionRequest {
            provider: pb::CrmProvider::Salesforce.into(),
            display_name: display_name.to_owned(),
            login_url: self.login_url(),
            ..Default::default()
        };
        request.try_into().unwrap()
    }

    /// The form for the look-alike of C4C, by user and password.
    pub(super) fn c4c(&self) -> pb::StartConnectionRequest {
        pb::StartConnectionRequest {
            provider: pb::CrmProvider::SapC4c.into(),
            display_name: "Our C4C".to_owned(),
            instance_url: format!("http://{}", self.sandbox.c4c_addr()),
            credentials: Some(pb::CrmCredentials {
                username: sandbox::C4C_USER.to_owned(),
                password: sandbox::C4C_PASSWORD.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// The form for the look-alike of Dataverse, by client credentials.
    pub(super) fn dataverse(&self) -> pb::StartConnectionRequest {
        pb::StartConnectionRequest {
            provider: pb::CrmProvider::Dataverse.into(),
            display_name: "Our Dynamics".to_owned(),
            sign_in: pb::CrmSignIn::ClientCredentials.into(),
            instance_url: format!("http://{}", self.sandbox.dataverse_addr()),
            credentials: Some(pb::CrmCredentials {
                tenant: sandbox::DATAVERSE_TENANT.to_owned(),
                client_id: sandbox::DATAVERSE_CLIENT_ID.to_owned(),
                client_secret: sandbox::DATAVERSE_CLIENT_SECRET.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// Connects by a form that needs no browser.
    pub(super) async fn connect_by(
        &self,
        form: pb::StartConnectionRequest,
    ) -> Result<pb::Connection, ConnectionError> {
        let call = self.call();
        let started: pb::StartConnectionResponse =
            self.connections.start(&call, form.try_into().unwrap()).await?;
        Ok(started.connection.unwrap())
    }

    /// The connections that are not ended.
    pub(super) async fn connected(&self) -> Vec<pb::Connection> {
        let list = ListConnections { with_disconnected: false };
        let listed = self.connections.list(&self.admin, list).await.unwrap();
        pb::ListConnectionsResponse::from(listed).connections
    }
}
