//! Elasticsearch 8 with one set of daily indices of interaction logs.
//!
//! Facts: Elasticsearch's reference for search, query DSL, aggregations and errors.

use crate::desk::{Ask, Desk, json_answer, with_header};
use crate::weather::chance::mix;
use crate::weather::lines::{self, FIELDS, Kind};
use crate::weather::traffic::Entry;
use crate::weather::{Condition, Sky, Weather, after};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use query::{Filter, Refused, kind_of, lookup, plain};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

mod aggs;
mod query;

/// For `Authorization: ApiKey`.
pub const SEARCH_API_KEY: &str = "dG93bi1yZWFkZXI6bG9va2luZy1pcy1mcmVl";
/// For Basic authentication.
pub const SEARCH_USER: &str = "reader";
pub const SEARCH_PASSWORD: &str = "looking-is-free";

/// The alias of all indices; theirs are `interaction-logs-2026.03.02` and so on, one a day in UTC.
pub const SEARCH_ALIAS: &str = "interaction-logs";

const SHARDS: u32 = 6;

/// Elasticsearch's own bound on `from` and `size`.
const MAX_WINDOW: u64 = 10_000;

/// Entries that one search looks at before it says that it timed out.
const MAX_SCANNED: usize = 3_000_000;

/// Entries that one search keeps to sort and to aggregate; like the above.
const MAX_MATCHED: usize = 1_000_000;

pub(crate) struct Search {
    pub(crate) weather: Weather,
}

/// The moment at which a search looks.
struct Found<'a> {
    sky: &'a Sky,
}

impl Desk for Search {
    fn answer(&self, ask: &Ask) -> Response {
        let response = match respond(&self.weather.look(), ask) {
            Ok(value) => json_answer(200, &value),
            Err(Wrong::Refused(Refused { status, kind, reason })) => json_answer(status, &error(status, kind, &reason)),
            Err(Wrong::Answer(response)) => return *response,
        };
        let opaque = ask.header("x-opaque-id").map(str::to_owned);
        let response = with_header(response, "x-elastic-product", "Elasticsearch");
        opaque.into_iter().fold(response, |response, id| with_header(response, "x-opaque-id", &id))
    }

    fn refusal(&self, status: StatusCode, retry_after_s: Option<u32>) -> Response {
        // It sends no Retry-After.
        let (kind, reason) = match status.as_u16() {
            429 => ("es_rejected_execution_exception", "rejected execution of search on QueueResizableSearchThreadPool"),
            403 => {
                ("security_exception", "action [indices:data/read/search] is unauthorized for API key id [town] of user [reader]")
            }
            503 => ("search_phase_execution_exception", "all shards failed"),
            401 => return unauthorized(),
            _ => ("exception", "something is wrong"),
        };
        debug_assert!(retry_after_s.is_none() || status == StatusCode::TOO_MANY_REQUESTS);
        json_answer(status.as_u16(), &error(status.as_u16(), kind, reason))
    }
}

enum Wrong {
    Refused(Refused),
    Answer(Box<Response>),
}

impl From<Refused> for Wrong {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

fn error(status: u16, kind: &str, reason: &str) -> Value {
    let cause = json!({"type": kind, "reason": reason});
    json!({"error": {"root_cause": [cause], "type": kind, "reason": reason}, "status": status})
}

fn unauthorized() -> Response {
    let reason = "missing authentication credentials for REST request";
    let response = json_answer(401, &error(401, "security_exception", reason));
    ["Basic realm=\"security\", charset=\"UTF-8\"", "Bearer realm=\"security\"", "ApiKey"]
        .into_iter()
        .fold(response, |response, way| with_header(response, "www-authenticate", way))
}

fn respond(sky: &Sky, ask: &Ask) -> Result<Value, Wrong> {
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{SEARCH_USER}:{SEARCH_PASSWORD}")));
    if !ask.header("authorization").is_some_and(|given| given == basic || given == format!("ApiKey {SEARCH_API_KEY}")) {
        return Err(Wrong::Answer(Box::new(unauthorized())));
    }
    check_content_type(ask)?;
    let segments = ask.segments();
    let (index, rest) = match segments[..] {
        [first, ..] if first.starts_with('_') => (None, &segments[..]),
        [index, ..] => (Some(index), &segments[1..]),
        [] if ask.is_get() => {
            return Ok(json!({"name": "node-1", "cluster_name": "town", "cluster_uuid": "k1pQn3zsQxO2fV7bqX0r7A",
                "version": {"number": "8.13.0", "build_flavor": "default", "build_type": "docker", "lucene_version": "9.10.0",
                    "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0"},
                "tagline": "You Know, for Search"}));
        }
        [] => (None, &segments[..]),
    };
    match rest {
        ["_search"] if ask.is_post() || ask.is_get() => search(sky, ask, index),
        ["_count"] if ask.is_post() || ask.is_get() => {
            let body = body(ask)?;
            let days = days(sky, ask, index)?;
            let filter = body.get("query").map_or(Ok(Filter::All), |query| query::parse(query, sky.now))?;
            let (matched, _) = matched(sky, &filter, &days);
            Ok(json!({"count": matched.len(), "_shards": shards(sky, &days).0}))
        }
        ["_field_caps"] if ask.is_post() || ask.is_get() => field_caps(sky, ask, index),
        _ => {
            Err(Refused::argument(format!("no handler found for uri [/{}] and method [{}]", ask.path.join("/"), ask.method))
                .into())
        }
    }
}

/// Errors of this kind are plain strings.
fn check_content_type(ask: &Ask) -> Result<(), Wrong> {
    if ask.body.is_empty() {
        return Ok(());
    }
    let kind = ask.header("content-type").unwrap_or_default();
    let plain_error = |status: u16| {
        let text = format!("Content-Type header [{kind}] is not supported");
        Err(Wrong::Answer(Box::new(json_answer(status, &json!({"error": text, "status": status})))))
    };
    if let Some((_, version)) = kind.split_once("compatible-with=") {
        let supported = matches!(version.trim(), "7" | "8");
        let reason = format!("Accept version must be either version 8 or 7, but found {version}");
        return if supported { Ok(()) } else { Err(Refused { status: 400, kind: "media_type_header_exception", reason }.into()) };
    }
    if kind.starts_with("application/json") { Ok(()) } else { plain_error(406) }
}

fn body(ask: &Ask) -> Result<Value, Refused> {
    if ask.body.is_empty() {
        return Ok(json!({}));
    }
    let body = ask.json().map_err(|error| Refused { status: 400, kind: "parsing_exception", reason: error.to_string() })?;
    if body.is_object() { Ok(body) } else { Err(Refused::parsing("Expected [START_OBJECT] but found something else")) }
}

fn day_of(ms: i64) -> String {
    lines::date(ms).get(..10).unwrap_or_default().replace('-', ".")
}

fn index_name(ms: i64) -> String {
    format!("{SEARCH_ALIAS}-{}", day_of(ms))
}

/// All indices that are there.
fn indices(sky: &Sky) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut at = sky.begin;
    while at < sky.now {
        found.insert(index_name(at.as_millisecond()));
        at = after(at, Duration::from_secs(86_400));
    }
    found.insert(index_name(sky.now.as_millisecond()));
    found
}

/// The indices that a pattern means.
fn days(sky: &Sky, ask: &Ask, pattern: Option<&str>) -> Result<BTreeSet<String>, Refused> {
    let all = indices(sky);
    let Some(pattern) = pattern.filter(|pattern| !["_all", "*"].contains(pattern)) else { return Ok(all) };
    let mut found = BTreeSet::new();
    let missing =
        |name: &str| Refused { status: 404, kind: "index_not_found_exception", reason: format!("no such index [{name}]") };
    for name in pattern.split(',') {
        let before = found.len();
        match name.split_once('*') {
            Some((start, end)) => found.extend(all.iter().filter(|one| one.starts_with(start) && one.ends_with(end)).cloned()),
            None if name == SEARCH_ALIAS => found.extend(all.iter().cloned()),
            None => found.extend(all.get(name).cloned()),
        }
        let is_needed = if name.contains('*') {
            ask.query("allow_no_indices") == Some("false")
        } else {
            ask.query("ignore_unavailable") != Some("true")
        };
        if found.len() == before && is_needed {
            return Err(missing(name));
        }
    }
    Ok(found)
}

/// `(the _shards object, timed_out)`.
fn shards(sky: &Sky, days: &BTreeSet<String>) -> (Value, bool) {
    let partial = sky.conditions().find_map(|condition| match condition {
        Condition::SearchPartial { timed_out, failed_shards } => Some((*timed_out, (*failed_shards).min(SHARDS))),
        _ => None,
    });
    if days.is_empty() {
        return (json!({"total": 0, "successful": 0, "skipped": 0, "failed": 0}), false);
    }
    let (timed_out, failed) = partial.unwrap_or((false, 0));
    let mut shown = json!({"total": SHARDS, "successful": SHARDS - failed, "skipped": 0, "failed": failed});
    if failed > 0 {
        let one = |shard| {
            json!({"shard": shard, "index": days.iter().next_back(), "node": "n1",
            "reason": {"type": "node_disconnected_exception", "reason": "node left the cluster"}})
        };
        shown["failures"] = (0..failed).map(one).collect();
    }
    (shown, timed_out)
}

/// What matches, and whether the search gave up before the end.
fn matched(sky: &Sky, filter: &Filter, days: &BTreeSet<String>) -> (Vec<Entry>, bool) {
    let (from, until) = filter.window();
    let (institutions, service) = filter.narrowed(sky);
    let all_days = indices(sky).len() == days.len();
    let (failed, timed_out) = {
        let (shards, timed_out) = shards(sky, days);
        (shards["failed"].as_u64().unwrap_or(0), timed_out)
    };
    let (mut matched, mut scanned) = (Vec::new(), 0);
    sky.each_entry(from, until, institutions.as_deref(), service, |entry| {
        scanned += 1;
        let is_lost = mix(&[entry.hash, 11]) % u64::from(SHARDS) < failed + u64::from(timed_out);
        if !is_lost
            && (all_days || days.contains(&index_name(entry.at_ms)))
            && sky.is_searchable(entry)
            && filter.takes(sky, entry)
        {
            matched.push(*entry);
        }
        scanned < MAX_SCANNED && matched.len() < MAX_MATCHED
    });
    if days.is_empty() {
        matched.clear();
    }
    let gave_up = scanned >= MAX_SCANNED || matched.len() >= MAX_MATCHED;
    (matched, gave_up || timed_out)
}

const KNOWN: [&str; 12] = [
    "query",
    "aggs",
    "aggregations",
    "size",
    "from",
    "sort",
    "search_after",
    "_source",
    "track_total_hits",
    "timeout",
    "version",
    "explain",
];

fn search(sky: &Sky, ask: &Ask, index: Option<&str>) -> Result<Value, Wrong> {
    let body = body(ask)?;
    if let Some(other) = body.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(Refused::parsing(format!("unknown key for a value in [{other}].")).into());
    }
    let days = days(sky, ask, index)?;
    let filter = body.get("query").map_or(Ok(Filter::All), |query| query::parse(query, sky.now))?;
    let (size, from) = (body["size"].as_u64().unwrap_or(10), body["from"].as_u64().unwrap_or(0));
    if size.saturating_add(from) > MAX_WINDOW {
        let reason = format!(
            "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{}]",
            size.saturating_add(from)
        );
        return Err(Refused::argument(reason).into());
    }
    let keys = sort_keys(body.get("sort"))?;
    let (entries, timed_out) = matched(sky, &filter, &days);
    let mut hits = sorted(sky, &entries, &keys);
    if let Some(last) = body.get("search_after") {
        let last = last.as_array().filter(|last| last.len() == keys.len() && !last.is_empty());
        let last = last.ok_or_else(|| Refused::argument("search_after has a different number of values than sort has fields"))?;
        hits.retain(|(_, sort)| compare(sort, last, &keys).is_gt());
    }
    let page: Vec<Value> = hits
        .iter()
        .skip(from as usize)
        .take(size as usize)
        .map(|(entry, sort)| hit(sky, entry, body.get("_source"), (!keys.is_empty()).then_some(sort)))
        .collect();
    let mut answer = json!({"took": 3, "timed_out": timed_out, "_shards": shards(sky, &days).0,
        "hits": {"max_score": null, "hits": page}});
    let most = match body.get("track_total_hits") {
        Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(usize::MAX),
        Some(number) => number.as_u64().map(|most| most as usize),
        None => Some(MAX_WINDOW as usize),
    };
    if let Some(most) = most {
        let relation = if entries.len() > most { "gte" } else { "eq" };
        answer["hits"]["total"] = match ask.query("rest_total_hits_as_int") {
            Some("true") => json!(entries.len()),
            _ => json!({"value": entries.len().min(most), "relation": relation}),
        };
    }
    let asked = body.get("aggs").or_else(|| body.get("aggregations"));
    // Over no index at all there are none.
    if let Some(asked) = asked.filter(|_| !days.is_empty()) {
        answer["aggregations"] = aggs::all(&Found { sky }, &entries, asked, 0)?;
    }
    Ok(answer)
}

/// Fields to sort by, and whether upwards.
fn sort_keys(sort: Option<&Value>) -> Result<Vec<(String, bool)>, Refused> {
    let list = match sort {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
    };
    list.iter()
        .map(|key| {
            let (name, order) = match key {
                Value::String(name) => (name.as_str(), Value::Null),
                other => query::only(other, "sort").map(|(name, order)| (name, order.get("order").unwrap_or(order).clone()))?,
            };
            match kind_of(name) {
                Some(Kind::Text { .. }) => {
                    Err(Refused::argument(format!("Fielddata is disabled on [{name}]. Please use a keyword field instead.")))
                }
                None if name != "_doc" => Err(Refused {
                    status: 400,
                    kind: "query_shard_exception",
                    reason: format!("No mapping found for [{name}] in order to sort on"),
                }),
                _ => Ok((name.to_owned(), order.as_str() != Some("desc"))),
            }
        })
        .collect()
}

type Sorted = (Entry, Vec<Value>);

fn sorted(sky: &Sky, entries: &[Entry], keys: &[(String, bool)]) -> Vec<Sorted> {
    let value = |entry: &Entry, name: &str| match name {
        "_doc" => json!(entry.hash >> 12),
        name => lookup(sky, entry, name).unwrap_or(Value::Null),
    };
    let values = |entry: &Entry| keys.iter().map(|(name, _)| value(entry, name)).collect();
    let mut all: Vec<Sorted> = entries.iter().map(|entry| (*entry, values(entry))).collect();
    all.sort_by(|(_, a), (_, b)| compare(a, b, keys));
    all
}

fn compare(a: &[Value], b: &[Value], keys: &[(String, bool)]) -> std::cmp::Ordering {
    let one = |((a, b), (_, upwards)): ((&Value, &Value), &(String, bool))| {
        let order = match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            // Missing values come last, whichever the order.
            _ if a.is_null() || b.is_null() => return a.is_null().cmp(&b.is_null()),
            _ => plain(a).cmp(&plain(b)),
        };
        if *upwards { order } else { order.reverse() }
    };
    a.iter().zip(b).zip(keys).map(one).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

fn hit(sky: &Sky, entry: &Entry, wanted: Option<&Value>, sort: Option<&Vec<Value>>) -> Value {
    let mut shown = json!({"_index": index_name(entry.at_ms), "_id": format!("{:016x}", entry.hash), "_score": null});
    if let Some(source) = query::source(sky.document(entry), wanted) {
        shown["_source"] = source;
    }
    if let Some(sort) = sort {
        shown["sort"] = json!(sort);
    }
    shown
}

fn field_caps(sky: &Sky, ask: &Ask, index: Option<&str>) -> Result<Value, Wrong> {
    let days = days(sky, ask, index)?;
    let body = body(ask)?;
    let listed = body["fields"].as_array().map(|many| many.iter().map(plain).collect::<Vec<_>>());
    let wanted: Vec<String> =
        listed.or_else(|| ask.query("fields").map(|fields| fields.split(',').map(str::to_owned).collect())).unwrap_or_default();
    if wanted.is_empty() {
        return Err(Refused {
            status: 400,
            kind: "action_request_validation_exception",
            reason: "Validation Failed: 1: no fields specified;".to_owned(),
        }
        .into());
    }
    let moments: Vec<_> =
        sky.spells.iter().flat_map(|spell| [Some(spell.from), spell.until]).flatten().chain([sky.begin, sky.now]).collect();
    let mut fields = Map::new();
    for (usual, kind) in FIELDS {
        let names: BTreeSet<&str> =
            moments.iter().filter(|at| **at <= sky.now && **at >= sky.begin).map(|at| sky.name_at(usual, *at)).collect();
        for name in names {
            let (word, aggregatable) = match kind {
                Kind::Date => ("date", true),
                Kind::Keyword => ("keyword", true),
                Kind::Long => ("long", true),
                Kind::Text { .. } => ("text", false),
            };
            let mut put = |name: String, word: &str, aggregatable: bool| {
                let is_wanted =
                    wanted.iter().any(|one| one.strip_suffix('*').map_or(*one == name, |start| name.starts_with(start)));
                if is_wanted && !days.is_empty() {
                    fields.insert(
                        name,
                        json!({word: {"type": word, "metadata_field": false, "searchable": true, "aggregatable": aggregatable}}),
                    );
                }
            };
            put(name.to_owned(), word, aggregatable);
            if kind == (Kind::Text { keyword: true }) {
                put(format!("{name}.keyword"), "keyword", true);
            }
        }
    }
    Ok(json!({"indices": days, "fields": fields}))
}

#[cfg(test)]
mod tests;
