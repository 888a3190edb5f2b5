//! What every way out over HTTP shares: the client, and what can be told of an answer or an error.

use crate::bounds;
use crate::targets::{GuardedResolver, Refused, Targets};
use crate::trust;
use reqwest::{Client, Response};
use std::sync::Arc;
use std::time::Duration;

/// For the name, TCP and TLS. Shorter than any whole timeout, so that a timeout tells whether the request went out.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an error's body is read to say what was wrong.
const MAX_ERROR_BYTES: usize = 4 * 1024;

/// `whole`: from the first packet to the end of the answer. `authority`: certificates (PEM) that are believed beside the machine's.
pub(crate) fn client(targets: Targets, whole: Duration, authority: Option<&str>) -> Result<Client, String> {
    Client::builder()
        .user_agent(concat!("Firedog/", env!("CARGO_PKG_VERSION")))
        .timeout(whole)
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect would lead around the check of the target, and turn a POST into a GET.
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve the name itself, and so lead around the check as well.
        .no_proxy()
        .referer(false)
        .tls_backend_preconfigured(trust::client_config(authority)?)
        .dns_resolver(Arc::new(GuardedResolver(targets)))
        .pool_max_idle_per_host(4)
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| format!("the HTTP client cannot be built: {}", causes(&error)))
}

/// The first `max` bytes of a body, whether or not there is more; what came before it broke.
pub(crate) async fn start_of(response: &mut Response, max: usize) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < max
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read.extend_from_slice(&chunk[..chunk.len().min(max - read.len())]);
    }
    read
}

/// The start of an error's body, in one line. The answer is hostile: bounded, without control characters.
pub(crate) async fn first_line(mut response: Response) -> String {
    line(&start_of(&mut response, MAX_ERROR_BYTES).await)
}

/// The first line that says something, bounded.
pub(crate) fn line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    bounds::cut(&bounds::one_line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or("")), 200)
}

/// The name led only to addresses that nothing is sent to.
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Refused>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The error and its causes, which say more than the error.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    bounds::cut(&bounds::one_line(&text), 300)
}
