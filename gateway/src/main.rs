//! Prints what the gateway is run with.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use gateway::envoy::{Places, configuration};
use gateway::{interface, openapi};

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
        /// `name=host:port` of each service, or `name=host:port/health-port,…` of its replicas.
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
    },
    /// Writes the OpenAPI document to a file, or to standard output.
    Openapi {
        /// The file to write.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, place) = text.split_once('=').ok_or("must be `name=host:port`")?;
    Ok((name.to_owned(), place.to_owned()))
}

fn main() -> Result<()> {
    let pool = interface::pool()?;
    let methods = interface::methods(&pool)?;
    match Arguments::parse().command {
        Command::Envoy { out, listen, admin, services, keys, issuer, origins, trusted_hops } => {
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
            write(&out, &format!("{:#}\n", configuration(&methods, &places)))
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
