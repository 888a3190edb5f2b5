//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::script::{Script, hostile, ok, reply};
use jiff::SignedDuration;

const VECTOR: &str = include_str!("testdata/vector.json");
const MATRIX: &str = include_str!("testdata/matrix-gaps.json");
const ONE: &str = include_str!("testdata/one.json");
const BUILD_INFO: &str = include_str!("testdata/buildinfo.json");

fn now() -> Timestamp {
    "2026-01-02T03:00:00.123Z".parse().unwrap()
}

fn half_hour() -> Range {
    Range::new(now() - SignedDuration::from_mins(30), now(), SignedDuration::from_secs(30), 120).unwrap()
}

async fn instant(body: &str) -> Result<Reading, CallError> {
    Prometheus::new(Script::of([ok(body)]).await.site()).instant("up", now()).await
}

#[tokio::test]
async fn numbers_and_what_is_none_are_kept_apart() {
    let reading = instant(VECTOR).await.unwrap();
    let Outcome::Series(series) = &reading.outcome else { panic!("{reading:?}") };
    let values: Vec<Number> = series.iter().map(|one| one.points[0].value).collect();
    assert_eq!(values, [Number::Finite(1.0), Number::NotANumber, Number::Infinite, Number::NegativeInfinite]);
    assert_eq!((series[0].points[0].at, series[0].labels["instance"].as_str()), (now(), "a:9100"));
    assert_eq!((reading.single(), instant(ONE).await.unwrap().single()), (None, Some(Number::Finite(1.0))));
    let scalar = instant(r#"{"status":"success","data":{"resultType":"scalar","result":[1767322800,"NaN"]}}"#).await.unwrap();
    assert_eq!(scalar.single(), Some(Number::NotANumber));
    let text = instant(r#"{"status":"success","data":{"resultType":"string","result":[1767322800,"a\nb"]}}"#).await.unwrap();
    assert_eq!((text.single(), text.outcome), (None, Outcome::Text("a b".to_owned())));
}

#[tokio::test]
async fn nothing_is_no_zero() {
    for body in [
        include_str!("testdata/empty.json"),
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]}]}}"#,
    ] {
        let reading = instant(body).await.unwrap();
        assert_eq!((reading.single(), reading.outcome), (None, Outcome::NoData), "{body}");
    }
    let reading = instant(include_str!("testdata/histogram.json")).await.unwrap();
    assert!(matches!(&reading.outcome, Outcome::Series(s) if s[0].histograms == 1 && s[0].points.is_empty()), "{reading:?}");
    assert_eq!(reading.single(), None);
}

#[tokio::test]
async fn a_range_keeps_gaps_and_warnings() {
    let script = Script::of([ok(MATRIX)]).await;
    let reading = Prometheus::new(script.site()).range("sum(x)", &half_hour()).await.unwrap();
    let Outcome::Series(series) = &reading.outcome else { panic!("{reading:?}") };
    let points: Vec<_> = series[0].points.iter().map(|point| (point.at.as_second(), point.value)).collect();
    let finite = Number::Finite;
    assert_eq!(points, [(1_767_322_800, finite(0.5)), (1_767_322_830, finite(0.75)), (1_767_322_920, finite(1e-5))]);
    assert_eq!(reading.warnings, ["remote read: store-gateway unavailable"]);
    let asked = &script.requests()[0];
    assert!(asked.path.starts_with("/api/v1/query_range?"), "{}", asked.path);
    let pair = |name: &str| asked.pair(name).unwrap_or_default();
    assert_eq!(
        (pair("start"), pair("end"), pair("step")),
        ("1767321000.000".to_owned(), "1767322800.000".to_owned(), "30".to_owned())
    );
    assert_eq!((pair("query"), pair("timeout"), pair("limit")), ("sum(x)".to_owned(), "20s".to_owned(), "200".to_owned()));
}

#[tokio::test]
async fn long_queries_go_by_form() {
    let script = Script::of([ok(ONE), ok(ONE)]).await;
    let prometheus = Prometheus::new(script.site());
    let long = format!("sum({})", "x + ".repeat(1_000));
    prometheus.instant("a{b=\"c&d\"}", now()).await.unwrap();
    prometheus.instant(&long, now()).await.unwrap();
    let requests = script.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].pair("query").unwrap()), ("GET", "a{b=\"c&d\"}".to_owned()));
    assert_eq!((requests[0].pair("time").unwrap(), requests[1].method.as_str()), ("1767322800.123".to_owned(), "POST"));
    assert_eq!((requests[1].path.as_str(), requests[1].pair("query").unwrap()), ("/api/v1/query", long));
    for query in ["", "  ", &"x".repeat(70_000)] {
        assert_eq!(prometheus.instant(query, now()).await.unwrap_err().as_str(), "rejected");
    }
}

#[tokio::test]
async fn every_type_of_error() {
    for (kind, status, expected) in [
        ("bad_data", "400 Bad Request", "rejected"),
        ("execution", "422 Unprocessable Entity", "rejected"),
        ("timeout", "503 Service Unavailable", "retry"),
        ("canceled", "499 ", "retry"),
        ("internal", "500 Internal Server Error", "unknown"),
        ("unavailable", "200 OK", "retry"),
        ("bad_data", "200 OK", "rejected"),
        ("strange", "200 OK", "misconfigured"),
    ] {
        let body = format!(r#"{{"status":"error","errorType":"{kind}","error":"because"}}"#);
        let script = Script::of([reply(status, "application/json", &body)]).await;
        let error = Prometheus::new(script.site()).instant("up", now()).await.unwrap_err();
        assert_eq!(error.as_str(), expected, "{kind}: {error}");
        assert!(kind == "strange" || error.reason().contains("because"), "{error}");
    }
    let script = Script::of([reply("404 Not Found", "text/plain", "404 page not found")]).await;
    let error = Prometheus::new(script.site()).instant("up", now()).await.unwrap_err();
    assert!(error.as_str() == "misconfigured" && error.reason().contains("path"), "{error}");
}

#[tokio::test]
async fn too_many_series_are_cut_and_said() {
    let many = r#"{"metric":{"a":"b"},"value":[1767322800,"1"]},"#.repeat(300);
    let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, many.trim_end_matches(','));
    let reading = instant(&body).await.unwrap();
    assert!(matches!(&reading.outcome, Outcome::Series(series) if series.len() == MAX_SERIES));
    assert!(reading.warnings[0].contains("300 series"), "{:?}", reading.warnings);
}

#[tokio::test]
async fn labels_are_masked_and_bounded() {
    let long = "x".repeat(5_000);
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"card":"4111111111111111","password":"x","l":"{long}"}},"value":[1,"1"]}}]}}}}"#
    );
    let Outcome::Series(series) = instant(&body).await.unwrap().outcome else { panic!() };
    let labels = &series[0].labels;
    assert_eq!((labels["card"].as_str(), labels["password"].as_str(), labels["l"].len()), ("****1111", "****", 1_024));
}

#[tokio::test]
async fn checks_tell_the_version_and_ask_a_query() {
    let check = async |answers: Vec<String>| Prometheus::new(Script::of(answers).await.site()).check(now()).await;
    let found = check(vec![ok(BUILD_INFO), ok(ONE)]).await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref(), found.notes.len()), ("Prometheus", Some("2.53.1"), 0));
    let mimir = r#"{"status":"success","data":{"application":"Grafana Mimir","version":"2.10.0","features":{}}}"#;
    assert_eq!(check(vec![ok(mimir), ok(ONE)]).await.unwrap().system, "Grafana Mimir");
    let untold = check(vec![reply("404 Not Found", "text/html", "<p>no"), ok(ONE)]).await.unwrap();
    assert_eq!((untold.version, untold.notes), (None, vec!["it does not tell its version".to_owned()]));
    let empty = include_str!("testdata/empty.json");
    assert_eq!(check(vec![ok(BUILD_INFO), ok(empty)]).await.unwrap_err().as_str(), "misconfigured");
}

#[tokio::test]
async fn hostile_servers_give_an_error_and_never_a_number() {
    for (answer, kind) in hostile() {
        let prometheus = Prometheus::new(Script::of([answer.clone(), answer.clone()]).await.site());
        let start: String = answer.chars().take(120).collect();
        assert_eq!(prometheus.instant("up", now()).await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(prometheus.check(now()).await.unwrap_err().as_str(), kind, "{start}");
    }
    for result in [
        r#"{"resultType":"vector","result":{}}"#,
        r#"{"resultType":"vector","result":[{"metric":{},"value":[1767322800,"one"]}]}"#,
        r#"{"resultType":"vector","result":[{"metric":{},"value":[1e300,"1"]}]}"#,
        r#"{"resultType":"vector","result":[{"metric":{},"value":["1767322800","1"]}]}"#,
        r#"{"resultType":"matrix","result":[{"metric":{},"values":[[2,"1"],[1,"1"]]}]}"#,
        r#"{"resultType":"scalar","result":[]}"#,
        r#"{"resultType":"streams","result":[]}"#,
        "null",
    ] {
        let body = format!(r#"{{"status":"success","data":{result}}}"#);
        assert_eq!(instant(&body).await.unwrap_err().as_str(), "misconfigured", "{result}");
    }
    let points = vec![r#"[1767322800,"1"]"#; 200].join(",");
    let body =
        format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{points}]}}]}}}}"#);
    let prometheus = Prometheus::new(Script::of([ok(body)]).await.site());
    assert_eq!(prometheus.range("x", &half_hour()).await.unwrap_err().as_str(), "misconfigured", "more points than steps");
}
