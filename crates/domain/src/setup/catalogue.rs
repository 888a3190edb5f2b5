//! What a service is carried out with: a driver per capability, and links that lead people to its tools.

use super::{Connection, ConnectionKind, InstitutionId, Service, Setup};
use crate::id::ConnectionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Through which connection something is done, and what it is called there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    pub with: ConnectionId,
    /// Jenkins: the job's full name, `ops/restart-service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Jenkins: what the job is started with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Jenkins: the job's parameter that carries our key. Without one a build cannot be told from another, and is never repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Marathon: the app's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Kubernetes: the deployment's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Somebody else than the one who started the run confirms it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub two_person: bool,
}

/// Where people look. `{institution}`, `{service}`, `{from}` and `{to}` in it are filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub name: String,
    pub url: String,
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Capability>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    Logs,
    Metrics,
    Instances,
    Restart,
    Deploys,
}

impl Capability {
    pub const ALL: [Self; 5] = [Self::Logs, Self::Metrics, Self::Instances, Self::Restart, Self::Deploys];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Instances => "instances",
            Self::Restart => "restart",
            Self::Deploys => "deploys",
        }
    }

    /// What a person who does an action by hand looks at.
    pub fn of_action(action: &str) -> Option<Self> {
        match action {
            "logs.root_error" | "logs.blast_radius" => Some(Self::Logs),
            "service.restart" => Some(Self::Restart),
            "service.recovered" | "metrics.read" => Some(Self::Metrics),
            "service.instances" | "service.output" => Some(Self::Instances),
            _ => None,
        }
    }
}

/// What stands in links in braces.
pub const PLACEHOLDERS: [&str; 4] = ["institution", "service", "from", "to"];

impl Link {
    /// With its placeholders filled in, each value percent-encoded; what is not known stays empty.
    pub fn filled(&self, value: impl Fn(&str) -> Option<String>) -> String {
        PLACEHOLDERS.iter().fold(self.url.clone(), |url, name| {
            let value = value(name).unwrap_or_default();
            url.replace(&format!("{{{name}}}"), &encoded(&value))
        })
    }
}

/// RFC 3986: everything but unreserved characters.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            _ => all.push_str(&format!("%{byte:02X}")),
        }
        all
    })
}

impl Driver {
    /// As people call what it leads to.
    pub fn target(&self) -> &str {
        let named = self.job.as_deref().or(self.app.as_deref()).or(self.deployment.as_deref());
        named.unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}

impl Service {
    /// Whether it serves an institution; a service that names none serves all.
    pub fn serves(&self, institution: &InstitutionId) -> bool {
        self.serves.is_empty() || self.serves.contains(institution)
    }
}

impl Setup {
    pub fn driven(&self, driver: &Driver) -> Option<&Connection> {
        self.connections.get(driver.with.as_str())
    }

    /// How many institutions an interruption of a service is felt by.
    pub fn served_by(&self, service: &Service) -> usize {
        self.institutions.iter().filter(|institution| service.serves(&institution.id)).count()
    }
}

/// What is wrong with a driver, by its key, and what to write instead.
pub fn mistakes(driver: &Driver, kind: ConnectionKind, restarts: bool) -> Vec<(&'static str, String, String)> {
    let there = [
        ("job", driver.job.is_some(), ConnectionKind::Jenkins),
        ("parameters", !driver.parameters.is_empty(), ConnectionKind::Jenkins),
        ("key", driver.key.is_some(), ConnectionKind::Jenkins),
        ("app", driver.app.is_some(), ConnectionKind::Marathon),
        ("namespace", driver.namespace.is_some(), ConnectionKind::Kubernetes),
        ("deployment", driver.deployment.is_some(), ConnectionKind::Kubernetes),
    ];
    let mut found = Vec::new();
    if driver.two_person && !restarts {
        found.push(("two_person", "looking at instances needs nobody's agreement".to_owned(), "move it to `restart`".to_owned()));
    }
    for (key, is_there, of) in there {
        if is_there && of != kind {
            found.push((key, format!("`{key}` goes with a connection of kind {}", of.as_str()), format!("remove `{key}`")));
        }
    }
    let needed = match kind {
        ConnectionKind::Jenkins if restarts => Some(("job", "ops/restart-service", driver.job.is_some())),
        ConnectionKind::Marathon if !restarts => Some(("app", "/core/symxchange-http-server", driver.app.is_some())),
        ConnectionKind::Kubernetes => Some(("deployment", "symxchange-http-server", driver.deployment.is_some())),
        _ => None,
    };
    match needed {
        Some((key, example, false)) => found.push((
            "with",
            format!("a connection of kind {} needs `{key}` here", kind.as_str()),
            format!("add for example `{key}: {example}`"),
        )),
        Some(_) => {}
        None if restarts => found.push((
            "with",
            format!("nothing can be restarted through a connection of kind {}", kind.as_str()),
            "name one of kind jenkins or kubernetes".to_owned(),
        )),
        None => found.push((
            "with",
            format!("instances are not seen through a connection of kind {}", kind.as_str()),
            "name one of kind marathon or kubernetes".to_owned(),
        )),
    }
    if let Some(key) = &driver.key
        && driver.parameters.contains_key(key)
    {
        found.push(("key", format!("`{key}` is one of the parameters already"), "remove it from `parameters`".to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_filled_in_and_nothing_breaks_out_of_it() {
        let url = "https://kibana.example.org/app/discover?institution={institution}&from={from}".to_owned();
        let link = Link { name: "Logs".to_owned(), url, capability: Some(Capability::Logs) };
        let value = |name: &str| (name == "institution").then(|| "a&b/../{from}".to_owned());
        assert_eq!(link.filled(value), "https://kibana.example.org/app/discover?institution=a%26b%2F..%2F%7Bfrom%7D&from=");
    }
}
