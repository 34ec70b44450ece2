//! A real browser, driven over WebDriver (W3C), which is JSON over HTTP: no client library is needed for it.
//!
//! Owns starting chromedriver and what a person does with a page: go, type, press, read. Must not know a page.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use serde_json::{Value, json};
use xtask::ports::Ports;
use xtask::process::Child;
use xtask::throwaway::Throwaway;

use crate::outside::within;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the test's own scripts may take in a page.
const SCRIPT_MILLISECONDS: u64 = 120_000;
/// Longer than what a command waits for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(180);
/// The name under which WebDriver gives elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// In how many movements something is dragged.
const DRAG_STEPS: i64 = 8;
/// Tallest picture of a page.
const TALLEST: u64 = 3_000;

/// One browser with a profile of its own, as new.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    /// Ends with this, with the profile.
    _driver: Child,
    _dir: Throwaway,
}

impl Browser {
    /// Starts a browser, with JavaScript or without.
    pub async fn start(has_script: bool) -> anyhow::Result<Self> {
        let dir = Throwaway::create("browser")?;
        let port = Ports::load(&dir.path().join("ports.json"))?.get("chromedriver")?;
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        let driver = Child::spawn("chromedriver", command, &dir.path().join("chromedriver.log"))?;
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        let base = format!("http://127.0.0.1:{port}");
        within(PATIENCE, "chromedriver", async || {
            Ok(http.get(format!("{base}/status")).send().await.is_ok().then_some(()))
        })
        .await?;
        let profile = dir.path().join("profile");
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--lang=en".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        // 2: blocked, as a person blocks it in the browser's settings.
        let scripts =
            json!({ "profile.managed_default_content_settings.javascript": if has_script { 1 } else { 2 } });
        let options = json!({ "args": arguments, "prefs": scripts });
        let timeouts = json!({ "script": SCRIPT_MILLISECONDS });
        let wanted = json!({ "goog:chromeOptions": options, "timeouts": timeouts });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let begun: Value = http.post(format!("{base}/session")).json(&wanted).send().await?.json().await?;
        let id = begun.pointer("/value/sessionId").and_then(Value::as_str);
        let id = id.with_context(|| format!("the browser did not start: {begun}"))?;
        let session = format!("{base}/session/{id}");
        Ok(Self { http, session, _driver: driver, _dir: dir })
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let answer = self.http.post(format!("{}{path}", self.session)).json(&body).send().await?;
        value(path, answer).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.session)).send().await?;
        value(path, answer).await
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) -> anyhow::Result<()> {
        self.post("/url", json!({ "url": url })).await.map(drop)
    }

    /// Where the browser is.
    pub async fn address(&self) -> anyhow::Result<String> {
        Ok(self.get("/url").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the browser is at an address that has this part.
    pub async fn arrive(&self, part: &str) -> anyhow::Result<String> {
        within(PATIENCE, part, async || {
            let address = self.address().await?;
            if address.contains(part) {
                return Ok(Some(address));
            }
            bail!("at {address}: {}", self.text("body").await.unwrap_or_default())
        })
        .await
    }

    async fn find(&self, css: &str) -> anyhow::Result<String> {
        let found = within(PATIENCE, css, async || {
            let found = self.post("/element", json!({ "using": "css selector", "value": css })).await?;
            let id = found.get(ELEMENT).and_then(Value::as_str).map(str::to_owned);
            Ok(Some(id.context("no element")?))
        })
        .await;
        match found {
            Ok(id) => Ok(id),
            Err(error) => {
                let (address, page) = (self.address().await?, self.text("body").await.unwrap_or_default());
                Err(error.context(format!("there is no {css} at {address}, which says:\n{page}")))
            }
        }
    }

    /// How many parts of the page match.
    pub async fn count(&self, css: &str) -> anyhow::Result<usize> {
        let found = self.post("/elements", json!({ "using": "css selector", "value": css })).await?;
        Ok(found.as_array().map_or(0, Vec::len))
    }

    /// Types into a field, after what is there.
    pub async fn type_into(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let id = self.find(css).await?;
        self.post(&format!("/element/{id}/value"), json!({ "text": text })).await.map(drop)
    }

    /// Types into a field, in place of what is there.
    pub async fn replace(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let id = self.find(css).await?;
        self.post(&format!("/element/{id}/clear"), json!({})).await?;
        self.post(&format!("/element/{id}/value"), json!({ "text": text })).await.map(drop)
    }

    /// Presses what matches first.
    pub async fn press(&self, css: &str) -> anyhow::Result<()> {
        let id = self.find(css).await?;
        self.post(&format!("/element/{id}/click"), json!({})).await.map(drop)
    }

    /// Presses keys, one after the other, wherever the focus is; `\u{e007}` and its like are WebDriver's special keys.
    pub async fn keys(&self, keys: &str) -> anyhow::Result<()> {
        let strokes = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })));
        let strokes: Vec<Value> = strokes.collect();
        self.act(json!([{ "type": "key", "id": "keyboard", "actions": strokes }])).await
    }

    /// Takes what matches first by its middle with the mouse, and lets go of it so many pixels to the right and down.
    pub async fn drag(&self, css: &str, (right, down): (i64, i64)) -> anyhow::Result<()> {
        let id = self.find(css).await?;
        self.run(&format!("document.querySelector({css:?}).scrollIntoView({{ block: 'center' }})")).await?;
        let mut steps = vec![
            json!({ "type": "pointerMove", "duration": 0, "origin": { ELEMENT: id }, "x": 0, "y": 0 }),
            json!({ "type": "pointerDown", "button": 0 }),
        ];
        for _ in 0..DRAG_STEPS {
            let (x, y) = (right / DRAG_STEPS, down / DRAG_STEPS);
            steps.push(json!({ "type": "pointerMove", "duration": 20, "origin": "pointer", "x": x, "y": y }));
        }
        steps.push(json!({ "type": "pointerUp", "button": 0 }));
        self.act(json!([{ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps }]))
            .await
    }

    async fn act(&self, actions: Value) -> anyhow::Result<()> {
        self.post("/actions", json!({ "actions": actions })).await?;
        self.http.delete(format!("{}/actions", self.session)).send().await?;
        Ok(())
    }

    /// Shows pages as they are printed, or on a screen by day or by night.
    pub async fn show_for(&self, media: &str, color_scheme: &str) -> anyhow::Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": color_scheme }]);
        let command = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "media": media, "features": features } });
        self.post("/goog/cdp/execute", command).await.map(drop)
    }

    /// Cuts the browser off from everything, or lets it back.
    pub async fn offline(&self, is_offline: bool) -> anyhow::Result<()> {
        let network = json!({ "offline": is_offline, "latency": 0, "throughput": 100_000_000 });
        self.post("/chromium/network_conditions", json!({ "network_conditions": network })).await.map(drop)
    }

    /// Lets so many bytes a second through to the browser.
    pub async fn slow(&self, throughput: u64) -> anyhow::Result<()> {
        let network = json!({ "offline": false, "latency": 0, "throughput": throughput });
        self.post("/chromium/network_conditions", json!({ "network_conditions": network })).await.map(drop)
    }

    /// What a part of the page says, as a person reads it.
    pub async fn text(&self, css: &str) -> anyhow::Result<String> {
        let found = self.post("/element", json!({ "using": "css selector", "value": css })).await?;
        let id = found.get(ELEMENT).and_then(Value::as_str).context("no element")?;
        Ok(self.get(&format!("/element/{id}/text")).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page says something.
    pub async fn reads(&self, words: &str) -> anyhow::Result<()> {
        within(PATIENCE, words, async || {
            let page = self.text("body").await?;
            ensure!(page.contains(words), "the page says:\n{page}");
            Ok(Some(()))
        })
        .await
    }

    /// What a field holds.
    pub async fn held(&self, css: &str) -> anyhow::Result<String> {
        let id = self.find(css).await?;
        Ok(self.get(&format!("/element/{id}/property/value")).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Runs a script of the test's own.
    pub async fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Runs a script that calls its last argument when it is done.
    pub async fn run_async(&self, script: &str) -> anyhow::Result<Value> {
        self.post("/execute/async", json!({ "script": script, "args": [] })).await
    }

    /// Makes the window so wide and high, a phone's below 600 pixels.
    pub async fn resize(&self, width: u64, height: u64) -> anyhow::Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.post("/goog/cdp/execute", command).await.map(drop)
    }

    /// Returns how far the page reaches to the right.
    pub async fn reach(&self) -> anyhow::Result<u64> {
        let reach = self.run("return document.documentElement.scrollWidth").await?;
        reach.as_u64().context("no width")
    }

    /// Returns a PNG of the whole page at a width.
    pub async fn picture(&self, width: u64) -> anyhow::Result<Vec<u8>> {
        self.resize(width, 800).await?;
        self.hide_scrollbars(true).await?;
        let height = self.run("return document.documentElement.scrollHeight").await?;
        self.resize(width, height.as_u64().unwrap_or(800).min(TALLEST)).await?;
        let picture = self.get("/screenshot").await?;
        self.hide_scrollbars(false).await?;
        let text = picture.as_str().context("no picture")?;
        Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
    }

    async fn hide_scrollbars(&self, hidden: bool) -> anyhow::Result<()> {
        let command = json!({ "cmd": "Emulation.setScrollbarsHidden", "params": { "hidden": hidden } });
        self.post("/goog/cdp/execute", command).await.map(drop)
    }

    /// Ends the browser; without this its driver ends it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.http.delete(&self.session).send().await?;
        Ok(())
    }
}

async fn value(path: &str, answer: reqwest::Response) -> anyhow::Result<Value> {
    let is_good = answer.status().is_success();
    let mut body: Value = answer.json().await?;
    let value = body.get_mut("value").map(Value::take).unwrap_or_default();
    ensure!(is_good, "{path}: {}", value.get("message").and_then(Value::as_str).unwrap_or("refused"));
    Ok(value)
}
