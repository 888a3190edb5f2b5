//! The page of whoever has to agree where the one who started a run may not: it ends when its plan waits no more.

use super::run::*;
use crate::id::AlertId;
use jiff::Timestamp;

impl Run {
    /// Plans for which somebody else has to be found, and who nobody is paged for yet.
    pub fn unpaged(&self) -> impl Iterator<Item = (&RunStep, &Plan, Timestamp)> {
        let open = self.is_open();
        self.steps.iter().filter(move |step| open && step.paged.is_none()).filter_map(|step| match &step.state {
            StepState::Confirming { plan, until } if plan.two_person => Some((step, plan, *until)),
            _ => None,
        })
    }

    /// Whoever may agree has been paged. If the plan waits no more by now, the page ends.
    pub(super) fn approvers_paged(&mut self, place: &str, of: Timestamp, alert: AlertId, now: Timestamp, fx: &mut Effects) {
        let waits =
            |step: &&mut RunStep| step.place == place && matches!(step.state, StepState::Confirming { until, .. } if until == of);
        let open = self.is_open();
        match self.steps.iter_mut().find(waits).filter(|_| open) {
            Some(step) => {
                fx.line(now, place, LineKind::Progress, None, &format!("whoever may agree is paged (alert {alert})"));
                step.paged = Some(alert);
            }
            None => self.let_go(alert, fx),
        }
    }

    /// Pages of plans that waited before, and do not any more.
    pub(super) fn end_pages(&mut self, before: &Self, fx: &mut Effects) {
        let open = self.is_open();
        for alert in before.steps.iter().filter_map(|step| step.paged.as_ref()) {
            let holds = |step: &&mut RunStep| step.paged.as_ref() == Some(alert);
            match self.steps.iter_mut().find(holds) {
                Some(step) if open && matches!(step.state, StepState::Confirming { .. }) => continue,
                Some(step) => step.paged = None,
                None => {}
            }
            self.let_go(alert.clone(), fx);
        }
    }

    fn let_go(&mut self, alert: AlertId, fx: &mut Effects) {
        if !self.pages_over.contains(&alert) {
            self.pages_over.push(alert);
        }
        fx.ask.get_or_insert_with(|| "a page is over".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Runbook;
    use crate::runbook::actions::{Action, Effect};
    use serde_json::{Map, Value, json};

    struct Stage;

    impl Surroundings for Stage {
        fn means(&self, action: &Action, _: &Map<String, Value>) -> Result<Effect, String> {
            Ok(action.effect)
        }
        fn consequences(&self, _: &Action, _: &Map<String, Value>, _: &Map<String, Value>) -> Vec<String> {
            Vec::new()
        }
        fn two_person(&self, _: &Action, _: &Map<String, Value>) -> bool {
            true
        }
        fn hash(&self, text: &str) -> String {
            text.to_owned()
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn waits() -> (Run, Timestamp) {
        let step = json!({ "do": "Restart", "uses": "service.restart", "with": { "service": "shop" } });
        let runbook: Runbook = serde_json::from_value(json!({ "runbook": "one", "steps": [step] })).unwrap();
        let mut run = runbook.start("run".into(), Map::new(), "ada".to_owned(), at(0));
        run.advance(Input::Tick, &Stage, at(0)).unwrap();
        let until = run.unpaged().next().unwrap().2;
        (run, until)
    }

    fn paged(until: Timestamp) -> Input {
        Input::ApproversPaged { place: "1".to_owned(), until, alert: "page".into() }
    }

    #[test]
    fn a_page_ends_with_its_plan_whatever_ends_that() {
        let (mut run, until) = waits();
        run.advance(paged(until), &Stage, at(1)).unwrap();
        assert!(run.unpaged().next().is_none() && run.pages_over.is_empty());
        let StepState::Confirming { plan, .. } = &run.steps[0].state else { panic!("{run:?}") };
        let place = || "1".to_owned();
        let (by, reason) = (|| "grace".to_owned(), || "no".to_owned());
        for input in [
            Input::Confirm { place: place(), hash: plan.hash.clone(), by: by() },
            Input::Decline { place: place(), reason: reason(), by: by() },
            Input::Skip { place: place(), reason: reason(), by: by() },
            Input::Retry { place: place(), by: by() },
            Input::Cancel { reason: reason(), by: by() },
        ] {
            let mut run = run.clone();
            assert!(run.advance(input.clone(), &Stage, at(2)).unwrap().ask.is_some(), "{input:?}");
            assert_eq!(run.pages_over, ["page".into()], "{input:?}");
            run.advance(Input::PageEnded("page".into()), &Stage, at(3)).unwrap();
            assert!(run.pages_over.is_empty());
        }
        run.advance(Input::Tick, &Stage, until).unwrap();
        assert_eq!(run.pages_over, ["page".into()], "it has run out");
    }

    #[test]
    fn a_page_that_was_made_for_a_plan_that_is_gone_ends() {
        let (run, until) = waits();
        let gone = [
            Input::Decline { place: "1".to_owned(), reason: "no".to_owned(), by: "grace".to_owned() },
            Input::Retry { place: "1".to_owned(), by: "ada".to_owned() },
            Input::Cancel { reason: "no".to_owned(), by: "ada".to_owned() },
        ];
        for input in gone {
            let mut run = run.clone();
            run.advance(input, &Stage, at(60)).unwrap();
            assert!(run.advance(paged(until), &Stage, at(61)).unwrap().ask.is_some());
            assert_eq!(run.pages_over, ["page".into()]);
        }
    }
}
