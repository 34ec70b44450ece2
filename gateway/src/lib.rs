//! The API gateway, as far as it is made from the interfaces.
//!
//! - [`interface`]: the public methods with their REST routes, read from the descriptor set
//! - [`envoy`]: Envoy's configuration: routes by gRPC path, REST by transcoding, gRPC-Web, CORS, tokens, limits
//! - [`table`]: the same methods as a table, for whatever else routes to them
//! - [`openapi`]: the OpenAPI 3.1 document of the REST form; [`page`]: a page of it
//! - [`tls`]: mutual TLS to the services
//!
//! Must not list a method by hand: what a `.proto` file declares is what there is, and a method for services alone is
//! never routed.

pub mod envoy;
pub mod interface;
pub mod openapi;
pub mod page;
mod replicas;
pub mod table;
pub mod tls;
