//! Tests of the sandbox as a whole, over its ports, with clients that take nothing from the code they test.

mod client;
mod mailbox;
mod salesforce_rest;
mod salesforce_signin;
mod store_and_issuer;
