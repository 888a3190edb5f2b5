//! What the read API answers. The clients' generated code decodes strictly: every field that is
//! required must be there, arrays must not be null, times must be RFC 3339.

use super::text::Labels;
use super::{RESOLVE_TIMEOUT, fingerprint};
use crate::when;
use firedog_domain::alert::Alert;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub(crate) fn time<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&when::millis(*at))
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    pub annotations: Labels,
    #[serde(serialize_with = "time")]
    pub ends_at: Timestamp,
    pub fingerprint: String,
    pub receivers: Vec<Receiver>,
    #[serde(serialize_with = "time")]
    pub starts_at: Timestamp,
    pub status: StatusOfAlert,
    #[serde(serialize_with = "time")]
    pub updated_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    pub labels: Labels,
}

impl GettableAlert {
    /// An open alert as Alertmanager would show it. `details` are those of its latest event, which hold
    /// the annotations; an alert that came in another dialect has none. Without a lease it counts as
    /// firing for [`RESOLVE_TIMEOUT`] from `now`.
    pub fn of(alert: &Alert, details: Option<&Value>, receiver: &str, status: StatusOfAlert, now: Timestamp) -> Self {
        let text = |name: &str| details.and_then(|details| details.get(name)?.as_str()).unwrap_or("").to_owned();
        let annotations = details.and_then(|details| details.get("annotations")?.as_object()).into_iter().flatten();
        let is_fingerprint =
            alert.dedup_key.len() == 16 && alert.dedup_key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        Self {
            annotations: annotations.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect(),
            ends_at: alert.quiet_at.unwrap_or_else(|| firedog_domain::time::after(now, RESOLVE_TIMEOUT)),
            fingerprint: if is_fingerprint { alert.dedup_key.clone() } else { fingerprint(&alert.labels) },
            receivers: vec![Receiver { name: receiver.to_owned() }],
            starts_at: alert.started_at.unwrap_or(alert.created_at),
            status,
            updated_at: alert.updated_at,
            generator_url: text("generatorURL"),
            labels: alert.labels.clone(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusOfAlert {
    pub state: AlertState,
    /// Ids of silences.
    pub silenced_by: Vec<String>,
    /// Fingerprints.
    pub inhibited_by: Vec<String>,
    /// Names of time intervals (our maintenance windows).
    pub muted_by: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    Unprocessed,
    #[default]
    Active,
    Suppressed,
}

impl StatusOfAlert {
    /// Active, or suppressed by any of these.
    pub fn new(silenced_by: Vec<String>, muted_by: Vec<String>) -> Self {
        let held = !silenced_by.is_empty() || !muted_by.is_empty();
        Self {
            state: if held { AlertState::Suppressed } else { AlertState::Active },
            silenced_by,
            inhibited_by: Vec::new(),
            muted_by,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receiver {
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertGroup {
    pub labels: Labels,
    pub route_labels: Labels,
    pub receiver: Receiver,
    pub alerts: Vec<GettableAlert>,
}

/// `GET /status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub cluster: Cluster,
    pub config: Config,
    /// When the server started (sic).
    #[serde(serialize_with = "time")]
    pub uptime: Timestamp,
    pub version_info: VersionInfo,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    pub name: String,
    pub status: &'static str,
    pub peers: Vec<Peer>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peer {
    pub name: String,
    pub address: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    pub original: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    pub version: String,
    pub revision: String,
    pub branch: String,
    pub build_user: String,
    pub build_date: String,
    pub go_version: String,
}

/// The Alertmanager whose API this is; amtool warns when its own major.minor differs.
pub const API_VERSION: &str = "0.34.0";

impl Status {
    pub fn new(receiver: &str, resolve_timeout: SignedDuration, started_at: Timestamp, build: &str) -> Self {
        Self {
            cluster: Cluster { name: "firedog".to_owned(), status: "disabled", peers: Vec::new() },
            config: Config { original: original_config(receiver, resolve_timeout) },
            uptime: started_at,
            version_info: VersionInfo {
                version: API_VERSION.to_owned(),
                revision: String::new(),
                branch: String::new(),
                build_user: format!("firedog {build}"),
                build_date: String::new(),
                go_version: String::new(),
            },
        }
    }
}

/// An Alertmanager configuration that says what there is to say: one route, one receiver. amtool
/// parses it for `config show` and `config routes`.
pub fn original_config(receiver: &str, resolve_timeout: SignedDuration) -> String {
    // A JSON string is a YAML string, whatever is in it.
    let name = serde_json::Value::from(receiver);
    let seconds = resolve_timeout.as_secs().max(1);
    format!("global:\n  resolve_timeout: {seconds}s\nroute:\n  receiver: {name}\nreceivers:\n- name: {name}\n")
}
