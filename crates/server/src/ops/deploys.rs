//! What of a service was deployed lately, whatever deploys it: builds of a job, revisions on Kubernetes, versions on Marathon.

use super::connected::Connected;
use super::{Error, Result as Answered, oncall};
use crate::app::App;
use firedog_connectors::call::CallError;
use firedog_connectors::jenkins::{History, Past};
use firedog_connectors::kubernetes::{Deployment, Revision, Rollout};
use firedog_domain::id::ServiceId;
use firedog_domain::setup::{ConnectionKind, Driver, Service, Setup};
use firedog_domain::time::{after, length_text};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// Those that are told one by one, newest first.
pub const MAX_TOLD: usize = 20;
/// How far back the page of a service looks.
const LAST: SignedDuration = SignedDuration::from_hours(24);
/// A browser waits no longer for its answer than 20 s.
const TIMEOUT: Duration = Duration::from_secs(15);
/// In an outage everybody looks: what was asked for so recently is told again.
const FRESH: SignedDuration = SignedDuration::from_secs(10);
/// Services whose answers are kept at the same time.
const MAX_KEPT: usize = 200;

/// What was found, within the time that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deploys {
    /// All of it in one sentence, without names of people.
    pub text: String,
    pub count: usize,
    /// One goes on at this moment.
    pub under_way: bool,
    /// When the last one began.
    pub latest: Option<Timestamp>,
    /// Newest first, 20 at most.
    pub each: Vec<Deploy>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deploy {
    /// `build 57`
    pub name: String,
    pub at: Timestamp,
    /// How it ended, in a word or two; may be empty.
    pub outcome: String,
    /// The rest of what is known: how long, what, why.
    pub detail: String,
}

/// What was told last, of one version of the setup.
#[derive(Default)]
pub struct Recent(Mutex<BTreeMap<(i64, ServiceId), Told>>);

/// With the time at which it was told.
type Told = (Timestamp, Arc<Deploys>);

/// What of a service was deployed within the last day, for its page; at most ten seconds old.
pub async fn of_service(app: &App, id: &str) -> Answered<Arc<Deploys>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let service = oncall::find_service(setup, id)?;
    let now = app.now();
    let key = (scene.world.version, service.id.clone());
    if let Some((at, told)) = app.deploys.0.lock().await.get(&key)
        && after(*at, FRESH) > now
    {
        return Ok(told.clone());
    }
    let silent = || Error::NotConnected(format!("nothing was told within {} s", TIMEOUT.as_secs()));
    let found = tokio::time::timeout(TIMEOUT, look(&app.connected, setup, service, LAST, now)).await.map_err(|_| silent())?;
    let found = Arc::new(found.map_err(|error| Error::NotConnected(error.reason().to_owned()))?);
    let mut recent = app.deploys.0.lock().await;
    recent.retain(|_, (at, _)| after(*at, FRESH) > now);
    if recent.len() < MAX_KEPT {
        recent.insert(key, (now, found.clone()));
    }
    Ok(found)
}

/// All that one system tells, before it is cut to a time.
struct Found {
    /// What they are called, one and many.
    words: (String, String),
    all: Vec<Deploy>,
    /// What goes on, in words.
    going: Option<String>,
    /// The system tells nothing of what was before.
    listed_since: Option<Timestamp>,
}

/// Asks the driver of a service.
///
/// # Errors
/// By what can be done next; `Misconfigured` if the catalogue names no driver.
pub async fn look(
    connected: &Connected,
    setup: &Setup,
    service: &Service,
    last: SignedDuration,
    now: Timestamp,
) -> Result<Deploys, CallError> {
    let no_driver = || CallError::Misconfigured {
        reason: format!("the catalogue does not say where the deployments of {} are seen", service.id),
    };
    let driver = service.deploys.as_ref().ok_or_else(no_driver)?;
    let found = match setup.driven(driver).map(|connection| connection.kind) {
        Some(ConnectionKind::Jenkins) => {
            builds(connected.jenkins(setup, &driver.with)?.history(driver.target(), &driver.parameters).await?, driver)
        }
        Some(ConnectionKind::Kubernetes) => {
            let client = connected.kubernetes(setup, &driver.with)?;
            let deployment = client.deployment(driver.namespace(), driver.target()).await?;
            let revisions = client.revisions(&deployment).await?;
            rollouts(&deployment, &revisions)
        }
        Some(ConnectionKind::Marathon) => {
            let client = connected.marathon(setup, &driver.with)?;
            let app = client.app(driver.target()).await?;
            versions(client.versions(driver.target()).await?, &app.deployments)
        }
        _ => return Err(no_driver()),
    };
    Ok(found.within(last, now))
}

fn builds(history: History, driver: &Driver) -> Found {
    let running = history.builds.iter().find(|build| build.going).map(|build| format!("build {} runs", build.number));
    let going = running.or_else(|| history.queued.then(|| "a build waits in the queue".to_owned()));
    let job = driver.target();
    Found {
        words: (format!("build of {job}"), format!("builds of {job}")),
        all: history.builds.into_iter().map(|build| self::build(build, driver)).collect(),
        going,
        listed_since: history.listed_since,
    }
}

fn build(build: Past, driver: &Driver) -> Deploy {
    let outcome = match (build.going, build.result) {
        (true, _) => "running".to_owned(),
        (false, Some(result)) => result.as_str().to_owned(),
        (false, None) => "without a result".to_owned(),
    };
    let took = build.took_ms.and_then(|ms| i64::try_from(ms / 1_000).ok()).map(SignedDuration::from_secs);
    let took = took.filter(|took| !took.is_zero()).map(|took| format!("after {}", length_text(took)));
    // What all of them have in common says nothing.
    let given = build.parameters.iter().filter(|(name, _)| !driver.parameters.contains_key(*name));
    let given = given.map(|(name, value)| format!("{name}={value}"));
    let parts: Vec<String> = took.into_iter().chain(build.cause).chain(given).collect();
    Deploy { name: format!("build {}", build.number), at: build.at, outcome, detail: parts.join(", ") }
}

fn rollouts(deployment: &Deployment, revisions: &[Revision]) -> Found {
    let current = revisions.first().map(|revision| revision.number);
    let going = match &deployment.rollout {
        Rollout::Done => None,
        Rollout::Going(text) => Some(text.clone()),
        Rollout::Failed(text) => Some(format!("it is stuck, {text}")),
    };
    let one = |(at, revision): (usize, &Revision)| {
        let before = revisions.get(at + 1);
        let outcome = match (&deployment.rollout, Some(revision.number) == current) {
            (_, false) => "replaced",
            (Rollout::Done, true) => "done",
            (Rollout::Going(_), true) => "going on",
            (Rollout::Failed(_), true) => "stuck",
        };
        let images = revision.images.join(", ");
        let what = match before {
            _ if revision.back => format!("back to {images}"),
            Some(before) if before.images == revision.images => format!("{images} as before (a restart, or other settings)"),
            _ => images,
        };
        let pods = format!("{} of {} pods ready", revision.ready, revision.pods);
        Deploy {
            name: format!("revision {}", revision.number),
            at: revision.at,
            outcome: outcome.to_owned(),
            detail: format!("{what}, {pods}"),
        }
    };
    let all = revisions.iter().enumerate().map(one).collect();
    let name = format!("{}/{}", deployment.namespace, deployment.name);
    Found { words: (format!("rollout of {name}"), format!("rollouts of {name}")), all, going, listed_since: None }
}

fn versions(versions: Vec<Timestamp>, deployments: &[String]) -> Found {
    let going = deployments.first().map(|id| format!("Marathon's deployment {id}"));
    let one = |at: Timestamp| Deploy { name: format!("version {at}"), at, outcome: String::new(), detail: String::new() };
    let words = |one: &str| format!("{one} (deployed, scaled or restarted; Marathon does not say which)");
    Found {
        words: (words("new version"), words("new versions")),
        all: versions.into_iter().map(one).collect(),
        going,
        listed_since: None,
    }
}

impl Found {
    fn within(self, last: SignedDuration, now: Timestamp) -> Deploys {
        let Self { words, all, going, listed_since } = self;
        let since = now.checked_sub(last).unwrap_or(Timestamp::MIN);
        let listed_since = listed_since.filter(|at| *at > since);
        let before =
            all.iter().find(|one| one.at < since).map(|one| format!("; the last one before: {} at {:.0}", one.name, one.at));
        let (mut each, last) = (all, length_text(last));
        each.retain(|one| one.at >= since);
        each.sort_by_key(|one| std::cmp::Reverse(one.at));
        let count = each.len();
        let mut text = match each.first() {
            None => match listed_since {
                Some(at) => format!("no {} since {at:.0}, before which nothing is told", words.0),
                None => format!("no {} within {last}{}", words.0, before.unwrap_or_default()),
            },
            Some(first) => {
                let noun = if count == 1 { words.0 } else { words.1 };
                let least = if listed_since.is_some() { "at least " } else { "" };
                let outcome = if first.outcome.is_empty() { String::new() } else { format!(", {}", first.outcome) };
                format!("{least}{count} {noun} within {last}, the last one {} ({}{outcome})", ago(first.at, now), first.name)
            }
        };
        if let Some(going) = &going {
            text.push_str(&format!("; one is under way: {going}"));
        }
        let latest = each.first().map(|one| one.at);
        each.truncate(MAX_TOLD);
        Deploys { text, count, under_way: going.is_some(), latest, each }
    }
}

/// `12m ago`; clocks of others may be ahead of ours.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins();
    if minutes < 1 { "just now".to_owned() } else { format!("{} ago", length_text(SignedDuration::from_mins(minutes))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + 60 * minute).unwrap()
    }

    fn found(minutes: &[i64], going: Option<&str>, listed_since: Option<Timestamp>) -> Deploys {
        let one = |minute: &i64| Deploy {
            name: format!("build {minute}"),
            at: at(*minute),
            outcome: "SUCCESS".to_owned(),
            detail: String::new(),
        };
        let words = ("build".to_owned(), "builds".to_owned());
        let found = Found { words, all: minutes.iter().map(one).collect(), going: going.map(str::to_owned), listed_since };
        found.within(SignedDuration::from_mins(60), at(100))
    }

    #[test]
    fn what_was_deployed_is_told_in_a_sentence() {
        assert_eq!(found(&[], None, None).text, "no build within 1h");
        assert_eq!(found(&[30], None, None).text, "no build within 1h; the last one before: build 30 at 2026-02-25T06:43:20Z");
        let two = found(&[88, 50, 30], None, None);
        assert_eq!(two.text, "2 builds within 1h, the last one 12m ago (build 88, SUCCESS)");
        assert_eq!((two.count, two.under_way, two.latest), (2, false, Some(at(88))));
        let going = found(&[100], Some("build 100 runs"), None);
        assert_eq!(going.text, "1 build within 1h, the last one just now (build 100, SUCCESS); one is under way: build 100 runs");
        assert!(going.under_way);
        let many = found(&vec![90; 100], None, Some(at(90)));
        assert!(many.text.starts_with("at least 100 builds"), "{}", many.text);
        assert_eq!(found(&[], None, Some(at(60))).text, "no build since 2026-02-25T07:13:20Z, before which nothing is told");
        assert_eq!(found(&[], None, Some(at(30))).text, "no build within 1h");
        assert_eq!((many.count, many.each.len()), (100, MAX_TOLD));
    }

    #[test]
    fn a_restart_is_told_from_a_new_image_and_from_a_way_back() {
        let revision =
            |number, image: &str, back| Revision { number, at: at(90), images: vec![image.to_owned()], pods: 0, ready: 0, back };
        let deployment = |rollout| Deployment {
            namespace: "core".to_owned(),
            name: "web".to_owned(),
            generation: 3,
            paused: false,
            replicas: 3,
            restarted_at: None,
            key: None,
            selector: "app=web".to_owned(),
            rollout,
            progressed_at: None,
        };
        let all = [
            revision(4, "web:41", true),
            revision(3, "web:42", false),
            revision(2, "web:42", false),
            revision(1, "web:41", false),
        ];
        let found = rollouts(&deployment(Rollout::Done), &all);
        let told: Vec<String> = found.all.iter().map(|one| format!("{}: {}", one.outcome, one.detail)).collect();
        assert_eq!(
            told,
            [
                "done: back to web:41, 0 of 0 pods ready",
                "replaced: web:42 as before (a restart, or other settings), 0 of 0 pods ready",
                "replaced: web:42, 0 of 0 pods ready",
                "replaced: web:41, 0 of 0 pods ready",
            ]
        );
        let going = rollouts(&deployment(Rollout::Going("1 of 3 pods are new".to_owned())), &all);
        assert_eq!((going.all[0].outcome.as_str(), going.going.as_deref()), ("going on", Some("1 of 3 pods are new")));
    }
}
