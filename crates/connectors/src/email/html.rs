//! The HTML part: small, inline styles, one button, fit for the dark.

use super::{local_time, text};
use crate::bounds::one_line;
use crate::message::{Aside, Message};
use firedog_domain::delivery::Kind;
use firedog_domain::setup::{Content, Urgency};

pub(super) fn html(message: &Message) -> String {
    let accent = match (message.kind, message.alert.urgency) {
        _ if message.aside.is_some() => "#1f5fa8",
        (Kind::Page, Urgency::High) => "#b3261e",
        (Kind::Page, Urgency::Low) => "#7a5900",
        (Kind::Acknowledged, _) => "#1f5fa8",
        (Kind::Resolved, _) => "#1b6e3a",
    };
    let mut body = String::new();
    let mut row = |style: &str, content: &str| body.push_str(&format!("<p style=\"margin:0 0 12px;{style}\">{content}</p>\n"));
    if message.aside == Some(Aside::Test) {
        row("font-weight:bold", "TEST. Nothing is wrong; somebody tries out this contact method.");
    }
    row("font-size:20px;font-weight:bold;line-height:1.3", &escape(&text::headline(message)));
    row("", &escape(&text::why(message)));
    let button = format!(
        "<a href=\"{}\" style=\"display:block;padding:16px;border-radius:8px;background:{accent};color:#ffffff;font-size:18px;font-weight:bold;text-align:center;text-decoration:none\">{}</a>",
        escape(&message.ack_url),
        text::link_word(message)
    );
    row("margin:20px 0", &button);
    if message.content == Content::Full && message.aside != Some(Aside::Ask) {
        row("", &escape(&text::facts(message)));
        let labels: Vec<_> = text::labels(&message.alert)
            .into_iter()
            .map(|(name, value)| format!("<b>{}</b> {}", escape(name), escape(&value)))
            .collect();
        if !labels.is_empty() {
            row("font-size:14px", &labels.join("<br>"));
        }
    }
    let link = |(line, url): &(String, &str)| {
        format!("{} &nbsp; <a href=\"{}\">{}</a>", escape(line), escape(url), text::link_word(message))
    };
    let mut others: Vec<_> = text::others(message).iter().map(link).collect();
    others.extend(text::unnamed(message));
    if !others.is_empty() {
        row("", &format!("Also:<br>{}", others.join("<br>")));
    }
    if message.content == Content::Full && !message.why.is_empty() {
        let lines: Vec<_> = message.why.iter().map(|line| escape(&one_line(line))).collect();
        row("font-size:14px", &lines.join("<br>"));
    }
    let foot = format!(
        "To {}, {} · {}",
        escape(&one_line(&message.user_name)),
        local_time(message, message.at),
        escape(&message.public_url)
    );
    row("font-size:12px;opacity:.7", &foot);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"supported-color-schemes\" content=\"light dark\">\
         <title>{title}</title></head>\n\
         <body style=\"margin:0;padding:16px;font:16px/1.5 system-ui,sans-serif\">\n\
         <div style=\"max-width:520px;margin:0 auto;border-top:6px solid {accent};padding-top:16px\">\n{body}</div>\n</body></html>\n",
        title = escape(&text::subject(message)),
    )
}

/// For text and for attributes in double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
