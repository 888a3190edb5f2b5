//! Reading the values of settings: from the file, the environment, and text into types.

use super::{Origin, Values};
use firedog_connectors::targets::Network;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Every setting: its name in `firedog.toml` (in the environment `FIREDOG_` and the name in capitals),
/// and whether it may be given as the name of a file that holds it (`NAME_file`).
pub const SETTINGS: [(&str, bool); 21] = [
    ("listen", false),
    ("public_listen", false),
    ("database", true),
    ("public_url", false),
    ("admin_token", true),
    ("secret_key_file", false),
    ("secrets_dir", false),
    ("smtp_url", true),
    ("smtp_from", false),
    ("oidc_issuer", false),
    ("oidc_client_id", false),
    ("oidc_client_secret", true),
    ("oidc_groups_claim", false),
    ("oidc_roles", false),
    ("retention", false),
    ("allow_targets", false),
    ("ingest_rate", false),
    ("ingest_burst", false),
    ("demo", false),
    ("log", false),
    ("log_format", false),
];

/// Variables of the command line client: not settings, and not mistakes.
const CLIENT: [&str; 3] = ["FIREDOG_SERVER", "FIREDOG_TOKEN", "FIREDOG_CONFIG"];

/// A value in a `_file` is a password or a URL; more than this is the wrong file.
const MAX_VALUE_FILE: usize = 64 * 1024;

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

pub(super) fn known(name: &str) -> Option<&'static str> {
    SETTINGS.iter().map(|(setting, _)| *setting).find(|setting| *setting == name)
}

/// The setting that a name means, and whether the value is the name of a file with the value.
fn meaning(name: &str) -> Option<(&'static str, bool)> {
    if let Some(setting) = known(name) {
        return Some((setting, false));
    }
    let base = name.strip_suffix("_file")?;
    SETTINGS.iter().find(|(setting, secret)| *setting == base && *secret).map(|(setting, _)| (*setting, true))
}

pub(super) fn unknown(name: &str, prefix: &str) -> String {
    let near = SETTINGS.iter().map(|(setting, _)| (distance(setting, name), *setting)).min();
    let shown = |setting: &str| if prefix == "FIREDOG_" { setting.to_ascii_uppercase() } else { setting.to_owned() };
    match near {
        Some((away, setting)) if away <= 3 => {
            format!("there is no setting `{prefix}{}`; did you mean `{prefix}{}`?", shown(name), shown(setting))
        }
        _ => {
            let all: Vec<_> = SETTINGS.iter().map(|(setting, _)| shown(setting)).collect();
            format!("there is no setting `{prefix}{}`; the settings are {}", shown(name), all.join(", "))
        }
    }
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

pub(super) fn from_file(path: &Path, values: &mut Values, mistakes: &mut Vec<String>) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => return mistakes.push(format!("{} cannot be read: {e}", path.display())),
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(e) => return mistakes.push(format!("{}: {e}", path.display())),
    };
    for (name, value) in table {
        let line = text.lines().position(|line| line.trim_start().starts_with(&name)).map_or(1, |at| at + 1);
        let place = format!("{}:{line}", path.display());
        let Some(value) = plain(&value) else {
            mistakes.push(format!("{place}: `{name}` must be a text, a number or a list of texts"));
            continue;
        };
        match meaning(&name) {
            Some(meaning) => set(meaning, value, Origin::File(path.to_owned()), values, mistakes),
            None => mistakes.push(format!("{place}: {}", unknown(&name, ""))),
        }
    }
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(n) => Some(n.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

pub(super) fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    values: &mut Values,
    mistakes: &mut Vec<String>,
) {
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix("FIREDOG_") else { continue };
        // Tests and drills tell each other things in `FIREDOG_TEST_…`, which a server that they start inherits.
        if name.starts_with("TEST_") || CLIENT.contains(&variable.as_str()) || is_service_link(name) {
            continue;
        }
        // An empty variable is how compose files and shells say "not set".
        if value.is_empty() {
            continue;
        }
        match meaning(&name.to_ascii_lowercase()) {
            Some(meaning) => set(meaning, value, Origin::Environment(variable), values, mistakes),
            None => mistakes.push(unknown(&name.to_ascii_lowercase(), "FIREDOG_")),
        }
    }
}

/// Kubernetes sets `FIREDOG_PORT`, `FIREDOG_SERVICE_HOST`, `FIREDOG_PORT_8700_TCP_ADDR` and more in every
/// container beside a Service that is called `firedog`.
fn is_service_link(name: &str) -> bool {
    name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_HOST") || name.starts_with("SERVICE_PORT")
}

fn set((setting, in_file): (&'static str, bool), value: String, origin: Origin, values: &mut Values, mistakes: &mut Vec<String>) {
    let value = if in_file {
        match std::fs::read_to_string(&value) {
            Ok(text) if text.len() <= MAX_VALUE_FILE => text.trim().to_owned(),
            Ok(_) => return mistakes.push(format!("{setting}: the file {value} is larger than any such value")),
            Err(e) => return mistakes.push(format!("{setting}: the file {value} cannot be read: {e}")),
        }
    } else {
        value
    };
    values.insert(setting, (value, origin));
}

pub(super) struct Reader<'a> {
    pub(super) values: &'a Values,
    pub(super) mistakes: &'a mut Vec<String>,
}

impl Reader<'_> {
    pub(super) fn optional<T>(&mut self, setting: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (text, origin) = self.values.get(setting)?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(why) => {
                self.mistakes.push(format!("{setting} (from {origin}): {why}"));
                None
            }
        }
    }

    pub(super) fn or<T>(&mut self, setting: &str, default: T, parse: impl Fn(&str) -> Result<T, String>) -> T {
        self.optional(setting, parse).unwrap_or(default)
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let hint = || format!("`{text}` is not an address to listen on; write for example 127.0.0.1:8700 or 0.0.0.0:8700");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    text.to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(hint)
}

/// The URL's text is a secret: an error never repeats it.
pub(super) fn database(text: &str) -> Result<String, String> {
    let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if known { Ok(text.to_owned()) } else { Err("write sqlite:FILE or postgres://user@host:port/db".to_owned()) }
}

pub(super) fn public_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|e| format!("`{text}` is not a URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` must begin with http:// or https:// and name a host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` must not have a query or a fragment: paths are put behind it"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn smtp_url(text: &str) -> Result<String, String> {
    let known = text.starts_with("smtp://") || text.starts_with("smtps://");
    if known { Ok(text.to_owned()) } else { Err("must begin with smtp:// or smtps://".to_owned()) }
}

#[allow(clippy::unnecessary_wraps, reason = "the shape that the reader wants")]
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn at_least_one(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| *n >= 1).ok_or_else(|| format!("`{text}` is not a whole number from 1"))
}

pub(super) fn log_format(text: &str) -> Result<super::LogFormat, String> {
    match text {
        "text" => Ok(super::LogFormat::Text),
        "json" => Ok(super::LogFormat::Json),
        _ => Err(format!("`{text}` is neither text nor json")),
    }
}

pub(super) fn networks(text: &str) -> Result<Vec<Network>, String> {
    text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
}
