//! Owns the gate over the OpenAPI document: it is made from the interfaces, and a validator of others accepts it.
//!
//! Must not judge what the document says: the tests of the package `gateway` do.

use anyhow::{Context, Result, bail};
use xtask::process::{output, run};
use xtask::tools;
use xtask::workspace::Workspace;

/// Makes the document below the build directory and lets the validator read it.
///
/// # Errors
/// Fails when the document cannot be made, or is not one of OpenAPI 3.1.
pub(crate) fn valid_document(workspace: &Workspace) -> Result<()> {
    if !run(workspace.cargo().args(["build", "--quiet", "--package", "gateway", "--bins"]))?.success() {
        bail!("the package `gateway` does not build");
    }
    let document = workspace.target()?.join("openapi.json");
    let mut make = std::process::Command::new(workspace.binary("gateway")?);
    output(make.args(["openapi", "--out"]).arg(&document))?;
    let mut validator = std::process::Command::new(tools::openapi_validator(workspace)?);
    output(validator.args(["--schema", "3.1"]).arg(&document))
        .map(drop)
        .with_context(|| format!("{} is no OpenAPI document", document.display()))
}
