//! Prints what the gateway is run with.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use gateway::envoy::{self, Docs, Places, configuration};
use gateway::interface::Method;
use gateway::{interface, openapi, page, table, tls};
use serde_json::Value;

#[derive(Parser)]
#[command(about = "Makes Envoy's configuration, the routes and the OpenAPI document from the interfaces")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes Envoy's configuration, and beside it the descriptor set and what else it reads.
    Envoy(Box<EnvoyArguments>),
    /// Writes the public methods with access, service and REST routes, as JSON.
    Routes(Out),
    /// Writes the OpenAPI document.
    Openapi(Out),
    /// Writes the OpenAPI document as a page.
    Page(Out),
}

#[derive(clap::Args)]
struct Out {
    /// The file to write; standard output where it is not given.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
struct EnvoyArguments {
    /// The file to write; `descriptors.bin`, `openapi.json` and `docs.html` come beside it.
    #[arg(long)]
    out: PathBuf,
    /// `host:port` to listen on.
    #[arg(long)]
    listen: String,
    /// `host:port` of Envoy's own pages; they are not served where it is not given.
    #[arg(long)]
    admin: Option<String>,
    /// `host:port` to answer at with Envoy's metrics alone, at `/stats/prometheus`.
    #[arg(long, requires = "admin")]
    metrics: Option<String>,
    /// `name=host:port` of each service, or `name=host:port/health-port,…` of its replicas.
    #[arg(long = "service", value_parser = pair)]
    services: Vec<(String, String)>,
    /// `host:port` of identity's second port, which has the keys.
    #[arg(long)]
    keys: String,
    /// The issuer of access tokens.
    #[arg(long)]
    issuer: String,
    /// Whose pages may call from a browser, such as `https://spaces.example.com`; once for each.
    #[arg(long = "origin")]
    origins: Vec<String>,
    /// How many proxies before the gateway are believed what they write into `x-forwarded-for`.
    #[arg(long, default_value_t = 0)]
    trusted_hops: u32,
    /// Most calls in a second that one address may make, after a burst of twice as many.
    #[arg(long, default_value_t = envoy::CALLS_PER_SECOND, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    calls_per_second: u64,
    /// `host:port` of a collector that takes spans by OTLP over gRPC.
    #[arg(long)]
    otlp: Option<String>,
    /// Answers with the OpenAPI document at `/openapi.json` and with a page of it at `/docs`.
    #[arg(long)]
    docs: bool,
    #[command(flatten)]
    tls: Box<TlsArguments>,
}

/// Mutual TLS to the services: all three files in PEM, or none.
#[derive(clap::Args)]
struct TlsArguments {
    /// The gateway's certificate, and what lies between it and the authority.
    #[arg(long, requires_all = ["tls_key", "tls_ca"])]
    tls_certificate: Option<String>,
    /// Its key.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<String>,
    /// The authorities that services' certificates are of.
    #[arg(long, requires = "tls_certificate")]
    tls_ca: Option<String>,
}

impl TlsArguments {
    fn files(self) -> Option<tls::Files> {
        Some(tls::Files { certificate: self.tls_certificate?, key: self.tls_key?, authority: self.tls_ca? })
    }
}

/// Writes what Envoy needs for it beside `out`, and puts it into the configuration.
fn encrypt(files: &tls::Files, out: &Path, services: &[String], made: &mut Value) -> Result<()> {
    for (name, document) in files.documents() {
        write(&out.with_file_name(name), &format!("{document:#}\n"))?;
    }
    let directory = out.parent().unwrap_or(Path::new("."));
    tls::encrypt(made, services.iter().map(String::as_str), directory)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, place) = text.split_once('=').ok_or("must be `name=host:port`")?;
    Ok((name.to_owned(), place.to_owned()))
}

fn main() -> Result<()> {
    let methods = interface::methods(&interface::pool()?)?;
    match Arguments::parse().command {
        Command::Envoy(arguments) => make(*arguments, &methods),
        Command::Routes(to) => put(&to, &format!("{:#}\n", table::table(&methods))),
        Command::Openapi(to) => put(&to, &format!("{:#}\n", openapi::document(&methods))),
        Command::Page(to) => put(&to, &page::page(&openapi::document(&methods))),
    }
}

fn make(arguments: EnvoyArguments, methods: &[Method]) -> Result<()> {
    let beside = |name: &str| arguments.out.with_file_name(name);
    let descriptors = beside("descriptors.bin");
    fs::write(&descriptors, interface::descriptor_set()?)
        .with_context(|| format!("{} cannot be written", descriptors.display()))?;
    let docs = if arguments.docs {
        let (document, page) = (beside("openapi.json"), beside("docs.html"));
        let made = openapi::document(methods);
        write(&document, &format!("{made}\n"))?;
        write(&page, &page::page(&made))?;
        Some(Docs { document: text(&document), page: text(&page) })
    } else {
        None
    };
    let places = Places {
        listen: arguments.listen,
        admin: arguments.admin,
        metrics: arguments.metrics,
        services: arguments.services.into_iter().collect::<BTreeMap<_, _>>(),
        keys: arguments.keys,
        issuer: arguments.issuer,
        origins: arguments.origins,
        descriptor_file: text(&descriptors),
        trusted_hops: arguments.trusted_hops,
        calls_per_second: arguments.calls_per_second,
        otlp: arguments.otlp,
        docs,
    };
    let mut made = configuration(methods, &places);
    if let Some(files) = arguments.tls.files() {
        let services: Vec<String> = places.services.into_keys().collect();
        encrypt(&files, &arguments.out, &services, &mut made)?;
    }
    write(&arguments.out, &format!("{made:#}\n"))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn put(to: &Out, text: &str) -> Result<()> {
    match &to.out {
        Some(out) => write(out, text),
        None => Ok(std::io::stdout().write_all(text.as_bytes())?),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
