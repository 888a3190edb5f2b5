use super::*;
use crate::weather::{Cause, CoreFault, Outage, Service, System};
use crate::{Town, client};
use jiff::Timestamp;

async fn town() -> Town {
    let weather = Weather::new(24, Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

async fn ask(town: &Town, path: &str, body: &Value) -> (u16, Value) {
    let request = client().post(format!("{}/{path}", town.search_url())).json(body);
    let answer = request.header("authorization", format!("ApiKey {SEARCH_API_KEY}")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn found(town: &Town, body: &Value) -> Value {
    let (status, answer) = ask(town, "interaction-logs-*/_search", body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn core(institution: &str, fault: CoreFault, percent: u8) -> Condition {
    Condition::Core { institution: institution.to_owned(), fault, percent }
}

/// Half an hour from a condition's beginning on, in which everything is over.
fn half_an_hour(town: &Town, conditions: impl IntoIterator<Item = Condition>) -> (Timestamp, Timestamp) {
    let from = town.weather().now();
    conditions.into_iter().for_each(|condition| {
        town.weather().set(condition);
    });
    town.weather().advance(Duration::from_secs(1_800));
    (from, town.weather().now())
}

fn failing(institution: &str, (from, until): (Timestamp, Timestamp)) -> Value {
    json!({"bool": {"filter": [
        {"term": {"institution.id": institution}},
        {"range": {"@timestamp": {"gte": from.to_string(), "lt": until.to_string()}}},
        {"terms": {"service.name": ["symxchange-http-server", "symxchange-rpc-server"]}},
        {"exists": {"field": "error.type"}}],
        "must_not": [{"term": {"error.type": "business_error"}}]}})
}

#[tokio::test]
async fn one_institution_grouped_by_error_agrees_with_the_weather() {
    let town = town().await;
    let span = half_an_hour(&town, [core("inst-7", CoreFault::ConnectTimeout, 70), core("inst-7", CoreFault::Http(502), 30)]);
    let body = json!({"size": 0, "track_total_hits": true, "query": failing("inst-7", span), "aggs": {
        "by_error": {"terms": {"field": "error.type", "size": 50, "missing": "(none)", "order": {"_count": "desc"}}, "aggs": {
            "first": {"min": {"field": "@timestamp"}},
            "sample": {"top_hits": {"size": 1, "sort": [{"@timestamp": "desc"}], "_source": ["@timestamp", "error", "request.id"]}},
            "trend": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m", "min_doc_count": 0, "extended_bounds": {"min": span.0.to_string(), "max": span.1.to_string()}}}}},
        "sides": {"filters": {"filters": {"theirs": {"term": {"http.response.status_code": 502}}}, "other_bucket_key": "rest"}},
        "operations": {"cardinality": {"field": "interaction.operation"}}}});
    let answer = found(&town, &body).await;
    let expected = town.weather().failures("inst-7", span.0, span.1);
    let count = |cause: Cause| expected.iter().find(|(found, _)| *found == cause).unwrap().1;
    let groups = &answer["aggregations"]["by_error"]["buckets"];
    assert_eq!(
        (groups[0]["key"].as_str(), groups[0]["doc_count"].as_u64()),
        (Some("connect_timeout"), Some(count(Cause::ConnectTimeout) as u64))
    );
    assert_eq!(
        (groups[1]["key"].as_str(), groups[1]["doc_count"].as_u64()),
        (Some("http_error"), Some(count(Cause::Http(502)) as u64))
    );
    assert_eq!(
        answer["hits"]["total"],
        json!({"value": count(Cause::ConnectTimeout) + count(Cause::Http(502)), "relation": "eq"})
    );
    assert_eq!(answer["aggregations"]["sides"]["buckets"]["theirs"]["doc_count"], groups[1]["doc_count"]);
    assert_eq!(answer["aggregations"]["sides"]["buckets"]["rest"]["doc_count"], groups[0]["doc_count"]);
    assert!((2..=6).contains(&answer["aggregations"]["operations"]["value"].as_u64().unwrap()));
    let sample = &groups[0]["sample"]["hits"]["hits"][0]["_source"];
    assert_eq!(sample["error"]["message"], "java.net.SocketTimeoutException: connect timed out");
    assert_eq!(sample.get("institution"), None, "_source was to leave it out");
    let trend = groups[0]["trend"]["buckets"].as_array().unwrap();
    assert_eq!(trend.len(), 31);
    assert_eq!(
        trend.iter().map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum::<u64>(),
        groups[0]["doc_count"].as_u64().unwrap()
    );
    assert!(groups[0]["first"]["value"].as_f64().unwrap() >= span.0.as_millisecond() as f64);

    town.weather().clear_all();
    town.weather().advance(Duration::from_secs(3_600));
    assert_eq!(found(&town, &body).await, answer, "the same span has the same answer later");
}

#[tokio::test]
async fn across_institutions_a_stuck_pool_hits_many() {
    let town = town().await;
    let span = half_an_hour(&town, [Condition::PoolExhausted { service: Service::HTTP, percent: 70, restart_heals: true }]);
    let range = json!({"range": {"@timestamp": {"gte": span.0.to_string(), "lt": span.1.to_string()}}});
    let answer = found(
        &town,
        &json!({"size": 0, "query": {"bool": {"filter": [range, {"term": {"error.type": "pool_timeout"}}]}}, "aggs": {
            "institutions": {"cardinality": {"field": "institution.id"}},
            "services": {"terms": {"field": "service.name"}}}}),
    )
    .await;
    assert_eq!(answer["aggregations"]["institutions"]["value"], 24);
    let services = answer["aggregations"]["services"]["buckets"].as_array().unwrap();
    assert_eq!((services.len(), services[0]["key"].as_str()), (1, Some("symxchange-http-server")));
}

#[tokio::test]
async fn entries_are_paged_with_search_after() {
    let town = town().await;
    let span = half_an_hour(&town, [core("inst-2", CoreFault::ReadTimeout, 100)]);
    let mut body = json!({"size": 40, "query": failing("inst-2", span), "sort": [{"@timestamp": "desc"}, {"request.id": {"order": "asc"}}], "track_total_hits": true});
    let (mut ids, mut last) = (Vec::new(), i64::MAX);
    loop {
        let answer = found(&town, &body).await;
        let hits = answer["hits"]["hits"].as_array().unwrap().clone();
        for hit in &hits {
            let at = hit["sort"][0].as_i64().unwrap();
            assert!(at <= last, "newest first");
            last = at;
            ids.push(hit["_source"]["request"]["id"].as_str().unwrap().to_owned());
        }
        match hits.last() {
            Some(hit) => body["search_after"] = hit["sort"].clone(),
            None => break,
        }
    }
    let all = ids.iter().collect::<BTreeSet<_>>().len();
    assert!(all == ids.len() && all > 80, "{all} of {}", ids.len());
    let total = town.weather().failures("inst-2", span.0, span.1)[0].1;
    assert_eq!(all, total);
    let (_, count) = ask(&town, "interaction-logs/_count", &json!({"query": failing("inst-2", span)})).await;
    assert_eq!(count["count"], total);
}

#[tokio::test]
async fn composite_groups_are_paged_in_the_order_of_their_keys() {
    let town = town().await;
    let span = half_an_hour(&town, [core("inst-2", CoreFault::Reset, 100), core("inst-3", CoreFault::Refuses, 100)]);
    let range = json!({"range": {"@timestamp": {"gte": span.0.as_millisecond(), "lt": span.1.as_millisecond(), "format": "epoch_millis"}}});
    let query = json!({"bool": {"filter": [range, {"exists": {"field": "error.type"}}], "must_not": [{"term": {"error.type": "business_error"}}]}});
    let sources = json!([{"who": {"terms": {"field": "institution.id"}}}, {"error": {"terms": {"field": "error.type", "missing_bucket": true}}}]);
    let mut composite = json!({"size": 1, "sources": sources});
    let mut keys = Vec::new();
    while keys.len() < 5 {
        let answer = found(&town, &json!({"size": 0, "query": query, "aggs": {"g": {"composite": composite}}})).await;
        let Some(after) = answer["aggregations"]["g"].get("after_key").cloned() else { break };
        keys.push(after.clone());
        composite["after"] = after;
    }
    assert_eq!(
        keys,
        [json!({"who": "inst-2", "error": "connection_reset"}), json!({"who": "inst-3", "error": "connection_refused"})]
    );
}

#[tokio::test]
async fn words_of_a_text_match_and_a_text_cannot_be_grouped_by() {
    let town = town().await;
    let span = half_an_hour(&town, [core("inst-4", CoreFault::ReadTimeout, 100)]);
    let with = |clause: Value| json!({"size": 0, "track_total_hits": true, "query": {"bool": {"filter": [failing("inst-4", span), clause]}}});
    let total = async |clause: Value| found(&town, &with(clause)).await["hits"]["total"]["value"].as_u64().unwrap();
    assert!(total(json!({"match_phrase": {"error.message": "read timed out"}})).await > 50);
    assert_eq!(total(json!({"match_phrase": {"error.message": "timed read out"}})).await, 0);
    assert!(total(json!({"match": {"error.message": "nothing timed"}})).await > 50);
    assert_eq!(total(json!({"term": {"error.type": "read"}})).await, 0, "a keyword is matched as a whole");
    assert!(total(json!({"range": {"interaction.duration_ms": {"gte": 30000}}})).await > 50);
    let by = |field: &str| json!({"size": 0, "aggs": {"by": {"terms": {"field": field}}}, "query": failing("inst-4", span)});
    let (status, refused) = ask(&town, "interaction-logs-*/_search", &by("error.message")).await;
    assert_eq!((status, refused["error"]["type"].as_str()), (400, Some("illegal_argument_exception")));
    assert!(
        refused["error"]["root_cause"][0]["reason"].as_str().unwrap().starts_with("Fielddata is disabled on [error.message]")
    );
    let answer = found(&town, &by("error.message.keyword")).await;
    assert_eq!(answer["aggregations"]["by"]["buckets"][0]["key"], "java.net.SocketTimeoutException: Read timed out");
}

#[tokio::test]
async fn the_greeting_names_the_product_and_strangers_are_refused() {
    let town = town().await;
    let get = async |key: &str| {
        client().get(town.search_url()).header("authorization", key).header("x-opaque-id", "run-1").send().await.unwrap()
    };
    let answer = get(&format!("ApiKey {SEARCH_API_KEY}")).await;
    assert_eq!(
        (&answer.headers()["x-elastic-product"], &answer.headers()["x-opaque-id"]),
        (&"Elasticsearch".parse().unwrap(), &"run-1".parse().unwrap())
    );
    assert_eq!(answer.json::<Value>().await.unwrap()["tagline"], "You Know, for Search");
    let basic = client().get(town.search_url()).basic_auth(SEARCH_USER, Some(SEARCH_PASSWORD)).send().await.unwrap();
    assert_eq!(basic.status(), 200);
    let refused = get("ApiKey nonsense").await;
    assert_eq!((refused.status().as_u16(), refused.headers().get_all("www-authenticate").iter().count()), (401, 3));
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["type"], "security_exception");
}

#[tokio::test]
async fn a_missing_index_is_404_and_a_pattern_of_none_is_empty() {
    let town = town().await;
    let body = json!({"size": 0, "aggs": {"by": {"terms": {"field": "error.type"}}}});
    let (status, answer) = ask(&town, "no-such-index/_search", &body).await;
    assert_eq!((status, answer["error"]["type"].as_str()), (404, Some("index_not_found_exception")));
    let (status, answer) = ask(&town, "no-such-*/_search", &body).await;
    assert_eq!((status, answer["_shards"]["total"].as_u64(), answer.get("aggregations")), (200, Some(0), None));
    assert_eq!(ask(&town, "no-such-index/_search?ignore_unavailable=true", &body).await.0, 200);
    assert_eq!(ask(&town, "no-such-*/_search?allow_no_indices=false", &body).await.0, 404);
}

#[tokio::test]
async fn bad_requests_get_the_errors_of_elasticsearch() {
    let town = town().await;
    let kind = async |body: Value| {
        let (status, answer) = ask(&town, "interaction-logs-*/_search", &body).await;
        assert_eq!((status, answer["status"].as_u64()), (400, Some(400)), "{answer}");
        answer["error"]["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind(json!({"query": {"fuzzy_dream": {}}})).await, "parsing_exception");
    assert_eq!(kind(json!({"querry": {}})).await, "parsing_exception");
    assert_eq!(kind(json!({"size": 10_001})).await, "illegal_argument_exception");
    assert_eq!(kind(json!({"query": {"range": {"@timestamp": {"gte": "yesterday"}}}})).await, "parsing_exception");
    let send = async |content: Option<&str>| {
        let request = client()
            .post(format!("{}/_search", town.search_url()))
            .body("{}")
            .header("authorization", format!("ApiKey {SEARCH_API_KEY}"));
        let answer =
            content.into_iter().fold(request, |request, kind| request.header("content-type", kind)).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = send(None).await;
    assert_eq!((status, answer["error"].as_str()), (406, Some("Content-Type header [] is not supported")), "a plain string");
    let (status, answer) = send(Some("application/vnd.elasticsearch+json; compatible-with=9")).await;
    assert_eq!((status, answer["error"]["type"].as_str()), (400, Some("media_type_header_exception")));
}

#[tokio::test]
async fn partial_answers_come_with_200_and_say_so() {
    let town = town().await;
    let span = half_an_hour(&town, [core("inst-5", CoreFault::Refuses, 100)]);
    let body = json!({"size": 0, "track_total_hits": true, "query": failing("inst-5", span)});
    let whole = found(&town, &body).await;
    town.weather().set(Condition::SearchPartial { timed_out: true, failed_shards: 2 });
    let part = found(&town, &body).await;
    assert_eq!(
        (part["timed_out"].as_bool(), part["_shards"]["failed"].as_u64(), part["_shards"]["successful"].as_u64()),
        (Some(true), Some(2), Some(4))
    );
    assert_eq!(part["_shards"]["failures"].as_array().unwrap().len(), 2);
    assert!(part["hits"]["total"]["value"].as_u64().unwrap() < whole["hits"]["total"]["value"].as_u64().unwrap());
}

#[tokio::test]
async fn late_entries_are_found_later_and_renamed_fields_are_not_found() {
    let town = town().await;
    let names = vec![("error.type".to_owned(), "failure.kind".to_owned())];
    let before = town.weather().now();
    let span =
        half_an_hour(&town, [core("inst-6", CoreFault::Refuses, 100), Condition::LogsLate { by: Duration::from_secs(900) }]);
    let body = json!({"size": 0, "track_total_hits": true, "query": failing("inst-6", span)});
    let total = async || found(&town, &body).await["hits"]["total"]["value"].as_u64().unwrap();
    let early = total().await;
    town.weather().advance(Duration::from_secs(900));
    let all = town.weather().failures("inst-6", span.0, span.1)[0].1 as u64;
    assert!(early < all);
    assert_eq!(total().await, all);
    town.weather().set_between(Condition::FieldsRenamed { names }, before, None);
    assert_eq!(total().await, 0);
    let range = json!({"range": {"@timestamp": {"gte": span.0.to_string(), "lt": span.1.to_string()}}});
    let renamed = found(
        &town,
        &json!({"size": 0, "query": {"bool": {"filter": [range, {"term": {"failure.kind": "connection_refused"}}]}}}),
    )
    .await;
    assert_eq!(renamed["hits"]["total"]["value"], all);
}

#[tokio::test]
async fn field_caps_tell_types_and_what_is_not_there() {
    let town = town().await;
    let caps = async || {
        ask(&town, "interaction-logs-*/_field_caps?fields=institution.id,error.*,@timestamp,no.such", &json!({})).await.1["fields"].clone()
    };
    let fields = caps().await;
    assert_eq!(fields["institution.id"]["keyword"]["aggregatable"], true);
    assert_eq!(fields["error.message"]["text"]["aggregatable"], false);
    assert_eq!(fields["error.message.keyword"]["keyword"]["aggregatable"], true);
    assert_eq!(fields["@timestamp"]["date"]["type"], "date");
    assert_eq!(fields.get("no.such"), None);
    let begin = town.weather().look().begin;
    let names = vec![("institution.id".to_owned(), "tenant.id".to_owned())];
    town.weather().set_between(Condition::FieldsRenamed { names }, begin, None);
    assert_eq!(caps().await.get("institution.id"), None);
}

#[tokio::test]
async fn too_busy_is_429_without_a_word_of_when() {
    let town = town().await;
    town.weather().fail_next(System::Search, Outage::Busy { retry_after_s: 5 }, 1);
    let url = format!("{}/_search", town.search_url());
    let busy = client().post(&url).json(&json!({"size": 0})).send().await.unwrap();
    assert_eq!((busy.status().as_u16(), busy.headers().contains_key("retry-after")), (429, false));
    assert_eq!(busy.json::<Value>().await.unwrap()["error"]["type"], "es_rejected_execution_exception");
}
