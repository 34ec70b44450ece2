//! The use cases on a real database, against the Salesforce look-alike.

mod connecting;
mod contract;
mod forms;
mod gates;
mod keys;
mod kinds;
mod listing;
mod machines;
mod pausing;
mod retrying;
mod searching;
mod settling;
mod spaces;
mod telling;
mod world;
mod writing;
