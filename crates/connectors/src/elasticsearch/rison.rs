//! Rison, the notation of Kibana's state in an address: `(k:v,list:!(a,b),yes:!t)`.

use serde_json::Value;
use std::fmt::Write as _;

/// `value` in rison, percent-encoded for the part of an address behind `#`. Depth is that of our own values.
pub(super) fn encoded(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    percent(&text)
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("!n"),
        Value::Bool(true) => out.push_str("!t"),
        Value::Bool(false) => out.push_str("!f"),
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::String(text) => string(out, text),
        Value::Array(items) => {
            out.push_str("!(");
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                write(out, item);
            }
            out.push(')');
        }
        Value::Object(fields) => {
            out.push('(');
            for (n, (name, value)) in fields.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                string(out, name);
                out.push(':');
                write(out, value);
            }
            out.push(')');
        }
    }
}

fn string(out: &mut String, text: &str) {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-./~".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if !text.is_empty() && !starts && text.chars().all(bare) {
        out.push_str(text);
        return;
    }
    out.push('\'');
    for c in text.chars() {
        if matches!(c, '\'' | '!') {
            out.push('!');
        }
        out.push(c);
    }
    out.push('\'');
}

/// Brackets and quotes are encoded too: chat clients end a link there, and Kibana decodes them.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b'!'
            | b','
            | b':'
            | b'@'
            | b'/'
            | b'*'
            | b'$' => {
                out.push(char::from(byte));
            }
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rison(value: Value) -> String {
        let mut text = String::new();
        write(&mut text, &value);
        text
    }

    #[test]
    fn rison_as_kibana_reads_it() {
        for (value, text) in [
            (json!({ "a": "b", "l": ["x", 1, true, false, null], "o": {} }), "(a:b,l:!(x,1,!t,!f,!n),o:())"),
            (json!(["@timestamp", "desc"]), "!('@timestamp',desc)"),
            (json!("it's! 1"), "'it!'s!! 1'"),
            (json!(""), "''"),
            (json!("-a"), "'-a'"),
            (json!("2026-01-02T03:04:05Z"), "'2026-01-02T03:04:05Z'"),
            (json!("now-30m"), "now-30m"),
            (json!("interaction-logs-*"), "'interaction-logs-*'"),
        ] {
            assert_eq!(rison(value), text);
        }
    }

    #[test]
    fn nothing_leaves_the_value() {
        let text = encoded(&json!("a b&c#d%e+f\"g<h>ü|('"));
        assert_eq!(text, "%27a%20b%26c%23d%25e%2Bf%22g%3Ch%3E%C3%BC%7C%28!%27%27");
    }
}
