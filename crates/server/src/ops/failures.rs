//! Who fails, minute by minute: the blast radius over time.

use super::perform::logs::{LATE, is_fine};
use super::{Error, Result};
use crate::app::App;
use firedog_connectors::call::CallError;
use firedog_connectors::elasticsearch::{Counts, Logs, Scope};
use firedog_domain::diagnosis::blast::Calls;
use firedog_domain::setup::Setup;
use firedog_domain::time::{after, parse_length};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// What is asked for where nothing is said.
const LAST: SignedDuration = SignedDuration::from_hours(1);
const SHORTEST: SignedDuration = SignedDuration::from_mins(5);
const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// Institutions that are told of, those with the most failed calls first.
const MAX_INSTITUTIONS: usize = 300;
/// Minutes that are counted at once, so that 300 institutions stay below the most cells of one count.
const WINDOW: usize = 30;
/// Counts that are asked for at the same time; runs use the same connection.
const AT_ONCE: usize = 3;
/// A browser waits no longer for its answer than 20 s.
const TIMEOUT: Duration = Duration::from_secs(15);
/// In an outage everybody looks: what was asked for so recently is told again.
const FRESH: SignedDuration = SignedDuration::from_secs(10);
/// Answers that are kept; the screen offers three lengths.
const MAX_KEPT: usize = 8;
/// Whether somebody fails now is told by the last so many minutes.
const NOW: usize = 5;

/// Who fails, by institution and minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failures {
    /// When the first minute begins.
    pub from: Timestamp,
    /// How many minutes there are; the last one is not over.
    pub minutes: usize,
    /// Institutions that fail now: at least half of their calls within the last 5 minutes, of which there are enough.
    pub failing: usize,
    /// Every institution, those that are not listed too.
    pub total: usize,
    /// At most 300, those with the most failed calls first.
    pub institutions: Vec<InstitutionFailures>,
    /// Why these counts may be too low; empty if they are exact.
    pub partial: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct InstitutionFailures {
    pub id: String,
    pub name: String,
    pub code: String,
    pub fails_now: bool,
    /// Failed calls, minute by minute.
    pub failed: Vec<u64>,
    /// All calls, minute by minute; 0: no traffic.
    pub calls: Vec<u64>,
}

/// What was told last.
#[derive(Default)]
pub struct Recent(Mutex<BTreeMap<Asked, Told>>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    setup_version: i64,
    minutes: usize,
}

struct Told {
    at: Timestamp,
    failures: Arc<Failures>,
}

pub async fn failures(app: &App, last: Option<&str>) -> Result<Arc<Failures>> {
    let wrong = || Error::Invalid("`last` is a length from 5m to 6h".to_owned());
    let last = last.map_or(Ok(LAST), |last| parse_length(last).map_err(|_| wrong()))?;
    if !(SHORTEST..=LONGEST).contains(&last) {
        return Err(wrong());
    }
    let minutes = usize::try_from(last.as_mins()).map_err(|_| wrong())?;
    let scene = app.engine.scene().await?;
    let now = app.now();
    let asked = Asked { setup_version: scene.world.version, minutes };
    // Held while the logs are asked, so that those who come meanwhile wait for the one answer; if it does not come, nobody waits
    // for everybody before them.
    let silent = || Error::NotConnected(format!("the logs were not counted within {} s; ask for less", TIMEOUT.as_secs()));
    let mut recent = tokio::time::timeout(TIMEOUT, app.failures.0.lock()).await.map_err(|_| silent())?;
    recent.retain(|_, told| after(told.at, FRESH) > now);
    if let Some(told) = recent.get(&asked) {
        return Ok(told.failures.clone());
    }
    let setup = &scene.world.setup;
    let logs = app.connected.logs(setup).map_err(unreadable)?;
    let counted = tokio::time::timeout(TIMEOUT, count(&logs, setup, now, minutes)).await;
    let failures = Arc::new(counted.map_err(|_| silent())?.map_err(unreadable)?);
    if recent.len() < MAX_KEPT {
        recent.insert(asked, Told { at: now, failures: failures.clone() });
    }
    Ok(failures)
}

fn unreadable(error: CallError) -> Error {
    Error::NotConnected(format!("the logs cannot be read: {}", error.reason()))
}

async fn count(logs: &Logs, setup: &Setup, now: Timestamp, minutes: usize) -> std::result::Result<Failures, CallError> {
    let minute = SignedDuration::from_mins(1);
    let this = now.as_second().div_euclid(60) * 60;
    let from = Timestamp::from_second(this - 60 * (i64::try_from(minutes).unwrap_or(0) - 1)).unwrap_or(Timestamp::MIN);
    let at = |n: usize| after(from, minute.saturating_mul(i32::try_from(n).unwrap_or(i32::MAX)));
    let windows = (0..minutes).step_by(WINDOW).map(|n| (at(n), if n + WINDOW < minutes { at(n + WINDOW) } else { now }));
    // At the turn of a minute the last one has not begun yet.
    let windows: Vec<_> = windows.filter(|(begin, end)| begin < end).collect();
    let newest = logs.newest(now).await?;
    let asked = stream::iter(windows).map(async |(begin, end)| logs.counts(&Scope::new(begin, end)?, minute).await);
    let counts: Vec<Counts> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut told = told(setup, from, minutes, &counts);
    match newest.at {
        None => told.partial.insert(0, "there is no entry within the last day".to_owned()),
        Some(at) if after(at, LATE) < now => told.partial.insert(0, format!("the logs are late: the newest entry is of {at:.0}")),
        Some(_) => {}
    }
    Ok(told)
}

fn told(setup: &Setup, from: Timestamp, minutes: usize, counts: &[Counts]) -> Failures {
    let nothing = || vec![Calls::default(); minutes];
    let mut calls: BTreeMap<&str, Vec<Calls>> = setup.institutions.iter().map(|one| (one.id.as_str(), nothing())).collect();
    let (mut untold, mut partial) = (0, Vec::new());
    for count in counts {
        for note in &count.partial {
            if !partial.contains(note) {
                partial.push(note.clone());
            }
        }
        for cell in &count.cells {
            let (Some(institution), Some(outcome)) = (&cell.institution, &cell.outcome) else {
                untold += cell.count;
                continue;
            };
            let since = cell.at.duration_since(from).as_secs().div_euclid(60);
            let row = calls.entry(institution).or_insert_with(nothing);
            let Some(one) = usize::try_from(since).ok().and_then(|n| row.get_mut(n)) else { continue };
            one.total += cell.count;
            if !is_fine(outcome) {
                one.failed += cell.count;
            }
        }
    }
    if untold > 0 {
        partial.push(format!("{untold} calls do not say of which institution they are, or how they ended"));
    }
    let row = |(id, calls): (&str, Vec<Calls>)| {
        let known = setup.institutions.get(id);
        let now = calls.iter().rev().take(NOW).fold(Calls::default(), |sum, one| sum + *one);
        InstitutionFailures {
            name: known.map(|one| one.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(id).to_owned(),
            code: known.and_then(|one| one.code.as_deref()).unwrap_or(id).to_owned(),
            fails_now: now.mostly_fails(),
            failed: calls.iter().map(|one| one.failed).collect(),
            calls: calls.iter().map(|one| one.total).collect(),
            id: id.to_owned(),
        }
    };
    let mut institutions: Vec<InstitutionFailures> = calls.into_iter().map(row).collect();
    let failed = |one: &InstitutionFailures| one.failed.iter().sum::<u64>();
    // Stable: among equals by id.
    institutions.sort_by_key(|one| std::cmp::Reverse(failed(one)));
    let (total, failing) = (institutions.len(), institutions.iter().filter(|one| one.fails_now).count());
    if total > MAX_INSTITUTIONS {
        partial.push(format!("{} more institutions are not listed", total - MAX_INSTITUTIONS));
    }
    institutions.truncate(MAX_INSTITUTIONS);
    Failures { from, minutes, failing, total, institutions, partial }
}
