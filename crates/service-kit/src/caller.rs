//! Who calls, and how one write is told from its repetition.
//!
//! Owns [`Caller`] and [`Call`], which the access layer puts into each request. Carries no right in any space: those
//! are read from the database at each call, so that revoking one is immediate.

use chrono::{DateTime, Utc};
use prost::Message;
use ring::digest::{SHA256, digest};
use sharedspaces_proto::MethodRule;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::error::internal;
use crate::ids::{OrganizationId, UserId};
use crate::validate::Violations;

/// Longest accepted `idempotency-key`, in characters.
pub const IDEMPOTENCY_KEY_MAX: usize = 128;

/// A signed-in person, as the access token says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The person's organisation.
    pub organization_id: OrganizationId,
    /// The person.
    pub user_id: UserId,
    /// Member or guest.
    pub kind: CallerKind,
    /// The session the token belongs to.
    pub session_id: uuid::Uuid,
    /// The version of the privacy notice that a guest's consent stood for when the token was issued; 0: none. Members
    /// need none, and have 0.
    pub consent_notice_version: i32,
}

/// How a person belongs to their organisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallerKind {
    /// Somebody from outside.
    Guest,
    /// A licensed user.
    Member,
    /// A licensed user with the role ADMIN.
    Admin,
}

impl Caller {
    /// Returns who calls a method that needs a signed-in person; the access layer has made sure of one.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        match request.extensions().get::<Principal>() {
            Some(Principal::Person(caller)) => Ok(caller.clone()),
            Some(Principal::Service(_) | Principal::Anyone) | None => Err(internal("sharedspaces")),
        }
    }

    /// Tells whether the person belongs to the organisation.
    pub fn is_member(&self) -> bool {
        self.kind != CallerKind::Guest
    }
}

/// Until when the token of a request is valid; a stream must not outlive it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenExpiry(pub DateTime<Utc>);

impl TokenExpiry {
    /// Returns until when the token of a signed-in person is valid; the access layer has noted it.
    pub fn of<T>(request: &Request<T>) -> Result<DateTime<Utc>, Status> {
        request.extensions().get::<Self>().map(|expiry| expiry.0).ok_or_else(|| internal("sharedspaces"))
    }
}

/// Who stands behind a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Principal {
    /// Nobody proved who they are.
    Anyone,
    /// A signed-in person.
    Person(Caller),
    /// Another service or the operator, by the name of its service account.
    Service(String),
}

impl Principal {
    /// Names the principal within its organisation, for idempotency keys.
    fn name(&self) -> String {
        match self {
            Self::Anyone => "anyone".to_owned(),
            Self::Person(caller) => format!("user:{}", caller.user_id),
            Self::Service(name) => format!("service:{name}"),
        }
    }
}

/// One write: who asks, and the key under which asking again changes nothing.
#[derive(Clone, Debug)]
pub struct Call {
    principal: Principal,
    pub(crate) key: Option<IdempotencyKey>,
}

/// What makes two calls the same call.
#[derive(Clone, Debug)]
pub(crate) struct IdempotencyKey {
    pub(crate) key: String,
    pub(crate) method: &'static str,
    pub(crate) principal: String,
    pub(crate) request_sha256: Vec<u8>,
}

impl Call {
    /// Reads the call from a request. Errors: INVALID_ARGUMENT for a malformed `idempotency-key`.
    pub fn of<M: Message>(request: &Request<M>) -> Result<Self, Status> {
        Self::read(request.metadata(), request.extensions(), || request.get_ref().encode_to_vec())
    }

    /// Reads the call from a streamed request, whose content is not known yet; see [`Self::about`].
    pub fn of_stream<S>(request: &Request<S>) -> Result<Self, Status> {
        Self::read(request.metadata(), request.extensions(), Vec::new)
    }

    /// Returns the call with `content` as what its idempotency key stands for, once a stream has been read.
    #[must_use]
    pub fn about(mut self, content: &[u8]) -> Self {
        if let Some(key) = &mut self.key {
            key.request_sha256 = digest(&SHA256, content).as_ref().to_vec();
        }
        self
    }

    fn read(
        metadata: &MetadataMap,
        extensions: &tonic::Extensions,
        content: impl FnOnce() -> Vec<u8>,
    ) -> Result<Self, Status> {
        let principal = extensions.get::<Principal>().cloned().unwrap_or(Principal::Anyone);
        let rule = extensions.get::<&'static MethodRule>().ok_or_else(|| internal("sharedspaces"))?;
        let key = match metadata.get("idempotency-key") {
            None => None,
            Some(value) => Some(IdempotencyKey {
                key: checked_key(value.to_str().unwrap_or_default())?,
                method: rule.path,
                principal: principal.name(),
                request_sha256: digest(&SHA256, &content()).as_ref().to_vec(),
            }),
        };
        Ok(Self { principal, key })
    }

    /// Returns a call without an idempotency key, made by this service itself: a job or a consumer.
    pub fn internal(service: &str) -> Self {
        Self { principal: Principal::Service(service.to_owned()), key: None }
    }

    /// Returns the signed-in person; the access layer has made sure of one where the method needs one.
    pub fn caller(&self) -> Result<&Caller, crate::error::CommonError> {
        match &self.principal {
            Principal::Person(caller) => Ok(caller),
            Principal::Service(_) | Principal::Anyone => Err(crate::error::CommonError::Unexpected(
                anyhow::anyhow!("the method needs a signed-in person"),
            )),
        }
    }
}

impl Call {
    /// Returns who signed in, of a method that is for visitors too.
    pub fn visitor(&self) -> Option<&Caller> {
        match &self.principal {
            Principal::Person(caller) => Some(caller),
            Principal::Service(_) | Principal::Anyone => None,
        }
    }
}

impl From<Caller> for Call {
    fn from(caller: Caller) -> Self {
        Self { principal: Principal::Person(caller), key: None }
    }
}

fn checked_key(key: &str) -> Result<String, Violations> {
    let printable = key.chars().all(|c| c.is_ascii_graphic());
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX || !printable {
        let rule = format!("must have 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters");
        return Err(Violations::one("idempotency-key", rule));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_taken_up_to_its_limit_and_refused_beyond() {
        assert!(checked_key(&"k".repeat(IDEMPOTENCY_KEY_MAX)).is_ok());
        assert!(checked_key(&"k".repeat(IDEMPOTENCY_KEY_MAX + 1)).is_err());
        for bad in ["", "a b", "é"] {
            assert!(checked_key(bad).is_err(), "{bad:?}");
        }
    }
}
