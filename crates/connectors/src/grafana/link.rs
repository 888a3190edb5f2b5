//! Links to dashboards and panels: `/d/UID?from=&to=&var-x=&viewPanel=`.

use crate::call::CallError;
use jiff::Timestamp;
use url::Url;

/// Longest address that browsers and proxies take.
const MAX_LINK: usize = 8_000;

/// A dashboard at a time, with its variables set. `panel`: only this one, by its number. `base`: where people reach Grafana.
///
/// # Errors
/// `Rejected`: the UID is none, or the link is longer than an address may be.
pub fn dashboard(
    base: &Url,
    uid: &str,
    from: Timestamp,
    to: Timestamp,
    variables: &[(&str, &str)],
    panel: Option<u32>,
) -> Result<String, CallError> {
    // Grafana's own rule for UIDs.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if uid.is_empty() || uid.len() > 40 || !uid.chars().all(plain) {
        return Err(CallError::rejected("a dashboard's UID has up to 40 letters, digits, `-` and `_`"));
    }
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["d", uid]);
    }
    let millis = |at: Timestamp| at.as_millisecond().to_string();
    url.query_pairs_mut().append_pair("from", &millis(from)).append_pair("to", &millis(to));
    for (name, value) in variables {
        url.query_pairs_mut().append_pair(&format!("var-{name}"), value);
    }
    if let Some(panel) = panel {
        url.query_pairs_mut().append_pair("viewPanel", &panel.to_string());
    }
    let link = String::from(url);
    if link.len() > MAX_LINK { Err(CallError::rejected("the link would be too long for a browser")) } else { Ok(link) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashboard_and_a_panel_of_it() {
        let base: Url = "https://grafana.example/sub/".parse().unwrap();
        let from = "2026-01-02T02:04:00Z".parse().unwrap();
        let to = "2026-01-02T03:04:00Z".parse().unwrap();
        let link = |uid: &str, panel| dashboard(&base, uid, from, to, &[("institution", "inst-1&x"), ("env", "prod")], panel);
        let expected =
            "https://grafana.example/sub/d/uid1?from=1767319440000&to=1767323040000&var-institution=inst-1%26x&var-env=prod";
        assert_eq!(link("uid1", None).unwrap(), expected);
        assert_eq!(link("uid1", Some(4)).unwrap(), format!("{expected}&viewPanel=4"));
        for uid in ["", "../admin", "a/b", &"x".repeat(41)] {
            assert_eq!(link(uid, None).unwrap_err().as_str(), "rejected", "{uid}");
        }
        let long = "x".repeat(9_000);
        assert_eq!(dashboard(&base, "u", from, to, &[("v", &long)], None).unwrap_err().as_str(), "rejected");
    }
}
