//! The outside world on one machine: a mailbox, an object store, look-alikes of CRMs and the issuer of service tokens.
//!
//! One process for development, and the same in-process for tests. It holds no rule of the product, trusts
//! whoever reaches it, and must never be reachable from elsewhere or run in production.

mod c4c;
mod consent;
mod crm;
mod dataverse;
mod faults;
mod home;
mod html;
mod http;
mod issuer;
mod mailbox;
mod odata;
mod people;
mod records;
mod s3;
mod sales_cloud;
mod salesforce;
mod shelf;
mod store;
#[cfg(test)]
mod tests;
mod watch;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::c4c::C4c;
use crate::dataverse::Dataverse;
use crate::faults::Faults;
use crate::mailbox::Mailbox;
use crate::sales_cloud::SalesCloud;
use crate::salesforce::Salesforce;

/// The key id of the object store where none is given.
pub const S3_ACCESS_KEY: &str = "sandbox";
/// The secret key of the object store where none is given.
pub const S3_SECRET_KEY: &str = "sandbox-secret";
/// The bucket that is made where none is named.
pub const S3_BUCKET: &str = "sharedspaces";
/// The client id the Salesforce look-alike knows.
pub const SALESFORCE_CLIENT_ID: &str = salesforce::CLIENT_ID;
/// The client secret that goes with it.
pub const SALESFORCE_CLIENT_SECRET: &str = salesforce::CLIENT_SECRET;
/// The directory that the Dataverse look-alike signs in with.
pub const DATAVERSE_TENANT: &str = dataverse::TENANT;
/// The client id the Dataverse look-alike knows.
pub const DATAVERSE_CLIENT_ID: &str = dataverse::CLIENT_ID;
/// The client secret that goes with it.
pub const DATAVERSE_CLIENT_SECRET: &str = dataverse::CLIENT_SECRET;
/// The integration user of the C4C look-alike.
pub const C4C_USER: &str = c4c::USER;
/// The integration user's password.
pub const C4C_PASSWORD: &str = c4c::PASSWORD;
/// The client id of the C4C look-alike's OAuth client.
pub const C4C_OAUTH_CLIENT_ID: &str = c4c::OAUTH_CLIENT_ID;
/// The client secret that goes with it.
pub const C4C_OAUTH_CLIENT_SECRET: &str = c4c::OAUTH_CLIENT_SECRET;
/// The identity provider whose assertions the C4C look-alike takes.
pub const C4C_OAUTH_ISSUER: &str = c4c::OAUTH_ISSUER;
/// The API user of the Sales Cloud V2 look-alike.
pub const SALES_CLOUD_USER: &str = sales_cloud::USER;
/// The API user's password.
pub const SALES_CLOUD_PASSWORD: &str = sales_cloud::PASSWORD;

/// How long stopping may take before what is left is abandoned.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Where the sandbox keeps its files and listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept: mails, objects, the CRM's records, keys and tokens.
    pub dir: PathBuf,
    /// The pages and the JSON calls.
    pub http: SocketAddr,
    /// The SMTP server.
    pub smtp: SocketAddr,
    /// The object store.
    pub s3: SocketAddr,
    /// The Salesforce look-alike.
    pub salesforce: SocketAddr,
    /// The Dataverse look-alike with its directory.
    pub dataverse: SocketAddr,
    /// The SAP C4C look-alike.
    pub c4c: SocketAddr,
    /// The SAP Sales Cloud V2 look-alike.
    pub sales_cloud: SocketAddr,
    /// What the Salesforce look-alike calls itself, where a proxy that speaks HTTPS stands before it.
    pub salesforce_url: Option<String>,
    /// What the Dataverse look-alike calls itself, where a proxy that speaks HTTPS stands before it.
    pub dataverse_url: Option<String>,
    /// What the C4C look-alike calls itself, where a proxy that speaks HTTPS stands before it.
    pub c4c_url: Option<String>,
    /// The object store's key id.
    pub s3_access_key: String,
    /// The object store's secret key.
    pub s3_secret_key: String,
    /// The buckets that are made at start.
    pub buckets: Vec<String>,
}

impl Options {
    /// Gives options with the usual keys, and a free port of the loopback address for each server.
    #[must_use]
    pub fn ephemeral(dir: impl Into<PathBuf>) -> Self {
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            dir: dir.into(),
            http: any,
            smtp: any,
            s3: any,
            salesforce: any,
            dataverse: any,
            c4c: any,
            sales_cloud: any,
            salesforce_url: None,
            dataverse_url: None,
            c4c_url: None,
            s3_access_key: S3_ACCESS_KEY.to_owned(),
            s3_secret_key: S3_SECRET_KEY.to_owned(),
            buckets: vec![S3_BUCKET.to_owned()],
        }
    }
}

/// A running sandbox; dropping it stops it without waiting.
#[derive(Debug)]
pub struct Sandbox {
    http_addr: SocketAddr,
    smtp_addr: SocketAddr,
    s3_addr: SocketAddr,
    salesforce_addr: SocketAddr,
    dataverse_addr: SocketAddr,
    c4c_addr: SocketAddr,
    sales_cloud_addr: SocketAddr,
    jwks_file: PathBuf,
    token_dir: PathBuf,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Sandbox {
    /// Starts everything; once it returns, all ports listen and the first tokens are written.
    ///
    /// # Errors
    /// Fails if a port is taken, an address is not of the loopback interface, or the directory cannot be used.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let (http_listener, http_addr) = listen("http", options.http).await?;
        let (smtp_listener, smtp_addr) = listen("smtp", options.smtp).await?;
        let (s3_listener, s3_addr) = listen("s3", options.s3).await?;
        let (salesforce_listener, salesforce_addr) = listen("salesforce", options.salesforce).await?;
        let (dataverse_listener, dataverse_addr) = listen("dataverse", options.dataverse).await?;
        let (c4c_listener, c4c_addr) = listen("c4c", options.c4c).await?;
        let (sales_cloud_listener, sales_cloud_addr) = listen("sales cloud", options.sales_cloud).await?;
        let dir = &options.dir;
        let faults = Arc::new(Faults::default());
        let mailbox = Arc::new(Mailbox::open(&dir.join("mail"))?);
        let store = s3::Store::open(
            &dir.join("s3"),
            &options.s3_access_key,
            &options.s3_secret_key,
            &options.buckets,
            Arc::clone(&faults),
        )?;
        let called = |url: &Option<String>, address| match url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let instance_url = called(&options.salesforce_url, salesforce_addr);
        let salesforce = Arc::new(
            Salesforce::open(&dir.join("salesforce"), instance_url.clone(), Arc::clone(&faults))
                .context("cannot open the salesforce look-alike")?,
        );
        let dataverse_url = called(&options.dataverse_url, dataverse_addr);
        let dataverse = Arc::new(
            Dataverse::open(&dir.join("dataverse"), dataverse_url.clone(), Arc::clone(&faults))
                .context("cannot open the dataverse look-alike")?,
        );
        let c4c = Arc::new(
            C4c::open(&dir.join("c4c"), called(&options.c4c_url, c4c_addr), Arc::clone(&faults))
                .context("cannot open the c4c look-alike")?,
        );
        let sales_cloud = Arc::new(
            SalesCloud::open(&dir.join("sales-cloud"), Arc::clone(&faults))
                .context("cannot open the sales cloud look-alike")?,
        );
        let issuer = issuer::Issuer::open(&dir.join("issuer")).context("cannot open the token issuer")?;
        issuer.write_tokens().context("cannot write the service tokens")?;
        let (jwks_file, token_dir) = (issuer.jwks_file(), issuer.token_dir());
        let places = vec![
            ("Mails", format!("http://{http_addr}/mail")),
            ("Salesforce look-alike", instance_url),
            ("Dynamics 365 look-alike", dataverse_url),
            ("SAP C4C look-alike", format!("http://{c4c_addr}")),
            ("SAP Sales Cloud look-alike", format!("http://{sales_cloud_addr}")),
            ("SMTP", format!("smtp://{smtp_addr}")),
            ("S3", format!("endpoint {s3_addr}, buckets {}", options.buckets.join(", "))),
            ("Service tokens", token_dir.display().to_string()),
        ];
        let desk = home::Desk {
            faults: Arc::clone(&faults),
            salesforce: Arc::clone(&salesforce),
            crms: vec![Arc::clone(&dataverse) as _, Arc::clone(&c4c) as _, Arc::clone(&sales_cloud) as _]
                .into(),
            places: Arc::new(places),
        };
        let pages = home::router(desk)
            .merge(mailbox::page_router(Arc::clone(&mailbox)))
            .merge(mailbox::api_router(Arc::clone(&mailbox)));

        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let of_stop = || (stop.clone(), tasks.clone());
        for (listener, router) in [
            (http_listener, pages),
            (salesforce_listener, salesforce::router(salesforce)),
            (dataverse_listener, dataverse::router(dataverse)),
            (c4c_listener, c4c::router(c4c)),
            (sales_cloud_listener, sales_cloud::router(sales_cloud)),
        ] {
            let (token, tracker) = of_stop();
            tasks.spawn(http::serve_router(listener, token, tracker, router));
        }
        let (token, tracker) = of_stop();
        tasks.spawn(http::serve(s3_listener, token, tracker, move |request| store.clone().handle(request)));
        let (token, tracker) = of_stop();
        tasks.spawn(mailbox::serve(smtp_listener, token, tracker, mailbox, faults));
        tasks.spawn(issuer.renew(stop.clone()));
        tasks.close();
        Ok(Self {
            http_addr,
            smtp_addr,
            s3_addr,
            salesforce_addr,
            dataverse_addr,
            c4c_addr,
            sales_cloud_addr,
            jwks_file,
            token_dir,
            stop,
            tasks,
        })
    }

    /// Where the pages and the JSON calls are.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where SMTP is.
    #[must_use]
    pub fn smtp_addr(&self) -> SocketAddr {
        self.smtp_addr
    }

    /// Where the object store is.
    #[must_use]
    pub fn s3_addr(&self) -> SocketAddr {
        self.s3_addr
    }

    /// Where the Salesforce look-alike is.
    #[must_use]
    pub fn salesforce_addr(&self) -> SocketAddr {
        self.salesforce_addr
    }

    /// Where the Dataverse look-alike and its directory are.
    #[must_use]
    pub fn dataverse_addr(&self) -> SocketAddr {
        self.dataverse_addr
    }

    /// Where the SAP C4C look-alike is.
    #[must_use]
    pub fn c4c_addr(&self) -> SocketAddr {
        self.c4c_addr
    }

    /// Where the SAP Sales Cloud V2 look-alike is.
    #[must_use]
    pub fn sales_cloud_addr(&self) -> SocketAddr {
        self.sales_cloud_addr
    }

    /// The file with the public keys that service tokens are checked with.
    #[must_use]
    pub fn jwks_file(&self) -> &Path {
        &self.jwks_file
    }

    /// The directory with one `<service>.token` each, renewed every ten minutes.
    #[must_use]
    pub fn token_dir(&self) -> &Path {
        &self.token_dir
    }

    /// Stops everything; requests under way get two seconds, and after five it returns in any case.
    pub async fn stop(self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds a port, of the loopback interface only: the sandbox lets anybody in.
async fn listen(name: &str, address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    anyhow::ensure!(address.ip().is_loopback(), "{name}: {address} is not a loopback address");
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("{name}: cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}
