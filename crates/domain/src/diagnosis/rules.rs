//! The root error of a failed call. Deterministic: a list of rules over texts, the innermost text that any rule knows.
//!
//! A failure is reported by layers that wrap each other (`ExecutionException: … Caused by: ConnectException: Connection refused`).
//! What decides is the innermost one; a wrapper is only ever the answer where nothing inside of it is known.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text of one line that is looked at, in bytes: what a stack ends with stands at its end, so both ends count.
const MAX_TEXT: usize = 32 << 10;
/// Lines that are looked at; more tell no more.
pub const MAX_LINES: usize = 1_000;
/// Fewer failed calls tell of no cause.
pub const LEAST_LINES: usize = 3;
/// Below this share of the failed calls the first cause has no clear majority.
const MAJORITY: f64 = 0.6;

/// What a failed call says. All texts are masked already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    pub error_type: String,
    pub message: String,
    /// Where there is one.
    pub stack: String,
}

/// A class of root errors. The words are those of the actions' table.
struct Rule {
    class: &'static str,
    /// Any of these, in lower case, somewhere in the text.
    marks: &'static [&'static str],
}

/// In order: what is more exact comes first.
const RULES: &[Rule] = &[
    Rule {
        class: "pool_exhausted",
        marks: &[
            "pool timeout",
            "pool is exhausted",
            "pool exhausted",
            "poolexhausted",
            "timeout waiting for connection from pool",
            "connectionpooltimeoutexception",
            "connection is not available, request timed out",
            "too many open connections",
            "thread starvation",
            "rejectedexecutionexception",
            "unable to acquire connection",
        ],
    },
    Rule {
        class: "maintenance",
        marks: &[
            "host not available",
            "memo mode",
            "in maintenance",
            "end of day processing",
            "end-of-day processing",
            "system is closed",
        ],
    },
    Rule {
        class: "tls",
        marks: &[
            "pkix",
            "sslhandshakeexception",
            "handshake_failure",
            "handshake failure",
            "certificate has expired",
            "certificate expired",
            "certificateexpiredexception",
            "notafter",
            "no subject alternative",
            "hostname mismatch",
            "name mismatch",
            "unable to find valid certification path",
            "self signed certificate",
            "self-signed certificate",
            "unknown_ca",
            "bad_certificate",
            "certificate verify failed",
            "invalid peer certificate",
            "tls_error",
        ],
    },
    Rule {
        class: "name_resolution",
        marks: &[
            "unknownhostexception",
            "name or service not known",
            "nodename nor servname",
            "temporary failure in name resolution",
            "no such host",
            "enotfound",
            "nxdomain",
            "unresolvedaddressexception",
        ],
    },
    Rule {
        class: "authentication",
        marks: &[
            "failedauthentication",
            "authentication failed",
            "authenticationexception",
            "invalid credentials",
            "invalid password",
            "administrative password",
            "access denied",
            "logon failed",
            "not authorized",
            "unauthorized",
            "http 401",
            "http 403",
            "status 401",
            "status 403",
        ],
    },
    Rule {
        class: "connection_refused",
        marks: &["connection refused", "connection_refused", "actively refused", "econnrefused", "refused the connection"],
    },
    Rule {
        class: "connect_timeout",
        marks: &[
            "connect timed out",
            "connect timeout",
            "connect_timeout",
            "connecttimeoutexception",
            "connection timed out",
            "no route to host",
            "host is unreachable",
            "network is unreachable",
            "ehostunreach",
        ],
    },
    Rule {
        class: "read_timeout",
        marks: &[
            "read timed out",
            "read timeout",
            "read_timeout",
            "readtimeoutexception",
            "sockettimeoutexception",
            "deadline exceeded",
        ],
    },
    Rule {
        class: "reset",
        marks: &[
            "connection reset",
            "connection_reset",
            "econnreset",
            "unexpected end of stream",
            "premature eof",
            "eofexception",
            "broken pipe",
            "nohttpresponseexception",
            "connection closed by peer",
        ],
    },
    Rule {
        class: "soap_fault",
        marks: &[
            "soapfault",
            "soap fault",
            "unmarshal",
            "schema validation",
            "unexpected element",
            "saxparseexception",
            "soap_fault",
        ],
    },
    Rule {
        class: "http_5xx",
        marks: &[
            "http 500",
            "http 502",
            "http 503",
            "http 504",
            "status 500",
            "status 502",
            "status 503",
            "status 504",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "http_5xx",
        ],
    },
    Rule {
        class: "business",
        marks: &["record not found", "account not found", "invalid field", "insufficient funds", "business_error"],
    },
];

/// What only ever reports what happened further in. Never a cause by itself.
const WRAPPERS: &[&str] = &[
    "executionexception",
    "completionexception",
    "runtimeexception",
    "undeclaredthrowable",
    "invocationtargetexception",
    "request failed",
    "upstream call failed",
    "call failed",
];

/// The class of one text without layers.
fn class_of(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    RULES.iter().find(|rule| rule.marks.iter().any(|mark| lower.contains(mark))).map(|rule| rule.class)
}

/// The layers of a text, the outermost first: lines that begin with `Caused by:`, and what stands behind each `: ` of a line.
fn layers(text: &str) -> Vec<&str> {
    let mut layers = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        // Frames and counts of frames name methods, which are not what happened.
        if line.is_empty() || line.starts_with("at ") || line.starts_with("... ") {
            continue;
        }
        let mut rest = line;
        loop {
            layers.push(rest);
            let inner = ["nested exception is ", "Caused by: ", "caused by ", "reason: ", ": "]
                .iter()
                .filter_map(|mark| rest.find(mark).map(|at| at + mark.len()))
                .min();
            match inner {
                Some(at) if at < rest.len() => rest = rest[at..].trim_start(),
                _ => break,
            }
        }
    }
    layers
}

/// The root error of a failed call: of everything that is known in it, what stands furthest in. `other`: nothing of it is known.
pub fn classify(failed: &Failed) -> &'static str {
    // A stack says most, and its innermost cause stands last; then the message, then the type alone.
    let stack = ends(&failed.stack);
    let texts = [stack.as_str(), failed.message.as_str(), failed.error_type.as_str()];
    for text in texts {
        // An inner layer is a part of its outer ones: from the inside, the first that is known is the root.
        let known = layers(text).into_iter().rev().find_map(class_of);
        if let Some(class) = known {
            return class;
        }
    }
    "other"
}

/// Both ends of a text that is too long.
fn ends(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let cut = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}\n{}", &text[..cut(MAX_TEXT / 2)], &text[cut(text.len() - MAX_TEXT / 2)..])
}

/// Whether a text only wraps another one.
pub fn is_wrapper(text: &str) -> bool {
    let lower = text.to_lowercase();
    class_of(text).is_none() && WRAPPERS.iter().any(|wrapper| lower.contains(wrapper))
}

/// What failed calls have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Causes {
    /// Of most; `unclear` without a clear majority, or with too few lines.
    pub root: String,
    /// Of all that were looked at, 0 to 1.
    pub share: f64,
    pub counts: BTreeMap<String, usize>,
    pub mixed: bool,
    /// Too few to tell.
    pub few: bool,
    /// The type of one of the most frequent class, as the logs call it.
    pub sample: String,
    /// One whose certificate has expired, in so many words.
    pub expired: bool,
}

/// Longest sample, in characters.
const MAX_SAMPLE: usize = 100;

pub fn tally(lines: &[Failed]) -> Causes {
    let lines = &lines[..lines.len().min(MAX_LINES)];
    let classes: Vec<&'static str> = lines.iter().map(classify).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for class in &classes {
        *counts.entry((*class).to_owned()).or_default() += 1;
    }
    // Of two as frequent ones the first by name, so that the order of lines changes nothing.
    let first = counts.iter().max_by(|(a, n), (b, m)| n.cmp(m).then(b.cmp(a))).map(|(class, n)| (class.clone(), *n));
    let (root, most) = first.unwrap_or(("unclear".to_owned(), 0));
    #[allow(clippy::cast_precision_loss, reason = "at most a thousand lines")]
    let share = if lines.is_empty() { 0.0 } else { most as f64 / lines.len() as f64 };
    let few = lines.len() < LEAST_LINES;
    let mixed = !few && share < MAJORITY;
    // Of texts nothing is kept: customers' names and numbers stand in them in forms that no pattern knows.
    let of_root = classes.iter().zip(lines).filter(|(class, _)| ***class == *root).map(|(_, line)| line.error_type.as_str());
    let sample: String = of_root.min().map(|text| text.chars().take(MAX_SAMPLE).collect()).unwrap_or_default();
    let says_expired = |line: &Failed| {
        let text = format!("{} {} {}", line.error_type, line.message, line.stack).to_lowercase();
        ["certificate has expired", "certificate expired", "certificateexpired", "notafter"]
            .iter()
            .any(|mark| text.contains(mark))
    };
    let expired = classes.iter().zip(lines).any(|(class, line)| *class == "tls" && says_expired(line));
    Causes { root: if few || mixed { "unclear".to_owned() } else { root }, share, counts, mixed, few, sample, expired }
}
