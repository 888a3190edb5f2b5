//! The mailbox's page for people, and its list for programs.

use super::{Mail, Shared};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Json, Redirect};
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;

/// Shown at once, newest first; more would make a page that nobody reads.
const MAX_SHOWN: usize = 50;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/mails")))
        .route("/mails", get(show))
        .route("/mails.json", get(list))
        .with_state(shared)
}

async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Mail>> {
    Json(shared.book().mails.iter().cloned().collect())
}

async fn show(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let mails: Vec<Mail> = shared.book().mails.iter().rev().take(MAX_SHOWN).cloned().collect();
    // Mails are written by others: whatever they hold, this page runs no script and loads nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(render(&mails)))
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"refresh\" content=\"2\">\
<title>Mailbox (demo)</title><style>\
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem}\
article{border:1px solid #8886;border-radius:.5rem;padding:.75rem 1rem;margin:1rem 0}h2{font-size:1.1rem;margin:0}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:.5rem 0 0}p{margin:.25rem 0}small{opacity:.75}\
</style></head><body><h1>Mailbox</h1><p>A demo: mails from Firedog to people who do not exist. \
The newest comes first; the page looks for new ones by itself.</p>";

fn render(mails: &[Mail]) -> String {
    let mut page = HEAD.to_owned();
    if mails.is_empty() {
        page.push_str("<p><strong>Nothing yet.</strong></p>");
    }
    for mail in mails {
        page.push_str("<article><h2>");
        escape(&mail.subject, &mut page);
        page.push_str("</h2><small>to ");
        escape(&mail.to.join(", "), &mut page);
        page.push_str(" from ");
        escape(&mail.from, &mut page);
        // Writing to a string cannot fail.
        let _ = write!(page, ", {} s after the start</small><pre>", mail.after_ms / 1_000);
        for (text, link) in split_links(&mail.text) {
            escape(text, &mut page);
            if let Some(link) = link {
                page.push_str("<a href=\"");
                escape(link, &mut page);
                page.push_str("\">");
                escape(link, &mut page);
                page.push_str("</a>");
            }
        }
        page.push_str("</pre></article>");
    }
    page.push_str("</body></html>");
    page
}

fn escape(text: &str, page: &mut String) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            _ => page.push(character),
        }
    }
}

/// The text cut at its web addresses: each piece with the address that follows it.
pub(super) fn split_links(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let found = [text.find("http://"), text.find("https://")].into_iter().flatten().min();
        let Some(start) = found else {
            return Some((text, None));
        };
        let link = &text[start..];
        let end = link.find(|c: char| c.is_whitespace() || "<>\"'`".contains(c)).unwrap_or(link.len());
        // What ends a sentence does not belong to the address.
        let link = link[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']);
        rest = Some(&text[start + link.len()..]);
        Some((&text[..start], Some(link)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mailbox, client};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn finds_links() {
        let text = "See http://127.0.0.1:1/a?b=c&d, or (https://example.org/x). <http://c/>";
        let links: Vec<_> = split_links(text).filter_map(|(_, link)| link).collect();
        assert_eq!(links, ["http://127.0.0.1:1/a?b=c&d", "https://example.org/x", "http://c/"]);
        let whole: String = split_links(text).flat_map(|(text, link)| [text, link.unwrap_or_default()]).collect();
        assert_eq!(whole, text);
        assert_eq!(split_links("http:// https://").count(), 3);
    }

    #[test]
    fn what_a_mail_says_stays_text() {
        let mail = Mail {
            subject: "<script>alert(1)</script>".to_owned(),
            text: "<b> http://a/\"onclick='x' http://b/?x=1&y=2\n".to_owned(),
            ..Mail::default()
        };
        let page = render(&[mail]);
        assert!(!page.contains("<script>") && !page.contains("<b>") && !page.contains("'x'"));
        assert!(page.contains("<a href=\"http://a/\">http://a/</a>&quot;onclick"));
        assert!(page.contains("<a href=\"http://b/?x=1&amp;y=2\">"));
    }

    #[tokio::test]
    async fn shows_and_lists_what_came() {
        let mailbox = Mailbox::start(None).await.unwrap();
        let page = async || client().get(mailbox.web_url()).send().await.unwrap();
        assert!(page().await.text().await.unwrap().contains("Nothing yet."));

        let mut smtp = tokio::net::TcpStream::connect(mailbox.smtp_addr()).await.unwrap();
        let dialogue =
            "EHLO t\r\nMAIL FROM:<f@e.org>\r\nRCPT TO:<ada@e.org>\r\nDATA\r\nSubject: Fire\r\n\r\nhttp://a/b\r\n.\r\nQUIT\r\n";
        smtp.write_all(dialogue.as_bytes()).await.unwrap();
        smtp.read_to_end(&mut Vec::new()).await.unwrap();
        let mail = mailbox.wait_for(|mail| mail.subject == "Fire", Duration::from_secs(10)).await.unwrap();
        assert_eq!(mail.links(), ["http://a/b"]);

        let shown = page().await;
        assert!(shown.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let text = shown.text().await.unwrap();
        assert!(
            text.contains("<h2>Fire</h2>") && text.contains("href=\"http://a/b\"") && text.contains("http-equiv=\"refresh\"")
        );
        let listed: serde_json::Value = client().get(mailbox.web_url() + ".json").send().await.unwrap().json().await.unwrap();
        assert_eq!((listed[0]["subject"].as_str(), listed[0]["to"][0].as_str()), (Some("Fire"), Some("ada@e.org")));
        mailbox.stop().await;
    }
}
