//! The use cases on a real database, against the Salesforce look-alike.

mod connecting;
mod gates;
mod listing;
mod retrying;
mod searching;
mod world;
mod writing;
