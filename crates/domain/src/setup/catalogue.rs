//! Whom services serve, and what they are looked after with: connections, a driver per capability, links to the tools of people.

use super::{Service, Setup};
use crate::id::{ConnectionId, InstitutionId, PolicyId, TeamId, VendorId};
use crate::time::length;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Through which connection something is done, and what it is called there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    pub with: ConnectionId,
    /// Jenkins: the job's full name, `ops/restart-service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Jenkins: what the job is started with; of deployments, which of its builds count.
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
    /// By which policy whoever may confirm is paged. Default: the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<PolicyId>,
}

/// One of the places where a service runs: production, staging, a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// A slug; alerts name it in their label `environment`.
    pub id: String,
    /// What names and addresses have behind them there: `-stg`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
}

/// The label of an alert that names an environment.
pub const ENVIRONMENT_LABEL: &str = "environment";

/// Where people look. What stands in it in braces ([`PLACEHOLDERS`]) is filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub name: String,
    pub url: String,
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Capability>,
    /// Whose tool it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TeamId>,
    /// Where one learns to use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn: Option<String>,
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
            "service.recovered" | "service.watch" | "metrics.read" => Some(Self::Metrics),
            "service.instances" | "service.output" => Some(Self::Instances),
            "service.deploys" => Some(Self::Deploys),
            _ => None,
        }
    }
}

/// What stands in links in braces.
pub const PLACEHOLDERS: [&str; 6] = ["institution", "service", "from", "to", "environment", "suffix"];

impl Link {
    /// It leads somewhere else in each environment.
    pub fn varies(&self) -> bool {
        self.url.contains("{environment}") || self.url.contains("{suffix}")
    }

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

/// A configured outside system, with its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub kind: ConnectionKind,
    pub url: String,
    /// Whom to ask when it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TeamId>,
    /// With it, the secret is a password; without it, a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// In the files as written there, in the store sealed with the server's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// In place of a secret: a file's name in the server's directory of secrets, read again whenever it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounted_secret: Option<String>,
    /// Logs: a pattern of indices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Logs: what their fields are called, by [`LOG_FIELDS`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Chat: where support reads, unless the institution has a room of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Chat: the user group whose answers count. `None`: any person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Slack: what proves that a command comes from there. In the files as written there, in the store sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// Certificates (PEM) that it is believed by, beside the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Metrics: the queries that tell how many calls there were and how many failed, by [`METRIC_QUERIES`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
    /// Vantage points: the module of the exporter's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// HTTP: what is posted to open a case, as JSON with [`CASE_WORDS`] in its texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// HTTP: where the answer has the case's number, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_at: Option<String>,
    /// HTTP: where the answer has the case's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_at: Option<String>,
    /// HTTP: the header of a key by which the other side knows a request that it has had before. Without one, nothing is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
}

/// What is filled in where a text of `body` has it in braces.
pub const CASE_WORDS: [&str; 7] = ["title", "evidence", "institution", "code", "host", "since", "reference"];

/// The body of a connection's `body`, and whether everything in braces is known.
///
/// # Errors
/// What is wrong with it.
pub fn template(text: &str) -> Result<serde_json::Value, String> {
    fn check(value: &serde_json::Value) -> Result<(), String> {
        match value {
            serde_json::Value::String(text) => {
                for piece in text.split('{').skip(1) {
                    let name = piece.split('}').next().unwrap_or_default();
                    if !CASE_WORDS.contains(&name) {
                        return Err(format!("`{{{name}}}` is nothing that a case has; there is {}", CASE_WORDS.join(", ")));
                    }
                }
                Ok(())
            }
            serde_json::Value::Array(items) => items.iter().try_for_each(check),
            serde_json::Value::Object(parts) => parts.values().try_for_each(check),
            _ => Ok(()),
        }
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
    if !value.is_object() {
        return Err("this is no JSON object".to_owned());
    }
    check(&value)?;
    if !text.contains("{evidence}") {
        return Err("a case without `{evidence}` says nothing".to_owned());
    }
    Ok(value)
}

/// What metrics are asked for; `{institution}`, `{service}` and `{last}` in a query are filled in.
pub const METRIC_QUERIES: [&str; 2] = ["total", "failed"];

/// What fields of logs are told of.
pub const LOG_FIELDS: [&str; 9] =
    ["time", "institution", "service", "kind", "outcome", "error_type", "error_message", "stack", "request_id"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionKind {
    /// Elasticsearch or OpenSearch.
    Elasticsearch,
    Slack,
    Prometheus,
    Jenkins,
    Marathon,
    Mesos,
    Kubernetes,
    /// A Prometheus blackbox exporter that stands elsewhere: its id is the name of the place.
    Blackbox,
    /// Whatever takes JSON over HTTP: a vendor's portal.
    Http,
}

impl ConnectionKind {
    pub const ALL: [Self; 9] = [
        Self::Elasticsearch,
        Self::Slack,
        Self::Prometheus,
        Self::Jenkins,
        Self::Marathon,
        Self::Mesos,
        Self::Kubernetes,
        Self::Blackbox,
        Self::Http,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::Slack => "slack",
            Self::Prometheus => "prometheus",
            Self::Jenkins => "jenkins",
            Self::Marathon => "marathon",
            Self::Mesos => "mesos",
            Self::Kubernetes => "kubernetes",
            Self::Blackbox => "blackbox",
            Self::Http => "http",
        }
    }

    /// Actions ask for it by its kind; the others are named by the drivers of services, or all of them are asked.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Elasticsearch | Self::Slack | Self::Prometheus | Self::Mesos)
    }
}

/// A third party that runs something for institutions, and is asked when that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vendor {
    pub id: VendorId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where cases are opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How long their contract gives them for the first answer to a case.
    #[serde(default = "default_responds_within", with = "length")]
    pub responds_within: SignedDuration,
    /// How long a case rests after it was chased.
    #[serde(default = "default_chase_every", with = "length")]
    pub chase_every: SignedDuration,
    /// What they want in a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Firedog opens cases itself. `None`: a person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_by: Option<OpenBy>,
    /// The connection of their portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<ConnectionId>,
    /// A person sees what is sent, and agrees, before it is.
    #[serde(default = "confirms", skip_serializing_if = "is_true")]
    pub confirm: bool,
}

/// How Firedog opens a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenBy {
    /// Their address gets the evidence.
    Email,
    /// Their portal gets it.
    Http,
}

impl OpenBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Http => "http",
        }
    }
}

fn confirms() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

pub const DEFAULT_RESPONDS_WITHIN: SignedDuration = SignedDuration::from_hours(4);
pub const DEFAULT_CHASE_EVERY: SignedDuration = SignedDuration::from_hours(1);

fn default_responds_within() -> SignedDuration {
    DEFAULT_RESPONDS_WITHIN
}

fn default_chase_every() -> SignedDuration {
    DEFAULT_CHASE_EVERY
}

impl Vendor {
    /// What people call it.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { self.id.as_str() } else { &self.name }
    }

    /// What is wrong with how its cases are opened, by its key, and what to write instead.
    pub fn mistakes(&self, with: Option<ConnectionKind>) -> Vec<(&'static str, String, String)> {
        let mut found = Vec::new();
        let mut wrong = |key, message: &str, help: &str| found.push((key, message.to_owned(), help.to_owned()));
        match self.open_by {
            Some(OpenBy::Email) if self.email.is_none() => {
                wrong("open_by", "nobody says to which address", "add for example `email: support@example.org`");
            }
            Some(OpenBy::Http) if self.with.is_none() => {
                wrong("open_by", "nobody says through which portal", "add `with:` and the id of a connection of kind http");
            }
            _ => {}
        }
        if self.with.is_some() && self.open_by != Some(OpenBy::Http) {
            wrong("with", "a portal is used by `open_by: http` only", "add `open_by: http`, or remove `with`");
        }
        if with.is_some_and(|kind| kind != ConnectionKind::Http) {
            wrong("with", "cases are opened through a connection of kind http", "name one of that kind");
        }
        if !self.confirm && self.open_by.is_none() {
            wrong("confirm", "a person opens the cases, so nobody is asked", "remove `confirm`, or add `open_by`");
        }
        found
    }
}

/// A customer organisation (tenant) that services serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Institution {
    pub id: InstitutionId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How it is called where its name must not stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The host that runs its core, where several share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_endpoint: Option<String>,
    /// Certificates (PEM) that its core is believed by, beside the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Who is asked when its side fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<VendorId>,
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
    /// The environment that an alert's label names, else the first.
    pub fn environment(&self, named: Option<&str>) -> Option<&Environment> {
        let named = named.and_then(|named| self.environments.iter().find(|one| one.id == named));
        named.or(self.environments.first())
    }

    /// What the catalogue names for it.
    pub fn driver(&self, capability: Capability) -> Option<&Driver> {
        match capability {
            Capability::Restart => self.restart.as_ref(),
            Capability::Instances => self.instances.as_ref(),
            Capability::Deploys => self.deploys.as_ref(),
            Capability::Logs | Capability::Metrics => None,
        }
    }

    pub fn drivers(&self) -> impl Iterator<Item = (Capability, &Driver)> {
        Capability::ALL.into_iter().filter_map(|capability| Some((capability, self.driver(capability)?)))
    }

    /// Whether it serves an institution; a service that names none serves all.
    pub fn serves(&self, institution: &InstitutionId) -> bool {
        self.serves.is_empty() || self.serves.contains(institution)
    }
}

impl Setup {
    /// Whom to ask when a connection does not work: `it belongs to Dreamwork: firedog page dreamwork MESSAGE`.
    pub fn owner_of(&self, connection: &Connection) -> Option<String> {
        let team = self.team(connection.owner.as_ref()?)?;
        let name = if team.name.is_empty() { team.id.as_str() } else { &team.name };
        Some(format!("`{}` belongs to {name}: firedog page {} MESSAGE", connection.id, team.id))
    }

    pub fn driven(&self, driver: &Driver) -> Option<&Connection> {
        self.connections.get(driver.with.as_str())
    }

    /// How many institutions an interruption of a service is felt by.
    pub fn served_by(&self, service: &Service) -> usize {
        self.institutions.iter().filter(|institution| service.serves(&institution.id)).count()
    }
}

/// What is wrong with a driver, by its key, and what to write instead.
pub fn mistakes(driver: &Driver, kind: ConnectionKind, of: Capability) -> Vec<(&'static str, String, String)> {
    let there = [
        ("job", driver.job.is_some(), ConnectionKind::Jenkins),
        ("parameters", !driver.parameters.is_empty(), ConnectionKind::Jenkins),
        ("key", driver.key.is_some(), ConnectionKind::Jenkins),
        ("app", driver.app.is_some(), ConnectionKind::Marathon),
        ("namespace", driver.namespace.is_some(), ConnectionKind::Kubernetes),
        ("deployment", driver.deployment.is_some(), ConnectionKind::Kubernetes),
    ];
    let mut found = Vec::new();
    let restarts = of == Capability::Restart;
    let looks = if of == Capability::Deploys { "looking at deployments" } else { "looking at instances" };
    if driver.two_person && !restarts {
        found.push(("two_person", format!("{looks} needs nobody's agreement"), "move it to `restart`".to_owned()));
    }
    if driver.approvers.is_some() && !driver.two_person {
        found.push((
            "approvers",
            "nobody is paged to agree where whoever started the run may agree".to_owned(),
            "add `two_person: true`, or remove it".to_owned(),
        ));
    }
    for (key, is_there, of) in there {
        if is_there && of != kind {
            found.push((key, format!("`{key}` goes with a connection of kind {}", of.as_str()), format!("remove `{key}`")));
        }
    }
    if driver.key.is_some() && of == Capability::Deploys && kind == ConnectionKind::Jenkins {
        found.push(("key", format!("{looks} starts no build"), "move it to `restart`".to_owned()));
    }
    found.extend(misdirected(driver, kind, of));
    if let Some(key) = &driver.key
        && driver.parameters.contains_key(key)
    {
        found.push(("key", format!("`{key}` is one of the parameters already"), "remove it from `parameters`".to_owned()));
    }
    found
}

/// It names a connection that cannot do this, or not what to look for there.
fn misdirected(driver: &Driver, kind: ConnectionKind, of: Capability) -> Option<(&'static str, String, String)> {
    let kinds: &[ConnectionKind] = match of {
        Capability::Restart => &[ConnectionKind::Jenkins, ConnectionKind::Kubernetes],
        Capability::Deploys => &[ConnectionKind::Jenkins, ConnectionKind::Marathon, ConnectionKind::Kubernetes],
        _ => &[ConnectionKind::Marathon, ConnectionKind::Kubernetes],
    };
    let needed = match kind {
        _ if !kinds.contains(&kind) => None,
        ConnectionKind::Jenkins => Some(("job", "ops/restart-service", driver.job.is_some())),
        ConnectionKind::Marathon => Some(("app", "/core/symxchange-http-server", driver.app.is_some())),
        ConnectionKind::Kubernetes => Some(("deployment", "symxchange-http-server", driver.deployment.is_some())),
        _ => None,
    };
    let Some((key, example, is_there)) = needed else {
        let what = match of {
            Capability::Restart => "nothing can be restarted",
            Capability::Deploys => "deployments are not seen",
            _ => "instances are not seen",
        };
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let names = names.split_last().map(|(last, rest)| format!("{} or {last}", rest.join(", "))).unwrap_or_default();
        let message = format!("{what} through a connection of kind {}", kind.as_str());
        return Some(("with", message, format!("name one of kind {names}")));
    };
    let message = format!("a connection of kind {} needs `{key}` here", kind.as_str());
    (!is_there).then(|| ("with", message, format!("add for example `{key}: {example}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_filled_in_and_nothing_breaks_out_of_it() {
        let url = "https://kibana.example.org/app/discover?institution={institution}&from={from}".to_owned();
        let link = Link { name: "Logs".to_owned(), url, capability: Some(Capability::Logs), owner: None, learn: None };
        let value = |name: &str| (name == "institution").then(|| "a&b/../{from}".to_owned());
        assert_eq!(link.filled(value), "https://kibana.example.org/app/discover?institution=a%26b%2F..%2F%7Bfrom%7D&from=");
    }
}
