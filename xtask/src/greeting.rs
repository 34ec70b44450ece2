//! Owns what `up` says at its end: where to click, and who to sign in as.
//!
//! Must not start anything.

use std::path::Path;

use anyhow::Result;
use xtask::demo::{ORGANIZATION, PASSWORD, PEOPLE, SPACE_ADDRESS, SPACE_TITLE};
use xtask::environment::Addresses;
use xtask::workspace::SERVICES;

/// Returns all of it; `metrics` is where the gateway shows its own.
///
/// # Errors
/// Fails when `world` lacks a service.
pub(crate) fn greeting(logs: &Path, world: &Addresses, metrics: &str) -> Result<String> {
    let web = format!("http://{}", world.web);
    let mut lines = vec![
        String::new(),
        "Shared Spaces runs.".to_owned(),
        String::new(),
        format!("  Open  {web}/{ORGANIZATION}/sign-in"),
        format!("  and sign in as one of these, each with the password  {PASSWORD}"),
        String::new(),
    ];
    for ((role, address), sees) in PEOPLE.into_iter().zip([
        format!("has filled the space “{SPACE_TITLE}”"),
        "takes part in it".to_owned(),
        "also has the organisation's settings, in the menu".to_owned(),
        "sees that space alone; take a private window".to_owned(),
    ]) {
        lines.push(format!("    {role:<11}{address:<26}{sees}"));
    }
    lines.push(String::new());
    let of = &world.sandbox;
    let page = |name: &str, address: &str, says: &str| format!("  {name:<18}{address:<50}{says}");
    lines.extend([
        page(
            "mailbox",
            &format!("http://{}", of.http),
            "every mail that was sent; an invitation waits there",
        ),
        page(
            "link of the space",
            &format!("{web}/{ORGANIZATION}/{SPACE_ADDRESS}"),
            "for somebody who was not invited",
        ),
        page(
            "Salesforce",
            &format!("http://{}", of.salesforce),
            "look-alikes of the CRMs: what was logged is there",
        ),
        page("Dynamics 365", &format!("http://{}", of.dataverse), ""),
        page("SAP C4C", &format!("http://{}", of.c4c), ""),
        page("SAP Sales Cloud", &format!("http://{}", of.sales_cloud), ""),
        page(
            "API",
            &format!("http://{}/docs", world.gateway),
            "every call; REST, gRPC and gRPC-Web at this address",
        ),
        page(
            "metrics",
            &format!("http://{metrics}/stats/prometheus"),
            "of the gateway; services send theirs by OTLP",
        ),
    ]);
    for service in SERVICES {
        let own = world.service(service)?;
        lines.push(page(service, &format!("http://{}/readyz", own.health), &format!("gRPC at {}", own.grpc)));
    }
    lines.extend([
        page("logs", &logs.display().to_string(), ""),
        String::new(),
        "  `cargo xtask demo` in another terminal walks through the API, each step told.".to_owned(),
        "  Ctrl-C stops all of it; the next `cargo xtask up` finds everything as it was.".to_owned(),
    ]);
    Ok(lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n"))
}
