//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::script::{Request, Script, hostile, reply};

const CONNECTED: &str = include_str!("testdata/tcp-ok.txt");
const REFUSED: &str = include_str!("testdata/tcp-refused.txt");
const NO_NAME: &str = include_str!("testdata/name.txt");
const STATUS: &str = include_str!("testdata/http-405.txt");
const NO_TLS: &str = include_str!("testdata/tls.txt");
const OWN: &str = include_str!("testdata/metrics.txt");
const PLACE: &str = "core.example.org:8443";
const ADDRESS: &str = "https://core.example.org:8443/SymXchange";

fn text(body: &str) -> String {
    reply("200 OK", "text/plain; version=0.0.4; charset=utf-8", body)
}

async fn blackbox(module: Option<&str>, answers: impl IntoIterator<Item = String>) -> (Script, Blackbox) {
    let script = Script::of(answers).await;
    let blackbox = Blackbox::new(script.site(), module);
    (script, blackbox)
}

fn asked(request: &Request) -> (String, String) {
    (request.pair("module").unwrap(), request.pair("target").unwrap())
}

#[tokio::test]
async fn what_it_sees_is_told_from_its_metrics() {
    for (answer, reached, words) in
        [(CONNECTED, true, "connects in 1 ms"), (REFUSED, false, "does not connect"), (NO_NAME, false, "finds no address")]
    {
        let (script, blackbox) = blackbox(None, [text(answer)]).await;
        let seen = blackbox.look(PLACE, Some(ADDRESS)).await.unwrap();
        assert_eq!((seen.reached, seen.to_string().as_str()), (reached, words));
        // Not the whole address: its certificate may be one that nobody believes there.
        assert_eq!(asked(&script.requests()[0]), ("tcp_connect".to_owned(), PLACE.to_owned()));
        assert_eq!(script.requests()[0].header("x-prometheus-scrape-timeout-seconds"), Some("10"));
    }
}

#[tokio::test]
async fn a_module_for_http_is_given_the_address_and_a_405_has_come_there() {
    let (script, blackbox) = blackbox(Some("http_2xx"), [text(STATUS)]).await;
    let seen = blackbox.look(PLACE, Some(ADDRESS)).await.unwrap();
    assert_eq!((seen.reached, seen.ok, seen.to_string().as_str()), (true, false, "is answered with HTTP 405"));
    assert_eq!(asked(&script.requests()[0]), ("http_2xx".to_owned(), ADDRESS.to_owned()));
    // What is no address of HTTP's.
    let (script, blackbox) = super::tests::blackbox(Some("http_2xx"), [text(CONNECTED)]).await;
    assert!(blackbox.look(PLACE, None).await.unwrap().reached);
    assert_eq!(asked(&script.requests()[0]).1, PLACE);
}

#[tokio::test]
async fn a_certificate_that_is_not_believed_there_is_no_way_that_is_closed() {
    let (script, blackbox) = blackbox(Some("http_2xx"), [text(NO_TLS), text(CONNECTED)]).await;
    let seen = blackbox.look(PLACE, Some(ADDRESS)).await.unwrap();
    assert_eq!((seen.reached, seen.ok), (true, false));
    assert_eq!(asked(&script.requests()[1]), ("tcp_connect".to_owned(), PLACE.to_owned()));
    let (_, blackbox) = super::tests::blackbox(Some("http_2xx"), [text(NO_TLS), text(REFUSED)]).await;
    assert!(!blackbox.look(PLACE, Some(ADDRESS)).await.unwrap().reached);
}

#[tokio::test]
async fn a_check_asks_whether_the_module_is_known() {
    let (script, blackbox) = blackbox(None, [text(OWN), text(REFUSED)]).await;
    let found = blackbox.check().await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref(), found.notes.len()), ("blackbox exporter", Some("0.23.0"), 0));
    assert_eq!(asked(&script.requests()[1]).1, "127.0.0.1:9");
    // Nothing but probes is let through.
    let (_, blackbox) = super::tests::blackbox(None, [reply("403 Forbidden", "text/plain", "no"), text(REFUSED)]).await;
    assert_eq!(blackbox.check().await.unwrap().version, None);
    let unknown = reply("400 Bad Request", "text/plain", "Unknown module \"mine\"\n");
    let (_, blackbox) = super::tests::blackbox(Some("mine"), [text(OWN), unknown]).await;
    let error = blackbox.check().await.unwrap_err();
    assert!(error.as_str() == "misconfigured" && error.reason().contains("no module `mine`"), "{error:?}");
}

#[tokio::test]
async fn what_is_no_exporter_is_told() {
    for (answer, kind) in hostile() {
        let start: String = answer.chars().take(120).collect();
        let (_, blackbox) = blackbox(None, [answer]).await;
        let error = blackbox.look(PLACE, None).await.unwrap_err();
        // It reads text, where others read JSON.
        assert!(error.as_str() == kind || error.as_str() == "misconfigured", "{start}: {error:?}");
    }
    for body in [
        "",
        "up 1\n",
        "probe_success NaN\n",
        "probe_success 7\n",
        "probe_success\n",
        "# probe_success 1\n",
        "probe_success{x=\"y\"} 1\n",
    ] {
        let (_, blackbox) = super::tests::blackbox(None, [text(body)]).await;
        assert_eq!(blackbox.look(PLACE, None).await.unwrap_err().as_str(), "misconfigured", "{body}");
    }
    let odd = "probe_success 0\nprobe_http_status_code 99999999\nprobe_duration_seconds +Inf\nprobe_ip_protocol x\n";
    let (_, blackbox) = super::tests::blackbox(None, [text(odd)]).await;
    let seen = blackbox.look(PLACE, None).await.unwrap();
    assert_eq!((seen.reached, seen.status, seen.seconds), (false, None, 0.0));
}
