//! What would happen: simulating one alert, proving coverage.

use super::{Error, Result, oncall};
use crate::app::App;
use firedog_domain::alert::Pin;
use firedog_domain::id::UserId;
use firedog_domain::prove::{self, Finding};
use firedog_domain::setup::{Channel, Urgency};
use firedog_domain::trace::{Faults, Start, Trace};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Ten years: beyond it schedules are fiction.
const MAX_DAYS: u32 = 3_660;

#[derive(Clone, Debug, Default)]
pub struct Question {
    pub service: Option<String>,
    pub policy: Option<String>,
    pub at: Option<Timestamp>,
    pub urgency: Option<Urgency>,
    pub silent: Vec<String>,
    pub channels_down: Vec<Channel>,
}

/// Who would be paged, when and why, if nobody answered.
pub async fn simulate(app: &App, question: Question) -> Result<Trace> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let start = match (&question.service, &question.policy) {
        (Some(service), None) => Start::service(&scene.world, oncall::find_service(setup, service)?, question.urgency),
        (None, Some(policy)) => {
            let policy = setup.policies.get(policy).ok_or_else(|| Error::NotFound(format!("there is no policy `{policy}`")))?;
            Start { service: None, policy: Pin::Policy(policy.id.clone()), urgency: question.urgency.unwrap_or_default() }
        }
        _ => return Err(Error::Invalid("name a service or a policy".to_owned())),
    };
    let silent: BTreeSet<UserId> = question.silent.iter().map(|user| UserId::from(user.as_str())).collect();
    if let Some(unknown) = silent.iter().find(|user| setup.user(user).is_none()) {
        return Err(Error::NotFound(format!("there is no user `{unknown}`")));
    }
    let out_of_reach = silent.clone();
    let faults = Faults { nobody_answers: true, silent, down: question.channels_down.into_iter().collect() };
    let at = question.at.unwrap_or_else(|| app.now());
    let mut trace = compute(move || firedog_domain::trace::simulate(&scene.world, &start, at, &faults)).await?;
    // They are paged all the same, but what does not reach them does not count.
    trace.entries.retain(|entry| !out_of_reach.contains(&entry.user));
    Ok(trace)
}

/// The proof, and the span that it is about.
#[derive(Clone, Debug)]
pub struct Proof {
    pub from: Timestamp,
    pub to: Timestamp,
    pub findings: Vec<Finding>,
    /// Who may be paged and has shown no contact method that wakes them.
    pub lacking: Vec<super::readiness::Readiness>,
}

pub async fn prove(app: &App, days: u32, within: SignedDuration, from: Option<Timestamp>) -> Result<Proof> {
    if days == 0 || days > MAX_DAYS {
        return Err(Error::Invalid(format!("`days` goes from 1 to {MAX_DAYS}")));
    }
    let scene = app.engine.scene().await?;
    let from = from.unwrap_or_else(|| app.now());
    let to = firedog_domain::time::after(from, SignedDuration::from_hours(24 * i64::from(days)));
    let findings = compute(move || prove::prove(&scene.world, from, to, within)).await?;
    let lacking = super::readiness::lacking(app).await?;
    Ok(Proof { from, to, findings, lacking })
}

/// Seconds of pure computing belong on a thread of their own.
async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Broken("the computation failed; this is a bug in Firedog".to_owned()))
}
