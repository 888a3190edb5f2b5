//! Prometheus over what the town counts.
//!
//! Facts: Prometheus' HTTP API, main branch of 2026.

use crate::desk::{Ask, Desk, answer, find, json_answer};
use crate::weather::{Condition, Sky, Weather};
use axum::http::StatusCode;
use axum::response::Response;
use eval::{Answer, Eval, millis, reach};
use jiff::Timestamp;
use parse::Expr;
use serde_json::{Value, json};
use series::{Counts, Labels, Series};
use std::collections::{BTreeMap, BTreeSet};

mod eval;
mod parse;
mod series;

pub use series::{POOL_IN_USE, POOL_SIZE, REQUESTS};

/// Prometheus' own bound on points of a series.
const MAX_POINTS: i64 = 11_000;

pub(crate) struct Metrics {
    pub(crate) weather: Weather,
}

struct Wrong {
    status: u16,
    kind: &'static str,
    text: String,
}

fn bad(text: impl Into<String>) -> Wrong {
    Wrong { status: 400, kind: "bad_data", text: text.into() }
}

impl Desk for Metrics {
    fn answer(&self, ask: &Ask) -> Response {
        let sky = self.weather.look();
        let parameters = ask.query_and_form();
        let api = match ask.segments()[..] {
            ["-", "ready"] => return answer(200, "text/plain", "Prometheus Server is Ready.\n"),
            ["-", "healthy"] => return answer(200, "text/plain", "Prometheus Server is Healthy.\n"),
            ["api", "v1", ..] if !ask.is_get() && !ask.is_post() => return answer(405, "text/plain", "Method Not Allowed\n"),
            ["api", "v1", ref rest @ ..] => respond(&sky, rest, &parameters),
            _ => None,
        };
        match api {
            None => answer(404, "text/plain", "404 page not found\n"),
            Some(Ok((data, mut warnings))) => {
                if sky.conditions().any(|condition| *condition == Condition::MetricsPartial) {
                    warnings.push("remote read: some of the stores did not answer: results may be incomplete".to_owned());
                }
                let mut envelope = json!({"status": "success", "data": data});
                if !warnings.is_empty() {
                    envelope["warnings"] = json!(warnings);
                }
                json_answer(200, &envelope)
            }
            Some(Err(wrong)) => {
                json_answer(wrong.status, &json!({"status": "error", "errorType": wrong.kind, "error": wrong.text}))
            }
        }
    }

    fn refusal(&self, status: StatusCode, _: Option<u32>) -> Response {
        let kind = match status.as_u16() {
            422 => "execution",
            // A proxy or a server that starts answers before the API does.
            502 | 503 | 401 | 403 | 429 => return answer(status.as_u16(), "text/plain", "Service Unavailable"),
            _ => "internal",
        };
        json_answer(status.as_u16(), &json!({"status": "error", "errorType": kind, "error": "something is wrong"}))
    }
}

type Parameters<'a> = &'a [(String, String)];
type Data = Result<(Value, Vec<String>), Wrong>;

/// `None` for a path that Prometheus does not have.
fn respond(sky: &Sky, path: &[&str], parameters: Parameters<'_>) -> Option<Data> {
    Some(match path {
        ["query"] => instant(sky, parameters),
        ["query_range"] => range(sky, parameters),
        ["labels"] => labels(sky, parameters, |labels| labels.into_keys().collect()),
        ["label", name, "values"] => labels(sky, parameters, |mut labels| labels.remove(*name).into_iter().collect()),
        ["series"] if find(parameters, "match[]").is_none() => Err(bad("no match[] parameter provided")),
        ["series"] => selected(sky, parameters).map(|found| (json!(found), Vec::new())),
        ["metadata"] => Ok((
            json!({"symxchange_requests_total": [{"type": "counter", "help": "Requests to cores by outcome.", "unit": ""}],
                "symxchange_pool_in_use": [{"type": "gauge", "help": "Connections of the pool in use.", "unit": ""}],
                "symxchange_pool_size": [{"type": "gauge", "help": "Connections of the pool.", "unit": ""}]}),
            Vec::new(),
        )),
        ["status", "buildinfo"] => {
            Ok((json!({"version": "3.5.0", "revision": "town", "branch": "HEAD", "goVersion": "go1.25"}), Vec::new()))
        }
        _ => return None,
    })
}

fn parsed(parameters: Parameters<'_>) -> Result<Expr, Wrong> {
    parse::parse(find(parameters, "query").unwrap_or_default())
        .map_err(|error| bad(format!("invalid parameter \"query\": {error}")))
}

/// Unix seconds, also with decimals, or RFC 3339; in milliseconds.
fn time(parameters: Parameters<'_>, name: &str) -> Result<Option<i64>, Wrong> {
    let Some(text) = find(parameters, name) else { return Ok(None) };
    let seconds =
        text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e11).map(|seconds| (seconds * 1_000.0).round() as i64);
    let ms = seconds.or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond));
    ms.map(Some).ok_or_else(|| bad(format!("invalid parameter \"{name}\": cannot parse {text:?} to a valid timestamp")))
}

fn limit(parameters: Parameters<'_>) -> Option<usize> {
    find(parameters, "limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0)
}

fn load(sky: &Sky, expr: &Expr, start_ms: i64, end_ms: i64) -> Counts {
    let (far, since_beginning) = reach(expr);
    let from = if since_beginning { sky.begin.as_millisecond() } else { start_ms.saturating_sub(millis(far)) };
    Counts::load(sky, from, end_ms)
}

/// A parse error that only evaluation finds is one all the same.
fn failed(error: String) -> Wrong {
    match error.contains("parse error") || error.contains("invalid expression type") {
        true => bad(format!("invalid parameter \"query\": {error}")),
        false => Wrong { status: 422, kind: "execution", text: error },
    }
}

fn instant(sky: &Sky, parameters: Parameters<'_>) -> Data {
    let expr = parsed(parameters)?;
    let at = time(parameters, "time")?.unwrap_or(sky.now.as_millisecond());
    let eval = Eval { sky, counts: load(sky, &expr, at, at) };
    let stamp = seconds(at);
    match eval.at(&expr, at).map_err(failed)? {
        Answer::Scalar(number) => Ok((json!({"resultType": "scalar", "result": [stamp, shown(number)]}), Vec::new())),
        Answer::Vector(mut vector) => {
            let mut warnings = Vec::new();
            if let Some(limit) = limit(parameters).filter(|limit| *limit < vector.len()) {
                vector.truncate(limit);
                warnings.push("results truncated due to limit".to_owned());
            }
            let result: Vec<Value> =
                vector.into_iter().map(|(labels, value)| json!({"metric": labels, "value": [stamp, shown(value)]})).collect();
            Ok((json!({"resultType": "vector", "result": result}), warnings))
        }
    }
}

fn range(sky: &Sky, parameters: Parameters<'_>) -> Data {
    let needed = |name: &str| {
        time(parameters, name)?
            .ok_or_else(|| bad(format!("invalid parameter \"{name}\": cannot parse \"\" to a valid timestamp")))
    };
    let (start, end) = (needed("start")?, needed("end")?);
    if end < start {
        return Err(bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    let text = find(parameters, "step").unwrap_or_default();
    let step = text.parse::<f64>().ok().map(|seconds| (seconds * 1_000.0) as i64).or_else(|| parse::duration(text).map(millis));
    let step = step.ok_or_else(|| bad(format!("invalid parameter \"step\": cannot parse {text:?} to a valid duration")))?;
    if step <= 0 {
        return Err(bad(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if (end - start) / step > MAX_POINTS {
        return Err(bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let expr = parsed(parameters)?;
    let eval = Eval { sky, counts: load(sky, &expr, start, end) };
    let mut series = BTreeMap::<Labels, Vec<Value>>::new();
    let mut at = start;
    while at <= end {
        let vector = match eval.at(&expr, at).map_err(failed)? {
            Answer::Scalar(number) => vec![(Labels::new(), number)],
            Answer::Vector(vector) => vector,
        };
        for (labels, value) in vector {
            series.entry(labels).or_default().push(json!([seconds(at), shown(value)]));
        }
        at += step;
    }
    let mut warnings = Vec::new();
    let most = limit(parameters).unwrap_or(usize::MAX);
    if series.len() > most {
        warnings.push("results truncated due to limit".to_owned());
    }
    let result: Vec<Value> =
        series.into_iter().take(most).map(|(labels, values)| json!({"metric": labels, "values": values})).collect();
    Ok((json!({"resultType": "matrix", "result": result}), warnings))
}

/// The labels of every series that a `match[]` selects, or of all.
fn selected(sky: &Sky, parameters: Parameters<'_>) -> Result<Vec<Labels>, Wrong> {
    // Which series there are depends on no span of time.
    let nothing = sky.now.as_millisecond();
    let eval = Eval { sky, counts: Counts::load(sky, nothing, nothing) };
    let wanted: Vec<&str> = parameters.iter().filter(|(name, _)| name == "match[]").map(|(_, value)| value.as_str()).collect();
    if wanted.is_empty() {
        return Ok(eval.counts.series.iter().map(Series::labels).collect());
    }
    let mut found = BTreeSet::new();
    for text in wanted {
        let expr = parse::parse(text).map_err(|error| bad(format!("invalid parameter \"match[]\": {error}")))?;
        match (&expr, eval.at(&expr, nothing)) {
            (Expr::Selector { .. }, Ok(Answer::Vector(vector))) => found.extend(vector.into_iter().map(|(labels, _)| labels)),
            _ => return Err(bad("invalid parameter \"match[]\": a selector is needed")),
        }
    }
    Ok(found.into_iter().collect())
}

fn labels(sky: &Sky, parameters: Parameters<'_>, take: impl Fn(Labels) -> Vec<String>) -> Data {
    let found: BTreeSet<String> = selected(sky, parameters)?.into_iter().flat_map(take).collect();
    Ok((json!(found), Vec::new()))
}

fn seconds(ms: i64) -> Value {
    if ms % 1_000 == 0 { json!(ms / 1_000) } else { json!(ms as f64 / 1_000.0) }
}

fn shown(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
