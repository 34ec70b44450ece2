//! The assets binary: hands over to service-kit.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::run("assets", env!("CARGO_PKG_VERSION"), &[&assets::MIGRATOR], assets::build)
}
