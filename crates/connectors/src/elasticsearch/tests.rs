//! Against recorded answers of Elasticsearch 8 and OpenSearch 2, and against servers that answer something else.

use super::*;
use crate::call::script::{Script, hostile, ok, reply};
use jiff::SignedDuration;
use serde_json::json;

const CAPS: &str = include_str!("testdata/field-caps.json");
const RENAMED: &str = include_str!("testdata/field-caps-renamed.json");
const LINES: &str = include_str!("testdata/lines.json");
const COUNTS: &str = include_str!("testdata/counts.json");
const COUNTS_END: &str = include_str!("testdata/counts-end.json");
const NEWEST: &str = include_str!("testdata/newest.json");
const PARTIAL: &str = include_str!("testdata/partial.json");
const NO_INDEX: &str = include_str!("testdata/no-index.json");
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn fields() -> Fields {
    let name = |name: &str| Some(name.to_owned());
    Fields {
        time: "@timestamp".to_owned(),
        institution: name("institution.id"),
        service: name("service.name"),
        kind: None,
        outcome: name("outcome"),
        error_type: name("error.type"),
        error_message: name("error.message"),
        stack: name("error.stack_trace"),
        request_id: name("request.id"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn half_hour() -> Scope {
    Scope::new(at("2026-01-02T03:00:00Z"), at("2026-01-02T03:30:00Z")).unwrap()
}

async fn logs(answers: &[&str]) -> (Script, Logs) {
    let script = Script::of(answers.iter().map(ok)).await;
    let logs = Logs::new(script.site(), "interaction-logs-*", fields()).unwrap();
    (script, logs)
}

/// A page of hits, `(id, milliseconds)`.
fn page(hits: impl IntoIterator<Item = (usize, i64)>) -> String {
    let hits: Vec<Value> =
        hits.into_iter().map(|(id, ms)| json!({ "_index": "i", "_id": id.to_string(), "_source": {}, "sort": [ms] })).collect();
    json!({ "timed_out": false, "_shards": { "total": 1 }, "hits": { "hits": hits } }).to_string()
}

#[tokio::test]
async fn lines_of_an_institution_are_read_masked_and_asked_for_in_plain_json() {
    let (script, logs) = logs(&[CAPS, LINES]).await;
    let scope = half_hour().only(Role::Institution, ["inst-123"]).unwrap().only(Role::Service, ["a", "b"]).unwrap();
    let found = logs.search(&scope, 50, true).await.unwrap();
    assert_eq!((found.total, found.more, found.partial.len()), (Some(412), false, 0));
    let line = &found.lines[0];
    assert_eq!(line.at, at("2026-01-02T03:04:05.678Z"));
    assert_eq!((line.institution.as_deref(), line.service.as_deref()), (Some("inst-123"), Some("symxchange-http-server")));
    assert_eq!(
        line.message.as_deref().unwrap(),
        "<Credentials><AdministrativePassword>****</AdministrativePassword></Credentials> account ****5678 of ****@bank.example: connect timed out"
    );
    assert!(line.stack.as_deref().unwrap().ends_with("\n\tat core.Client.call(Client.java:321)\n\tpassword=****"));
    assert_eq!(line.request_id.as_deref(), Some("0192a6a0-1c3e-7cc3-8b6d-5c2f1e4a9b10"));
    assert_eq!((found.lines[1].institution.as_deref(), found.lines[1].message.as_deref()), (Some("inst-124"), None));
    let requests = script.requests();
    assert!(
        requests[0].path.starts_with("/interaction-logs-*/_field_caps?fields=%40timestamp%2Cinstitution.id%2C"),
        "{}",
        requests[0].path
    );
    let asked = &requests[1];
    assert_eq!(asked.path, "/interaction-logs-*/_search?ignore_unavailable=true&allow_no_indices=true");
    assert_eq!(asked.header("content-type"), Some("application/json"));
    let query = asked.json();
    assert_eq!(query["sort"], json!([{ "@timestamp": { "order": "desc", "numeric_type": "date" } }]));
    assert_eq!(query["query"]["bool"]["filter"][1], json!({ "terms": { "institution.id": ["inst-123"] } }));
    assert!(query["_source"].as_array().unwrap().contains(&json!("error.stack_trace")) && query["search_after"].is_null());
}

#[tokio::test]
async fn pages_overlap_so_that_no_entry_of_one_time_is_lost() {
    // 200 entries, the last three of one millisecond; the next page begins with these three.
    let first = page((0..200).map(|n| (n, 10_000 - n.min(197) as i64)));
    let second = page([(197, 9_803), (198, 9_803), (199, 9_803), (200, 9_803), (201, 9_000)]);
    let (script, logs) = logs(&[CAPS, &first, &second]).await;
    let found = logs.search(&half_hour(), 500, false).await.unwrap();
    let ids: Vec<&str> = found.lines.iter().map(|line| line.id.as_str()).collect();
    assert_eq!((ids.len(), ids[199], ids[200], ids[201]), (202, "i/199", "i/200", "i/201"));
    assert_eq!((found.more, found.partial.len()), (false, 0));
    assert_eq!(script.requests()[2].json()["search_after"], json!([9_804]));
    assert!(!script.requests()[1].json()["_source"].as_array().unwrap().contains(&json!("error.stack_trace")));
}

#[tokio::test]
async fn what_is_left_out_is_said() {
    let same = page((0..200).map(|n| (n, 5_000)));
    let (_, logs_of_one_time) = logs(&[CAPS, &same, &same]).await;
    let found = logs_of_one_time.search(&half_hour(), 500, false).await.unwrap();
    assert!(found.more && found.lines.len() == 200 && found.partial[0].contains("the same time"), "{:?}", found.partial);
    let (_, many) = logs(&[CAPS, &page((0..200).map(|n| (n, 5_000 - n as i64)))]).await;
    let found = many.search(&half_hour(), 20, false).await.unwrap();
    assert!(found.more && found.lines.len() == 20 && found.partial.is_empty());
    let (_, stopped) = logs(&[CAPS, PARTIAL]).await;
    let found = stopped.search(&half_hour(), 20, false).await.unwrap();
    let said =
        ["2 of 6 shards failed: [parent] Data too large", "clusters left out: 1", "the search was stopped before it was done"];
    assert_eq!((found.partial, found.total), (said.map(str::to_owned).to_vec(), Some(7)));
}

#[tokio::test]
async fn a_tail_shows_every_entry_once_also_late_ones() {
    let base = at("2026-01-02T03:00:00Z").as_millisecond();
    let first = page([(1, base + 1_000), (2, base + 2_000)]);
    let second = page([(1, base + 1_000), (9, base + 1_500), (2, base + 2_000), (3, base + 3_000)]);
    let (script, logs) = logs(&[CAPS, &first, &second]).await;
    let mut tail = Tail::new(at("2026-01-02T03:00:00Z"));
    let ids = |found: Lines| found.lines.into_iter().map(|line| line.id).collect::<Vec<_>>();
    assert_eq!(ids(logs.tail(&mut tail, &half_hour(), 50).await.unwrap()), ["i/1", "i/2"]);
    assert_eq!(ids(logs.tail(&mut tail, &half_hour(), 50).await.unwrap()), ["i/9", "i/3"]);
    let range = &script.requests()[2].json()["query"]["bool"]["filter"][0]["range"]["@timestamp"];
    assert_eq!(range["gte"], base, "the scope's own beginning is not passed by looking back");
}

#[tokio::test]
async fn a_tail_that_cannot_follow_says_so() {
    let base = at("2026-01-02T03:00:00Z").as_millisecond();
    let full = page((0..200).map(|n| (n, base + n as i64)));
    let (script, logs) = logs(&[CAPS, &full, &full, &full, &full, &full, &page([])]).await;
    let mut tail = Tail::new(at("2026-01-02T03:00:00Z"));
    assert_eq!(logs.tail(&mut tail, &half_hour(), 199).await.unwrap().lines.len(), 199);
    // The one that was cut off before; the server has no page after it but the same.
    assert_eq!(logs.tail(&mut tail, &half_hour(), 50).await.unwrap().lines.len(), 1);
    let stuck = logs.tail(&mut tail, &half_hour(), 50).await.unwrap();
    assert!(stuck.lines.is_empty() && stuck.partial.iter().any(|said| said.contains("too fast")), "{stuck:?}");
    logs.tail(&mut tail, &half_hour(), 50).await.unwrap();
    let range = script.requests().last().unwrap().json()["query"]["bool"]["filter"][0]["range"]["@timestamp"].clone();
    assert_eq!(range["gte"], at("2026-01-02T03:29:50Z").as_millisecond(), "it goes on from the present");
}

#[tokio::test]
async fn counts_by_institution_outcome_and_minute() {
    let (script, logs) = logs(&[CAPS, COUNTS, COUNTS_END]).await;
    let counts = logs.counts(&half_hour(), MINUTE).await.unwrap();
    let minute = at("2026-01-02T03:04:00Z");
    let cell = |institution: Option<&str>, outcome: &str, count| Cell {
        institution: institution.map(str::to_owned),
        outcome: Some(outcome.to_owned()),
        at: minute,
        count,
    };
    assert_eq!(
        counts.cells,
        [cell(None, "failure", 1), cell(Some("inst-123"), "failure", 377), cell(Some("inst-124"), "success", 37)]
    );
    assert_eq!((counts.step_s, counts.partial.len()), (60, 0));
    let sources = &script.requests()[1].json()["aggs"]["grid"]["composite"]["sources"];
    assert_eq!(sources[2]["at"], json!({ "date_histogram": { "field": "@timestamp", "fixed_interval": "60s" } }));
    let after = &script.requests()[2].json()["aggs"]["grid"]["composite"]["after"];
    assert_eq!(after, &json!({ "institution": "inst-124", "outcome": "success", "at": 1_767_323_040_000_i64 }));
    for (step, fine) in [(30, false), (90, false), (120, true)] {
        let (_, logs) = self::logs(&[CAPS, COUNTS_END]).await;
        assert_eq!(logs.counts(&half_hour(), SignedDuration::from_secs(step)).await.is_ok(), fine, "{step}");
    }
    let month = Scope::new(at("2026-01-01T00:00:00Z"), at("2026-01-31T00:00:00Z")).unwrap();
    assert_eq!(logs.counts(&month, MINUTE).await.unwrap_err().as_str(), "rejected");
}

#[tokio::test]
async fn a_count_that_never_ends_is_cut_and_says_so() {
    let endless = |n: usize| {
        let buckets: Vec<Value> =
            (0..2_000).map(|m| json!({ "key": { "institution": m, "outcome": "x", "at": 0 }, "doc_count": 1 })).collect();
        json!({ "_shards": { "total": 1 }, "hits": {}, "aggregations": { "grid": { "after_key": { "at": n }, "buckets": buckets } } }).to_string()
    };
    let pages: Vec<String> = std::iter::once(CAPS.to_owned()).chain((0..20).map(endless)).collect();
    let (script, endless_logs) = logs(&pages.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let counts = endless_logs.counts(&half_hour(), MINUTE).await.unwrap();
    assert_eq!((counts.cells.len(), script.requests().len()), (MAX_CELLS, 11));
    assert!(counts.partial[0].contains("more than 20000 cells"), "{:?}", counts.partial);
    let (script, same) = logs(&[CAPS, &endless(1), &endless(1), &endless(1)]).await;
    same.counts(&half_hour(), MINUTE).await.unwrap();
    assert_eq!(script.requests().len(), 3, "the same page is not asked for for ever");
}

#[tokio::test]
async fn errors_by_type_with_a_masked_sample() {
    let (_, logs) = logs(&[CAPS, include_str!("testdata/errors.json")]).await;
    let errors = logs.errors(&half_hour()).await.unwrap();
    assert_eq!((errors.total, errors.others, errors.without, errors.partial.len()), (412, 3, 32, 0));
    let group = &errors.groups[0];
    assert_eq!((group.error_type.as_str(), group.count, group.institutions), ("connect_timeout", 377, Some(4)));
    assert_eq!((group.first, group.last), (Some(at("2026-01-02T03:00:01Z")), Some(at("2026-01-02T03:20:00Z"))));
    assert_eq!(group.sample.as_ref().unwrap().message.as_deref(), Some("member **** timed out"));
    // Institutions cannot be counted by a field that is not there.
    let caps = CAPS.replace("\"institution.id\":", "\"institution\":");
    let (script, renamed) =
        self::logs(&[&caps, &include_str!("testdata/errors.json").replace("\"institutions\":{\"value\":4},", "")]).await;
    let errors = renamed.errors(&half_hour()).await.unwrap();
    assert!(errors.groups[0].institutions.is_none() && errors.partial[0].contains("`institution.id`"), "{:?}", errors.partial);
    assert!(script.requests()[1].json()["aggs"]["by_error"]["aggs"]["institutions"].is_null());
}

#[tokio::test]
async fn a_renamed_field_is_never_a_zero() {
    let (script, logs) = logs(&[RENAMED, NEWEST]).await;
    let error = logs.counts(&half_hour(), MINUTE).await.unwrap_err();
    assert_eq!(error, CallError::misconfigured("field `outcome` (outcome) is in no index: has it been renamed?"));
    let error = logs.errors(&half_hour()).await.unwrap_err();
    assert!(error.as_str() == "misconfigured" && error.reason().contains("`error.type.keyword`"), "{error}");
    assert_eq!(script.requests().len(), 1, "nothing was counted");
    // Only the newest index lacks the institution: the answer is there, and says what it is worth.
    let (_, logs) = self::logs(&[RENAMED, LINES]).await;
    let found = logs.search(&half_hour().only(Role::Institution, ["inst-123"]).unwrap(), 5, false).await.unwrap();
    assert_eq!(found.partial, ["field `institution.id` is missing in 1 of 2 indices, such as `interaction-logs-2026.01.02`"]);
}

#[tokio::test]
async fn no_index_is_never_a_zero() {
    let (_, none) = logs(&[r#"{"indices":[],"fields":{}}"#]).await;
    assert_eq!(none.counts(&half_hour(), MINUTE).await.unwrap_err(), CallError::missing("no index matches `interaction-logs-*`"));
    let (_, gone) = logs(&[CAPS, NO_INDEX]).await;
    assert_eq!(gone.search(&half_hour(), 5, false).await.unwrap_err().as_str(), "missing");
}

#[tokio::test]
async fn checks_tell_which_system_its_version_and_how_late_it_is() {
    let root = include_str!("testdata/root-elasticsearch.json");
    let (_, logs) = logs(&[root, CAPS, NEWEST]).await;
    let found = logs.check(at("2026-01-02T03:05:00Z")).await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref(), found.notes.len()), ("Elasticsearch", Some("8.13.0"), 0));
    let (_, logs) = self::logs(&[include_str!("testdata/root-opensearch.json"), RENAMED, NEWEST]).await;
    let found = logs.check(at("2026-01-02T04:05:00Z")).await.unwrap();
    assert_eq!((found.system.as_str(), found.version.as_deref()), ("OpenSearch", Some("2.13.0")));
    assert!(found.notes.iter().any(|note| note.contains("`outcome`")), "{:?}", found.notes);
    assert!(found.notes.iter().any(|note| note == "the newest entry is of 2026-01-02T03:04:05.678Z"), "{:?}", found.notes);
    let denied = reply(
        "403 Forbidden",
        "application/json",
        r#"{"error":{"type":"security_exception","reason":"no permissions for [cluster:monitor/main]"},"status":403}"#,
    );
    let script = Script::of([denied, ok(CAPS), ok(NEWEST)]).await;
    let logs = Logs::new(script.site(), "interaction-logs-*", fields()).unwrap();
    let found = logs.check(at("2026-01-02T03:05:00Z")).await.unwrap();
    assert_eq!((found.version, found.notes.as_slice()), (None, &["its version may not be read with this key".to_owned()][..]));
}

#[tokio::test]
async fn errors_of_the_server_say_what_to_do() {
    for (status, body, kind) in [
        (
            "400 Bad Request",
            r#"{"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"Fielddata is disabled"}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":400}"#,
            "rejected",
        ),
        (
            "404 Not Found",
            r#"{"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index [x]"}]},"status":404}"#,
            "missing",
        ),
        ("406 Not Acceptable", r#"{"error":"Content-Type header [] is not supported","status":406}"#, "rejected"),
        (
            "429 Too Many Requests",
            r#"{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":429}"#,
            "retry",
        ),
        (
            "503 Service Unavailable",
            r#"{"error":{"type":"search_phase_execution_exception","reason":"all shards failed"},"status":503}"#,
            "retry",
        ),
    ] {
        let script = Script::of([ok(CAPS), reply(status, "application/json", body)]).await;
        let logs = Logs::new(script.site(), "interaction-logs-*", fields()).unwrap();
        assert_eq!(logs.search(&half_hour(), 5, false).await.unwrap_err().as_str(), kind, "{body}");
    }
}

#[tokio::test]
async fn hostile_servers_give_an_error_and_never_a_count() {
    for (answer, kind) in hostile() {
        let script = Script::of([answer.clone()]).await;
        let logs = Logs::new(script.site(), "i", fields()).unwrap();
        let start: String = answer.chars().take(120).collect();
        assert_eq!(logs.check(at("2026-01-02T03:05:00Z")).await.unwrap_err().as_str(), kind, "{start}");
        let script = Script::of([ok(CAPS), answer]).await;
        let logs = Logs::new(script.site(), "i", fields()).unwrap();
        assert_eq!(logs.counts(&half_hour(), MINUTE).await.unwrap_err().as_str(), kind, "{start}");
    }
    for body in [
        json!({ "_shards": { "total": 1 }, "hits": {} }),
        json!({ "_shards": { "total": 1 }, "hits": {}, "aggregations": { "grid": { "buckets": [{ "key": { "institution": {}, "outcome": [], "at": "x" }, "doc_count": -1 }] } } }),
        json!({ "_shards": { "total": 1 }, "hits": {}, "aggregations": {} }),
    ] {
        let (_, logs) = logs(&[CAPS, &body.to_string()]).await;
        assert_eq!(logs.counts(&half_hour(), MINUTE).await.unwrap_err().as_str(), "misconfigured", "{body}");
    }
    let (_, logs) = logs(&[CAPS, &page([(1, i64::MAX)])]).await;
    assert_eq!(logs.search(&half_hour(), 5, false).await.unwrap_err().as_str(), "misconfigured");
}

#[tokio::test]
async fn names_that_would_lead_elsewhere_are_refused() {
    let script = Script::of(Vec::<String>::new()).await;
    for index in ["", " ", "_all", "a,_security", "a,", "a/b", "a?x", "..\\x", "a b"] {
        assert_eq!(Logs::new(script.site(), index, fields()).err().unwrap().as_str(), "misconfigured", "{index}");
    }
    for name in ["", "a,b", "a b", "a*", "a\"", &"x".repeat(300)] {
        assert!(Logs::new(script.site(), "i", Fields { kind: Some(name.to_owned()), ..fields() }).is_err(), "{name}");
    }
}

#[test]
fn links_lead_to_the_same_entries() {
    let scope = half_hour().only(Role::Institution, ["inst-123"]).unwrap();
    let fields = Fields { service: None, outcome: None, ..fields() };
    let link = |flavor, space: Option<&str>| {
        let base = "https://kibana.example/base/".parse().unwrap();
        let kibana = Kibana { base, space: space.map(str::to_owned), data_view: "interaction-logs-*".to_owned(), flavor };
        percent_decoded(&kibana.discover(&fields, &scope).unwrap())
    };
    let global = "(filters:!(),refreshInterval:(pause:!t,value:60000),time:(from:'2026-01-02T03:00:00.000Z',to:'2026-01-02T03:30:00.000Z'))";
    let rest =
        "filters:!(),interval:auto,query:(language:kuery,query:'institution.id : \"inst-123\"'),sort:!(!('@timestamp',desc))";
    let columns = "columns:!(institution.id,error.type,error.message)";
    for (flavor, space, expected) in [
        (
            Flavor::New,
            Some("ops team"),
            format!(
                "https://kibana.example/base/s/ops team/app/discover#/?_g={global}&_a=({columns},dataSource:(dataViewId:'interaction-logs-*',type:dataView),{rest})"
            ),
        ),
        (
            Flavor::Old,
            None,
            format!(
                "https://kibana.example/base/app/discover#/?_g={global}&_a=({columns},filters:!(),index:'interaction-logs-*',{})",
                &rest[12..]
            ),
        ),
        (
            Flavor::Oldest,
            None,
            format!(
                "https://kibana.example/base/app/kibana#/discover?_g={global}&_a=({columns},filters:!(),index:'interaction-logs-*',{})",
                &rest[12..]
            ),
        ),
    ] {
        assert_eq!(link(flavor, space), expected);
    }
    let opensearch = link(Flavor::Opensearch, Some("ignored"));
    assert!(opensearch.starts_with("https://kibana.example/base/app/data-explorer/discover#?_a=(discover:("), "{opensearch}");
    assert!(opensearch.contains("metadata:(indexPattern:'interaction-logs-*',view:discover)"), "{opensearch}");
    let many = half_hour().only(Role::Institution, (0..100).map(|n| format!("{n:0>200}"))).unwrap();
    let kibana =
        Kibana { base: "https://k.example".parse().unwrap(), space: None, data_view: "x".to_owned(), flavor: Flavor::New };
    assert_eq!(kibana.discover(&fields, &many).unwrap_err().as_str(), "rejected");
}

fn percent_decoded(link: &str) -> String {
    let query = format!("x={}", link.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned()
}
