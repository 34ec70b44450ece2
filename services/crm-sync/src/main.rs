//! The binary of crm-sync: hands over to service-kit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &crm_sync::MIGRATOR];
    let version = env!("CARGO_PKG_VERSION");
    service_kit::run_with_commands("crm-sync", version, &migrations, crm_sync::build, crm_sync::execute)
}
