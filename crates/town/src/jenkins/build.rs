//! A build from the queue to its end, as a function of time; what it does to the town is done when it is due.

use super::Job;
use crate::weather::{Builds, Condition, Fleet, SLOTS, Sky, after};
use jiff::Timestamp;
use std::time::Duration;

/// A build that waits for a restart that does not end gives up after this long, as the job's timeout would.
const GIVE_UP: Duration = Duration::from_secs(600);

/// Builds and queue items kept; beyond that the oldest are discarded, as a build discarder does.
const MAX_BUILDS: usize = 1_024;

/// How long each phase takes, in the town's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JenkinsTimes {
    /// "In the quiet period".
    pub quiet: Duration,
    /// Blocked by something else, after the quiet period.
    pub blocked: Duration,
    /// "Waiting for next available executor", after that.
    pub busy: Duration,
    /// From a build's start until it asks the platform for the restart.
    pub prepare: Duration,
    /// How long `building` stays true once the result is known.
    pub post: Duration,
    /// How long an item can be read after it left the queue.
    pub item_kept: Duration,
}

impl Default for JenkinsTimes {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            quiet: seconds(5),
            blocked: seconds(0),
            busy: seconds(1),
            prepare: seconds(2),
            post: seconds(1),
            item_kept: seconds(300),
        }
    }
}

/// What happened when a build came to the point of acting.
enum Acted {
    /// It began this rollout.
    Restarted(usize),
    /// It did nothing, and says why.
    Idle(&'static str),
    Failed(String),
}

pub(crate) struct Build {
    pub(crate) job: usize,
    pub(crate) queue_id: u64,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) user: String,
    pub(crate) queued: Timestamp,
    times: JenkinsTimes,
    pub(crate) cancelled: Option<Timestamp>,
    pub(crate) started: Option<(Timestamp, u32)>,
    mode: Option<Builds>,
    acted: Option<(Timestamp, Acted)>,
    pub(crate) aborted: Option<Timestamp>,
    /// A restart of Jenkins forgets items that left the queue.
    pub(crate) forgotten: bool,
}

/// Everything that Jenkins knows.
pub(crate) struct Book {
    pub(crate) jobs: Vec<Job>,
    pub(crate) builds: Vec<Build>,
    pub(crate) times: JenkinsTimes,
    /// The name of the parameter that takes the caller's own key of a run, when the jobs declare one.
    pub(crate) run_key: Option<String>,
    next_item: u64,
    /// The last one of each job.
    numbers: Vec<u32>,
    /// Counts restarts of Jenkins.
    pub(crate) session: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Quiet,
    Blocked,
    Busy,
    Cancelled,
    Running,
    /// The result is known, and `building` still true.
    Post,
    Done,
}

impl Book {
    pub(crate) fn new(jobs: Vec<Job>) -> Self {
        let numbers = vec![0; jobs.len()];
        Self { jobs, builds: Vec::new(), times: JenkinsTimes::default(), run_key: None, next_item: 0, numbers, session: 0 }
    }

    pub(crate) fn next_number(&self, job: usize) -> u32 {
        self.numbers[job] + 1
    }

    /// Queues a build, or answers with the item of an identical one that waits: `(id, whether it is new)`.
    pub(crate) fn queue(
        &mut self,
        job: usize,
        parameters: Vec<(String, String)>,
        user: &str,
        now: Timestamp,
        no_quiet: bool,
    ) -> (u64, bool) {
        let waiting = |build: &&Build| build.job == job && build.started.is_none() && build.cancelled.is_none();
        if let Some(same) = self.builds.iter().filter(waiting).find(|build| build.parameters == parameters) {
            return (same.queue_id, false);
        }
        if self.builds.len() >= MAX_BUILDS {
            self.builds.remove(0);
        }
        self.next_item += 1;
        let mut times = self.times;
        if no_quiet {
            times.quiet = Duration::ZERO;
        }
        self.builds.push(Build {
            job,
            queue_id: self.next_item,
            parameters,
            user: user.to_owned(),
            queued: now,
            times,
            cancelled: None,
            started: None,
            mode: None,
            acted: None,
            aborted: None,
            forgotten: false,
        });
        (self.next_item, true)
    }
}

/// Does all that is due: starts builds, and lets them restart what they are to restart.
pub(crate) fn act(sky: &mut Sky) {
    let now = sky.now;
    for index in 0..sky.jenkins.builds.len() {
        let build = &sky.jenkins.builds[index];
        if build.started.is_none() && build.cancelled.is_none() {
            start(sky, index);
        }
        let build = &sky.jenkins.builds[index];
        let Some((started, _)) = build.started else { continue };
        let due = after(started, build.times.prepare);
        if build.acted.is_none() && due <= now && build.aborted.is_none_or(|aborted| aborted > due) {
            let acted = do_it(sky, index, due);
            sky.jenkins.builds[index].acted = Some((due, acted));
        }
    }
}

fn start(sky: &mut Sky, index: usize) {
    let now = sky.now;
    let queued: Vec<_> = sky.spells.iter().filter(|spell| spell.condition == Condition::Builds(Builds::StayQueued)).collect();
    if queued.iter().any(|spell| spell.holds(now)) {
        return;
    }
    let freed = queued.iter().filter_map(|spell| spell.until).filter(|until| *until <= now).max();
    let build = &sky.jenkins.builds[index];
    let mut ready = after(build.queued, build.times.quiet + build.times.blocked + build.times.busy);
    // An executor that was freed before this one was ready delays nothing.
    ready = ready.max(freed.unwrap_or(ready));
    for earlier in sky.jenkins.builds[..index].iter().filter(|earlier| earlier.job == build.job && earlier.cancelled.is_none()) {
        match earlier.ends(sky) {
            Some(ends) => ready = ready.max(ends),
            // One build of a job at a time.
            None => return,
        }
    }
    if ready > now {
        return;
    }
    let mode = sky.spells.iter().filter(|spell| spell.holds(ready)).find_map(|spell| match spell.condition {
        Condition::Builds(mode) => Some(mode),
        _ => None,
    });
    let job = sky.jenkins.builds[index].job;
    sky.jenkins.numbers[job] += 1;
    let number = sky.jenkins.numbers[job];
    let build = &mut sky.jenkins.builds[index];
    build.started = Some((ready, number));
    build.mode = mode;
}

fn do_it(sky: &mut Sky, index: usize, at: Timestamp) -> Acted {
    let build = &sky.jenkins.builds[index];
    let (job, mode) = (&sky.jenkins.jobs[build.job], build.mode);
    let platform = job.platform;
    match mode {
        Some(Builds::Fail) => return Acted::Failed("ERROR: cannot reach the platform: No route to host".to_owned()),
        Some(Builds::SucceedIdle) => return Acted::Idle("nothing to do"),
        _ => {}
    }
    let Some(service) = job.service(sky, build) else {
        return Acted::Failed(format!("ERROR: there is no service \"{}\"", build.parameter("SERVICE")));
    };
    if let Some(why) = job.idle(build) {
        return Acted::Idle(why);
    }
    if sky.fleet(platform, service).under_way(at).is_some() {
        return Acted::Failed("ERROR: 409 App is locked by one or more deployments.".to_owned());
    }
    match sky.restart(platform, service, at, Some(crate::weather::lines::date(at.as_millisecond()))) {
        Ok(_) => Acted::Restarted(sky.fleet(platform, service).rollouts.len() - 1),
        Err(crate::weather::TooMany) => Acted::Failed("ERROR: 403 too many deployments".to_owned()),
    }
}

impl Build {
    pub(crate) fn parameter(&self, name: &str) -> &str {
        crate::desk::find(&self.parameters, name).unwrap_or_default()
    }

    fn fleet<'a>(&self, sky: &'a Sky) -> Option<&'a Fleet> {
        let job = &sky.jenkins.jobs[self.job];
        job.service(sky, self).map(|service| sky.fleet(job.platform, service))
    }

    /// When the result is known, and what it is.
    fn outcome(&self, sky: &Sky) -> Option<(Timestamp, &'static str)> {
        let known = self.acted.as_ref().and_then(|(at, acted)| match acted {
            Acted::Failed(_) => Some((*at, "FAILURE")),
            Acted::Idle(_) => Some((*at, "SUCCESS")),
            Acted::Restarted(rollout) => {
                let rollout = &self.fleet(sky)?.rollouts[*rollout];
                match rollout.ends() {
                    Some(ends) if rollout.cancelled.is_some() => Some((ends, "FAILURE")),
                    Some(ends) if self.mode == Some(Builds::FailAfterRestart) => Some((ends, "FAILURE")),
                    Some(ends) => Some((ends, "SUCCESS")),
                    None => Some((after(*at, GIVE_UP), "FAILURE")),
                }
            }
        });
        match (self.aborted, known) {
            (Some(aborted), Some((at, _))) if aborted < at => Some((aborted, "ABORTED")),
            (Some(aborted), None) => Some((aborted, "ABORTED")),
            (_, known) => known,
        }
    }

    /// When nothing of it runs any more.
    pub(crate) fn ends(&self, sky: &Sky) -> Option<Timestamp> {
        self.outcome(sky).map(|(at, _)| after(at, self.times.post))
    }

    pub(crate) fn result(&self, sky: &Sky) -> Option<&'static str> {
        self.outcome(sky).filter(|(at, _)| *at <= sky.now).map(|(_, result)| result)
    }

    pub(crate) fn phase(&self, sky: &Sky) -> Phase {
        let now = sky.now;
        if self.cancelled.is_some() {
            return Phase::Cancelled;
        }
        if self.started.is_some() {
            return match self.outcome(sky) {
                Some((at, _)) if after(at, self.times.post) <= now => Phase::Done,
                Some((at, _)) if at <= now => Phase::Post,
                _ => Phase::Running,
            };
        }
        let quiet = after(self.queued, self.times.quiet);
        if now < quiet {
            Phase::Quiet
        } else if now < after(quiet, self.times.blocked) {
            Phase::Blocked
        } else {
            Phase::Busy
        }
    }

    pub(crate) fn quiet_until(&self) -> Timestamp {
        after(self.queued, self.times.quiet)
    }

    /// Whether its item can still be read.
    pub(crate) fn has_item(&self, sky: &Sky) -> bool {
        let left = self.cancelled.or(self.started.map(|(at, _)| at));
        !self.forgotten && left.is_none_or(|left| sky.now < after(left, self.times.item_kept))
    }

    /// The console so far, a line each.
    pub(crate) fn console(&self, sky: &Sky) -> Vec<String> {
        let Some((started, _)) = self.started else { return Vec::new() };
        let job = &sky.jenkins.jobs[self.job];
        let mut lines = vec![
            (started, format!("Started by user {}", self.user)),
            (started, format!("Running on agent-1 in /var/lib/jenkins/workspace/{}", job.full_name("/"))),
        ];
        if let Some((at, acted)) = &self.acted {
            match acted {
                Acted::Failed(why) => lines.push((*at, why.clone())),
                Acted::Idle(why) => lines.push((*at, (*why).to_owned())),
                Acted::Restarted(rollout) => {
                    let service = job.service(sky, self).map_or("nothing", |service| service.name());
                    lines.push((*at, format!("restarting {service}")));
                    let rollout = self.fleet(sky).map(|fleet| &fleet.rollouts[*rollout]);
                    for slot in 0..SLOTS {
                        let replaced = rollout.and_then(|rollout| rollout.takes_over(slot));
                        lines.extend(replaced.map(|at| (at, format!("instance {} of {SLOTS} replaced", slot + 1))));
                    }
                }
            }
        }
        let end = self.outcome(sky);
        if let Some((at, result)) = end {
            lines.retain(|(said, _)| *said <= at);
            lines.push((at, format!("Finished: {result}")));
        }
        lines.retain(|(said, _)| *said <= sky.now);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}
