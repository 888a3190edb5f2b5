//! How somebody outside makes the weather of a town, and sees what was done in it: JSON over HTTP, on loopback only.

use crate::hold::{Asked, Release, When};
use crate::http::{bind, serve_until};
use crate::portal::Portal;
use crate::slack::Slack;
use crate::town::Town;
use crate::vantage::VANTAGES;
use crate::weather::{Builds, Condition, CoreFault, Platform, Service, Weather};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Whoever asks for the held request waits so long for one.
const HELD_WITHIN: Duration = Duration::from_secs(10);

/// As far as the town's history reaches back.
const MOST_MINUTES_AGO: u32 = 360;

/// A running control. Dropping it ends it at once.
pub struct Control {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Handles {
    weather: Weather,
    slack: Slack,
    slack_url: String,
    portal: Portal,
}

impl Control {
    /// On any free port of 127.0.0.1.
    pub async fn start(town: &Town) -> io::Result<Self> {
        let listener = bind(None).await?;
        let addr = listener.local_addr()?;
        let handles = Handles {
            weather: town.weather().clone(),
            slack: town.slack().clone(),
            slack_url: town.slack_url(),
            portal: town.portal().clone(),
        };
        let router = Router::new()
            .route("/weather", post(weather))
            .route("/restarts", get(restarts))
            .route("/requests", get(requests))
            .route("/hold", post(hold))
            .route("/held", get(held))
            .route("/release", post(release))
            .route("/slack", get(slack))
            .route("/slack/command", post(command))
            .route("/slack/press", post(press))
            .route("/portal", get(portal))
            .with_state(handles);
        Ok(Self { addr, task: tokio::spawn(serve_until(listener, router, std::future::pending())) })
    }

    /// Without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is wrong from now on, beside what is wrong already.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wrong {
    /// Our own connections are used up, in both services: restarts heal it.
    PoolExhausted,
    /// An institution's core refuses connections.
    CoreRefused,
    /// The way from us to an institution's core is closed; from every vantage point it is open.
    WayClosed,
    /// An institution sends no calls.
    NoTraffic,
    /// Jenkins has no free executor.
    BuildsStayQueued,
    /// Everything is well again.
    None,
}

fn all() -> u8 {
    100
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    set: Wrong,
    /// Of the requests; whom they are for is chance.
    #[serde(default = "all")]
    percent: u8,
    /// Whose; needed for `core_refused`, `way_closed` and `no_traffic` only.
    institution: Option<String>,
    /// It has been so for a while: logs and metrics tell of it at once.
    #[serde(default)]
    minutes_ago: u32,
}

async fn weather(State(Handles { weather, .. }): State<Handles>, Json(change): Json<Change>) -> Response {
    let Change { set, percent, institution, minutes_ago } = change;
    if percent > 100 || minutes_ago > MOST_MINUTES_AGO {
        return refused(format!("`percent` is at most 100, and `minutes_ago` at most {MOST_MINUTES_AGO}"));
    }
    let conditions = match set {
        Wrong::None => {
            weather.clear_all();
            Vec::new()
        }
        Wrong::PoolExhausted => weather
            .services()
            .into_iter()
            .map(|service| Condition::PoolExhausted { service, percent, restart_heals: true })
            .collect(),
        Wrong::CoreRefused | Wrong::WayClosed | Wrong::NoTraffic => {
            let Some(institution) = institution.filter(|wanted| weather.institutions().iter().any(|one| one.id == *wanted))
            else {
                return refused(
                    "`core_refused`, `way_closed` and `no_traffic` need an `institution` of the town, such as inst-1".to_owned(),
                );
            };
            let way =
                |vantage: &str| Condition::Way { vantage: vantage.to_owned(), institution: institution.clone(), open: true };
            let ways: Vec<Condition> = VANTAGES.into_iter().map(way).collect();
            match set {
                Wrong::CoreRefused => vec![Condition::Core { institution, fault: CoreFault::Refuses, percent }],
                Wrong::NoTraffic => vec![Condition::Traffic { institution, per_minute: 0 }],
                _ => {
                    let closed = Condition::Core { institution, fault: CoreFault::ConnectTimeout, percent };
                    ways.into_iter().chain([closed]).collect()
                }
            }
        }
        Wrong::BuildsStayQueued => vec![Condition::Builds(Builds::StayQueued)],
    };
    let now = weather.now();
    let from = now.checked_sub(SignedDuration::from_mins(i64::from(minutes_ago))).unwrap_or(now);
    for condition in conditions {
        weather.set_between(condition, from, None);
    }
    Json(json!({ "now": now })).into_response()
}

async fn restarts(State(Handles { weather, .. }): State<Handles>) -> Json<Value> {
    let on = |platform| {
        let of = |service: Service| (service.name().to_owned(), json!(weather.restarted_at(platform, service)));
        weather.services().into_iter().map(of).collect::<Map<_, _>>()
    };
    let builds: Vec<Value> = weather
        .builds()
        .into_iter()
        .map(|build| {
            let parameters: Map<String, Value> =
                build.parameters.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
            json!({ "job": build.job, "item": build.item, "number": build.number, "parameters": parameters, "queued": build.queued,
                "cancelled": build.is_cancelled, "result": build.result })
        })
        .collect();
    Json(json!({ "marathon": on(Platform::Marathon), "kubernetes": on(Platform::Kubernetes), "builds": builds }))
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Point {
    Before,
    After,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nth {
    /// 1: the next one.
    nth: u64,
    when: Point,
    /// Only those are counted.
    method: Option<String>,
}

async fn hold(State(Handles { weather, .. }): State<Handles>, Json(Nth { nth, when, method }): Json<Nth>) -> Json<Value> {
    weather.holds().hold(
        nth,
        match when {
            Point::Before => When::Before,
            Point::After => When::After,
        },
        method.as_deref(),
    );
    Json(json!({ "requests": weather.holds().count() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    within_s: Option<u64>,
}

/// The held request; `null` at once if none is to be held, and after a while if none has come.
async fn held(State(Handles { weather, .. }): State<Handles>, Query(Within { within_s }): Query<Within>) -> Json<Value> {
    let holds = weather.holds();
    let within = within_s.map_or(HELD_WITHIN, |given| Duration::from_secs(given).min(HELD_WITHIN));
    // What is held is told even to whoever waits for nothing.
    let within = if holds.is_set() { within } else { Duration::ZERO };
    let found = tokio::time::timeout(within, holds.held()).await.ok();
    let told = found.map(|held| {
        let mut told = told(held.asked);
        told["when"] = json!(if held.when == When::Before { "before" } else { "after" });
        told
    });
    Json(json!({ "held": told, "requests": holds.count() }))
}

fn told(asked: Asked) -> Value {
    let system = format!("{:?}", asked.system).to_lowercase();
    json!({ "number": asked.number, "system": system, "method": asked.method, "path": asked.path })
}

async fn requests(State(Handles { weather, .. }): State<Handles>) -> Json<Value> {
    Json(weather.holds().asked().into_iter().map(told).collect())
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Then {
    Drop,
    DoLate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Let {
    then: Then,
}

async fn release(State(Handles { weather, .. }): State<Handles>, Json(Let { then }): Json<Let>) -> Json<Value> {
    let was_held = weather.holds().release(match then {
        Then::Drop => Release::Drop,
        Then::DoLate => Release::DoLate,
    });
    Json(json!({ "was_held": was_held }))
}

async fn slack(State(Handles { slack, .. }): State<Handles>) -> Json<Value> {
    let one = |said: crate::slack::Said| {
        json!({ "channel": said.channel, "ts": said.ts, "thread": said.thread_ts, "user": said.user, "text": said.text,
            "metadata": said.metadata, "updates": said.updates, "buttons": said.buttons() })
    };
    Json(slack.said().into_iter().map(one).collect())
}

async fn portal(State(Handles { portal, .. }): State<Handles>) -> Json<Value> {
    let cases = portal.cases();
    Json(cases.into_iter().map(|case| json!({ "number": case.number, "body": case.body, "key": case.key })).collect())
}

/// Somebody types a command in Slack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Type {
    /// Their member id.
    user: String,
    #[serde(default = "ff")]
    command: String,
    #[serde(default)]
    text: String,
    /// The request URL of the app: where Slack sends it.
    to: String,
    /// Names the request; the same one again is a replay.
    trigger: String,
}

fn ff() -> String {
    "/ff".to_owned()
}

async fn command(State(Handles { slack, slack_url, .. }): State<Handles>, Json(wanted): Json<Type>) -> Response {
    let Type { user, command, text, to, trigger } = wanted;
    match slack.types(&user, &command, &text, &trigger, &slack_url).send(&to).await {
        Ok((status, text)) => Json(json!({ "status": status, "text": text })).into_response(),
        Err(error) => refused(error.to_string()),
    }
}

/// Somebody presses a button in Slack: the one with this label, under the latest message that has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PressOne {
    /// Their member id.
    user: String,
    label: String,
    /// The request URL of the app: where Slack sends it.
    to: String,
    /// Names the press; the same one again is a replay.
    trigger: String,
}

async fn press(State(Handles { slack, slack_url, .. }): State<Handles>, Json(wanted): Json<PressOne>) -> Response {
    let PressOne { user, label, to, trigger } = wanted;
    let all = slack.said();
    let pressed = all.iter().rev().find_map(|said| slack.presses(&user, said, &label, &trigger, &slack_url));
    let Some(pressed) = pressed else { return refused(format!("there is no button `{label}` under any message")) };
    match pressed.send(&to).await {
        Ok((status, text)) => Json(json!({ "status": status, "text": text })).into_response(),
        Err(error) => refused(error.to_string()),
    }
}

fn refused(why: String) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;
    use crate::jenkins::{JENKINS_TOKEN, JENKINS_USER};
    use jiff::Timestamp;

    async fn open() -> (Town, Control) {
        let weather = Weather::new(2, Timestamp::from_second(1_772_467_200).unwrap());
        weather.set_speed(0);
        let town = Town::start(weather).await.unwrap();
        let control = Control::start(&town).await.unwrap();
        (town, control)
    }

    async fn told(control: &Control, path: &str, body: Value) -> (u16, Value) {
        let request = client().post(format!("{}{path}", control.url())).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn seen(control: &Control, path: &str) -> Value {
        client().get(format!("{}{path}", control.url())).send().await.unwrap().json().await.unwrap()
    }

    async fn build(town: &Town) -> bool {
        let path = "job/ops/job/restart-on-marathon/buildWithParameters?SERVICE=symxchange-rpc-server&ENV=production";
        let request = client().post(format!("{}/{path}", town.jenkins_url()));
        request.basic_auth(JENKINS_USER, Some(JENKINS_TOKEN)).send().await.is_ok()
    }

    #[tokio::test]
    async fn the_weather_is_made_and_cleared() {
        let (town, control) = open().await;
        assert_eq!(told(&control, "/weather", json!({"set": "pool_exhausted", "minutes_ago": 20})).await.0, 200);
        let now = town.weather().now();
        let failed = |from: i64| {
            let from = now.checked_sub(SignedDuration::from_mins(from)).unwrap();
            town.weather().failures("inst-1", from, now).iter().map(|(_, count)| count).sum::<usize>()
        };
        assert!(failed(15) > 0 && failed(15) < failed(20) && failed(20) == failed(60));
        assert_eq!(told(&control, "/weather", json!({"set": "core_refused", "institution": "inst-2"})).await.0, 200);
        assert_eq!(told(&control, "/weather", json!({"set": "builds_stay_queued"})).await.0, 200);
        assert_eq!(town.weather().look().conditions().count(), 4);
        assert_eq!(told(&control, "/weather", json!({"set": "way_closed", "institution": "inst-1"})).await.0, 200);
        assert_eq!(town.weather().look().conditions().count(), 4 + 3);
        for wrong in [
            json!({"set": "way_closed"}),
            json!({"set": "no_traffic"}),
            json!({"set": "core_refused"}),
            json!({"set": "core_refused", "institution": "inst-9"}),
        ] {
            assert_eq!(told(&control, "/weather", wrong).await.0, 400);
        }
        assert_eq!(told(&control, "/weather", json!({"set": "rain"})).await.0, 422);
        assert_eq!(told(&control, "/weather", json!({"set": "none"})).await.0, 200);
        assert_eq!(town.weather().look().conditions().count(), 0);
    }

    #[tokio::test]
    async fn what_was_restarted_is_told() {
        let (town, control) = open().await;
        assert!(build(&town).await);
        town.weather().advance(Duration::from_secs(120));
        let found = seen(&control, "/restarts").await;
        assert_eq!(found["marathon"]["symxchange-rpc-server"].as_array().unwrap().len(), 1);
        assert_eq!(found["marathon"]["symxchange-http-server"], json!([]));
        assert_eq!(found["builds"][0]["parameters"]["SERVICE"], "symxchange-rpc-server");
        assert_eq!((&found["builds"][0]["number"], &found["builds"][0]["result"]), (&json!(1), &json!("SUCCESS")));
        town.slack().say(crate::slack::SAM, crate::slack::SUPPORT_CHANNEL, None, "hello");
        assert_eq!(seen(&control, "/slack").await[0]["text"], "hello");
    }

    #[tokio::test]
    async fn a_request_is_held_and_released() {
        let (town, control) = open().await;
        assert_eq!(seen(&control, "/held").await, json!({"held": null, "requests": 0}));
        assert_eq!(told(&control, "/hold", json!({"nth": 1, "when": "before"})).await.0, 200);
        let (sent, found) = tokio::join!(build(&town), async {
            let found = seen(&control, "/held").await;
            assert_eq!(told(&control, "/release", json!({"then": "do_late"})).await.1, json!({"was_held": true}));
            found
        });
        assert!(!sent);
        assert_eq!((&found["held"]["method"], &found["held"]["system"]), (&json!("POST"), &json!("jenkins")));
        assert_eq!(town.weather().builds().len(), 1);
        assert_eq!(seen(&control, "/requests").await[0]["path"], found["held"]["path"]);
    }
}
