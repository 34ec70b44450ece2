//! REST: a gRPC call becomes the HTTP call that `google.api.http` says, and its answer or its error of AIP-193 becomes
//! gRPC again.
//!
//! Must not be laxer than a strict client: an unknown field in an answer, an error without the form or with another HTTP
//! status than its gRPC status has, fails the call.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use gateway::interface::{HttpRoute, Method, methods, pool};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::{Map, Value};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::{Code, Status};

use super::{frame, take_apart};

/// A frame begins with what it is and the length of what follows.
const HEAD_BYTES: usize = 5;

#[derive(Debug)]
pub(super) struct Rest {
    base: String,
    http: reqwest::Client,
    known: &'static Known,
}

/// What the descriptors say; read once, which takes a while.
#[derive(Debug)]
struct Known {
    methods: Vec<Method>,
    status: MessageDescriptor,
}

static KNOWN: LazyLock<Result<Known, String>> = LazyLock::new(|| {
    let pool: DescriptorPool = pool().map_err(|error| format!("{error:#}"))?;
    let status = pool.get_message_by_name("google.rpc.Status").ok_or("google.rpc.Status is not described")?;
    Ok(Known { methods: methods(&pool).map_err(|error| format!("{error:#}"))?, status })
});

impl Rest {
    pub(super) fn new(gateway: &str) -> anyhow::Result<Self> {
        let known = KNOWN.as_ref().map_err(anyhow::Error::msg)?;
        Ok(Self { base: gateway.to_owned(), http: reqwest::Client::builder().build()?, known })
    }

    /// Finds a method that has a REST route.
    pub(super) fn method(&self, path: &str) -> Option<&Method> {
        self.known.methods.iter().find(|method| method.path == path && !method.routes.is_empty())
    }

    pub(super) async fn send(
        &self,
        method: &Method,
        request: Request<Body>,
    ) -> Result<Response<Body>, StdError> {
        let (_, headers, body) = take_apart(request).await?;
        let message = body.get(HEAD_BYTES..).ok_or("a call without a message")?;
        let message = DynamicMessage::decode(method.descriptor.input(), message)?;
        let Value::Object(fields) = serde_json::to_value(&message)? else {
            return Err("a message that is no object".into());
        };
        let route = method.routes.first().ok_or("a method without a route")?;
        let call = self.call(route, fields, headers)?;
        let answer = call.send().await?;
        let http = answer.status().as_u16();
        if http >= 400 {
            let error: Value = answer.json().await?;
            return Ok(self.refusal(http, &error)?.into_http());
        }
        let output = method.descriptor.output();
        let mut response = if method.is_watched() {
            let bytes = answer.bytes_stream().map(|chunk| chunk.map_err(StdError::from)).boxed();
            Response::new(Body::new(StreamBody::new(lines(bytes, output))))
        } else {
            let message = read(output, &answer.text().await?)?;
            let parts = stream::iter([Ok::<_, StdError>(Frame::data(message)), Ok(Frame::trailers(done()))]);
            Response::new(Body::new(StreamBody::new(parts)))
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Ok(response)
    }

    /// Fields of the path go there, the others into the body or the query.
    fn call(
        &self,
        route: &HttpRoute,
        mut fields: Map<String, Value>,
        headers: HeaderMap,
    ) -> Result<reqwest::RequestBuilder, StdError> {
        let mut path = String::new();
        for (at, part) in route.path.split('{').enumerate() {
            let (name, rest) = if at == 0 { ("", part) } else { part.split_once('}').ok_or("a path")? };
            if at > 0 {
                let value = fields.remove(&json_name(name)).unwrap_or_default();
                path.push_str(&escape(value.as_str().unwrap_or_default()));
            }
            path.push_str(rest);
        }
        let address = format!("{}{path}", self.base);
        let call = self.http.request(route.verb.to_uppercase().parse()?, address).headers(headers);
        if route.has_body {
            return Ok(call.header(CONTENT_TYPE, "application/json").body(Value::Object(fields).to_string()));
        }
        let mut query = Vec::new();
        flatten("", &Value::Object(fields), &mut query);
        Ok(call.query(&query))
    }

    /// Reads an error in the form of AIP-193.
    fn refusal(&self, http: u16, body: &Value) -> Result<Status, StdError> {
        let error = body.get("error").ok_or_else(|| format!("an error without its form: {body}"))?;
        let member = |name: &str| error.get(name).cloned().unwrap_or_default();
        let name = member("status");
        let code = (0..=16)
            .map(Code::from_i32)
            .find(|code| gateway::envoy::name(*code) == name)
            .ok_or_else(|| format!("an error without a status: {body}"))?;
        if member("code") != http || !http_status(code).contains(&http) {
            return Err(format!("{http} for {body}").into());
        }
        let message = member("message").as_str().unwrap_or_default().to_owned();
        let status = serde_json::json!({
            "code": i32::from(code), "message": message, "details": member("details"),
        });
        let details = DynamicMessage::deserialize(self.known.status.clone(), status)?.encode_to_vec();
        Ok(Status::with_details(code, message, details.into()))
    }
}

/// Returns with which HTTP status an error of the gateway's REST form may come: that of `google.rpc.Code`, or a more exact
/// one for what HTTP itself refuses.
pub fn http_status(code: Code) -> &'static [u16] {
    match code {
        Code::Ok => &[200],
        Code::Cancelled => &[499],
        Code::InvalidArgument => &[400, 431],
        Code::FailedPrecondition => &[400],
        Code::OutOfRange => &[400, 413],
        Code::Unauthenticated => &[401],
        Code::PermissionDenied => &[403],
        Code::NotFound => &[404],
        Code::AlreadyExists | Code::Aborted => &[409],
        Code::ResourceExhausted => &[429],
        Code::Unimplemented => &[501],
        Code::Unavailable => &[502, 503],
        Code::DeadlineExceeded => &[408, 504],
        Code::Internal | Code::Unknown | Code::DataLoss => &[500],
    }
}

/// Reads an answer and puts it into a frame.
fn read(output: MessageDescriptor, json: &str) -> Result<Bytes, StdError> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let strict = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(output, &mut reader, &strict)
        .map_err(|error| format!("{error}: {json}"))?;
    reader.end()?;
    frame(&message.encode_to_vec())
}

/// One message in each line, and a good end.
fn lines(
    bytes: BoxStream<'static, Result<Bytes, StdError>>,
    output: MessageDescriptor,
) -> BoxStream<'static, Result<Frame<Bytes>, StdError>> {
    let state = (Some(bytes), BytesMut::new(), output);
    stream::try_unfold(state, async |(mut bytes, mut buffer, output)| {
        loop {
            if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(end + 1);
                let message = read(output.clone(), std::str::from_utf8(&line)?)?;
                return Ok(Some((Frame::data(message), (bytes, buffer, output))));
            }
            let Some(more) = bytes.as_mut() else { return Ok(None) };
            match more.next().await {
                Some(chunk) => buffer.extend_from_slice(&chunk?),
                None => return Ok(Some((Frame::trailers(done()), (None, buffer, output)))),
            }
        }
    })
    .boxed()
}

fn done() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}

fn json_name(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut name, part| {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

/// Members of members have their names joined by dots; of a list each element comes alone.
fn flatten(name: &str, value: &Value, query: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                flatten(&name, value, query);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| flatten(name, element, query)),
        Value::String(text) => query.push((name.to_owned(), text.clone())),
        other => query.push((name.to_owned(), other.to_string())),
    }
}

/// Keeps a value within its part of a path.
fn escape(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // A string takes whatever is written to it.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}
