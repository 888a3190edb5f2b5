//! `service.restart`: one action, whatever the catalogue restarts a service through and sees its instances with.
//!
//! Every phase is a call of its own, and what the next one does is written down before it: after a crash the next call knows whether
//! something may have been asked for already, and by what it would be found.

use super::{Call, done};
use firedog_connectors::call::CallError;
use firedog_connectors::jenkins::{BuildResult, Jenkins, Place, Queued};
use firedog_connectors::kubernetes::Rollout;
use firedog_domain::id::ServiceId;
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::run::{Choice, Progress};
use firedog_domain::runbook::sequel::TAKE_BACK;
use firedog_domain::setup::{ConnectionKind, Driver};
use firedog_domain::time::{after, mins, secs};
use firedog_engine::Hold;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// Between two looks at what is under way, in milliseconds.
const LOOK_MS: i64 = 2_000;
/// Between two looks at another run that restarts the same.
const BUSY_MS: i64 = 5_000;
/// A request whose answer was lost has arrived by then, or never will: longer than any of our calls takes.
const SETTLES: SignedDuration = secs(45);
/// So long in Jenkins' queue, or so long without an answer, a person is asked what to do.
const ASK_AFTER: SignedDuration = mins(5);
/// A confirmation is not good for longer: what still waits then is taken back.
const TAKE_BACK_AFTER: SignedDuration = mins(10);
/// Lines of a build that failed, in its reason.
const LAST_LINES: usize = 5;
const DONE_BY_HAND: &str = "done-by-hand";
const CANCEL: &str = "cancel";

/// What is remembered from call to call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Memo {
    restart: Driver,
    instances: Driver,
    /// When it was about to be asked for. Kubernetes writes it into the deployment.
    since: Timestamp,
    /// Marathon's tasks before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<String>,
    /// Kubernetes' generation before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(flatten)]
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Phase {
    /// About to be asked for. `settles`: an earlier request may still arrive until then.
    Ask {
        keyed: bool,
        settles: Option<Timestamp>,
    },
    Queued {
        item: u64,
        queued_at: Timestamp,
        asked: bool,
    },
    Building {
        number: u64,
        from: u64,
    },
    Verify {
        by: String,
    },
}

impl Memo {
    fn on(&self, phase: Phase) -> Self {
        Self { phase, ..self.clone() }
    }
}

fn wait(memo: &Memo, effect: Effect, after_ms: i64, text: impl Into<String>) -> Progress {
    Progress::Waiting { memo: json!(memo), effect, after_ms, text: text.into(), choices: Vec::new() }
}

fn failed(reason: impl Into<String>) -> Progress {
    Progress::Failed { reason: reason.into(), again: false }
}

impl Call<'_> {
    pub(super) async fn restart(&self) -> Result<Progress, CallError> {
        let takes_back = self.act.call.choice.as_deref() == Some(TAKE_BACK);
        let memo = match serde_json::from_value::<Memo>(self.act.call.memo.clone()) {
            Ok(memo) if takes_back => return self.take_back(&memo).await,
            Ok(memo) => memo,
            // As long as it only looks, nothing waits anywhere.
            Err(_) if takes_back => return Ok(done(json!({ "text": "nothing had been asked for yet" }))),
            Err(_) => return self.prepare().await,
        };
        match &memo.phase {
            Phase::Ask { keyed, settles } => self.ask(&memo, *keyed, *settles).await,
            Phase::Queued { item, queued_at, asked } => self.queued(&memo, *item, *queued_at, *asked).await,
            Phase::Building { number, from } => self.building(&memo, *number, *from).await,
            Phase::Verify { by } => self.verify(&memo, by).await,
        }
    }

    /// Looks whether it is still wanted, whether nobody else is at it, and what is there before. Changes nothing.
    async fn prepare(&self) -> Result<Progress, CallError> {
        let id = ServiceId::from(self.text("service"));
        let found =
            self.setup.service(&id).and_then(|service| Some((service, service.restart.clone()?, service.instances.clone()?)));
        let Some((service, restart, instances)) = found else {
            return Ok(Progress::NotConnected { reason: format!("the catalogue does not say through what {id} is restarted") });
        };
        if let Some(why) = self.no_longer_failing(service).await {
            return Ok(failed(format!(
                "{why}; nothing was done. Leave the step out, or restart by another run if it is still wanted"
            )));
        }
        match self.parts.engine.core().hold(&id, self.run, self.act).await {
            Ok(Hold::Yours) => {}
            Ok(Hold::Busy(run)) => {
                let text = format!("run {run} restarts it at this moment; waiting for that");
                return Ok(Progress::Waiting {
                    memo: json!({ "busy": run }),
                    effect: Effect::Read,
                    after_ms: BUSY_MS,
                    text,
                    choices: Vec::new(),
                });
            }
            Ok(Hold::Done(run, _)) => {
                let text = format!("run {run} has restarted it since this run began; not restarted again");
                return Ok(done(json!({ "restarted": true, "driver": "", "build": "", "text": text })));
            }
            Err(error) => return Ok(Progress::Failed { reason: error.to_string(), again: true }),
        }
        let mut memo = Memo {
            restart,
            instances,
            since: self.now,
            tasks: Vec::new(),
            generation: None,
            phase: Phase::Ask { keyed: false, settles: None },
        };
        self.look_before(&mut memo).await?;
        match self.kind(&memo.restart) {
            Some(ConnectionKind::Jenkins) => self.prepare_job(memo).await,
            Some(ConnectionKind::Kubernetes) => Ok(wait(&memo, Effect::Idempotent, 0, "about to restart the deployment")),
            _ => Ok(failed(format!("the connection `{}` cannot restart anything any more", memo.restart.with))),
        }
    }

    fn kind(&self, driver: &Driver) -> Option<ConnectionKind> {
        self.setup.driven(driver).map(|connection| connection.kind)
    }

    /// What a restart has to replace.
    async fn look_before(&self, memo: &mut Memo) -> Result<(), CallError> {
        match self.kind(&memo.instances) {
            Some(ConnectionKind::Marathon) => {
                let app = self.connected.marathon(self.setup, &memo.instances.with)?.app(memo.instances.target()).await?;
                memo.tasks = app.tasks.into_iter().map(|task| task.id).collect();
            }
            Some(ConnectionKind::Kubernetes) => {
                let client = self.connected.kubernetes(self.setup, &memo.instances.with)?;
                let found = client.deployment(memo.instances.namespace(), memo.instances.target()).await?;
                memo.generation = Some(found.generation);
            }
            _ => {
                let reason = format!("the connection `{}` shows no instances any more", memo.instances.with);
                return Err(CallError::Misconfigured { reason });
            }
        }
        Ok(())
    }

    async fn prepare_job(&self, memo: Memo) -> Result<Progress, CallError> {
        let jenkins = self.jenkins(&memo)?;
        let name = memo.restart.target();
        let job = jenkins.job(name).await?;
        if !job.buildable {
            return Ok(failed(format!("the job {name} is disabled in Jenkins")));
        }
        if let Err(why) = job.fits(&memo.restart.parameters) {
            return Ok(failed(format!("the job {name}: {why}")));
        }
        // Jenkins drops what a job does not declare without a word, and our key with it.
        let keyed = memo.restart.key.as_ref().is_some_and(|key| job.declares(key));
        let memo = memo.on(Phase::Ask { keyed, settles: None });
        Ok(match (keyed, &memo.restart.key) {
            (true, _) => wait(&memo, Effect::Keyed, 0, format!("about to start {name}")),
            (false, None) => wait(&memo, Effect::Unsafe, 0, format!("about to start {name}, whose builds carry no key of ours")),
            (false, Some(key)) => {
                wait(&memo, Effect::Unsafe, 0, format!("about to start {name}, which does not declare the parameter {key}"))
            }
        })
    }

    fn jenkins(&self, memo: &Memo) -> Result<std::sync::Arc<Jenkins>, CallError> {
        self.connected.jenkins(self.setup, &memo.restart.with)
    }

    /// The one call that asks for the restart.
    async fn ask(&self, memo: &Memo, keyed: bool, settles: Option<Timestamp>) -> Result<Progress, CallError> {
        if self.kind(&memo.restart) == Some(ConnectionKind::Kubernetes) {
            let client = self.connected.kubernetes(self.setup, &memo.restart.with)?;
            let (namespace, name) = (memo.restart.namespace(), memo.restart.target());
            client.restart(namespace, name, &memo.since.to_string(), &self.act.call.key).await?;
            let memo = memo.on(Phase::Verify { by: format!("rollout of {namespace}/{name}") });
            return Ok(wait(&memo, Effect::Read, LOOK_MS, format!("the rollout of {name} has begun")));
        }
        let jenkins = self.jenkins(memo)?;
        let name = memo.restart.target();
        let mut parameters: BTreeMap<String, String> = memo.restart.parameters.clone();
        if let (true, Some(key)) = (keyed, &memo.restart.key) {
            match jenkins.find(name, key, &self.act.call.key).await? {
                Some(Place::Queued(item)) => return Ok(self.in_queue(memo, item, "found again in Jenkins' queue")),
                Some(Place::Build(number)) => return Ok(Self::begun(memo, number, "found again")),
                // The one made after an earlier one had settled may be lost as well: it settles anew.
                None if self.act.call.again && settles.is_none_or(|until| until <= self.now) => {
                    if after(memo.since, ASK_AFTER) <= self.now {
                        return Ok(failed(format!("{name} was asked for again and again, and nothing has come of it")));
                    }
                    let until = after(self.now, SETTLES);
                    let memo = memo.on(Phase::Ask { keyed, settles: Some(until) });
                    return Ok(wait(&memo, Effect::Keyed, LOOK_MS, "looking whether an earlier request has arrived"));
                }
                None if settles.is_some_and(|until| until > self.now) => {
                    return Ok(wait(memo, Effect::Keyed, LOOK_MS, "looking whether an earlier request has arrived"));
                }
                None => parameters.insert(key.clone(), self.act.call.key.clone()),
            };
        }
        let item = jenkins.build(name, &parameters).await?;
        Ok(self.in_queue(memo, item, "in Jenkins' queue"))
    }

    fn in_queue(&self, memo: &Memo, item: u64, text: &str) -> Progress {
        let memo = memo.on(Phase::Queued { item, queued_at: self.now, asked: false });
        wait(&memo, Effect::Read, LOOK_MS / 2, format!("{text} (item {item})"))
    }

    fn begun(memo: &Memo, number: u64, text: &str) -> Progress {
        let name = memo.restart.target();
        wait(&memo.on(Phase::Building { number, from: 0 }), Effect::Read, LOOK_MS, format!("{text}: build {number} of {name}"))
    }

    async fn queued(&self, memo: &Memo, item: u64, queued_at: Timestamp, asked: bool) -> Result<Progress, CallError> {
        let jenkins = self.jenkins(memo)?;
        let choice = self.act.call.choice.as_deref();
        let too_long = after(queued_at, TAKE_BACK_AFTER) <= self.now;
        if choice.is_some() || too_long {
            jenkins.cancel(item).await?;
        }
        let name = memo.restart.target();
        match jenkins.queued(item).await? {
            Queued::Began { build } => Ok(Self::begun(memo, build, "begun")),
            Queued::Cancelled if choice == Some(DONE_BY_HAND) => {
                let memo = memo.on(Phase::Verify { by: "by hand".to_owned() });
                Ok(wait(
                    &memo,
                    Effect::Read,
                    LOOK_MS,
                    "taken out of the queue; it is done by hand, and looked at until it is well",
                ))
            }
            Queued::Cancelled if too_long => Ok(failed(format!(
                "{name} waited for {} minutes in Jenkins' queue: it has been taken out, because nobody's agreement is good for longer",
                TAKE_BACK_AFTER.as_mins()
            ))),
            Queued::Cancelled => Ok(failed(format!("{name} was taken out of Jenkins' queue; nothing was done"))),
            Queued::Gone => match jenkins.build_of(name, item).await? {
                Some(number) => Ok(Self::begun(memo, number, "begun")),
                None => {
                    Ok(failed(format!("{name} is not in Jenkins' queue any more (item {item}), and no build has come of it")))
                }
            },
            Queued::Waiting { why, .. } => {
                let asks = after(queued_at, ASK_AFTER) <= self.now;
                let mut progress = wait(
                    &memo.on(Phase::Queued { item, queued_at, asked: asked || asks }),
                    Effect::Read,
                    LOOK_MS,
                    format!("in Jenkins' queue: {why}"),
                );
                if let (true, Progress::Waiting { choices, .. }) = (asks, &mut progress) {
                    *choices = vec![
                        Choice { id: CANCEL.to_owned(), text: "Take it out of the queue".to_owned() },
                        Choice {
                            id: DONE_BY_HAND.to_owned(),
                            text: "It is done by hand: take it out of the queue, and look whether the service is well".to_owned(),
                        },
                    ];
                }
                Ok(progress)
            }
        }
    }

    /// Nobody wants it any more: what waits is taken out; what has begun is waited for, because nothing else may restart the service until
    /// it is certain what has come of it.
    async fn take_back(&self, memo: &Memo) -> Result<Progress, CallError> {
        let told = |text: String| Ok(done(json!({ "text": text })));
        let name = memo.restart.target();
        if self.kind(&memo.restart) == Some(ConnectionKind::Kubernetes) {
            return match &memo.phase {
                Phase::Ask { .. } if !self.act.call.again => told(format!("the rollout of {name} had not been asked for yet")),
                _ => told(format!("the rollout of {name} may have begun: it cannot be taken back, and is at its end by itself")),
            };
        }
        match &memo.phase {
            Phase::Ask { keyed, settles } => self.take_back_asked(memo, *keyed, *settles).await,
            Phase::Queued { item, .. } => self.take_out(memo, *item).await,
            Phase::Building { number, .. } => {
                let build = self.jenkins(memo)?.look(name, *number).await?;
                if build.going {
                    return Ok(wait(
                        memo,
                        Effect::Read,
                        LOOK_MS,
                        format!("build {number} of {name} had begun; waiting for its end"),
                    ));
                }
                let how = match build.result {
                    Some(BuildResult::Success) => "ended well: the service has been restarted",
                    Some(BuildResult::Aborted) => "was aborted",
                    _ => "did not end well",
                };
                told(format!("build {number} of {name} had begun before it could be taken back, and {how}"))
            }
            Phase::Verify { by } => told(format!("the service had been restarted by {by} already")),
        }
    }

    async fn take_out(&self, memo: &Memo, item: u64) -> Result<Progress, CallError> {
        let jenkins = self.jenkins(memo)?;
        let name = memo.restart.target();
        jenkins.cancel(item).await?;
        let gone = || {
            Ok(done(
                json!({ "text": format!("{name} has been taken out of Jenkins' queue (item {item}); nothing was restarted") }),
            ))
        };
        match jenkins.queued(item).await? {
            Queued::Began { build } => Ok(Self::begun(memo, build, "begun before it could be taken out")),
            Queued::Cancelled => gone(),
            Queued::Gone => match jenkins.build_of(name, item).await? {
                Some(number) => Ok(Self::begun(memo, number, "begun before it could be taken out")),
                None => gone(),
            },
            Queued::Waiting { .. } => {
                Ok(wait(memo, Effect::Read, LOOK_MS, format!("{name} still waits in Jenkins' queue; taken out again")))
            }
        }
    }

    /// It may have been asked for, and the answer may be lost.
    async fn take_back_asked(&self, memo: &Memo, keyed: bool, settles: Option<Timestamp>) -> Result<Progress, CallError> {
        let told = |text: String| Ok(done(json!({ "text": text })));
        let name = memo.restart.target();
        let may_have_arrived = self.act.call.again || settles.is_some();
        let Some(key) = memo.restart.key.as_ref().filter(|_| keyed) else {
            return match may_have_arrived {
                false => told(format!("{name} had not been asked for yet; nothing was restarted")),
                true => told(format!(
                    "{name} may have been asked for, and its builds carry no key of ours: look in Jenkins whether one waits or runs"
                )),
            };
        };
        match self.jenkins(memo)?.find(name, key, &self.act.call.key).await? {
            Some(Place::Queued(item)) => Ok(self.in_queue(memo, item, "found in Jenkins' queue; being taken out")),
            Some(Place::Build(number)) => Ok(Self::begun(memo, number, "begun before it could be taken back")),
            None if settles.is_some_and(|until| until > self.now) => {
                Ok(wait(memo, Effect::Keyed, LOOK_MS, "looking whether the request still arrives"))
            }
            None if self.act.call.again => {
                let memo = memo.on(Phase::Ask { keyed, settles: Some(after(self.now, SETTLES)) });
                Ok(wait(&memo, Effect::Keyed, LOOK_MS, "looking whether the request still arrives"))
            }
            None => told(format!("{name} was never asked for, or has never arrived; nothing was restarted")),
        }
    }

    async fn building(&self, memo: &Memo, number: u64, from: u64) -> Result<Progress, CallError> {
        let jenkins = self.jenkins(memo)?;
        let name = memo.restart.target();
        let build = jenkins.look(name, number).await?;
        // The log is for people; without it the build still counts.
        let console = jenkins.console(name, number, from).await.ok();
        let last = console.as_ref().map(|console| console.lines.as_slice()).unwrap_or_default();
        if build.going {
            let said = last.last().map_or_else(|| "is running".to_owned(), |line| format!("says: {line}"));
            let input = if build.waits_for_input { " It waits for somebody's input in Jenkins." } else { "" };
            let memo = memo.on(Phase::Building { number, from: console.as_ref().map_or(from, |console| console.next) });
            return Ok(wait(&memo, Effect::Read, LOOK_MS, format!("build {number} of {name} {said}{input}")));
        }
        let by = format!("build {number} of {name}");
        match build.result {
            Some(BuildResult::Success) => Ok(self.ended(memo, &by, "has ended well")),
            Some(BuildResult::Unstable) => Ok(self.ended(memo, &by, "has ended, but calls itself unstable")),
            result => {
                let words = match result {
                    Some(BuildResult::Failure) => "has failed",
                    Some(BuildResult::Aborted) => "was aborted",
                    Some(BuildResult::NotBuilt) => "was not built",
                    _ => "has ended without a result",
                };
                let lines = last[last.len().saturating_sub(LAST_LINES)..].join(" / ");
                Ok(failed(format!("{by} {words}: {lines}").trim_end_matches(": ").to_owned()))
            }
        }
    }

    fn ended(&self, memo: &Memo, by: &str, words: &str) -> Progress {
        let memo = memo.on(Phase::Verify { by: by.to_owned() });
        wait(&memo, Effect::Read, 0, format!("{by} {words}; looking at the instances"))
    }

    /// Whether the instances are new and well.
    async fn verify(&self, memo: &Memo, by: &str) -> Result<Progress, CallError> {
        let target = memo.instances.target();
        let missing = match self.kind(&memo.instances) {
            Some(ConnectionKind::Marathon) => {
                let marathon = self.connected.marathon(self.setup, &memo.instances.with)?;
                match marathon.app(target).await?.renewed(&memo.tasks) {
                    Ok(()) => None,
                    Err(missing) => Some(match marathon.stuck(target).await.ok().flatten() {
                        Some(stuck) => format!("{missing}; {stuck}"),
                        None => missing,
                    }),
                }
            }
            Some(ConnectionKind::Kubernetes) => {
                let client = self.connected.kubernetes(self.setup, &memo.instances.with)?;
                let found = client.deployment(memo.instances.namespace(), target).await?;
                match found.rollout {
                    _ if memo.generation.is_some_and(|before| found.generation <= before) => {
                        Some("the deployment is as it was before".to_owned())
                    }
                    Rollout::Done => None,
                    Rollout::Going(text) => Some(text),
                    Rollout::Failed(reason) => return Ok(failed(format!("{by}: {reason}"))),
                }
            }
            _ => return Ok(failed(format!("the connection `{}` shows no instances any more", memo.instances.with))),
        };
        if let Some(missing) = missing {
            return Ok(wait(memo, Effect::Read, LOOK_MS, format!("{by}: {missing}")));
        }
        let driver = self.kind(&memo.restart).map_or("", ConnectionKind::as_str);
        let text = format!("restarted by {by}, and all of its instances are new and well");
        Ok(done(json!({ "restarted": true, "driver": driver, "build": by, "text": text })))
    }
}
