//! The assets binary: hands over to service-kit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &assets::MIGRATOR];
    service_kit::run("assets", env!("CARGO_PKG_VERSION"), &migrations, assets::build)
}
