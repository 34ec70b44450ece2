//! Generated code and descriptor set of every Shared Spaces interface.
//!
//! Owns nothing of its own: all comes from `proto/`, compiled by `build.rs`. Must not hold logic.

/// The generated messages, clients and servers, nested as their packages are.
#[expect(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; documented in proto/"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/modules.rs"));
}

pub use generated::{assets, crmsync, identity, jobs, notifications, options, spaces};

/// Every interface with its options and comments, for reflection, the gateway and the gates.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));

/// Who may call a method; see `sharedspaces/options/v1/options.proto`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Anyone, without a token.
    Public,
    /// Anyone signed in.
    Participant,
    /// A member of the organisation.
    Member,
    /// A member with the role ADMIN.
    Admin,
    /// The service accounts named in [`MethodRule::callers`].
    Service,
    /// Anyone; a token that is sent must be good, and says who it is.
    Visitor,
}

/// What the interface says about one method.
#[derive(Clone, Copy, Debug)]
pub struct MethodRule {
    /// The gRPC path, `/package.Service/Method`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The service accounts that may call it, where access is [`Access::Service`].
    pub callers: &'static [&'static str],
    /// Whether either side sends a stream.
    pub is_streaming: bool,
}

include!(concat!(env!("OUT_DIR"), "/access.rs"));

/// Returns the rule of every method, sorted by path.
pub fn method_rules() -> &'static [MethodRule] {
    RULES
}

/// Finds the rule of a method by its gRPC path; a path without one must be refused.
pub fn find_method_rule(path: &str) -> Option<&'static MethodRule> {
    let at = RULES.binary_search_by(|rule| rule.path.cmp(path)).ok()?;
    RULES.get(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_by_its_path_and_an_unknown_path_is_not() {
        for rule in method_rules() {
            assert_eq!(find_method_rule(rule.path).unwrap().access, rule.access);
        }
        assert!(find_method_rule("/sharedspaces.spaces.v1.SpaceService/Nothing").is_none());
    }
}
