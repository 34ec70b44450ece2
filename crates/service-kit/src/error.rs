//! How errors reach the wire.
//!
//! Owns the ten kinds, the macro that declares an aggregate's error enum, and the one place where an error becomes a
//! `Status` (AIP-193: `ErrorInfo`, `BadRequest`, `RetryInfo`). An internal error says "internal error" and nothing
//! else; its chain is logged here, once.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::validate::Violations;

/// What a caller can make of an error; the only codes a use case answers with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// There is no such thing, or none the caller may know of.
    NotFound,
    /// Something with this name exists.
    AlreadyExists,
    /// The request is wrong, whatever the state.
    InvalidArgument,
    /// The request is right, but not in this state.
    FailedPrecondition,
    /// Somebody else was faster: read again and retry.
    Aborted,
    /// The caller may not.
    PermissionDenied,
    /// The caller did not prove who they are.
    Unauthenticated,
    /// Too much at once: retry later.
    ResourceExhausted,
    /// Something this depends on is away: retry.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// Returns the gRPC code.
    pub fn code(self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::InvalidArgument => Code::InvalidArgument,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::Aborted => Code::Aborted,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }

    /// Returns when a retry makes sense, for the kinds where one does.
    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Unavailable => Some(Duration::from_secs(1)),
            Self::ResourceExhausted => Some(Duration::from_secs(5)),
            Self::NotFound
            | Self::AlreadyExists
            | Self::InvalidArgument
            | Self::FailedPrecondition
            | Self::Aborted
            | Self::PermissionDenied
            | Self::Unauthenticated
            | Self::Internal => None,
        }
    }
}

/// One row of an error catalogue; docs/errors.md is made from these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ErrorEntry {
    /// The variant's name.
    pub variant: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// `ErrorInfo.reason`.
    pub reason: &'static str,
    /// When it is answered.
    pub when: &'static str,
}

/// An error that can reach the wire. Declared with [`domain_error`](crate::domain_error).
pub trait DomainError: Error + Send + Sync + 'static {
    /// Returns what the caller can make of it.
    fn kind(&self) -> Kind;
    /// Returns the stable, machine-readable reason.
    fn reason(&self) -> &'static str;
    /// Returns the domain of the reason, `<service>.sharedspaces`.
    fn domain(&self) -> &'static str;
    /// Returns the fields at fault.
    fn violations(&self) -> Violations;
    /// Returns when a retry makes sense, where the error knows better than its kind.
    fn retry_after(&self) -> Option<Duration>;
}

/// Turns an error into what goes over the wire.
pub fn status_of(error: &dyn DomainError) -> Status {
    let kind = error.kind();
    if kind == Kind::Internal {
        log_chain(error);
        return internal(error.domain());
    }
    if kind == Kind::Unavailable {
        tracing::warn!(error.reason = error.reason(), error.chain = %chain(error), "call answered unavailable");
    }
    let mut details = ErrorDetails::with_error_info(error.reason(), error.domain(), []);
    let violations = error.violations();
    for violation in violations.iter() {
        details.add_bad_request_violation(&violation.field, &violation.rule);
    }
    if let Some(after) = error.retry_after().or_else(|| kind.retry_after()) {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(kind.code(), error.to_string(), details)
}

/// Returns what every internal error looks like on the wire.
pub fn internal(domain: &str) -> Status {
    let mut details = ErrorDetails::with_error_info("INTERNAL", domain, []);
    if let Some(request_id) = crate::grpc::request_id() {
        details.set_request_info(request_id, "");
    }
    Status::with_error_details(Code::Internal, "internal error", details)
}

fn log_chain(error: &dyn DomainError) {
    tracing::error!(error.reason = error.reason(), error.chain = %chain(error), "call failed");
}

/// Writes an error and its sources on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The errors that every aggregate can meet.
#[derive(Debug, thiserror::Error)]
pub enum CommonError {
    /// Fields of the request break a rule.
    #[error("the request has invalid fields: {0}")]
    Invalid(#[from] Violations),
    /// The database failed.
    #[error("the database failed")]
    Storage(#[from] sqlx::Error),
    /// The idempotency key stands for another request.
    #[error("this idempotency key was used with another request")]
    IdempotencyKeyReused,
    /// Another service did not answer.
    #[error("another service did not answer")]
    Peer(#[source] Box<Status>),
    /// A fault of ours.
    #[error("unexpected")]
    Unexpected(#[source] anyhow::Error),
}

impl CommonError {
    /// The catalogue of these errors, once for all services.
    pub const CATALOGUE: &'static [ErrorEntry] = &[
        ErrorEntry {
            variant: "Invalid",
            kind: Kind::InvalidArgument,
            reason: "INVALID_FIELD",
            when: "Fields of the request break a rule; `BadRequest` names each.",
        },
        ErrorEntry {
            variant: "IdempotencyKeyReused",
            kind: Kind::InvalidArgument,
            reason: "IDEMPOTENCY_KEY_REUSED",
            when: "The metadata `idempotency-key` was used with another request within 24 hours.",
        },
        ErrorEntry {
            variant: "Storage (conflict)",
            kind: Kind::Aborted,
            reason: "CONCURRENT_CHANGE",
            when: "Two changes met; retrying is safe.",
        },
        ErrorEntry {
            variant: "Storage (away)",
            kind: Kind::Unavailable,
            reason: "STORAGE_UNAVAILABLE",
            when: "The database is away or overloaded; the outcome may be unknown: retry with the same idempotency key.",
        },
        ErrorEntry {
            variant: "Peer",
            kind: Kind::Unavailable,
            reason: "PEER_UNAVAILABLE",
            when: "Another service did not answer; retry with the same idempotency key.",
        },
        ErrorEntry {
            variant: "Unexpected, Storage (other)",
            kind: Kind::Internal,
            reason: "INTERNAL",
            when: "A fault of ours; the request id in the trailers leads to the log.",
        },
    ];

    /// Returns what the caller can make of it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::IdempotencyKeyReused => Kind::InvalidArgument,
            Self::Storage(error) => crate::db::kind_of(error),
            Self::Peer(_) => Kind::Unavailable,
            Self::Unexpected(_) => Kind::Internal,
        }
    }

    /// Returns the stable, machine-readable reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_FIELD",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::Storage(_) => match self.kind() {
                Kind::Aborted => "CONCURRENT_CHANGE",
                Kind::Unavailable => "STORAGE_UNAVAILABLE",
                _ => "INTERNAL",
            },
            Self::Peer(_) => "PEER_UNAVAILABLE",
            Self::Unexpected(_) => "INTERNAL",
        }
    }

    /// Returns the fields at fault.
    pub fn violations(&self) -> Violations {
        match self {
            Self::Invalid(violations) => violations.clone(),
            Self::IdempotencyKeyReused => {
                Violations::one("idempotency-key", "must be new, or the same request as before")
            }
            Self::Storage(_) | Self::Peer(_) | Self::Unexpected(_) => Violations::default(),
        }
    }
}

/// Declares an aggregate's error enum with its kinds and reasons in one table.
///
/// ```ignore
/// domain_error! {
///     /// Why a call on spaces was refused.
///     pub enum SpaceError in "spaces.sharedspaces" {
///         /// The caller sees no such space.
///         #[error("no such space")]
///         NotFound => NotFound "SPACE_NOT_FOUND",
///         /// The address belongs to another space of the organisation.
///         #[error("the address {address} is taken")]
///         AddressTaken { address: String } => AlreadyExists "SPACE_ADDRESS_TAKEN" on "address",
///         /// Too many at once.
///         #[error("wait before the next")]
///         TooMany { wait: Duration } => ResourceExhausted "TOO_MANY" after wait,
///     }
/// }
/// ```
/// `on` names the field at fault; `after` names the variant's own `Duration` until a retry makes sense.
/// The enum also gets `Common(CommonError)`, `CATALOGUE`, `From` for what `?` meets, and `From<_> for Status`.
#[macro_export]
macro_rules! domain_error {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident in $domain:literal {
            $(
                $(#[doc = $when:literal])+
                #[error($($message:tt)+)]
                $variant:ident $( ( $($tuple:tt)* ) )? $( { $($fields:tt)* } )? => $kind:ident $reason:literal
                $( on $field:literal )? $( after $after:ident )?,
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, thiserror::Error)]
        $vis enum $name {
            $(
                $(#[doc = $when])+
                #[error($($message)+)]
                $variant $( ( $($tuple)* ) )? $( { $($fields)* } )?,
            )*
            /// What every aggregate can meet.
            #[error(transparent)]
            Common(#[from] $crate::error::CommonError),
        }

        impl $name {
            /// Every variant with its kind and reason.
            $vis const CATALOGUE: &'static [$crate::error::ErrorEntry] = &[
                $(
                    $crate::error::ErrorEntry {
                        variant: stringify!($variant),
                        kind: $crate::error::Kind::$kind,
                        reason: $reason,
                        when: concat!($($when),+),
                    },
                )*
            ];
        }

        impl $crate::error::DomainError for $name {
            fn kind(&self) -> $crate::error::Kind {
                match self {
                    $( Self::$variant { .. } => $crate::error::Kind::$kind, )*
                    Self::Common(error) => error.kind(),
                }
            }

            fn reason(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $reason, )*
                    Self::Common(error) => error.reason(),
                }
            }

            fn domain(&self) -> &'static str {
                $domain
            }

            fn violations(&self) -> $crate::validate::Violations {
                match self {
                    $( $( Self::$variant { .. } => {
                        $crate::validate::Violations::one($field, self.to_string())
                    } )? )*
                    Self::Common(error) => error.violations(),
                    #[expect(unreachable_patterns, reason = "an enum may name a field on every variant")]
                    _ => $crate::validate::Violations::default(),
                }
            }

            fn retry_after(&self) -> Option<std::time::Duration> {
                match self {
                    $( $( Self::$variant { $after, .. } => Some(*$after), )? )*
                    _ => None,
                }
            }
        }

        impl From<sqlx::Error> for $name {
            fn from(error: sqlx::Error) -> Self {
                Self::Common(error.into())
            }
        }

        impl From<$crate::validate::Violations> for $name {
            fn from(violations: $crate::validate::Violations) -> Self {
                Self::Common(violations.into())
            }
        }

        impl From<$name> for tonic::Status {
            fn from(error: $name) -> Self {
                $crate::error::status_of(&error)
            }
        }
    };
}
