//! The binary of identity: hands over to service-kit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &identity::MIGRATOR];
    let version = env!("CARGO_PKG_VERSION");
    service_kit::run_with_commands("identity", version, &migrations, identity::build, identity::execute)
}
