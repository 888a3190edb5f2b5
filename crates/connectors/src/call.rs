//! Calls to systems that an administrator has connected: where, as whom, how many at once, and what an answer means.
//!
//! ```text
//! site.get(&["api", "v1", "query"]).query("query", "up").send().await?.json::<Body>()?
//! ```

use crate::http;
use crate::slots::Slots;
use crate::targets::Targets;
use auth::Identity;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

mod answer;
mod auth;
mod error;
mod said;
#[cfg(test)]
pub(crate) mod script;

pub use answer::Answer;
pub use auth::Auth;
pub use error::CallError;

/// Most calls over one connection at once: enough for one runbook's steps, little enough that a system in trouble is not pushed over by us.
pub const AT_ONE_SITE: usize = 5;
/// From the first packet to the end of the answer, unless a call sets another.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that a call may set.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(120);
/// Largest body of an answer, unless a call sets another: a page of search results has some hundred kilobytes.
pub const MAX_BODY: usize = 4 << 20;
/// How much of an error's body is read to say what was wrong.
const MAX_ERROR_BODY: usize = 64 << 10;
/// The longest path segment and query value; longer ones belong into a body.
const MAX_PART: usize = 8 << 10;
/// The longest name of a host (RFC 1035).
const MAX_HOST: usize = 255;

/// What a check of a connection found, for `firedog doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which system it is, by its own words where it has any.
    pub system: String,
    pub version: Option<String>,
    /// As whom we are known there.
    pub identity: Option<String>,
    /// What works, but not as it should.
    pub notes: Vec<String>,
}

/// One connection. Clones share its turns and its open connections.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    base: Url,
    client: Client,
    identity: Identity,
    slots: Arc<Slots>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Site({})", self.0.base)
    }
}

impl Site {
    /// `url` may have a path, which stays in front of every call's. `authority`: certificates (PEM) that are believed beside
    /// the machine's. There is no way to believe every certificate.
    ///
    /// # Errors
    /// `Misconfigured`: which part of the connection is wrong.
    pub fn new(url: &str, auth: &Auth, authority: Option<&str>) -> Result<Self, CallError> {
        // An administrator has named it, so it may be inside.
        let targets = Targets { admin: true, allowed: [].into() };
        let mut base = targets.check_url(url.trim()).map_err(CallError::misconfigured)?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(CallError::misconfigured("the address has a user or password in it; write them as the connection's own"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(CallError::misconfigured("the address has a `?` or `#` in it; write it without"));
        }
        if let Ok(mut segments) = base.path_segments_mut() {
            segments.pop_if_empty();
        }
        let client = http::client(targets, TIMEOUT, authority).map_err(CallError::misconfigured)?;
        let identity = Identity::of(auth)?;
        Ok(Self(Arc::new(Inner { base, client, identity, slots: Arc::new(Slots::new(AT_ONE_SITE)) })))
    }

    /// Another host of the same system, as this one names it (an agent, a leader): same scheme, same auth, same certificates.
    ///
    /// # Errors
    /// `Misconfigured`: nothing is sent there.
    pub(crate) fn beside(&self, host: &str, port: u16) -> Result<Self, CallError> {
        let Inner { base, client, identity, slots } = &*self.0;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
        if host.is_empty() || host.len() > MAX_HOST || port == 0 || !host.chars().all(plain) {
            return Err(CallError::misconfigured("it names a host that is none"));
        }
        let targets = Targets { admin: true, allowed: [].into() };
        let url = targets.check_url(&format!("{}://{host}:{port}/", base.scheme())).map_err(CallError::misconfigured)?;
        let inner = Inner { base: url, client: client.clone(), identity: identity.clone(), slots: slots.clone() };
        Ok(Self(Arc::new(inner)))
    }

    /// Host and port, for messages.
    pub fn host(&self) -> String {
        let base = &self.0.base;
        format!("{}:{}", base.host_str().unwrap_or_default(), base.port_or_known_default().unwrap_or(0))
    }

    /// The address of something there, for links: each segment is encoded.
    ///
    /// # Errors
    /// `Rejected`: a segment would lead somewhere else.
    pub fn url(&self, path: &[&str]) -> Result<Url, CallError> {
        let mut url = self.0.base.clone();
        for (at, segment) in path.iter().enumerate() {
            let empty = segment.is_empty() && at + 1 < path.len();
            // The URL parser takes control characters away, so that `.\t.` would climb up.
            if empty || matches!(*segment, "." | "..") || segment.len() > MAX_PART || segment.chars().any(char::is_control) {
                return Err(CallError::rejected("a part of the path is empty, too long, `..` or has control characters"));
            }
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(url)
    }

    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path, Body::None)
    }

    pub fn post_json(&self, path: &[&str], body: &impl Serialize) -> Call<'_> {
        self.call(Method::POST, path, json(body))
    }

    pub fn post_form(&self, path: &[&str], form: &[(&str, &str)]) -> Call<'_> {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.call(Method::POST, path, Body::Bytes("application/x-www-form-urlencoded", text.into_bytes()))
    }

    /// A JSON merge patch; other patches go by [`raw`](Self::raw).
    pub fn patch(&self, path: &[&str], body: &impl Serialize) -> Call<'_> {
        let body = match json(body) {
            Body::Bytes(_, bytes) => Body::Bytes("application/merge-patch+json", bytes),
            other => other,
        };
        self.call(Method::PATCH, path, body)
    }

    /// Any method and any body; without a body if `content_type` is empty.
    pub fn raw(&self, method: Method, path: &[&str], content_type: &'static str, body: Vec<u8>) -> Call<'_> {
        let body = if content_type.is_empty() { Body::None } else { Body::Bytes(content_type, body) };
        self.call(method, path, body)
    }

    fn call(&self, method: Method, path: &[&str], body: Body) -> Call<'_> {
        let reads = matches!(method, Method::GET | Method::HEAD);
        let url = self.url(path);
        Call {
            site: self,
            method,
            url,
            headers: HeaderMap::new(),
            body,
            reads,
            takes: &[],
            timeout: TIMEOUT,
            max_body: MAX_BODY,
            cuts: false,
        }
    }

    /// `text` without anything that only the two of us should know, should the answer repeat it.
    fn clean(&self, text: &str, url: &Url) -> String {
        /// What is shorter stands in any text by chance.
        const SHORTEST: usize = 4;
        /// Values such as `true` or `json` say nothing of anybody.
        const SHORTEST_VALUE: usize = 6;
        let secrets = self.0.identity.secrets.iter().filter(|secret| secret.len() >= SHORTEST).cloned();
        let query = url.query().map(str::to_owned);
        let values = query.into_iter().chain(url.query_pairs().map(|(_, value)| value.into_owned()));
        let hidden = secrets.chain(values.filter(|value| value.len() >= SHORTEST_VALUE));
        hidden.fold(text.to_owned(), |text, hidden| text.replace(&hidden, crate::mask::MASK))
    }
}

enum Body {
    None,
    Bytes(&'static str, Vec<u8>),
    /// Cannot be written as JSON.
    Bad(String),
}

fn json(body: &impl Serialize) -> Body {
    match serde_json::to_vec(body) {
        Ok(bytes) => Body::Bytes("application/json", bytes),
        Err(error) => Body::Bad(error.to_string()),
    }
}

/// One call, not sent yet.
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'a> {
    site: &'a Site,
    method: Method,
    url: Result<Url, CallError>,
    headers: HeaderMap,
    body: Body,
    reads: bool,
    takes: &'static [u16],
    timeout: Duration,
    max_body: usize,
    cuts: bool,
}

impl Call<'_> {
    pub fn query(mut self, name: &str, value: &str) -> Self {
        match &mut self.url {
            Ok(_) if value.len() > MAX_PART => {
                self.url = Err(CallError::rejected(format!("`{name}` is too long for an address")))
            }
            Ok(url) => drop(url.query_pairs_mut().append_pair(name, value)),
            Err(_) => {}
        }
        self
    }

    /// `value` may come from outside; if it is no header, the call is `Rejected`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => drop(self.headers.insert(name, value)),
            _ => self.url = Err(CallError::rejected(format!("this cannot be sent as header `{name}`"))),
        }
        self
    }

    /// A POST that only reads (a search): an answer that cannot be understood means that nothing was done.
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// Statuses that are an answer to this call and no error. Their bodies may be web pages.
    pub fn takes(mut self, statuses: &'static [u16]) -> Self {
        self.takes = statuses;
        self
    }

    /// From the first packet to the end of the answer; at most [`MAX_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(MAX_TIMEOUT);
        self
    }

    /// Largest body of the answer, in bytes.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Reads the first `bytes` of the answer, and leaves the rest: for logs, which may be of any size.
    pub(crate) fn start_of(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self.cuts = true;
        self
    }

    /// One attempt, without any of its own repeats.
    ///
    /// # Errors
    /// By what the caller can do next; see [`CallError`].
    pub async fn send(self) -> Result<Answer, CallError> {
        let Self { site, method, url, headers, body, reads, takes, timeout, max_body, cuts } = self;
        let url = url?;
        let mut request = site.0.client.request(method, url.clone()).timeout(timeout).headers(headers);
        request = with_body(request, body)?;
        if let Some((name, value)) = &site.0.identity.header {
            request = request.header(name, value);
        }
        let slot = site.0.slots.take(&site.host()).await?;
        let sent = request.send().await;
        slot.answered(sent.is_ok());
        let clean = |error: CallError| error.with_reason(|reason| site.clean(reason, &url));
        let response = sent.map_err(|error| clean(error::unanswered(error)))?;
        let taken = takes.contains(&response.status().as_u16());
        if response.status().is_success() || taken {
            return answer::read(response, reads, taken, (max_body, cuts)).await.map_err(clean);
        }
        Err(clean(refused(response).await))
    }
}

fn with_body(request: RequestBuilder, body: Body) -> Result<RequestBuilder, CallError> {
    let request = request.header(ACCEPT, "application/json, text/plain;q=0.8, */*;q=0.1");
    match body {
        Body::None => Ok(request),
        Body::Bytes(content_type, bytes) => Ok(request.header(CONTENT_TYPE, content_type).body(bytes)),
        Body::Bad(reason) => Err(CallError::rejected(reason)),
    }
}

/// The answer is an error: whose?
async fn refused(mut response: Response) -> CallError {
    let status = response.status();
    let html = answer::is_html(response.headers());
    let after = answer::retry_after(response.headers());
    let to = answer::redirect_host(response.headers());
    let body = http::start_of(&mut response, MAX_ERROR_BODY).await;
    let said = said::said(html, &body);
    let reason = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            match CallError::retry(reason) {
                CallError::Retry { reason, .. } => CallError::Retry { after, reason },
                other => other,
            }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            CallError::misconfigured(reason)
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => CallError::missing(reason),
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => CallError::conflict(reason),
        _ if status.is_redirection() => {
            CallError::misconfigured(format!("HTTP {status} to {to}: redirects are not followed; is the address right?"))
        }
        _ if status.is_server_error() => CallError::unknown(reason),
        _ => CallError::rejected(reason),
    }
}

#[cfg(test)]
mod tests;
