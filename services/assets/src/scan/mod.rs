//! Looking into files.
//!
//! Owns telling a file's type by its content ([`sniff`]), and the scanners for viruses. A scanner that cannot say is an
//! error, never a verdict: what was not looked at is not clean.

mod clamd;
mod sniff;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub(crate) use clamd::Clamd;
pub(crate) use sniff::Sniffer;

/// What a scanner says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It found nothing.
    Clean,
    /// It found something.
    Found,
}

/// Why a scanner could not say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    /// It could not be reached, or the connection broke.
    #[error("the scanner could not be reached")]
    Unreachable(#[from] std::io::Error),
    /// It did not answer in time.
    #[error("the scanner did not answer in time")]
    TooSlow,
    /// It answered something that is no verdict, such as that its own limit on sizes is too low.
    #[error("the scanner gave no verdict")]
    NoVerdict,
}

/// Something that looks for viruses.
pub(crate) trait Scanner: Send + Sync {
    /// Begins to look at one file.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Scan>, ScanError>>;
}

/// A look at one file.
pub(crate) trait Scan: Send {
    /// Shows the next bytes.
    fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), ScanError>>;
    /// Asks for the verdict on all that was shown.
    fn verdict(self: Box<Self>) -> BoxFuture<'static, Result<Verdict, ScanError>>;
}

/// Returns the scanner at `clamd`, or where there is none one that looks for nothing.
pub(crate) fn scanner(clamd: Option<&str>) -> Arc<dyn Scanner> {
    match clamd {
        Some(address) => Arc::new(Clamd::new(address.to_owned())),
        None => Arc::new(NoScanner),
    }
}

/// Looks for nothing: what is configured where nobody runs a scanner.
struct NoScanner;

impl Scanner for NoScanner {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Scan>, ScanError>> {
        Box::pin(async { Ok(Box::new(Self) as Box<dyn Scan>) })
    }
}

impl Scan for NoScanner {
    fn feed<'a>(&'a mut self, _: &'a [u8]) -> BoxFuture<'a, Result<(), ScanError>> {
        Box::pin(async { Ok(()) })
    }

    fn verdict(self: Box<Self>) -> BoxFuture<'static, Result<Verdict, ScanError>> {
        Box::pin(async { Ok(Verdict::Clean) })
    }
}
