//! The binary of identity: hands over to service-kit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &identity::MIGRATOR];
    service_kit::run("identity", env!("CARGO_PKG_VERSION"), &migrations, identity::build)
}
