//! Routes: which service and urgency an event gets. Conditions are CEL.
//!
//! Known variables: `labels` (names to texts), `summary`, `severity` (`critical`, `error`, `warning`, `info`),
//! `source`, `service` and `integration` (the slugs of the integration that it came through), `dedup_key`, and
//! `details` (the sender's free JSON).
//!
//! A label that is missing is the empty text, as in Alertmanager: events without it are the normal case, and a
//! rule about one label must not fail for all others. `has(labels.x)` and `'x' in labels` ask whether it is there
//! with a text. Everything else that goes wrong while evaluating is never "no match": the event then pages the
//! integration's own service with high urgency, and says why.
//!
//! What cannot be meant is refused when the setup is read ([`check`]): comparing a text with a number, a severity
//! that does not exist, an unknown variable or function.

mod condition;
mod evaluate;
mod nesting;

pub(crate) use condition::syntax;
pub use condition::{Problem, check};
pub(crate) use evaluate::{explain, value_of};
pub(crate) use nesting::too_deep;

use crate::event::{Because, Event, Routing};
use crate::id::ServiceId;
use crate::setup::{Route, Setup, Urgency};
use condition::Condition;
use evaluate::Evaluator;

/// The routes of a setup, ready to be asked.
pub struct Routes {
    list: Vec<Compiled>,
    evaluator: Evaluator,
}

struct Compiled {
    when: Condition,
    service: Option<ServiceId>,
    urgency: Option<Urgency>,
}

impl Routes {
    /// Each error is one line with the place of the route in the list and, inside of it, the column.
    pub fn compile(routes: &[Route]) -> Result<Self, Vec<(usize, String)>> {
        let (mut list, mut errors) = (Vec::new(), Vec::new());
        for (place, route) in routes.iter().enumerate() {
            match Condition::compile(&route.when) {
                Ok(when) => list.push(Compiled { when, service: route.service.clone(), urgency: route.urgency }),
                Err(problem) => errors.push((place, problem.one_line(&route.when))),
            }
        }
        if errors.is_empty() { Ok(Self { list, evaluator: Evaluator::new() }) } else { Err(errors) }
    }

    /// Where the event belongs. `None`: its integration is not in the setup.
    pub fn route(&self, event: &Event, setup: &Setup) -> Option<Routing> {
        let (own, integration) = setup.integration(&event.integration)?;
        let to_own = |urgency, because| Routing { service: own.id.clone(), urgency, because };
        if self.list.is_empty() {
            return Some(to_own(own.urgency, Because::NoRoute));
        }
        let facts = self.evaluator.facts(event, own, integration);
        for (place, route) in self.list.iter().enumerate() {
            match facts.hold(&route.when) {
                Ok(false) => {}
                Ok(true) => {
                    let target = route.service.as_ref().and_then(|id| setup.service(id)).unwrap_or(own);
                    let urgency = route.urgency.unwrap_or(target.urgency);
                    return Some(Routing { service: target.id.clone(), urgency, because: Because::Route(place) });
                }
                Err(reason) => return Some(to_own(Urgency::High, Because::RouteFailed(place, reason))),
            }
        }
        Some(to_own(own.urgency, Because::NoRoute))
    }
}

/// A condition over an alert: what its event said, in the same words.
pub struct OnAlert {
    when: Condition,
    evaluator: Evaluator,
}

impl OnAlert {
    pub fn compile(source: &str) -> Result<Self, Problem> {
        Ok(Self { when: Condition::compile(source)?, evaluator: Evaluator::new() })
    }

    /// Whether it holds, or in words why it cannot be told.
    pub fn hold(&self, alert: &crate::alert::Alert) -> Result<bool, String> {
        let said = evaluate::Said {
            labels: &alert.labels,
            summary: &alert.summary,
            severity: alert.severity.as_str(),
            source: alert.source.as_deref().unwrap_or_default(),
            service: alert.service.as_ref().map_or("", ServiceId::as_str),
            integration: alert.integration.as_ref().map_or("", crate::id::IntegrationId::slug),
            dedup_key: &alert.dedup_key,
            details: &serde_json::Value::Null,
        };
        self.evaluator.facts_of(&said).hold(&self.when)
    }
}

#[cfg(test)]
mod tests;
