//! Callers, calls, ids and the time, for tests.
//!
//! Owns short ways to what the kit's own types need.

use std::sync::Arc;

use service_kit::caller::{Call, Caller, CallerKind};
use service_kit::clock::{Clock, ManualClock, SharedClock, SystemClock};
use service_kit::ids::{Ids, OrganizationId};

/// Returns ids that carry the machine's time.
pub fn ids() -> Ids {
    let clock: SharedClock = Arc::new(SystemClock);
    Ids::new(clock)
}

/// Returns a clock that stands at the machine's time until it is moved.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemClock.now()))
}

/// Returns somebody new, of an organisation of their own.
pub fn caller(kind: CallerKind) -> Caller {
    caller_of(ids().next(), kind)
}

/// Returns somebody new of an organisation; a guest has agreed to the first privacy notice.
pub fn caller_of(organization_id: OrganizationId, kind: CallerKind) -> Caller {
    let ids = ids();
    let consent_notice_version = i32::from(kind == CallerKind::Guest);
    Caller { organization_id, user_id: ids.next(), kind, session_id: ids.next(), consent_notice_version }
}

/// Returns a call by somebody, without an idempotency key.
pub fn call(caller: &Caller) -> Call {
    Call::from(caller.clone())
}
