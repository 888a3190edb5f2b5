//! A prober, as a monitoring product would have it: asks a URL again and again, and reports what changes to a sink
//! that speaks PagerDuty's Events API v2 (`POST /v2/enqueue`).

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Changes that wait while the sink is down. More would tell of a prober that flaps, not of one more outage.
const QUEUE: usize = 32;

/// Tries per event before it is given up: with `RETRY_AT_MOST` about six minutes, longer than any restart.
const TRIES: u32 = 200;
const RETRY_AT_FIRST: Duration = Duration::from_millis(100);
const RETRY_AT_MOST: Duration = Duration::from_secs(2);

/// A sink's `Retry-After` beyond this is cut: an outage must not be told an hour late because of one odd header.
const RETRY_AFTER_AT_MOST: Duration = Duration::from_secs(30);

/// What to probe, and when to believe a failure.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Names the thing; with `probe/` before it this is the `dedup_key`, the same in every outage.
    pub name: String,
    pub url: String,
    pub every: Duration,
    /// A slower answer is a failure.
    pub timeout: Duration,
    /// Failures in a row before it is reported; 0 counts as 1.
    pub failures: u32,
}

/// Where changes are reported.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Base address, without `/v2/enqueue`.
    pub url: String,
    pub routing_key: String,
}

/// What the sink last accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reported {
    #[default]
    Nothing,
    Trigger,
    Resolve,
}

/// What the prober knows by now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub probes: u64,
    pub failures_in_a_row: u32,
    /// Why the last probe failed; `None` after a good one.
    pub failure: Option<String>,
    pub reported: Reported,
    /// Tries that the sink did not accept.
    pub sink_failures: u64,
    /// Why the sink did not accept the last try; `None` after a good one.
    pub sink_failure: Option<String>,
    /// Events that the sink refused for good, that were tried often enough, or that found the queue full.
    pub given_up: u64,
}

/// A running prober. Dropping it ends it at once.
pub struct Prober {
    seen: watch::Sender<Seen>,
    tasks: [JoinHandle<()>; 2],
}

impl Prober {
    /// Starts with a probe at once.
    pub fn start(probe: Probe, sink: Sink) -> Self {
        let client = crate::client();
        let (seen, _) = watch::channel(Seen::default());
        let (events, queue) = mpsc::channel(QUEUE);
        let tasks = [
            tokio::spawn(watch_over(client.clone(), probe, events, seen.clone(), sink.routing_key)),
            tokio::spawn(report(client, sink.url, queue, seen.clone())),
        ];
        Self { seen, tasks }
    }

    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until `condition` holds; `None` when it does not within `within`.
    pub async fn wait_for(&self, condition: impl FnMut(&Seen) -> bool, within: Duration) -> Option<Seen> {
        let mut seen = self.seen.subscribe();
        tokio::time::timeout(within, seen.wait_for(condition)).await.ok()?.ok().map(|seen| seen.clone())
    }

    /// What is still queued is not sent.
    pub async fn stop(mut self) {
        for task in &mut self.tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn watch_over(client: Client, probe: Probe, events: mpsc::Sender<Value>, seen: watch::Sender<Seen>, routing_key: String) {
    let mut ticks = tokio::time::interval(probe.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let dedup_key = format!("probe/{}", probe.name);
    let mut down = false;
    loop {
        ticks.tick().await;
        let failure = ask(&client, &probe).await.err();
        let mut in_a_row = 0;
        seen.send_modify(|seen| {
            seen.probes += 1;
            seen.failures_in_a_row = if failure.is_some() { seen.failures_in_a_row.saturating_add(1) } else { 0 };
            seen.failure.clone_from(&failure);
            in_a_row = seen.failures_in_a_row;
        });
        let event = match failure {
            Some(failure) if !down && in_a_row >= probe.failures.max(1) => json!({
                "routing_key": routing_key,
                "event_action": "trigger",
                "dedup_key": dedup_key,
                "client": "town prober",
                "payload": {
                    "summary": format!("{} does not answer: {in_a_row} probes in a row failed ({failure})", probe.name),
                    "source": "prober",
                    "severity": "critical",
                    "component": probe.name,
                    "custom_details": { "url": probe.url, "failure": failure, "failures_in_a_row": in_a_row },
                },
            }),
            None if down => json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup_key }),
            _ => continue,
        };
        down = !down;
        if events.try_send(event).is_err() {
            seen.send_modify(|seen| seen.given_up += 1);
        }
    }
}

async fn ask(client: &Client, probe: &Probe) -> Result<(), String> {
    match client.get(&probe.url).timeout(probe.timeout).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => Err(format!("no answer within {} ms", probe.timeout.as_millis())),
        Err(error) if error.is_connect() => Err("connection refused".to_owned()),
        Err(_) => Err("connection broke".to_owned()),
    }
}

/// One event after the other, in order: a resolve must never overtake its trigger.
async fn report(client: Client, sink: String, mut queue: mpsc::Receiver<Value>, seen: watch::Sender<Seen>) {
    let url = format!("{}/v2/enqueue", sink.trim_end_matches('/'));
    while let Some(event) = queue.recv().await {
        let reported = if event["event_action"] == "trigger" { Reported::Trigger } else { Reported::Resolve };
        let mut pause = RETRY_AT_FIRST;
        let mut accepted = false;
        for _ in 0..TRIES {
            let refused = match enqueue(&client, &url, &event).await {
                Ok(()) => {
                    accepted = true;
                    break;
                }
                Err(refused) => refused,
            };
            seen.send_modify(|seen| {
                seen.sink_failures += 1;
                seen.sink_failure = Some(refused.reason);
            });
            if refused.forever {
                break;
            }
            tokio::time::sleep(refused.retry_after.unwrap_or(pause)).await;
            pause = (pause * 2).min(RETRY_AT_MOST);
        }
        seen.send_modify(|seen| {
            if accepted {
                seen.reported = reported;
                seen.sink_failure = None;
            } else {
                seen.given_up += 1;
            }
        });
    }
}

struct Refused {
    reason: String,
    forever: bool,
    retry_after: Option<Duration>,
}

/// Events API v2: 202 is accepted; 429 and 5xx ask for the same event again; any other 4xx will never be accepted.
async fn enqueue(client: &Client, url: &str, event: &Value) -> Result<(), Refused> {
    let answer = client.post(url).json(event).send().await.map_err(|error| Refused {
        reason: error.to_string(),
        forever: false,
        retry_after: None,
    })?;
    let status = answer.status();
    if status == StatusCode::ACCEPTED {
        return Ok(());
    }
    let retry_after = answer
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_AT_MOST));
    let forever = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    Err(Refused { reason: format!("HTTP {}", status.as_u16()), forever, retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Inbox, Shop};

    const DEADLINE: Duration = Duration::from_secs(20);

    fn prober(url: String, sink: &Inbox) -> Prober {
        let probe =
            Probe { name: "shop".to_owned(), url, every: Duration::from_millis(5), timeout: Duration::from_secs(2), failures: 3 };
        Prober::start(probe, Sink { url: sink.url(), routing_key: "0123456789abcdef0123456789abcdef".to_owned() })
    }

    #[tokio::test]
    async fn tells_of_an_outage_and_its_end_once_each() {
        let (shop, sink) = (Shop::start(None).await.unwrap(), Inbox::start(None).await.unwrap());
        sink.answer(Answer::Status(202));
        let prober = prober(shop.url(), &sink);
        let well = prober.wait_for(|seen| seen.probes >= 3, DEADLINE).await.unwrap();
        assert_eq!((well.failures_in_a_row, well.reported), (0, Reported::Nothing));

        shop.break_down();
        let down = prober.wait_for(|seen| seen.reported == Reported::Trigger, DEADLINE).await.unwrap();
        assert!(down.failures_in_a_row >= 3);
        assert_eq!(down.failure.as_deref(), Some("HTTP 500"));
        let probes = down.probes;
        prober.wait_for(|seen| seen.probes > probes + 5, DEADLINE).await.unwrap();

        shop.heal();
        prober.wait_for(|seen| seen.reported == Reported::Resolve, DEADLINE).await.unwrap();
        prober.stop().await;

        let received = sink.received();
        let sent: Vec<Value> = received.iter().map(|request| request.json().unwrap()).collect();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(received.iter().all(|request| request.path == "/v2/enqueue"));
        assert_eq!(sent[0]["event_action"], "trigger");
        assert_eq!(sent[0]["payload"]["severity"], "critical");
        assert_eq!(sent[0]["payload"]["summary"], "shop does not answer: 3 probes in a row failed (HTTP 500)");
        assert_eq!(sent[1]["event_action"], "resolve");
        assert!(sent.iter().all(|event| event["routing_key"] == "0123456789abcdef0123456789abcdef"));
        assert!(sent.iter().all(|event| event["dedup_key"] == "probe/shop"));
    }

    #[tokio::test]
    async fn goes_on_while_the_sink_is_busy_breaks_off_or_is_down() {
        let (shop, sink) = (Shop::start(None).await.unwrap(), Inbox::start(None).await.unwrap());
        sink.answer(Answer::Status(202));
        sink.answer_next([Answer::Status(503), Answer::Drop, Answer::Status(429)]);
        let prober = prober(shop.url(), &sink);
        shop.break_down();
        let seen = prober.wait_for(|seen| seen.reported == Reported::Trigger, DEADLINE).await.unwrap();
        assert_eq!((seen.sink_failures, seen.given_up, seen.sink_failure), (3, 0, None));
        assert_eq!(sink.received().len(), 4);
    }

    #[tokio::test]
    async fn gives_up_what_the_sink_refuses_for_good() {
        let (shop, sink) = (Shop::start(None).await.unwrap(), Inbox::start(None).await.unwrap());
        sink.answer(Answer::Status(400));
        let prober = prober(shop.url(), &sink);
        shop.break_down();
        let seen = prober.wait_for(|seen| seen.given_up == 1, DEADLINE).await.unwrap();
        assert_eq!((seen.reported, seen.sink_failure.as_deref()), (Reported::Nothing, Some("HTTP 400")));
        assert_eq!(sink.received().len(), 1);
    }

    #[tokio::test]
    async fn sees_a_refused_connection() {
        let (shop, sink) = (Shop::start(None).await.unwrap(), Inbox::start(None).await.unwrap());
        let url = shop.url();
        shop.stop().await;
        let prober = prober(url, &sink);
        let seen = prober.wait_for(|seen| seen.failures_in_a_row > 0, DEADLINE).await.unwrap();
        assert_eq!(seen.failure.as_deref(), Some("connection refused"));
    }
}
