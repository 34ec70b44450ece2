//! The public methods as a table.
//!
//! Owns what everything that routes to a method has to know of it; Kubernetes' routes are compared with it.

use serde_json::{Value, json};
use sharedspaces_proto::Access;

use crate::interface::Method;

/// Returns one entry per method, by path.
#[must_use]
pub fn table(methods: &[Method]) -> Value {
    methods.iter().map(entry).collect()
}

fn entry(method: &Method) -> Value {
    let rest: Vec<Value> = method
        .routes
        .iter()
        .map(|route| {
            json!({"verb": route.verb.to_uppercase(), "path": route.path, "has_body": route.has_body})
        })
        .collect();
    json!({
        "method": method.path,
        "access": access(method.access),
        "service": method.service(),
        "streaming": streaming(method),
        "timeout_seconds": method.timeout_seconds(),
        "rest": rest,
    })
}

/// Returns how the option in the `.proto` files is written, without its prefix.
#[must_use]
pub fn access(access: Access) -> &'static str {
    match access {
        Access::Public => "PUBLIC",
        Access::Visitor => "VISITOR",
        Access::Participant => "PARTICIPANT",
        Access::Member => "MEMBER",
        Access::Admin => "ADMIN",
        Access::Service => "SERVICE",
    }
}

fn streaming(method: &Method) -> &'static str {
    match (method.descriptor.is_client_streaming(), method.is_watched()) {
        (false, false) => "none",
        (true, false) => "client",
        (false, true) => "server",
        (true, true) => "both",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{methods, pool};

    #[test]
    fn the_table_tells_of_every_method_who_may_call_it_and_where_it_leads() {
        let methods = methods(&pool().unwrap()).unwrap();
        let table = table(&methods);
        assert_eq!(table.as_array().unwrap().len(), methods.len());
        let of = |name: &str| {
            let entries = table.as_array().unwrap().iter();
            entries
                .into_iter()
                .find(|entry| entry["method"].as_str().unwrap().ends_with(name))
                .unwrap()
                .clone()
        };
        let watch = of("NotificationService/WatchNotifications");
        assert_eq!(
            watch,
            json!({
                "method": "/sharedspaces.notifications.v1.NotificationService/WatchNotifications",
                "access": "PARTICIPANT",
                "service": "notifications",
                "streaming": "server",
                "timeout_seconds": 3_600,
                "rest": [{"verb": "GET", "path": "/v1/notifications:watch", "has_body": false}],
            })
        );
        let upload = of("AssetService/UploadAsset");
        assert_eq!((&upload["streaming"], &upload["rest"]), (&json!("client"), &json!([])));
        assert_eq!(of("SignInService/SignInWithPassword")["access"], "PUBLIC");
    }
}
