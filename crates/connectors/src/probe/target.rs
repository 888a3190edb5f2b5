//! What is probed, and how far.

use crate::targets::Targets;
use std::ops::RangeInclusive;
use std::str::FromStr;
use url::Url;

/// Statuses that are as they should be.
pub type Expected = RangeInclusive<u16>;

/// `dns://name`, `tcp://host:port`, `tls://host[:port]`, `http://…` or `https://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Dns { host: String },
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Http { url: Url, expected: Expected },
}

/// Answers, redirects among them.
const EXPECTED: Expected = 200..=399;

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || {
            format!(
                "`{}` cannot be probed; write for example https://host/path, tls://host:636 or tcp://host:5432",
                crate::bounds::cut(text, 100)
            )
        };
        if let Some(target) = plain(text.trim()) {
            return Ok(target);
        }
        let url = Url::parse(text.trim()).map_err(|_| hint())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("what is probed has no user or password in its address".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(hint)?.to_owned();
        match (url.scheme(), url.port()) {
            ("dns", None) => Ok(Self::Dns { host }),
            ("tcp", Some(port)) => Ok(Self::Tcp { host, port }),
            ("tls", port) => Ok(Self::Tls { host, port: port.unwrap_or(443) }),
            ("http" | "https", _) => {
                Targets { admin: true, allowed: [].into() }.check_url(url.as_str())?;
                Ok(Self::Http { url, expected: EXPECTED })
            }
            _ => Err(hint()),
        }
    }
}

/// `HOST:PORT`, which reads like an address without a path.
fn plain(text: &str) -> Option<Target> {
    let (host, port) = text.rsplit_once(':').filter(|(host, _)| !host.contains(['/', '@', '?', '#']))?;
    let url = Url::parse(&format!("tcp://{host}:{port}")).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
    Some(Target::Tcp { host, port: url.port()? })
}

impl Target {
    /// An HTTP target that answers as it should with one of these statuses.
    pub fn expecting(self, expected: Expected) -> Self {
        match self {
            Self::Http { url, .. } => Self::Http { url, expected },
            other => other,
        }
    }

    pub fn host(&self) -> &str {
        match self {
            Self::Dns { host } | Self::Tcp { host, .. } | Self::Tls { host, .. } => host,
            Self::Http { url, .. } => url.host_str().unwrap_or_default(),
        }
    }

    /// `HOST:PORT`, where there is one.
    pub fn place(&self) -> Option<String> {
        self.port().map(|port| format!("{}:{port}", self.host()))
    }

    /// The whole address, if it is HTTP's; without a query, which may carry what nobody else should read.
    pub fn address(&self) -> Option<String> {
        matches!(self, Self::Http { .. }).then(|| self.to_string())
    }

    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Dns { .. } => None,
            Self::Tcp { port, .. } | Self::Tls { port, .. } => Some(*port),
            Self::Http { url, .. } => url.port_or_known_default(),
        }
    }
}

/// Without a query, which may carry what nobody should read.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns { host } => write!(f, "dns://{host}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Tls { host, port } => write!(f, "tls://{host}:{port}"),
            Self::Http { url, .. } => f.write_str(url.as_str().split(['?', '#']).next().unwrap_or_default()),
        }
    }
}
