//! Logs and links as people see them.
//!
//! Owns making addresses of records: when they are read, because an instance may move.

use super::entity::{ShownLink, SpaceLink};
use super::{CrmLog, Logs, ShownLog};
use crate::connectors::{CrmRef, MAIN_ROLE};

impl Logs {
    /// Adds the addresses of a log's records and people.
    pub(super) fn shown(&self, log: CrmLog) -> ShownLog {
        let connection = log.connection.as_ref();
        let crm = connection.and_then(|(provider, url)| Some((self.connectors.find(*provider)?, url)));
        let record_urls: Vec<String> = log
            .records
            .iter()
            .map(|record| {
                let (connector, instance_url) = crm?;
                let written = CrmRef {
                    object: record.object.clone(),
                    record_id: record.record_id.clone()?,
                    readable_id: record.readable_id.clone(),
                };
                connector.record_url(instance_url, &written)
            })
            .map(Option::unwrap_or_default)
            .collect();
        let people_urls = log
            .people
            .iter()
            .map(|person| crm.and_then(|(connector, url)| connector.person_url(url, person)))
            .map(Option::unwrap_or_default)
            .collect();
        let is_written = log.logged_time.is_some();
        let main = log.records.iter().zip(&record_urls).find(|(record, _)| record.role == MAIN_ROLE);
        // Where the CRM has no address for such records, that of the target is the next best.
        let target_url = || crm.and_then(|(connector, url)| connector.target_url(url, &log.target.to_ref()));
        let record_url = match main {
            Some((_, url)) if is_written && !url.is_empty() => url.clone(),
            Some(_) if is_written => target_url().unwrap_or_default(),
            _ => String::new(),
        };
        ShownLog { log, record_url, people_urls, record_urls }
    }

    /// Adds the address of a space's link.
    pub(super) fn shown_link(&self, link: SpaceLink) -> ShownLink {
        let record_url = link.connection.and_then(|(provider, url)| {
            self.connectors.find(provider)?.target_url(&url, &link.target.to_ref())
        });
        ShownLink { target: link.target, record_url: record_url.unwrap_or_default() }
    }
}
