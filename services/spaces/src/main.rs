//! The spaces service.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &spaces::MIGRATOR];
    service_kit::run("spaces", env!("CARGO_PKG_VERSION"), &migrations, spaces::build)
}
