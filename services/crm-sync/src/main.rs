//! The binary of crm-sync: `serve`, `work`, `run` or `migrate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let migrations = [&messaging::MIGRATOR, &crm_sync::MIGRATOR];
    service_kit::run("crm-sync", env!("CARGO_PKG_VERSION"), &migrations, crm_sync::build)
}
