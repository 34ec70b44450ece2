//! Logs as pages show them.

use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::spaces::v1 as pb;

use super::Known;
use crate::texts::Texts;
use crate::view::Moment;

/// A record with its page in the CRM, where it has one.
pub(super) struct Linked {
    pub(super) name: String,
    pub(super) url: String,
}

/// A log as it is drawn.
pub(crate) struct Log {
    pub(super) id: String,
    pub(super) space_id: String,
    pub(super) title: String,
    pub(super) kind: &'static str,
    pub(super) state: &'static str,
    /// `good`, `bad` or `wait`.
    pub(super) tone: &'static str,
    /// Whether it will be another before long.
    pub(super) is_pending: bool,
    pub(super) may_retry: bool,
    pub(super) needs_admin: bool,
    pub(super) reason: String,
    pub(super) on: String,
    pub(super) url: String,
    pub(super) people: Vec<Linked>,
    pub(super) when: Moment,
    pub(super) due: Moment,
}

impl Log {
    pub(super) fn new(t: &'static Texts, known: &Known, log: crm::CrmLog) -> Self {
        use crm::LogState as State;
        let (kind, state) = (log.kind(), log.state());
        let target = log.target.unwrap_or_default();
        let (label, tone) = match state {
            State::Logged => (t.crm.state_logged, "good"),
            State::Failed => (t.crm.state_failed, "bad"),
            State::ReconnectNeeded => (t.crm.state_reconnect, "bad"),
            State::Deferred => (t.crm.state_deferred, "wait"),
            State::Pending | State::Unspecified => (t.crm.state_pending, "wait"),
        };
        Self {
            id: log.log_id,
            space_id: log.space_id,
            title: log.title,
            kind: match kind {
                crm::LogKind::Invitation => t.crm.kind_invitation,
                crm::LogKind::Snapshot => t.crm.kind_snapshot,
                crm::LogKind::Creation | crm::LogKind::Unspecified => t.crm.kind_creation,
            },
            state: label,
            tone,
            is_pending: state == State::Pending,
            may_retry: matches!(state, State::Failed | State::ReconnectNeeded),
            needs_admin: state == State::ReconnectNeeded,
            reason: log.reason,
            on: described(t, known, &target),
            url: log.record_url,
            people: log.people.into_iter().map(linked).collect(),
            when: log.create_time.into(),
            due: if state == State::Deferred { log.due_time.into() } else { Moment::default() },
        }
    }
}

fn linked(record: crm::LoggedRecord) -> Linked {
    Linked { name: record.display_name, url: record.url }
}

/// Names a record: `Contoso Ltd (Account, Salesforce)`.
pub(super) fn described(t: &'static Texts, known: &Known, target: &pb::CrmTarget) -> String {
    let kind = kind_of(t, target);
    let crm = known.name_of(&target.connection_id);
    if crm.is_empty() {
        format!("{} ({kind})", target.record_name)
    } else {
        format!("{} ({kind}, {crm})", target.record_name)
    }
}

pub(super) fn kind_of(t: &'static Texts, target: &pb::CrmTarget) -> &'static str {
    match target.record_type() {
        pb::CrmRecordType::Opportunity => t.crm.opportunity,
        pb::CrmRecordType::Account | pb::CrmRecordType::Unspecified => t.crm.account,
    }
}
