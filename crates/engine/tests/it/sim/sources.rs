//! The sources of events, and what each knows about its own keys.

use super::rng::Rng;
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::IntegrationId;
use firedog_domain::time::{after, mins};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

const SERVICES: [&str; 3] = ["api", "grouped", "calm"];

#[derive(Default)]
pub(crate) struct Sources {
    episodes: BTreeMap<(IntegrationId, String), Episode>,
    events: u64,
}

/// From the first trigger of a key to its resolve, as its source sees it, whatever became of the events on their way.
#[derive(Default)]
struct Episode {
    current: Option<Timestamp>,
    ended: Option<Timestamp>,
}

/// Every event has a number of its own.
pub(crate) fn number(event: &Event) -> Option<u64> {
    event.details["n"].as_u64()
}

/// A repeat of an episode that its source had already ended when it sent this.
pub(crate) fn is_late(event: &Event) -> bool {
    event.details["late"] == true
}

impl Sources {
    pub(crate) fn make(&mut self, rng: &mut Rng, now: Timestamp) -> Event {
        self.events += 1;
        let n = self.events;
        let integration = IntegrationId::new(&SERVICES[rng.below(3) as usize].into(), "in");
        let dedup_key = format!("k{}", rng.below(4));
        let action = match rng.below(10) {
            0..=5 => Action::Trigger,
            6..=8 => Action::Resolve,
            _ => Action::Acknowledge,
        };
        let episode = self.episodes.entry((integration.clone(), dedup_key.clone())).or_default();
        // No two episodes start at the same instant: that is what tells them apart.
        let start = after(now, SignedDuration::from_micros(i64::try_from(n).expect("few events")));
        let (mut started_at, mut late) = (None, false);
        match action {
            Action::Trigger => {
                late = episode.ended.is_some() && rng.chance(1, 12);
                started_at = if late { episode.ended } else { Some(*episode.current.get_or_insert(start)) };
            }
            Action::Resolve => {
                started_at = episode.current.take();
                episode.ended = started_at.or(episode.ended);
            }
            Action::Acknowledge => {}
        }
        Event {
            integration,
            action,
            dedup_key,
            summary: format!("event {n}"),
            severity: Severity::Critical,
            source: None,
            labels: BTreeMap::from([("institution".to_owned(), format!("{}", rng.below(2)))]),
            details: serde_json::json!({ "n": n, "late": late }),
            links: Vec::new(),
            started_at,
            valid_until: rng.chance(1, 4).then(|| after(now, mins(4))),
        }
    }
}
