use super::*;
use crate::weather::{CoreFault, Outage, Service, System};
use crate::{Town, client};
use std::time::Duration;

async fn town() -> Town {
    let weather = Weather::new(6, Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

async fn get(town: &Town, path: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
    let answer = client().get(format!("{}/api/v1/{path}", town.metrics_url())).query(parameters).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn vector(town: &Town, query: &str) -> Vec<(Value, f64)> {
    let (status, answer) = get(town, "query", &[("query", query)]).await;
    assert_eq!((status, answer["data"]["resultType"].as_str()), (200, Some("vector")), "{query}: {answer}");
    let all = answer["data"]["result"].as_array().unwrap().iter();
    all.map(|one| (one["metric"].clone(), one["value"][1].as_str().unwrap().parse().unwrap())).collect()
}

async fn one(town: &Town, query: &str) -> f64 {
    match vector(town, query).await[..] {
        [(_, value)] => value,
        ref other => panic!("{query}: {other:?}"),
    }
}

async fn refused(town: &Town, query: &str) -> String {
    let (status, answer) = get(town, "query", &[("query", query)]).await;
    assert_eq!(
        (status, answer["status"].as_str(), answer["errorType"].as_str()),
        (400, Some("error"), Some("bad_data")),
        "{query}"
    );
    answer["error"].as_str().unwrap().to_owned()
}

const RATIO: &str = r#"sum(rate(symxchange_requests_total{service="symxchange-http-server",outcome="ok"}[5m])) / sum(rate(symxchange_requests_total{service="symxchange-http-server"}[5m]))"#;

#[tokio::test]
async fn the_success_ratio_falls_with_the_weather_and_agrees_with_the_logs() {
    let town = town().await;
    assert_eq!(one(&town, RATIO).await, 1.0);
    let from = town.weather().now();
    town.weather().set(Condition::Core { institution: "inst-3".to_owned(), fault: CoreFault::Refuses, percent: 100 });
    town.weather().advance(Duration::from_secs(300));
    let now = one(&town, RATIO).await;
    assert!(now > 0.5 && now < 0.98, "{now}");
    let by = vector(&town, r#"sum by (institution) (increase(symxchange_requests_total{outcome="error"}[5m])) > 0"#).await;
    let failed = town.weather().failures("inst-3", from, town.weather().now() + jiff::SignedDuration::from_millis(1))[0].1;
    assert_eq!(by, [(json!({"institution": "inst-3"}), failed as f64)]);
    let rate = one(&town, r#"sum by (institution) (rate(symxchange_requests_total{institution="inst-3"}[5m])) * 300"#).await;
    assert!((rate - failed as f64).abs() < 1e-6, "everything of it failed");
    let both = vector(&town, r#"sum(rate(symxchange_requests_total{institution=~"inst-[12]"}[5m])) by (service)"#).await;
    assert_eq!(
        both.iter().map(|(labels, _)| labels["service"].as_str().unwrap()).collect::<Vec<_>>(),
        ["symxchange-http-server", "symxchange-rpc-server"]
    );
}

#[tokio::test]
async fn no_traffic_is_nan_and_no_series_is_empty() {
    let town = town().await;
    town.weather().set(Condition::Traffic { institution: "inst-1".to_owned(), per_minute: 0 });
    town.weather().advance(Duration::from_secs(600));
    let ratio = r#"sum(rate(symxchange_requests_total{institution="inst-1",outcome="ok"}[5m])) / sum(rate(symxchange_requests_total{institution="inst-1"}[5m]))"#;
    assert!(one(&town, ratio).await.is_nan());
    assert_eq!(vector(&town, "no_such_metric").await, []);
    assert_eq!(one(&town, "sum(no_such_metric) or vector(0)").await, 0.0);
}

#[tokio::test]
async fn a_range_has_both_ends_and_a_bound() {
    let town = town().await;
    let end = town.weather().now().as_second();
    let ask = async |start: i64, end: i64, step: &str| {
        get(&town, "query_range", &[("query", RATIO), ("start", &start.to_string()), ("end", &end.to_string()), ("step", step)])
            .await
    };
    let (status, answer) = ask(end - 600, end, "60").await;
    assert_eq!((status, answer["data"]["resultType"].as_str()), (200, Some("matrix")));
    let values = answer["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!((values.len(), values[0][0].as_i64(), values[10][0].as_i64()), (11, Some(end - 600), Some(end)));
    assert_eq!(ask(end - 600, end, "1m").await.1, answer, "the same twice, and a duration is a step as well");
    let (status, answer) = ask(end, end - 1, "60").await;
    assert_eq!((status, answer["error"].as_str().unwrap().contains("end timestamp must not be before start time")), (400, true));
    let (status, answer) = ask(end - 11_001, end, "1").await;
    assert_eq!(
        (status, answer["error"].as_str().unwrap().starts_with("exceeded maximum resolution of 11,000 points")),
        (400, true)
    );
    assert_eq!(ask(end - 10, end, "0").await.0, 400);
}

#[tokio::test]
async fn what_it_does_not_know_is_a_parse_error_of_prometheus() {
    let town = town().await;
    assert_eq!(
        refused(&town, "guess(up)").await,
        "invalid parameter \"query\": 1:1: parse error: unknown function with name \"guess\""
    );
    assert_eq!(
        refused(&town, "sum(up").await,
        "invalid parameter \"query\": 1:7: parse error: unexpected end of input in function call"
    );
    assert_eq!(
        refused(&town, "").await,
        "invalid parameter \"query\": unknown position: parse error: no expression found in input"
    );
    assert!(
        refused(&town, "up{job=symxchange}")
            .await
            .contains("parse error: unexpected identifier \"symxchange\" in label matching, expected string")
    );
    assert!(refused(&town, "rate(up)").await.contains("expected type range vector in call to function \"rate\""));
    assert!(refused(&town, "up[5m]").await.contains("range vector"));
    assert!(refused(&town, "{job=~\".*\"}").await.contains("at least one non-empty matcher"));
}

#[tokio::test]
async fn a_long_query_comes_as_a_form_and_subqueries_reduce_a_window() {
    let town = town().await;
    let query = format!("avg_over_time(({RATIO})[15m:1m])");
    let request = client().post(format!("{}/api/v1/query", town.metrics_url())).form(&[("query", query.as_str())]);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["result"][0]["value"][1], "1");
    assert_eq!(one(&town, "count_over_time((vector(1))[15m:1m])").await, 15.0);
    assert_eq!(one(&town, "2 * 3 + sum(vector(1)) - 4 / 2").await, 5.0);
    assert_eq!(vector(&town, "topk(1, symxchange_pool_in_use > bool 5)").await.len(), 1);
}

#[tokio::test]
async fn a_stuck_pool_shows_and_counters_start_again_with_a_new_instance() {
    let town = town().await;
    let weather = town.weather();
    weather.set(Condition::PoolExhausted { service: Service::HTTP, percent: 60, restart_heals: true });
    let full =
        r#"count(symxchange_pool_in_use{service="symxchange-http-server"} == on (service, instance) symxchange_pool_size)"#;
    assert_eq!(one(&town, full).await, 3.0);
    let counter = r#"sum(symxchange_requests_total{service="symxchange-http-server"})"#;
    let before = one(&town, counter).await;
    weather.change(|sky| sky.restart(crate::weather::Platform::Marathon, Service::HTTP, sky.now, None).map(|_| ()).unwrap());
    weather.advance(Duration::from_secs(60));
    assert_eq!(vector(&town, full).await, []);
    assert!(one(&town, counter).await < before / 10.0);
}

#[tokio::test]
async fn metadata_readiness_and_warnings() {
    let town = town().await;
    let ready = client().get(format!("{}/-/ready", town.metrics_url())).send().await.unwrap();
    assert_eq!(ready.text().await.unwrap(), "Prometheus Server is Ready.\n");
    let (_, labels) = get(&town, "labels", &[]).await;
    assert_eq!(labels["data"], json!(["__name__", "instance", "institution", "job", "outcome", "service"]));
    let (_, values) = get(&town, "label/institution/values", &[("match[]", "symxchange_requests_total")]).await;
    assert_eq!(values["data"].as_array().unwrap().len(), 6);
    let (_, series) = get(&town, "series", &[("match[]", r#"symxchange_pool_size{service="symxchange-rpc-server"}"#)]).await;
    assert_eq!(series["data"].as_array().unwrap().len(), 3);
    assert_eq!(get(&town, "series", &[]).await.0, 400);
    town.weather().set(Condition::MetricsPartial);
    let (status, answer) = get(&town, "query", &[("query", "up"), ("limit", "2")]).await;
    assert_eq!(
        (status, answer["data"]["result"].as_array().unwrap().len(), answer["warnings"].as_array().unwrap().len()),
        (200, 2, 2)
    );
    town.weather().fail_next(System::Metrics, Outage::Status(503), 1);
    let plain = client().get(format!("{}/api/v1/query?query=up", town.metrics_url())).send().await.unwrap();
    assert_eq!((plain.status().as_u16(), plain.text().await.unwrap()), (503, "Service Unavailable".to_owned()));
}
