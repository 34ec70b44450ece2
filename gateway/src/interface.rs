//! What the gateway offers: every method that is not for services alone.

use anyhow::{Context, Result};
use prost::Message as _;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, Value};
use sharedspaces_proto::{Access, FILE_DESCRIPTOR_SET, find_method_rule};

/// Longest a call may take, in seconds; a client may ask for less with `grpc-timeout`.
pub const CALL_SECONDS: u64 = 30;
/// Longest a watched stream or an upload may take, in seconds: an upload of 2 GiB, and a token's life for a watch.
pub const STREAM_SECONDS: u64 = 3_600;

/// A REST route of a method, from `google.api.http`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpRoute {
    /// `get`, `put`, `post`, `delete` or `patch`.
    pub verb: &'static str,
    /// Such as `/v1/spaces/{space_id}:archive`.
    pub path: String,
    /// Whether the request's fields are in the body, but for those in the path.
    pub has_body: bool,
}

/// A method that clients may call.
#[derive(Clone, Debug)]
pub struct Method {
    /// The gRPC path, `/package.Service/Method`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Its REST routes; none where it takes a stream.
    pub routes: Vec<HttpRoute>,
    /// The method with its messages and comments.
    pub descriptor: MethodDescriptor,
}

impl Method {
    /// Returns the service that answers, as `xtask` and Kubernetes name it.
    #[must_use]
    pub fn service(&self) -> String {
        let package = self.path.trim_start_matches("/sharedspaces.");
        let package = package.split('.').next().unwrap_or_default();
        if package == "crmsync" { "crm-sync".to_owned() } else { package.to_owned() }
    }

    /// Returns the name of its gRPC service in a document of all of them: of a name that several packages have, which
    /// package's it is comes first.
    #[must_use]
    pub fn tag(&self) -> String {
        let service = self.descriptor.parent_service();
        let alike = self.descriptor.parent_pool().services().filter(|other| other.name() == service.name());
        if alike.count() == 1 {
            return service.name().to_owned();
        }
        let package = service.package_name().trim_start_matches("sharedspaces.");
        let (first, rest) = package.split_at(package.len().min(1));
        let rest = rest.split('.').next().unwrap_or_default();
        format!("{}{rest}{}", first.to_ascii_uppercase(), service.name())
    }

    /// Tells whether it answers with a stream.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.descriptor.is_server_streaming()
    }

    /// Returns how long a call may take: streams and uploads far longer than others.
    #[must_use]
    pub fn timeout_seconds(&self) -> u64 {
        let is_stream = self.is_watched() || self.descriptor.is_client_streaming();
        if is_stream { STREAM_SECONDS } else { CALL_SECONDS }
    }

    /// Returns the comment of the `.proto` file.
    #[must_use]
    pub fn comment(&self) -> String {
        comment(&self.descriptor.parent_file(), self.descriptor.path())
    }
}

/// Returns the descriptor set with the messages that errors have as details, which Envoy must know to write them as JSON.
///
/// # Errors
/// Fails when a set cannot be read; they were made by builds.
pub fn descriptor_set() -> Result<Vec<u8>> {
    let ours = DescriptorPool::decode(FILE_DESCRIPTOR_SET).context("the descriptor set cannot be read")?;
    let mut details = FileDescriptorSet::decode(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .context("the descriptors of error details cannot be read")?;
    details.file.retain(|file| ours.get_file_by_name(file.name()).is_none());
    // One set after another is both together. Ours as it is: decoding it would drop the options it is made for.
    let mut both = FILE_DESCRIPTOR_SET.to_vec();
    details.encode(&mut both).context("the descriptors of error details cannot be written")?;
    Ok(both)
}

/// Reads the descriptor set.
///
/// # Errors
/// Fails when it cannot be read; it was made by the build.
pub fn pool() -> Result<DescriptorPool> {
    DescriptorPool::decode(descriptor_set()?.as_slice()).context("the descriptor set cannot be read")
}

/// Lists the methods that clients may call, by path.
///
/// # Errors
/// Fails when the descriptor set cannot be read.
pub fn methods(pool: &DescriptorPool) -> Result<Vec<Method>> {
    let mut methods = Vec::new();
    for descriptor in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let path = format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name());
        let Some(rule) = find_method_rule(&path).filter(|rule| rule.access != Access::Service) else {
            continue;
        };
        let routes = http_routes(pool, &descriptor)?;
        methods.push(Method { path: rule.path, access: rule.access, routes, descriptor });
    }
    methods.sort_by_key(|method| method.path);
    Ok(methods)
}

/// Returns the comment before an element of a file.
#[must_use]
pub fn comment(file: &prost_reflect::FileDescriptor, path: &[i32]) -> String {
    let proto = file.file_descriptor_proto();
    let locations = proto.source_code_info.iter().flat_map(|info| &info.location);
    let found = locations.into_iter().find(|location| location.path == path);
    let text = found.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default();
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn http_routes(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Vec<HttpRoute>> {
    let extension =
        pool.get_extension_by_name("google.api.http").context("google.api.http is not declared")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return Ok(Vec::new());
    }
    match options.get_extension(&extension).as_ref() {
        Value::Message(rule) => Ok(bindings(rule)),
        _ => Ok(Vec::new()),
    }
}

fn bindings(rule: &DynamicMessage) -> Vec<HttpRoute> {
    let text = |name: &str| match rule.get_field_by_name(name).as_deref() {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let verbs = ["get", "put", "post", "delete", "patch"];
    let pattern = rule.descriptor().oneofs().find(|oneof| oneof.name() == "pattern");
    let chosen = pattern.and_then(|oneof| oneof.fields().find(|field| rule.has_field(field)));
    let mut routes = Vec::new();
    if let Some(field) = chosen
        && let Some(verb) = verbs.into_iter().find(|verb| *verb == field.name())
        && let Some(path) = text(verb)
    {
        routes.push(HttpRoute { verb, path, has_body: text("body").is_some() });
    }
    if let Some(Value::List(more)) = rule.get_field_by_name("additional_bindings").as_deref() {
        routes.extend(more.iter().filter_map(Value::as_message).flat_map(bindings));
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_for_services_is_offered_and_every_other_is() {
        let methods = methods(&pool().unwrap()).unwrap();
        let rules = sharedspaces_proto::method_rules();
        let public = rules.iter().filter(|rule| rule.access != Access::Service).count();
        assert_eq!(methods.len(), public);
        assert!(public < rules.len() && public > 50, "{public} of {}", rules.len());
    }

    #[test]
    fn every_method_without_an_incoming_stream_has_a_rest_route_and_no_two_share_one() {
        let methods = methods(&pool().unwrap()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for method in &methods {
            assert_eq!(method.routes.is_empty(), method.descriptor.is_client_streaming(), "{}", method.path);
            for route in &method.routes {
                // Names of path fields make no difference to a router.
                let shape: String = route
                    .path
                    .split('{')
                    .enumerate()
                    .map(|(at, part)| if at == 0 { part } else { part.split_once('}').unwrap().1 })
                    .collect::<Vec<_>>()
                    .join("{}");
                assert!(seen.insert((route.verb, shape)), "{} shares {route:?}", method.path);
            }
        }
    }

    #[test]
    fn every_method_says_what_it_does() {
        for method in methods(&pool().unwrap()).unwrap() {
            assert!(method.comment().len() > 20, "{}", method.path);
        }
    }

    #[test]
    fn a_method_is_answered_by_the_service_of_its_package() {
        let methods = methods(&pool().unwrap()).unwrap();
        let of = |path: &str| methods.iter().find(|method| method.path == path).unwrap().service();
        assert_eq!(of("/sharedspaces.crmsync.v1.LogService/ListLogs"), "crm-sync");
        assert_eq!(of("/sharedspaces.spaces.v1.SpaceService/GetSpace"), "spaces");
    }
}
