//! The CRMs of the organisation, each a look-alike, and what of the room is logged to them.

use std::time::Duration;

use journeys::api::{with_key, with_token};
use journeys::crm::{Crm, person, target};
use journeys::outside::within;
use journeys::visit::fresh_key;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::spaces::v1 as spaces;

use super::Stage;

const PATIENCE: Duration = Duration::from_secs(60);
const CUSTOMER: &str = "Contoso Ltd";
const CONTACT: &str = "Nora Field";

/// A CRM with the customer's Account in it.
pub(super) struct Connected {
    pub(super) connection: crm::Connection,
    pub(super) account: crm::CrmRecord,
}

impl Stage<'_> {
    /// Connects each CRM that is not, the first one first.
    pub(super) async fn connect_crms(&self) -> anyhow::Result<Vec<Connected>> {
        let there = within(PATIENCE, "crm-sync's knowledge of the organisation", async || {
            let request = with_token(crm::ListConnectionsRequest::default(), self.admin.token());
            Ok(Some(self.journey.api.connections.clone().list_connections(request).await?.into_inner()))
        })
        .await?;
        let mut connected = Vec::new();
        for which in Crm::ALL {
            let known = there.connections.iter().find(|one| one.display_name == which.name());
            let connection = match known {
                Some(connection) => connection.clone(),
                None => self.journey.connect(&self.admin, which, "").await?,
            };
            let account = self.journey.find_record(&self.seller, &connection.connection_id, CUSTOMER).await?;
            connected.push(Connected { connection, account });
        }
        Ok(connected)
    }

    /// Logs the room as it is: to its own Account with a Contact, and to the other CRMs' Accounts.
    pub(super) async fn log(&self, space_id: &str, crms: &[Connected]) -> anyhow::Result<()> {
        for one in crms {
            let connection_id = &one.connection.connection_id;
            // The room is linked to this one: its creation was logged there.
            let is_own = one.connection.provider() == crm::CrmProvider::Salesforce;
            let on = if is_own {
                let contact = crm::CrmPersonType::Contact;
                Some(person(&self.journey.find_person(&self.seller, connection_id, CONTACT, contact).await?))
            } else {
                None
            };
            let record = target(&one.account, spaces::CrmRecordType::Account);
            let request = crm::CreateLogRequest {
                space_id: space_id.to_owned(),
                target: (!is_own).then_some(record),
                person: on,
            };
            let request = with_key(request, self.seller.token(), &fresh_key());
            let log = self.journey.api.logs.clone().create_log(request).await?.into_inner().log;
            let log_id = log.map(|log| log.log_id).unwrap_or_default();
            self.journey.log_in_state(&self.seller, &log_id, crm::LogState::Logged).await?;
        }
        Ok(())
    }
}
