//! The app: static files that Vite built and this binary carries. Whatever is asked for as a page and is no file is the
//! app's own address, so it gets the app.

use crate::app::App;
use crate::{page, secret};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{EmbeddedFile, RustEmbed};
use serde_json::json;

/// In debug builds read from the disk when asked for, so that the app can be built anew under a running server.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[exclude = ".vite/*"]
struct Dist;

const INDEX: &str = "index.html";
/// Names with a hash in them never change their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Asked for again each time, and answered by 304 when it is the same.
const ASK_AGAIN: &str = "no-cache";

/// What no other route took.
pub(crate) async fn fallback(State(app): State<App>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return nothing().await;
    }
    let path = request.uri().path().trim_start_matches('/');
    if path == "version.json" {
        return version();
    }
    if path != INDEX
        && let Some(answer) = file(path, request.headers())
    {
        return answer;
    }
    // A missing script answered by a page would be a riddle in the browser's console.
    let wants_page = path.is_empty() || accepts(request.headers(), header::ACCEPT, "text/html");
    if wants_page && !path.starts_with("assets/") { shell(&app) } else { nothing().await }
}

pub(crate) async fn nothing() -> Response {
    let html = page::plain("There is nothing here", "<p>The address is wrong, or it is not served here.</p>");
    (StatusCode::NOT_FOUND, Html(html)).into_response()
}

fn accepts(headers: &HeaderMap, name: header::HeaderName, what: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains(what))
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = Dist::get(path)?;
    let etag = etag(&plain);
    let cache = if path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let mut common = HeaderMap::new();
    let value = |text: &str| text.parse().expect("ASCII");
    common.insert(header::CACHE_CONTROL, value(cache));
    common.insert(header::VARY, value("accept-encoding"));
    common.insert(header::X_CONTENT_TYPE_OPTIONS, value("nosniff"));
    common.insert(header::ETAG, value(&etag));
    if accepts(headers, header::IF_NONE_MATCH, &etag) {
        return Some((StatusCode::NOT_MODIFIED, common).into_response());
    }
    common.insert(header::CONTENT_TYPE, value(content_type(path)));
    let brotli = accepts(headers, header::ACCEPT_ENCODING, "br").then(|| Dist::get(&format!("{path}.br"))).flatten();
    let body = match brotli {
        Some(packed) => {
            common.insert(header::CONTENT_ENCODING, value("br"));
            packed.data
        }
        None => plain.data,
    };
    Some((common, body.into_owned()).into_response())
}

fn etag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..12]))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Tells one build of the app from another.
fn build() -> Option<String> {
    Dist::get(INDEX).map(|index| etag(&index).trim_matches('"').to_owned())
}

/// An open app compares itself with this and offers to load the new one.
fn version() -> Response {
    let body = json!({ "version": env!("CARGO_PKG_VERSION"), "build": build() }).to_string();
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// The app's one page, with where it is served from, which build it is, and this answer's nonce for its styles.
fn shell(app: &App) -> Response {
    let Some(index) = Dist::get(INDEX) else { return unbuilt() };
    let Ok(nonce) = secret::random::<16>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes)) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "no randomness").into_response();
    };
    let base = base_path(&app.links_base);
    let html = String::from_utf8_lossy(&index.data)
        .replace("<base href=\"/\"", &format!("<base href=\"{base}\""))
        .replace("name=\"csp-nonce\" content=\"\"", &format!("name=\"csp-nonce\" content=\"{nonce}\""))
        .replace("name=\"build\" content=\"\"", &format!("name=\"build\" content=\"{}\"", build().unwrap_or_default()));
    let policy = format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none'; \
         frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    );
    let headers = [
        (header::CACHE_CONTROL, ASK_AGAIN.to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "same-origin".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, Html(html)).into_response()
}

/// `/`, or the path under which a proxy serves us, with a slash at its end.
fn base_path(links_base: &str) -> String {
    let path = url::Url::parse(links_base).map(|url| url.path().to_owned()).unwrap_or_default();
    let path = path.trim_end_matches('/');
    // It goes into an attribute; URLs have no quotes, and this holds whatever a setting says.
    format!("{}/", path.replace(['"', '<', '>'], ""))
}

fn unbuilt() -> Response {
    let html = page::plain(
        "Firedog is running",
        "<p>This binary was built without the app. Build it with <code>make app</code>, then build Firedog again.</p>\n\
         <p>Everything else works: the pages behind the links, the command line, and <a href=\"api\">the API</a>.</p>",
    );
    (StatusCode::OK, Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_the_path_of_the_public_url() {
        assert_eq!(base_path("http://127.0.0.1:8700"), "/");
        assert_eq!(base_path("https://ops.example.org/firedog"), "/firedog/");
        assert_eq!(base_path("not a url"), "/");
    }
}
