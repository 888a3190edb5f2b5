//! Looking at interaction logs.

use super::{Call, LAST, done};
use firedog_connectors::call::CallError;
use firedog_connectors::elasticsearch::{Counts, Line, Logs, Role, Scope};
use firedog_domain::diagnosis::blast::{Calls, Counted, blast};
use firedog_domain::diagnosis::rules::{Failed, MAX_LINES, tally};
use firedog_domain::runbook::run::Progress;
use firedog_domain::time::after;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;

/// Logs whose newest entry is older say nothing of the present.
pub(in crate::ops) const LATE: SignedDuration = SignedDuration::from_mins(3);
/// What is usual is that of the same time of day: an outage of an hour is not.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Outcomes that are none.
const FINE: [&str; 5] = ["success", "ok", "succeeded", "completed", "200"];

pub(in crate::ops) fn is_fine(outcome: &str) -> bool {
    FINE.contains(&outcome.to_lowercase().as_str())
}

fn is_failed(line: &Line) -> bool {
    match &line.outcome {
        Some(outcome) => !is_fine(outcome),
        None => line.error_type.is_some(),
    }
}

fn as_failed(line: &Line) -> Failed {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Failed { error_type: text(&line.error_type), message: text(&line.message), stack: text(&line.stack) }
}

impl Call<'_> {
    async fn is_late(&self, logs: &Logs) -> Result<bool, CallError> {
        let newest = logs.newest(self.now).await?;
        Ok(newest.at.is_none_or(|at| after(at, LATE) < self.now))
    }

    pub(super) async fn root_error(&self) -> Result<Progress, CallError> {
        let logs = self.connected.logs(self.setup)?;
        let named = self.text("institution");
        let institution = if named.is_empty() { self.institution("id").unwrap_or_default() } else { named };
        let from = self.now.checked_sub(self.length("last", LAST)).unwrap_or(Timestamp::MIN);
        let scope = Scope::new(from, self.now)?.only(Role::Institution, [institution])?;
        let late = self.is_late(&logs).await?;
        let found = logs.search(&scope, MAX_LINES, true).await?;
        let failed: Vec<Failed> = found.lines.iter().filter(|line| is_failed(line)).map(as_failed).collect();
        let causes = tally(&failed);
        let late = late || causes.few || !found.partial.is_empty();
        let total = found.lines.len();
        let share = (causes.share * 100.0).round();
        let text = match () {
            () if failed.is_empty() => format!("none of {total} calls failed"),
            () if causes.mixed => format!("{} of {total} calls failed, for mixed reasons", failed.len()),
            () => format!("{} of {total} calls failed, {share} % with {}", failed.len(), causes.root.replace('_', " ")),
        };
        let notes = found.partial.join("; ");
        let text = if notes.is_empty() { text } else { format!("{text} ({notes})") };
        Ok(done(json!({
            "root": causes.root, "share": causes.share, "failed": failed.len(), "total": total, "mixed": causes.mixed, "late": late,
            "expired": causes.expired, "counts": causes.counts, "sample": causes.sample, "text": text,
        })))
    }

    pub(super) async fn blast_radius(&self) -> Result<Progress, CallError> {
        let logs = self.connected.logs(self.setup)?;
        let last = self.length("last", LAST);
        let from = self.now.checked_sub(last).unwrap_or(Timestamp::MIN);
        let yesterday = |at: Timestamp| at.checked_sub(DAY).unwrap_or(Timestamp::MIN);
        let late = self.is_late(&logs).await?;
        let step = SignedDuration::from_mins(1);
        let (now, usual) = (
            logs.counts(&Scope::new(from, self.now)?, step).await?,
            logs.counts(&Scope::new(yesterday(from), yesterday(self.now))?, step).await?,
        );
        let host = |one: &firedog_domain::setup::Institution| Some((one.id.to_string(), one.host.clone()?));
        let counted = Counted {
            now: as_calls(&now),
            usual: as_calls(&usual),
            hosts: self.setup.institutions.iter().filter_map(host).collect(),
        };
        let blast = blast(self.institution("id").unwrap_or_default(), &counted);
        let partial = !now.partial.is_empty() || !usual.partial.is_empty();
        Ok(done(json!({
            "others_failing": blast.others_failing, "others_total": blast.others_total, "shared_host_down": blast.shared_host_down,
            "failing": blast.fails, "failed": blast.failed, "total": blast.total, "late": late || blast.few || partial, "text": blast.text,
        })))
    }
}

/// By institution.
pub(super) fn as_calls(counts: &Counts) -> BTreeMap<String, Calls> {
    let mut calls: BTreeMap<String, Calls> = BTreeMap::new();
    for cell in &counts.cells {
        let (Some(institution), Some(outcome)) = (&cell.institution, &cell.outcome) else { continue };
        let one = calls.entry(institution.clone()).or_default();
        one.total += cell.count;
        if !is_fine(outcome) {
            one.failed += cell.count;
        }
    }
    calls
}

#[allow(clippy::cast_precision_loss, reason = "counts of minutes")]
pub(super) fn failed_share(calls: Calls) -> f64 {
    if calls.total == 0 { 0.0 } else { calls.failed as f64 / calls.total as f64 }
}
