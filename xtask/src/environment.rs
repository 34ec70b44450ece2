//! Owns the settings that a service is started with on one machine, the same for `xtask up` and for the journeys.
//!
//! Must not start anything, nor choose a port or a secret that it was not given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::databases::{app_role, database_name, owner_role, with_login};
use crate::ports::Ports;
use crate::secrets::Secrets;
use crate::workspace::{SERVICES, setting_prefix, snake};

/// The issuer of people's access tokens.
pub const TOKEN_ISSUER: &str = "sharedspaces-identity";
/// The issuer of services' tokens: what a cluster's API server calls itself.
pub const SERVICE_TOKEN_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// The sandbox's fixed access to its own S3.
pub const S3_BUCKET: &str = "sharedspaces";
const S3_ACCESS_KEY: &str = "sandbox";
const S3_SECRET_KEY: &str = "sandbox-secret";
const S3_REGION: &str = "us-east-1";
/// Where the CRMs' look-alikes are; crm-sync takes hosts beside the vendors' own in development only.
const LOOK_ALIKE_HOSTS: &str = "[\"127.0.0.1\"]";
/// The application that the Dataverse look-alike knows.
const DATAVERSE_CLIENT_ID: &str = "00000000-0000-4000-8000-0000000000bb";

/// Where one service listens and which database it works on.
#[derive(Clone, Debug)]
pub struct ServiceAddresses {
    /// `host:port` of the business port.
    pub grpc: String,
    /// `host:port` of the port for health and JWKS.
    pub health: String,
    /// The database as the role that the service works as.
    pub database_url: String,
    /// The database as the role that owns its tables.
    pub migration_url: String,
}

/// Where the sandbox listens and keeps its files.
#[derive(Clone, Debug)]
pub struct SandboxAddresses {
    /// Its directory; absolute, since services read the issuer's files from it.
    pub dir: PathBuf,
    /// `host:port` of the mailbox page and the controls.
    pub http: String,
    /// `host:port` of the mail server.
    pub smtp: String,
    /// `host:port` of the S3 server.
    pub s3: String,
    /// `host:port` of the Salesforce look-alike.
    pub salesforce: String,
    /// `host:port` of the Dataverse look-alike.
    pub dataverse: String,
    /// `host:port` of the SAP C4C look-alike.
    pub c4c: String,
    /// `host:port` of the SAP Sales Cloud V2 look-alike.
    pub sales_cloud: String,
}

impl SandboxAddresses {
    /// The keys by which services verify each other's tokens.
    #[must_use]
    pub fn jwks_file(&self) -> PathBuf {
        self.dir.join("issuer/jwks.json")
    }

    /// The token that the local issuer keeps for a service, or for `operator`.
    #[must_use]
    pub fn token_file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("issuer/tokens/{name}.token"))
    }

    /// What the sandbox is started with.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let pairs = [
            ("--dir", self.dir.to_string_lossy().into_owned()),
            ("--http", self.http.clone()),
            ("--smtp", self.smtp.clone()),
            ("--s3", self.s3.clone()),
            ("--salesforce", self.salesforce.clone()),
            ("--dataverse", self.dataverse.clone()),
            ("--c4c", self.c4c.clone()),
            ("--sales-cloud", self.sales_cloud.clone()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}

/// Keys that exactly one service holds, each 32 bytes in base64.
#[derive(Clone, Debug)]
pub struct Keys {
    /// With which identity encrypts what it stores.
    pub identity_encryption: String,
    /// With which identity signs the links it prints.
    pub identity_link: String,
    /// With which crm-sync encrypts the CRMs' tokens.
    pub crm_sync_encryption: String,
    /// With which assets seals the addresses that files are fetched from.
    pub assets_content: String,
    /// Hashes what spaces counts.
    pub spaces_budget: String,
    /// With which notifications makes the links to get out of mails.
    pub notifications_unsubscribe: String,
    /// With which the web client seals its cookies.
    pub web_cookies: String,
}

/// Everything that the settings of the services are made from.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// By the service's name, for instance `crm-sync`.
    pub services: BTreeMap<String, ServiceAddresses>,
    /// The second replica of a service, where there is one.
    pub replicas: BTreeMap<String, ServiceAddresses>,
    /// The sandbox.
    pub sandbox: SandboxAddresses,
    /// The broker's AMQP address.
    pub broker_url: String,
    /// Put before the names of exchange and queues; empty outside tests.
    pub broker_prefix: String,
    /// `host:port` kept for the web client, to which links in mails lead.
    pub web: String,
    /// `host:port` that files are fetched from.
    pub content: String,
    /// `host:port` of the API gateway.
    pub gateway: String,
    /// The services' own keys.
    pub keys: Keys,
    /// Where `<name>.pem`, `<name>.key` and `<name>.ca` of each service and of the gateway lie, where they speak mutual
    /// TLS among themselves.
    pub tls: Option<PathBuf>,
}

impl Addresses {
    /// Chooses addresses on 127.0.0.1 with the ports and secrets that were kept, and makes what is new.
    ///
    /// `dir` is where the sandbox keeps its files and must be absolute. Databases have the names of
    /// [`database_name`] on the server of `superuser_url`, with passwords kept as `<role>` in `secrets`.
    ///
    /// # Errors
    /// Fails when no port is free, when what is kept cannot be written, or when `superuser_url` is no address.
    pub fn choose(
        dir: &Path,
        ports: &mut Ports,
        secrets: &mut Secrets,
        superuser_url: &str,
        broker_url: &str,
    ) -> Result<Self> {
        let mut address = |name: &str| ports.get(name).map(|port| format!("127.0.0.1:{port}"));
        let mut services = BTreeMap::new();
        for service in SERVICES {
            let database = database_name(service);
            let mut login = |role: String| -> Result<String> {
                with_login(superuser_url, &role, &secrets.password(&role)?, &database)
            };
            let addresses = ServiceAddresses {
                grpc: address(&format!("{service}-grpc"))?,
                health: address(&format!("{service}-health"))?,
                database_url: login(app_role(service))?,
                migration_url: login(owner_role(service))?,
            };
            services.insert(service.to_owned(), addresses);
        }
        Ok(Self {
            services,
            replicas: BTreeMap::new(),
            sandbox: SandboxAddresses {
                dir: dir.to_owned(),
                http: address("sandbox-http")?,
                smtp: address("sandbox-smtp")?,
                s3: address("sandbox-s3")?,
                salesforce: address("sandbox-salesforce")?,
                dataverse: address("sandbox-dataverse")?,
                c4c: address("sandbox-c4c")?,
                sales_cloud: address("sandbox-sales-cloud")?,
            },
            broker_url: broker_url.to_owned(),
            broker_prefix: String::new(),
            web: address("web")?,
            content: address("assets-content")?,
            gateway: address("gateway")?,
            keys: Keys {
                identity_encryption: secrets.key("identity_encryption_key")?,
                identity_link: secrets.key("identity_link_key")?,
                crm_sync_encryption: secrets.key("crm_sync_encryption_key")?,
                assets_content: secrets.key("assets_content_key")?,
                spaces_budget: secrets.key("spaces_budget_key")?,
                notifications_unsubscribe: secrets.key("notifications_unsubscribe_key")?,
                web_cookies: secrets.key("web_cookies_key")?,
            },
            tls: None,
        })
    }

    /// The addresses of one service.
    ///
    /// # Errors
    /// Fails when there is no such service.
    pub fn service(&self, name: &str) -> Result<&ServiceAddresses> {
        self.services.get(name).with_context(|| format!("there is no service {name}"))
    }
}

/// Gives the environment that `service` is started with.
///
/// # Errors
/// Fails when `world` lacks the service or one that it needs to call.
pub fn service_env(service: &str, world: &Addresses) -> Result<Vec<(String, String)>> {
    let own = world.service(service)?;
    let scheme = if world.tls.is_some() { "https" } else { "http" };
    let mut settings: Vec<(&str, String)> = vec![
        ("DATABASE__URL", own.database_url.clone()),
        ("DATABASE__MIGRATION_URL", own.migration_url.clone()),
        ("BROKER__URL", world.broker_url.clone()),
        ("GRPC__LISTEN", own.grpc.clone()),
        ("HEALTH__LISTEN", own.health.clone()),
        ("AUTH__ISSUER", TOKEN_ISSUER.to_owned()),
        ("AUTH__JWKS_URL", format!("http://{}/.well-known/jwks.json", world.service("identity")?.health)),
        ("SERVICE_AUTH__ISSUER", SERVICE_TOKEN_ISSUER.to_owned()),
        ("SERVICE_AUTH__JWKS_FILE", path(&world.sandbox.jwks_file())),
        ("SERVICE_AUTH__TOKEN_FILE", path(&world.sandbox.token_file(service))),
        ("DEVELOPMENT", "true".to_owned()),
        ("TELEMETRY__LOG_FORMAT", "json".to_owned()),
        ("PEERS__IDENTITY", format!("{scheme}://{}", world.service("identity")?.grpc)),
        ("PEERS__SPACES", format!("{scheme}://{}", world.service("spaces")?.grpc)),
        ("PEERS__ASSETS", format!("{scheme}://{}", world.service("assets")?.grpc)),
        ("PEERS__CRM_SYNC", format!("{scheme}://{}", world.service("crm-sync")?.grpc)),
    ];
    if let Some(dir) = &world.tls {
        settings.extend(mutual_tls(service, dir));
    }
    if !world.broker_prefix.is_empty() {
        settings.push(("BROKER__PREFIX", world.broker_prefix.clone()));
    }
    settings.extend(own_settings(service, world)?);
    let prefix = setting_prefix(service);
    Ok(settings.into_iter().map(|(key, value)| (format!("{prefix}__{key}"), value)).collect())
}

/// Who may call a service, as k8s/call-graph.yaml has it.
#[must_use]
pub fn callers(service: &str) -> &'static [&'static str] {
    match service {
        "identity" => &["gateway", "operator", "spaces", "notifications"],
        "spaces" => &["gateway", "assets", "notifications", "crm-sync"],
        "assets" => &["gateway", "spaces", "notifications"],
        "crm-sync" => &["gateway", "spaces"],
        "notifications" => &["gateway"],
        _ => &[],
    }
}

/// The name that a certificate has its holder by.
#[must_use]
pub fn tls_name(holder: &str) -> String {
    format!("spiffe://sharedspaces/{holder}")
}

fn mutual_tls(service: &str, dir: &Path) -> Vec<(&'static str, String)> {
    let callers: Vec<String> =
        callers(service).iter().map(|caller| format!("\"{}\"", tls_name(caller))).collect();
    vec![
        ("GRPC__TLS__CERTIFICATE_FILE", path(&dir.join(format!("{service}.pem")))),
        ("GRPC__TLS__KEY_FILE", path(&dir.join(format!("{service}.key")))),
        ("GRPC__TLS__CA_FILE", path(&dir.join(format!("{service}.ca")))),
        ("GRPC__TLS__ALLOWED_CALLERS", format!("[{}]", callers.join(", "))),
        // Short enough to wait for.
        ("GRPC__TLS__RELOAD_SECONDS", "1".to_owned()),
    ]
}

/// The settings that only this service has.
fn own_settings(service: &str, world: &Addresses) -> Result<Vec<(&'static str, String)>> {
    Ok(match service {
        "identity" => vec![
            ("WEB_BASE_URL", format!("http://{}", world.web)),
            ("KEY_ENCRYPTION_KEY", world.keys.identity_encryption.clone()),
            ("LINK_KEY", world.keys.identity_link.clone()),
            // On one machine everybody calls from one network.
            ("PUBLIC_CALLS_PER_SECOND", "1000".to_owned()),
            // The gateway.
            ("TRUSTED_PROXIES", "1".to_owned()),
        ],
        "spaces" => vec![
            ("BUDGET_KEY", world.keys.spaces_budget.clone()),
            // On one machine everybody calls from one network.
            ("PUBLIC_CALLS_PER_SECOND", "1000".to_owned()),
            // The gateway.
            ("TRUSTED_PROXIES", "1".to_owned()),
        ],
        "notifications" => {
            let (host, port) =
                world.sandbox.smtp.rsplit_once(':').context("the mail server's address has no port")?;
            vec![
                ("SMTP__HOST", host.to_owned()),
                ("SMTP__PORT", port.to_owned()),
                ("SMTP__FROM", "Shared Spaces <no-reply@sharedspaces.example>".to_owned()),
                ("SMTP__TLS", "none".to_owned()),
                ("UNSUBSCRIBE__KEY", world.keys.notifications_unsubscribe.clone()),
                // Short enough to wait for.
                ("GATHER__WINDOW_SECONDS", "30".to_owned()),
            ]
        }
        "assets" => vec![
            ("S3__ENDPOINT", format!("http://{}", world.sandbox.s3)),
            ("S3__REGION", S3_REGION.to_owned()),
            ("S3__BUCKET", S3_BUCKET.to_owned()),
            ("S3__ACCESS_KEY", S3_ACCESS_KEY.to_owned()),
            ("S3__SECRET_KEY", S3_SECRET_KEY.to_owned()),
            ("CONTENT__LISTEN", world.content.clone()),
            ("CONTENT__BASE_URL", format!("http://{}", world.content)),
            ("CONTENT__KEY", world.keys.assets_content.clone()),
        ],
        "crm-sync" => vec![
            ("KEY_ENCRYPTION_KEY", world.keys.crm_sync_encryption.clone()),
            ("SALESFORCE__CLIENT_ID", "sharedspaces-dev".to_owned()),
            ("SALESFORCE__CLIENT_SECRET", "sharedspaces-dev-secret".to_owned()),
            ("SALESFORCE__REDIRECT_URL", format!("http://{}/crm/callback", world.web)),
            ("SALESFORCE__ALLOWED_HOSTS", LOOK_ALIKE_HOSTS.to_owned()),
            ("DATAVERSE__CLIENT_ID", DATAVERSE_CLIENT_ID.to_owned()),
            ("DATAVERSE__CLIENT_SECRET", "sharedspaces-dev-secret".to_owned()),
            ("DATAVERSE__REDIRECT_URL", format!("http://{}/crm/callback", world.web)),
            ("DATAVERSE__LOGIN_URL", format!("http://{}", world.sandbox.dataverse)),
            ("DATAVERSE__ALLOWED_HOSTS", LOOK_ALIKE_HOSTS.to_owned()),
            ("SAP_C4C__ALLOWED_HOSTS", LOOK_ALIKE_HOSTS.to_owned()),
            ("SAP_SALES_CLOUD__ALLOWED_HOSTS", LOOK_ALIKE_HOSTS.to_owned()),
        ],
        _ => Vec::new(),
    })
}

/// Gives the arguments with which the package `gateway` writes Envoy's configuration to `out`.
///
/// # Errors
/// Fails when `world` lacks a service.
pub fn gateway_arguments(world: &Addresses, out: &Path) -> Result<Vec<String>> {
    let mut arguments: Vec<String> =
        ["envoy", "--out", &path(out), "--listen", &world.gateway, "--issuer", TOKEN_ISSUER]
            .map(str::to_owned)
            .into();
    arguments.extend(["--keys".to_owned(), world.service("identity")?.health.clone()]);
    arguments.extend(["--origin".to_owned(), format!("http://{}", world.web)]);
    for service in SERVICES {
        let own = world.service(service)?;
        let replicas: Vec<String> =
            [own].into_iter().chain(world.replicas.get(service)).map(at_gateway).collect::<Result<_>>()?;
        arguments.extend(["--service".to_owned(), format!("{service}={}", replicas.join(","))]);
    }
    if let Some(dir) = &world.tls {
        for (argument, file) in
            [("--tls-certificate", "gateway.pem"), ("--tls-key", "gateway.key"), ("--tls-ca", "gateway.ca")]
        {
            arguments.extend([argument.to_owned(), path(&dir.join(file))]);
        }
    }
    Ok(arguments)
}

/// A replica as the gateway is told of it: with the port where it says whether it wants calls.
fn at_gateway(replica: &ServiceAddresses) -> Result<String> {
    let (_, health) = replica.health.rsplit_once(':').context("the health port's address has no port")?;
    Ok(format!("{}/{health}", replica.grpc))
}

/// Gives the environment of the web client, which calls the services as any client app does.
///
/// # Errors
/// Fails when `world` lacks a service.
pub fn web_env(world: &Addresses) -> Result<Vec<(String, String)>> {
    let origin = |address: &str| format!("http://{address}");
    let mut settings = vec![
        ("LISTEN".to_owned(), world.web.clone()),
        ("ORIGINS".to_owned(), format!("[\"{}\"]", origin(&world.web))),
        (
            "CONTENT_ORIGINS".to_owned(),
            format!("[\"{}\", \"{}\"]", origin(&world.content), origin(&world.sandbox.s3)),
        ),
        ("KEY".to_owned(), world.keys.web_cookies.clone()),
        ("TELEMETRY__LOG_FORMAT".to_owned(), "json".to_owned()),
    ];
    for service in ["identity", "spaces", "assets", "notifications", "crm-sync"] {
        let name = format!("API__{}", snake(service).to_uppercase());
        settings.push((name, origin(&world.service(service)?.grpc)));
    }
    Ok(settings.into_iter().map(|(key, value)| (format!("WEB__{key}"), value)).collect())
}

/// Gives what the web client is started with beside [`web_env`], after it, where it calls the gateway for all of the API.
#[must_use]
pub fn behind_gateway(world: &Addresses) -> Vec<(String, String)> {
    let api = |service: &str| {
        (format!("WEB__API__{}", setting_prefix(service)), format!("http://{}", world.gateway))
    };
    SERVICES.into_iter().map(api).collect()
}

/// Gives the environment of the demo's commands: where everything is, and the operator's token.
///
/// # Errors
/// Fails when `world` lacks a service.
pub fn demo_env(world: &Addresses) -> Result<Vec<(String, String)>> {
    let mut env = Vec::new();
    for service in SERVICES {
        let name = format!("DEMO_{}", snake(service).to_uppercase());
        env.push((name, format!("http://{}", world.service(service)?.grpc)));
    }
    env.push(("DEMO_GATEWAY".to_owned(), format!("http://{}", world.gateway)));
    env.push(("DEMO_SANDBOX_HTTP".to_owned(), format!("http://{}", world.sandbox.http)));
    env.push(("DEMO_SALESFORCE".to_owned(), format!("http://{}", world.sandbox.salesforce)));
    env.push(("DEMO_DATAVERSE".to_owned(), format!("http://{}", world.sandbox.dataverse)));
    env.push(("DEMO_C4C".to_owned(), format!("http://{}", world.sandbox.c4c)));
    env.push(("DEMO_SALES_CLOUD".to_owned(), format!("http://{}", world.sandbox.sales_cloud)));
    env.push(("DEMO_OPERATOR_TOKEN_FILE".to_owned(), path(&world.sandbox.token_file("operator"))));
    Ok(env)
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throwaway::Throwaway;

    fn world(dir: &Path) -> Addresses {
        Addresses::choose(
            &dir.join("sandbox"),
            &mut Ports::load(&dir.join("ports.json")).unwrap(),
            &mut Secrets::load(&dir.join("secrets.json")).unwrap(),
            "postgres://postgres:secret@127.0.0.1:1/postgres",
            "amqp://127.0.0.1:2",
        )
        .unwrap()
    }

    #[test]
    fn a_second_choice_gives_the_same_settings() {
        let dir = Throwaway::create("environment").unwrap();
        let (first, second) = (world(dir.path()), world(dir.path()));
        for service in SERVICES {
            assert_eq!(service_env(service, &first).unwrap(), service_env(service, &second).unwrap());
        }
    }

    #[test]
    fn every_setting_carries_the_prefix_of_its_service_and_no_key_comes_twice() {
        let dir = Throwaway::create("environment").unwrap();
        let world = world(dir.path());
        for service in SERVICES {
            let env = service_env(service, &world).unwrap();
            let prefix = format!("{}__", setting_prefix(service));
            assert!(env.iter().all(|(key, _)| key.starts_with(&prefix)), "{env:?}");
            let keys: std::collections::BTreeSet<_> = env.iter().map(|(key, _)| key).collect();
            assert_eq!(keys.len(), env.len());
        }
    }

    #[test]
    fn a_service_works_as_one_role_and_migrates_as_another() {
        let dir = Throwaway::create("environment").unwrap();
        let world = world(dir.path());
        let own = world.service("crm-sync").unwrap();
        assert!(own.database_url.starts_with("postgres://crm_sync_app:"), "{}", own.database_url);
        assert!(own.migration_url.starts_with("postgres://crm_sync_owner:"), "{}", own.migration_url);
        assert!(own.database_url.ends_with("/sharedspaces_crm_sync"));
    }

    #[test]
    fn an_unknown_service_has_no_settings() {
        let dir = Throwaway::create("environment").unwrap();
        assert!(service_env("web", &world(dir.path())).is_err());
    }
}
