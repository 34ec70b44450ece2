//! The notifications service.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &notifications::MIGRATOR];
    service_kit::run("notifications", env!("CARGO_PKG_VERSION"), &migrations, notifications::build)
}
