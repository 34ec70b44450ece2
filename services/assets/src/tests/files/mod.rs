//! Files over the gRPC interface and the content port.

mod collecting;
mod direct;
mod fetching;
mod previews;
mod quota;
mod rights;
mod scanning;
mod uploading;
pub(crate) mod world;
