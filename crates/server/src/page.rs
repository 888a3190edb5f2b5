//! Instant pages: rendered here, no JavaScript, nothing loaded from anywhere. The one that matters most is opened by a
//! person who was asleep half a minute ago, on a phone.

use crate::app::App;
use askama::Template;
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::OnceLock;

mod acknowledge;
mod reach;
mod sign_in;

const STYLE: &str = include_str!("../templates/style.css");

/// Acknowledge pages, the links of tests, calendar feeds.
pub fn router() -> Router<App> {
    Router::new()
        .route("/a/{token}", get(acknowledge::show).post(acknowledge::act))
        .route("/received/{token}", post(reach::received))
        .route("/reached/{token}", get(reach::show).post(reach::confirm))
        .route("/calendar/{file}", get(reach::calendar))
}

/// Signing in.
pub fn door() -> Router<App> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-in/passkey.js", get(sign_in::passkey_script))
        .route("/sign-in/zone.js", get(sign_in::zone_script))
        .route("/sign-in/oidc", get(sign_in::to_provider))
        .route(crate::ops::sign_in::oidc::CALLBACK, get(sign_in::from_provider))
        .route("/demo", get(sign_in::demo))
        .route("/welcome/{token}", get(sign_in::welcome).post(sign_in::begin))
}

/// How texts go into pages; named in `askama.toml`.
#[derive(Clone, Copy)]
pub struct Html;

impl askama::filters::Escaper for Html {
    fn write_escaped_str<W: std::fmt::Write>(&self, mut dest: W, text: &str) -> std::fmt::Result {
        let mut from = 0;
        for (at, c) in text.char_indices() {
            let entity = match c {
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '"' => "&quot;",
                '\'' => "&#39;",
                _ => continue,
            };
            dest.write_str(&text[from..at])?;
            dest.write_str(entity)?;
            from = at + 1;
        }
        dest.write_str(&text[from..])
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    style: &'static str,
    title: &'a str,
    /// HTML of our own.
    body: &'a str,
}

/// A page of a title and some HTML that is ours.
pub fn plain(title: &str, body: &str) -> String {
    render(&Message { style: STYLE, title, body })
}

fn render(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be rendered");
        "Firedog could not show this page.".to_owned()
    })
}

/// A page with the headers that keep it to itself: nothing loaded, nothing kept, nothing told to the next site, framed
/// by nobody, indexed by nobody.
fn guarded(status: StatusCode, html: String) -> Response {
    let mut response = (status, axum::response::Html(html)).into_response();
    guard(response.headers_mut());
    response
}

fn guard(headers: &mut HeaderMap) {
    static POLICY: OnceLock<HeaderValue> = OnceLock::new();
    let policy = POLICY.get_or_init(|| {
        use base64::Engine as _;
        use sha2::{Digest, Sha256};
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        let text =
            format!("default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
        HeaderValue::from_str(&text).expect("base64 is a header value")
    });
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::filters::Escaper;

    #[test]
    fn nothing_that_html_knows_gets_through() {
        let mut text = String::new();
        Html.write_escaped_str(&mut text, "a<b>\"ü\"&'</b>").unwrap();
        assert_eq!(text, "a&lt;b&gt;&quot;ü&quot;&amp;&#39;&lt;/b&gt;");
    }
}
