//! The binary of the web client: reads its settings and serves until it is told to stop.

use std::process::ExitCode;

fn main() -> ExitCode {
    match web::run(env!("CARGO_PKG_VERSION")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error.chain = format!("{error:#}"), "web ended");
            ExitCode::FAILURE
        }
    }
}
