//! Carries out the actions of runs.

use firedog_domain::alert::Actor;
use firedog_domain::event::Severity;
use firedog_domain::id::TeamId;
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::run::{Act, Progress, Run};
use firedog_domain::setup::Target;
use firedog_domain::time::{after, parse_length};
use firedog_engine::{Engine, Perform, Raise};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::pin::Pin;

/// Looks at a wait are so far apart at the most, in milliseconds.
const LOOK_AGAIN_MS: i64 = 60_000;

pub struct Performer {
    pub engine: Engine,
    /// Links in pages begin with this.
    pub links_base: String,
}

impl Perform for Performer {
    fn perform(&self, run: Run, act: Act) -> Pin<Box<dyn Future<Output = Progress> + Send>> {
        let (engine, links_base) = (self.engine.clone(), self.links_base.clone());
        Box::pin(async move {
            match act.action.as_str() {
                "wait" => wait(&act, engine.clock().now()),
                "page" => page(&engine, &links_base, &run, &act).await,
                other => Progress::NotConnected { reason: format!("nothing is connected that could do `{other}`") },
            }
        })
    }
}

pub(super) fn text<'a>(args: &'a Map<String, Value>, name: &str) -> &'a str {
    args.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn done(output: Value) -> Progress {
    Progress::Done { output: output.as_object().cloned().unwrap_or_default() }
}

fn wait(act: &Act, now: Timestamp) -> Progress {
    let until = match act.call.memo.get("until").and_then(Value::as_str).map(str::parse::<Timestamp>) {
        Some(Ok(until)) => until,
        _ => match parse_length(text(&act.args, "for")) {
            Ok(length) => after(now, length),
            Err(reason) => return Progress::Failed { reason, again: false },
        },
    };
    let left_ms = until.duration_since(now).as_millis();
    if left_ms <= 0 {
        return done(json!({}));
    }
    let after_ms = i64::try_from(left_ms).unwrap_or(LOOK_AGAIN_MS).min(LOOK_AGAIN_MS);
    Progress::Waiting { memo: json!({ "until": until }), effect: Effect::Read, after_ms, text: format!("until {until:.0}") }
}

/// The key of the call is the page's own: a second call finds the first one's alert and pages nobody again.
async fn page(engine: &Engine, links_base: &str, run: &Run, act: &Act) -> Progress {
    let raise = Raise {
        service: None,
        to: Some(Target::Team(TeamId::from(text(&act.args, "team")))),
        summary: text(&act.args, "message").to_owned(),
        severity: Severity::Critical,
        urgency: None,
        labels: BTreeMap::from([("runbook".to_owned(), run.runbook.to_string())]),
        dedup_key: Some(format!("run/{}", act.call.key)),
        details: json!({ "run": format!("{links_base}/runs/{}", run.id), "title": run.title }),
    };
    match engine.raise(raise, &Actor::System).await {
        Ok(alert) => done(json!({ "alert": alert.id })),
        Err(error @ (firedog_engine::Error::NotFound(_) | firedog_engine::Error::Refused(_))) => {
            Progress::Failed { reason: error.to_string(), again: false }
        }
        Err(error) => Progress::Uncertain { reason: error.to_string() },
    }
}
