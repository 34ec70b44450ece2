//! gRPC-Web: the same frames over any HTTP, with the trailers as the last of them.

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::body::Body;
use tonic::codegen::StdError;

use super::take_apart;

const MEDIA: &str = "application/grpc-web+proto";
/// A frame begins with what it is and the length of what follows.
const HEAD_BYTES: usize = 5;
const TRAILERS: u8 = 0x80;

#[derive(Clone, Debug)]
pub(super) struct Web {
    base: String,
    http: reqwest::Client,
}

impl Web {
    pub(super) fn new(gateway: &str) -> anyhow::Result<Self> {
        Ok(Self { base: gateway.to_owned(), http: reqwest::Client::builder().build()? })
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, StdError> {
        let (path, headers, body) = take_apart(request).await?;
        let call = self.http.post(format!("{}{path}", self.base)).headers(headers).header("x-grpc-web", "1");
        let answer = call.header(CONTENT_TYPE, MEDIA).body(body).send().await?;
        let mut headers = answer.headers().clone();
        if headers.get(CONTENT_TYPE).is_none_or(|media| media != MEDIA) {
            return Err(format!("{path}: not an answer of gRPC-Web: {} {headers:?}", answer.status()).into());
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let status = answer.status();
        let bytes = answer.bytes_stream().map(|chunk| chunk.map_err(StdError::from)).boxed();
        let mut response = Response::new(Body::new(StreamBody::new(frames(bytes))));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn frames(
    bytes: BoxStream<'static, Result<Bytes, StdError>>,
) -> BoxStream<'static, Result<Frame<Bytes>, StdError>> {
    let state = (bytes, BytesMut::new());
    stream::try_unfold(state, async |(mut bytes, mut buffer)| {
        loop {
            if let Some(frame) = take_frame(&mut buffer)? {
                return Ok(Some((frame, (bytes, buffer))));
            }
            match bytes.next().await {
                Some(chunk) => buffer.extend_from_slice(&chunk?),
                None if buffer.is_empty() => return Ok(None),
                None => return Err("the answer ends within a frame".into()),
            }
        }
    })
    .boxed()
}

/// Takes the first frame where all of it is there.
fn take_frame(buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, StdError> {
    let Some((head, _)) = buffer.split_at_checked(HEAD_BYTES) else { return Ok(None) };
    let [kind, length @ ..] = head else { return Ok(None) };
    let (kind, length) = (*kind, usize::try_from(u32::from_be_bytes(length.try_into()?))?);
    if buffer.len() < HEAD_BYTES + length {
        return Ok(None);
    }
    let mut frame = buffer.split_to(HEAD_BYTES + length).freeze();
    if kind & TRAILERS == 0 {
        return Ok(Some(Frame::data(frame)));
    }
    frame.advance(HEAD_BYTES);
    Ok(Some(Frame::trailers(trailers(std::str::from_utf8(&frame)?)?)))
}

fn trailers(text: &str) -> Result<HeaderMap, StdError> {
    let mut trailers = HeaderMap::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("a trailer without a value")?;
        trailers.append(name.trim().parse::<HeaderName>()?, value.trim().parse()?);
    }
    Ok(trailers)
}
