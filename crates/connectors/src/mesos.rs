//! What a task printed: its sandbox on the agent of Mesos that ran it.
//!
//! Only hosts that the master names are asked, and only for a task's own `stdout` and `stderr`.
//!
//! Facts: Mesos' C++ source, 1.11.

use crate::call::{Answer, Call, CallError, Found, Site};
use crate::output::{self, MAX_OUTPUT};
use serde::Deserialize;
use url::Url;

mod sandbox;

/// A list of some hundred agents with their resources.
const MAX_SLAVES: usize = 8 << 20;
const MAX_NAME: usize = 100;
/// Longest id of a task, agent or framework, in bytes.
const MAX_ID: usize = 512;

/// One master, whichever of them.
#[derive(Debug)]
pub struct Mesos {
    site: Site,
}

#[derive(Deserialize)]
struct Slaves {
    slaves: Vec<Slave>,
}

#[derive(Deserialize)]
struct Slave {
    id: String,
    hostname: Option<String>,
    port: Option<u16>,
    /// `slave(1)@10.0.0.7:5051`
    pid: Option<String>,
    active: Option<bool>,
    version: Option<String>,
}

impl Mesos {
    /// `site`: a master.
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// Reachable, signed in, a master; whether it has agents.
    pub async fn check(&self) -> Result<Found, CallError> {
        let Slaves { slaves } = self.slaves(None).await?;
        let mut notes = Vec::new();
        if slaves.iter().all(|slave| slave.active == Some(false)) {
            notes.push("it shows no agent that is active; perhaps the account may not see them".to_owned());
        }
        let version = slaves.iter().find_map(|slave| slave.version.as_deref()).map(|version| output::line(version, MAX_NAME));
        Ok(Found { system: "Mesos".to_owned(), version, identity: None, notes })
    }

    /// The end of a task's `stdout` or `stderr`: its whole lines, masked. At most 64 KiB are read.
    ///
    /// # Errors
    /// `Missing`: agent, task or file are there no more; sandboxes are deleted after a while.
    pub async fn tail(&self, framework: &str, task: &str, agent: &str, file: &str, bytes: u64) -> Result<Vec<String>, CallError> {
        if !matches!(file, "stdout" | "stderr") || ![framework, task, agent].into_iter().all(is_id) {
            return Err(CallError::rejected("only `stdout` and `stderr` of a task can be read"));
        }
        let Slaves { slaves } = self.slaves(Some(agent)).await?;
        let slave = slaves.into_iter().find(|slave| slave.id == agent);
        let slave = slave.ok_or_else(|| CallError::missing("the agent that ran the task is not there any more"))?;
        let directory = sandbox::Wanted { framework, task };
        let bytes = bytes.clamp(1, MAX_OUTPUT as u64);
        let mut result = Err(CallError::missing("the master does not say where the agent is"));
        let mut addresses = slave.addresses();
        if self.site.url(&[])?.scheme() == "https" {
            // Certificates are made for names.
            addresses.reverse();
        }
        for (host, port) in addresses {
            result = match self.site.beside(&host, port) {
                Ok(site) => sandbox::tail(&site, &directory, file, bytes).await,
                Err(error) => Err(error),
            };
            // One of the two is often not reachable from elsewhere.
            if !matches!(result, Err(CallError::Retry { .. })) {
                break;
            }
        }
        result
    }

    /// Agents; one of them by its id.
    async fn slaves(&self, id: Option<&str>) -> Result<Slaves, CallError> {
        fn ask<'a>(site: &'a Site, id: Option<&str>) -> Call<'a> {
            let call = site.get(&["slaves"]).max_body(MAX_SLAVES);
            id.into_iter().fold(call, |call, id| call.query("slave_id", id))
        }
        let answer = ask(&self.site, id).takes(&[307]).send().await?;
        if answer.status.is_success() {
            return answer.json();
        }
        // This one does not lead. It names the one that does; that must be certain of it.
        let (host, port) = leader(&answer).ok_or_else(|| answer.not_understood("this master does not say which one leads"))?;
        let site = self.site.beside(&host, port)?;
        ask(&site, id).send().await?.json()
    }
}

impl Slave {
    /// Where it says that it listens, then where it is known by name.
    fn addresses(&self) -> Vec<(String, u16)> {
        let pid = self.pid.as_deref().and_then(|pid| pid.rsplit_once('@')).and_then(|(_, at)| at.rsplit_once(':'));
        let pid = pid.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let named = self.hostname.clone().zip(self.port);
        let mut addresses: Vec<_> = pid.into_iter().chain(named).collect();
        addresses.dedup();
        addresses
    }
}

/// `//leader:5050/slaves`
fn leader(answer: &Answer) -> Option<(String, u16)> {
    let any = Url::parse("http://master.invalid:5050/").ok()?;
    let to = any.join(answer.header("location")?).ok()?;
    let host = to.host_str().filter(|host| *host != "master.invalid")?;
    Some((host.to_owned(), to.port().unwrap_or(5050)))
}

/// Nothing that could lead out of a directory.
fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !text.is_empty() && text.len() <= MAX_ID && text.chars().all(plain) && !text.contains("..")
}

#[cfg(test)]
mod tests;
