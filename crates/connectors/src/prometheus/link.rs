//! A link to the graph of a query.

use crate::call::CallError;
use jiff::Timestamp;
use url::Url;

/// Longest address that browsers and proxies take.
const MAX_LINK: usize = 8_000;

/// `base`: where people reach the server, which need not be where we do.
///
/// # Errors
/// `Rejected`: longer than an address may be.
pub fn graph(base: &Url, query: &str, from: Timestamp, to: Timestamp) -> Result<String, CallError> {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("graph");
    }
    let length_s = to.duration_since(from).as_secs().max(1);
    url.query_pairs_mut()
        .append_pair("g0.expr", query)
        .append_pair("g0.tab", "0")
        .append_pair("g0.range_input", &format!("{length_s}s"))
        // In UTC, as the page reads it.
        .append_pair("g0.end_input", &to.strftime("%Y-%m-%d %H:%M:%S").to_string());
    let link = String::from(url);
    if link.len() > MAX_LINK { Err(CallError::rejected("the link would be too long for a browser")) } else { Ok(link) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_of_the_time_in_question() {
        let base = "https://prometheus.example/prefix/?x=1#y".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let link = graph(&base, "rate(x{a=\"b&c\"}[5m]) > 0", at("2026-01-02T03:00:00Z"), at("2026-01-02T03:30:00Z"));
        assert_eq!(
            link.unwrap(),
            "https://prometheus.example/prefix/graph?g0.expr=rate%28x%7Ba%3D%22b%26c%22%7D%5B5m%5D%29+%3E+0&g0.tab=0&g0.range_input=1800s&g0.end_input=2026-01-02+03%3A30%3A00"
        );
        assert_eq!(
            graph(&base, &"x".repeat(9_000), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).unwrap_err().as_str(),
            "rejected"
        );
    }
}
