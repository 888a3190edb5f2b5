//! A Firedog of one's own: this very program, started as `firedog serve`, and what it is asked over HTTP.

use super::folder::{Folder, random_hex};
use anyhow::{Context, anyhow, bail, ensure};
use reqwest::Client;
use serde_json::Value;
use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;

/// A start takes milliseconds; a debug build on a busy machine takes seconds.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// An idle server drains in milliseconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);

/// Lines of its log that are shown when it fails.
const LAST_LINES: usize = 20;

/// A running server. Dropping it kills it.
pub(crate) struct Firedog {
    child: Child,
    smtp_url: String,
    token: String,
    /// Where it listened, once it has said so.
    address: Option<String>,
    starting: Option<Starting>,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// A server that may not be ready yet.
pub(crate) struct Starting {
    address: oneshot::Receiver<String>,
    token: String,
}

/// The way to its API.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) client: Client,
}

impl Firedog {
    pub(crate) fn spawn(folder: &Folder, smtp_url: &str, listen: Option<&str>) -> anyhow::Result<Self> {
        Self::with(folder, smtp_url, listen, random_hex(32)?)
    }

    /// Where it is, for the next start.
    pub(crate) fn at(&mut self, url: &str) {
        self.address = url.strip_prefix("http://").map(str::to_owned);
    }

    /// The same server once more, where it was.
    pub(crate) async fn again(&mut self, folder: &Folder) -> anyhow::Result<()> {
        let listen = self.address.clone();
        *self = Self::with(folder, &self.smtp_url, listen.as_deref(), self.token.clone())?;
        self.starting().ready().await.map(drop)?;
        self.address = listen;
        Ok(())
    }

    fn with(folder: &Folder, smtp_url: &str, listen: Option<&str>, token: String) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        // Nothing that the caller has set for a Firedog of their own may reach this one.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"FIREDOG_")) {
            command.env_remove(name);
        }
        let mut child = command
            .arg("serve")
            .arg("--setup")
            .arg(folder.setup())
            .current_dir(folder.path())
            .env("FIREDOG_LISTEN", listen.unwrap_or("127.0.0.1:0"))
            .env("FIREDOG_DATABASE", format!("sqlite:{}", folder.path().join("firedog.db").display()))
            .env("FIREDOG_SMTP_URL", smtp_url)
            .env("FIREDOG_SMTP_FROM", "firedog@example.org")
            .env("FIREDOG_ADMIN_TOKEN", &token)
            .env("FIREDOG_DEMO", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start Firedog")?;
        let stderr = child.stderr.take().context("Firedog has no standard error")?;
        let (ready, address) = oneshot::channel();
        let log = Arc::default();
        tokio::spawn(read_log(stderr, ready, Arc::clone(&log)));
        let starting = Some(Starting { address, token: token.clone() });
        Ok(Self { child, smtp_url: smtp_url.to_owned(), token, address: None, starting, log })
    }

    /// To wait until it is ready; taken once.
    pub(crate) fn starting(&mut self) -> Starting {
        self.starting.take().expect("asked for once")
    }

    /// Waits until it ends by itself, which it never should.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow!("Firedog ended by itself ({status})"),
            Err(error) => anyhow!("lost sight of Firedog: {error}"),
        }
    }

    pub(crate) fn last_lines(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// Lets it end by itself: a Ctrl-C at the terminal has reached it as well.
    pub(crate) async fn drain(&mut self) {
        let _ = tokio::time::timeout(DRAIN_WITHIN, self.child.wait()).await;
    }

    /// Kills it, unless it has ended, and waits until it is gone.
    pub(crate) async fn end(&mut self) {
        // Fails only when there is nothing to kill.
        let _ = self.child.kill().await;
    }
}

/// Reads to the end, so that the server never waits for its log to be read.
async fn read_log(stderr: ChildStderr, ready: oneshot::Sender<String>, log: Arc<Mutex<VecDeque<String>>>) {
    let mut ready = Some(ready);
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = ready_address(&line)
            && let Some(ready) = ready.take()
        {
            let _ = ready.send(address.to_owned());
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_back(line);
        if log.len() > LAST_LINES {
            log.pop_front();
        }
    }
}

fn ready_address(line: &str) -> Option<&str> {
    line.split_once("firedog ready on ")?.1.split_whitespace().next()
}

impl Starting {
    pub(crate) async fn ready(self) -> anyhow::Result<Api> {
        match tokio::time::timeout(READY_WITHIN, self.address).await {
            Ok(Ok(url)) => Ok(Api { url, token: self.token, client: firedog_town::client() }),
            // Its log ended: it is about to end, or has.
            Ok(Err(_)) => bail!("Firedog did not start"),
            Err(_) => bail!("Firedog was not ready within {} s", READY_WITHIN.as_secs()),
        }
    }
}

impl Api {
    /// The open alert with this key, without its timeline.
    pub(crate) async fn open_alert(&self, dedup_key: &str) -> anyhow::Result<Option<Value>> {
        let mut list = self.get("/api/v1/alerts?state=triggered,acknowledged").await?;
        let items = list["items"].as_array_mut().context("the list of alerts has no `items`")?;
        Ok(items.iter_mut().find(|alert| alert["dedup_key"] == dedup_key).map(Value::take))
    }

    /// The alert with its timeline.
    pub(crate) async fn alert(&self, id: &str) -> anyhow::Result<Value> {
        self.get(&format!("/api/v1/alerts/{id}")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.post_as("", path, body).await
    }

    /// In somebody's name.
    pub(crate) async fn post_as(&self, user: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let answer = request.header("firedog-as", user).json(body).send().await?;
        let status = answer.status();
        let said = answer.text().await.context("an answer broke off")?;
        ensure!(status.is_success(), "POST {path} was answered with {status}: {said}");
        Ok(serde_json::from_str(&said).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "GET {path} was answered with {status}: {body}");
        serde_json::from_str(&body).with_context(|| format!("GET {path} was not answered with JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_ready_line_in_any_log() {
        assert_eq!(ready_address("firedog ready on http://127.0.0.1:8700"), Some("http://127.0.0.1:8700"));
        assert_eq!(ready_address("12:00 INFO firedog ready on http://[::1]:1 (sqlite)"), Some("http://[::1]:1"));
        assert_eq!(ready_address("firedog starts"), None);
    }
}
