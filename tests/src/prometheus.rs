//! A Prometheus of one's own, to ask what is asked on a dashboard.
//!
//! Owns starting it over some targets and rules, and asking it. Must not judge the answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use xtask::ports;
use xtask::process::{Child, wait_until};
use xtask::throwaway::Throwaway;

const READY_WITHIN: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A running Prometheus, stopped when dropped.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    http: reqwest::Client,
    _child: Child,
    _dir: Throwaway,
}

/// The directory that holds `prometheus` and `promtool`.
pub fn programs() -> anyhow::Result<PathBuf> {
    let dir = std::env::var_os("TEST_PROMETHEUS");
    dir.map(PathBuf::from).context("TEST_PROMETHEUS is missing: run this through `cargo xtask test`")
}

impl Prometheus {
    /// Starts one that asks each of `targets` (a name and an address with path) every second, and applies `rules`.
    pub fn start(targets: &[(&str, &str)], rules: &Value) -> anyhow::Result<Self> {
        let dir = Throwaway::create("prometheus")?;
        let scraped =
            targets.iter().map(|(name, url)| scrape(name, url)).collect::<anyhow::Result<Vec<_>>>()?;
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": scraped,
        });
        // JSON is YAML.
        write(dir.path(), "rules.yaml", rules)?;
        write(dir.path(), "prometheus.yaml", &config)?;
        let address = format!("127.0.0.1:{}", ports::free()?);
        let mut command = std::process::Command::new(programs()?.join("prometheus"));
        command
            .arg(format!("--config.file={}", dir.path().join("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn");
        let mut child = Child::spawn("Prometheus", command, &dir.path().join("prometheus.log"))?;
        let listening = wait_until(READY_WITHIN, || {
            if !child.is_running() {
                bail!("Prometheus ended by itself:\n{}", child.last_lines(20));
            }
            let socket = address.parse()?;
            Ok(std::net::TcpStream::connect_timeout(&socket, Duration::from_millis(200)).ok())
        })?;
        listening.with_context(|| format!("Prometheus does not listen:\n{}", child.last_lines(20)))?;
        let url = format!("http://{address}");
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { url, http, _child: child, _dir: dir })
    }

    /// Returns its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks it now; returns the values, none where there is nothing.
    pub async fn ask(&self, expr: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.get("/api/v1/query", &[("query", expr)]).await?;
        match answer.pointer("/data/result") {
            Some(Value::Array(values)) => Ok(values.clone()),
            _ => bail!("no result: {answer}"),
        }
    }

    /// Returns every rule as Prometheus sees it.
    pub async fn rules(&self) -> anyhow::Result<Vec<Value>> {
        let answer = self.get("/api/v1/rules", &[]).await?;
        let groups =
            answer.pointer("/data/groups").and_then(Value::as_array).context("no groups of rules")?;
        let rules = groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten();
        Ok(rules.cloned().collect())
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let answer: Value =
            self.http.get(format!("{}{path}", self.url)).query(query).send().await?.json().await?;
        if answer.get("status").and_then(Value::as_str) == Some("success") {
            Ok(answer)
        } else {
            bail!("Prometheus refuses: {answer}")
        }
    }
}

fn write(dir: &Path, name: &str, value: &Value) -> anyhow::Result<()> {
    Ok(std::fs::write(dir.join(name), value.to_string())?)
}

fn scrape(name: &str, url: &str) -> anyhow::Result<Value> {
    let url: url::Url = url.parse()?;
    let mut params = serde_json::Map::new();
    for (key, value) in url.query_pairs() {
        let values = params.entry(key.into_owned()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(json!(value));
        }
    }
    let (host, port) = (url.host_str().context("no host")?, url.port().context("no port")?);
    Ok(json!({
        "job_name": name,
        "honor_labels": true,
        "metrics_path": url.path(),
        "params": params,
        "static_configs": [{"targets": [format!("{host}:{port}")]}],
    }))
}
