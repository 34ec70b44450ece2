//! Who may call, by the option in the descriptors; what has no option is not reachable.
//!
//! Owns telling the caller and admitting or refusing them. Finer rules live in the use cases.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use sharedspaces_proto::{Access, MethodRule, find_method_rule};
use tonic::{Code, Status};

use super::refusal;
use crate::caller::{CallerKind, Principal, TokenExpiry};
use crate::telemetry::names;
use crate::verify::Verifier;

const ADMITTED: &str = "admitted";
const REFUSED: &str = "refused";

#[derive(Clone)]
pub(super) struct Gate {
    verifier: Verifier,
    is_development: bool,
    decisions: Counter<u64>,
}

impl Gate {
    pub(super) fn new(verifier: Verifier, is_development: bool) -> Self {
        let decisions = names::AUTHZ_DECISIONS.counter();
        for outcome in [ADMITTED, REFUSED] {
            decisions.add(0, &[KeyValue::new(names::OUTCOME, outcome)]);
        }
        Self { verifier, is_development, decisions }
    }

    fn decide(
        &self,
        request: &Request,
    ) -> Result<(&'static MethodRule, Principal, Option<TokenExpiry>), Status> {
        let rule = find_method_rule(request.uri().path())
            .ok_or_else(|| refusal(Code::Unimplemented, "no such method", "METHOD_UNKNOWN", None))?;
        let (principal, expiry) = self.principal(request, rule)?;
        admits(rule, &principal)?;
        Ok((rule, principal, expiry))
    }

    fn principal(
        &self,
        request: &Request,
        rule: &MethodRule,
    ) -> Result<(Principal, Option<TokenExpiry>), Status> {
        // A method for anyone takes no notice of tokens: a client with a stale one must be able to sign in.
        if rule.access == Access::Public {
            return Ok((Principal::Anyone, None));
        }
        if rule.access == Access::Visitor && !request.headers().contains_key(AUTHORIZATION) {
            return Ok((Principal::Anyone, None));
        }
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
            .ok_or_else(|| {
                unauthenticated("a token is needed: `authorization: Bearer …`", "TOKEN_MISSING")
            })?;
        let verified = self.verifier.verify_until(token);
        verified.map_err(|error| unauthenticated(&error.to_string(), "TOKEN_REFUSED"))
    }
}

pub(super) async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    if gate.is_development && request.uri().path().starts_with("/grpc.reflection.") {
        return next.run(request).await;
    }
    let decision = gate.decide(&request);
    let outcome = if decision.is_ok() { ADMITTED } else { REFUSED };
    gate.decisions.add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
    match decision {
        Ok((rule, principal, expiry)) => {
            request.extensions_mut().insert(rule);
            request.extensions_mut().insert(principal);
            if let Some(expiry) = expiry {
                request.extensions_mut().insert(expiry);
            }
            next.run(request).await
        }
        Err(status) => status.into_http(),
    }
}

fn admits(rule: &MethodRule, principal: &Principal) -> Result<(), Status> {
    let denied = |message: &str, reason: &str| Err(refusal(Code::PermissionDenied, message, reason, None));
    match (rule.access, principal) {
        (Access::Public, _)
        | (Access::Visitor, Principal::Anyone)
        | (Access::Participant | Access::Visitor, Principal::Person(_)) => Ok(()),
        (Access::Member, Principal::Person(caller)) if caller.is_member() => Ok(()),
        (Access::Member, _) => denied("only members of the organisation may do this", "MEMBERS_ONLY"),
        (Access::Admin, Principal::Person(caller)) if caller.kind == CallerKind::Admin => Ok(()),
        (Access::Admin, _) => denied("only admins of the organisation may do this", "ADMINS_ONLY"),
        (Access::Service, Principal::Service(name)) if rule.callers.contains(&name.as_str()) => Ok(()),
        (Access::Service, _) => denied("only other services may do this", "SERVICES_ONLY"),
        (Access::Participant | Access::Visitor, _) => denied("only people may do this", "PEOPLE_ONLY"),
    }
}

fn unauthenticated(message: &str, reason: &str) -> Status {
    refusal(Code::Unauthenticated, message, reason, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;
    use uuid::Uuid;

    fn person(kind: CallerKind) -> Principal {
        Principal::Person(Caller {
            organization_id: Uuid::nil().into(),
            user_id: Uuid::nil().into(),
            kind,
            session_id: Uuid::nil(),
            consent_notice_version: 0,
        })
    }

    #[test]
    fn each_access_admits_exactly_those_it_names() {
        let everyone = [
            ("anyone", Principal::Anyone),
            ("guest", person(CallerKind::Guest)),
            ("member", person(CallerKind::Member)),
            ("admin", person(CallerKind::Admin)),
            ("named service", Principal::Service("spaces".to_owned())),
            ("other service", Principal::Service("assets".to_owned())),
        ];
        let expected = [
            (Access::Public, "anyone guest member admin named service other service"),
            (Access::Participant, "guest member admin"),
            (Access::Visitor, "anyone guest member admin"),
            (Access::Member, "member admin"),
            (Access::Admin, "admin"),
            (Access::Service, "named service"),
        ];
        for (access, names) in expected {
            let rule = MethodRule { path: "/x", access, callers: &["spaces"], is_streaming: false };
            let admitted: Vec<_> = everyone
                .iter()
                .filter(|(_, who)| admits(&rule, who).is_ok())
                .map(|(name, _)| *name)
                .collect();
            assert_eq!(admitted.join(" "), names, "{access:?}");
        }
    }
}
