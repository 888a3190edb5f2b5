//! As whom we call, and what of it must never be seen.

use super::CallError;
use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

/// As whom we call.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Auth {
    #[default]
    None,
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
    /// For instance `Authorization: ApiKey …` or `X-API-Key: …`.
    Header {
        name: String,
        value: String,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(****)",
            Self::Bearer(_) => "Bearer(****)",
            Self::Header { .. } => "Header(****)",
        })
    }
}

/// What is sent with every call.
#[derive(Clone, Default)]
pub(super) struct Identity {
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// What must never stand in a reason; the longest first, so that one that is part of another does not break it up.
    pub(super) secrets: Vec<String>,
}

impl Identity {
    pub(super) fn of(auth: &Auth) -> Result<Self, CallError> {
        let (name, value, mut secrets) = match auth {
            Auth::None => return Ok(Self::default()),
            Auth::Basic { user, password } => {
                if user.contains(':') {
                    return Err(CallError::misconfigured("a user name with `:` cannot be sent"));
                }
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                (AUTHORIZATION, format!("Basic {pair}"), vec![pair, password.clone()])
            }
            Auth::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.trim()), vec![token.trim().to_owned()]),
            Auth::Header { name, value } => {
                let name = HeaderName::try_from(name.as_str()).ok().filter(|name| !is_framing(name));
                let name = name.ok_or_else(|| CallError::misconfigured("the name of the header is not one that can be set"))?;
                (name, value.trim().to_owned(), value.split_whitespace().map(str::to_owned).collect())
            }
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| CallError::misconfigured("the secret has characters that cannot be sent"))?;
        value.set_sensitive(true);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(Self { header: Some((name, value)), secrets })
    }
}

/// Headers that say where a message begins, ends or goes to: they are the client's own.
fn is_framing(name: &HeaderName) -> bool {
    matches!(name.as_str(), "host" | "content-length" | "content-type" | "transfer-encoding" | "connection" | "upgrade" | "te")
}
