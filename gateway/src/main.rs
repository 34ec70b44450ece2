//! Prints what the gateway is run with.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use gateway::envoy::{Places, configuration};
use gateway::{interface, openapi, tls};
use serde_json::Value;

#[derive(Parser)]
#[command(about = "Makes Envoy's configuration and the OpenAPI document from the interfaces")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes Envoy's configuration and the descriptor set beside it.
    Envoy {
        /// The file to write; the descriptor set is `descriptors.bin` beside it.
        #[arg(long)]
        out: PathBuf,
        /// `host:port` to listen on.
        #[arg(long)]
        listen: String,
        /// `host:port` of Envoy's own pages.
        #[arg(long)]
        admin: Option<String>,
        /// `name=host:port` of each service.
        #[arg(long = "service", value_parser = pair)]
        services: Vec<(String, String)>,
        /// `host:port` of identity's second port.
        #[arg(long)]
        keys: String,
        /// The issuer of access tokens.
        #[arg(long)]
        issuer: String,
        /// Whose pages may call from a browser.
        #[arg(long = "origin")]
        origins: Vec<String>,
        /// How many proxies stand before the gateway.
        #[arg(long, default_value_t = 0)]
        trusted_hops: u32,
        #[command(flatten)]
        tls: Box<TlsArguments>,
    },
    /// Writes the OpenAPI document to a file, or to standard output.
    Openapi {
        /// The file to write.
        #[arg(long)]
        out: Option<PathBuf>,
    },
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
    let pool = interface::pool()?;
    let methods = interface::methods(&pool)?;
    match Arguments::parse().command {
        Command::Envoy { out, listen, admin, services, keys, issuer, origins, trusted_hops, tls } => {
            let descriptors = out.with_file_name("descriptors.bin");
            let places = Places {
                listen,
                admin,
                services: services.into_iter().collect::<BTreeMap<_, _>>(),
                keys,
                issuer,
                origins,
                descriptor_file: descriptors.to_string_lossy().into_owned(),
                trusted_hops,
            };
            fs::write(&descriptors, sharedspaces_proto::FILE_DESCRIPTOR_SET)
                .with_context(|| format!("{} cannot be written", descriptors.display()))?;
            let mut made = configuration(&methods, &places);
            if let Some(files) = tls.files() {
                let services: Vec<String> = places.services.into_keys().collect();
                encrypt(&files, &out, &services, &mut made)?;
            }
            write(&out, &format!("{made:#}\n"))
        }
        Command::Openapi { out } => {
            let document = format!("{:#}\n", openapi::document(&methods));
            match out {
                Some(out) => write(&out, &document),
                None => Ok(std::io::stdout().write_all(document.as_bytes())?),
            }
        }
    }
}

fn write(path: &std::path::Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
