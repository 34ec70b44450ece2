//! The assets binary: hands over to service-kit; or renders a page and does nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything is read or opened: who renders what strangers sent has no settings and no connections.
    if std::env::args().nth(1).as_deref() == Some(assets::RENDER_PREVIEW) {
        return assets::render_preview();
    }
    let migrations = [&messaging::MIGRATOR, &assets::MIGRATOR];
    service_kit::run("assets", env!("CARGO_PKG_VERSION"), &migrations, assets::build)
}
