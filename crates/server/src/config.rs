//! Settings of the server: defaults < `firedog.toml` < `FIREDOG_*` < flags. An unknown key is an
//! error, because a misspelt setting of a pager is found out at night.

use crate::auth::Role;
use crate::secret::Secret;
use firedog_connectors::targets::Network;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

mod values;
pub use values::SETTINGS;

/// What the server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Serves only acknowledge pages, provider callbacks and ingest.
    pub public_listen: Option<SocketAddr>,
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`; may hold a password.
    pub database: Secret,
    /// Without a slash at the end. `None`: `http://` and the address that was bound.
    pub public_url: Option<String>,
    pub admin_token: Option<Secret>,
    /// `None`: beside the SQLite file.
    pub secret_key_file: Option<PathBuf>,
    /// Where connections' mounted secrets are.
    pub secrets_dir: Option<PathBuf>,
    pub smtp_url: Option<Secret>,
    /// Sender of the mails; without it, `firedog@` and the host of the public URL.
    pub smtp_from: Option<String>,
    /// The identity provider that people may sign in at.
    pub oidc_issuer: Option<String>,
    pub oidc_client_id: Option<String>,
    pub oidc_client_secret: Option<Secret>,
    /// Claim that lists somebody's groups.
    pub oidc_groups_claim: String,
    /// Groups with the roles that they give.
    pub oidc_roles: Vec<(String, Role)>,
    pub retention: SignedDuration,
    /// Networks (CIDR) that people who are no administrators may name as targets.
    pub allow_targets: Vec<Network>,
    /// Events per second and integration key.
    pub ingest_rate: u32,
    /// Events that a key may send at once after a quiet time.
    pub ingest_burst: u32,
    /// `info`, `firedog=debug`: the syntax of tracing's filter.
    pub log: String,
    /// A demonstration: the app says so on every screen.
    pub demo: bool,
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What is wrong with the settings: every mistake at once.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            write!(f, "{gap}settings: {mistake}")?;
        }
        Ok(())
    }
}

/// Where a value came from: said in errors, because four places can set one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

type Values = BTreeMap<&'static str, (String, Origin)>;

/// Used where no `--config` is given, if it is there.
pub const DEFAULT_FILE: &str = "firedog.toml";

impl Config {
    /// Reads the settings. `file`: the argument of `--config`. `environment`: all variables; those
    /// that do not begin with `FIREDOG_` are passed over. `flags`: setting and value, as
    /// `("listen", "127.0.0.1:0")`.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut values = Values::new();
        let mut mistakes = Vec::new();
        match file {
            Some(path) => values::from_file(path, &mut values, &mut mistakes),
            None if Path::new(DEFAULT_FILE).exists() => {
                values::from_file(Path::new(DEFAULT_FILE), &mut values, &mut mistakes);
            }
            None => {}
        }
        values::from_environment(environment, &mut values, &mut mistakes);
        for (name, value) in flags {
            match values::known(name) {
                Some(setting) => {
                    values.insert(setting, (value.clone(), Origin::Flag(format!("--{name}"))));
                }
                None => mistakes.push(values::unknown(name, "--")),
            }
        }
        let config = Self::parse(&values, &mut mistakes);
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
    }

    fn parse(values: &Values, mistakes: &mut Vec<String>) -> Self {
        let mut read = values::Reader { values, mistakes };
        Self {
            listen: read.or("listen", SocketAddr::from(([127, 0, 0, 1], 8700)), values::address),
            public_listen: read.optional("public_listen", values::address),
            database: Secret::new(read.or("database", "sqlite:firedog.db".to_owned(), values::database)),
            public_url: read.optional("public_url", values::public_url),
            admin_token: read.optional("admin_token", values::text).map(Secret::new),
            secret_key_file: read.optional("secret_key_file", |text| Ok(PathBuf::from(text))),
            secrets_dir: read.optional("secrets_dir", |text| Ok(PathBuf::from(text))),
            smtp_url: read.optional("smtp_url", values::smtp_url).map(Secret::new),
            smtp_from: read.optional("smtp_from", values::text),
            oidc_issuer: read.optional("oidc_issuer", values::public_url),
            oidc_client_id: read.optional("oidc_client_id", values::text),
            oidc_client_secret: read.optional("oidc_client_secret", values::text).map(Secret::new),
            oidc_groups_claim: read.or("oidc_groups_claim", "groups".to_owned(), values::text),
            oidc_roles: read.or("oidc_roles", Vec::new(), crate::ops::sign_in::oidc::read_roles),
            retention: read.or("retention", SignedDuration::from_hours(400 * 24), firedog_domain::time::parse_length),
            allow_targets: read.or("allow_targets", Vec::new(), values::networks),
            ingest_rate: read.or("ingest_rate", 1_000, values::at_least_one),
            ingest_burst: read.or("ingest_burst", 10_000, values::at_least_one),
            demo: read.or("demo", false, values::yes_or_no),
            log: read.or("log", "info".to_owned(), values::text),
            log_format: read.or("log_format", LogFormat::Text, values::log_format),
        }
    }

    /// The settings as they are in force, for people: of secrets only that they are there.
    pub fn shown(&self, links_base: &str) -> Vec<(&'static str, String)> {
        let set = |there: bool| if there { "set".to_owned() } else { "not set".to_owned() };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "not set".to_owned());
        let scheme = self.database.expose().split(':').next().unwrap_or_default().to_owned();
        let length = firedog_domain::time::length_text;
        vec![
            ("listen", self.listen.to_string()),
            ("public_listen", or_none(self.public_listen.map(|address| address.to_string()))),
            ("database", self.sqlite_file().map_or(scheme, |file| format!("sqlite:{}", file.display()))),
            ("public_url", links_base.to_owned()),
            ("admin_token", set(self.admin_token.is_some())),
            ("secrets_dir", or_none(self.secrets_dir.as_ref().map(|dir| dir.display().to_string()))),
            ("smtp_url", set(self.smtp_url.is_some())),
            ("smtp_from", or_none(self.smtp_from.clone())),
            ("oidc_issuer", or_none(self.oidc_issuer.clone())),
            ("oidc_client_id", or_none(self.oidc_client_id.clone())),
            ("oidc_client_secret", set(self.oidc_client_secret.is_some())),
            ("oidc_groups_claim", self.oidc_groups_claim.clone()),
            (
                "oidc_roles",
                self.oidc_roles.iter().map(|(group, role)| format!("{group}={}", role.as_str())).collect::<Vec<_>>().join(","),
            ),
            ("retention", length(self.retention)),
            (
                "allow_targets",
                if self.allow_targets.is_empty() { "none".to_owned() } else { format!("{} networks", self.allow_targets.len()) },
            ),
            ("ingest_rate", self.ingest_rate.to_string()),
            ("ingest_burst", self.ingest_burst.to_string()),
            ("demo", self.demo.to_string()),
            ("log", self.log.clone()),
        ]
    }

    /// The SQLite file, if the database is one that has a file.
    pub fn sqlite_file(&self) -> Option<&Path> {
        let path = self.database.expose().strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        (path != ":memory:" && !path.is_empty()).then(|| Path::new(path))
    }

    /// Where the key for secrets at rest is. `None`: nothing is kept (a database in memory).
    pub fn key_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        if let Some(path) = &self.secret_key_file {
            return Ok(Some(path.clone()));
        }
        if self.database.expose().starts_with("postgres") {
            return Err(ConfigError(vec![
                "the database is PostgreSQL, so several servers may share it: set FIREDOG_SECRET_KEY_FILE to a file that all of \
                 them have (it is made if it is missing)"
                    .to_owned(),
            ]));
        }
        Ok(self.sqlite_file().map(|db| {
            let mut name = db.as_os_str().to_owned();
            name.push(".key");
            PathBuf::from(name)
        }))
    }

    /// Links in pages begin with this. `bound`: the address that was bound, for the default.
    pub fn links_base(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let host = if bound.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bound.ip().to_string() };
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            format!("http://{host}:{}", bound.port())
        })
    }
}

#[cfg(test)]
mod tests;
