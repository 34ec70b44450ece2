//! Tests of the sandbox as a whole, over its ports, with clients that take nothing from the code they test.

mod c4c;
mod client;
mod dataverse;
mod dataverse_trouble;
mod mailbox;
mod sales_cloud;
mod salesforce_rest;
mod salesforce_several;
mod salesforce_signin;
mod store_and_issuer;
