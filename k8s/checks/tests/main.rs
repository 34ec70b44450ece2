//! The manifests, rendered as a platform would render them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod mutations;
mod overlays;
mod programs;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use manifests::code::Code;
use manifests::objects::Objects;

/// The overlays that are shipped.
const OVERLAYS: [&str; 2] = ["dev", "prod"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The directory of the programs that `cargo xtask test` installs.
fn tools() -> PathBuf {
    std::env::var_os("TEST_MANIFEST_TOOLS").unwrap_or_else(|| panic!("TEST_MANIFEST_TOOLS is not set")).into()
}

/// An overlay with what the programs say; rendered once.
fn overlay(name: &str) -> (Objects, Code) {
    static RENDERED: OnceLock<Vec<(Objects, Code)>> = OnceLock::new();
    let all = RENDERED.get_or_init(|| {
        let render = |name: &&str| {
            let objects = Objects::render(&tools(), &root().join("k8s/overlays").join(name)).unwrap();
            (objects, Code::read(&tools(), &root(), name).unwrap())
        };
        OVERLAYS.iter().map(render).collect()
    });
    all.get(OVERLAYS.iter().position(|overlay| *overlay == name).unwrap()).unwrap().clone()
}
