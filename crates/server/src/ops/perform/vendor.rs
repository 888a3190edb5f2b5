//! Opening a case at a vendor whose portal has no connector: by mail, or by a request to their portal. What leaves is the evidence
//! that the step was prepared with, and nothing else of the run.

use super::{Call, done, failed};
use crate::ops::case;
use firedog_connectors::call::CallError;
use firedog_connectors::email::Letter;
use firedog_domain::case::{SENT, opens};
use firedog_domain::delivery::Outcome;
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::means::{EVIDENCE, SINCE, TITLE};
use firedog_domain::runbook::run::{Choice, Progress};
use firedog_domain::setup::{OpenBy, Vendor};
use firedog_domain::time::{after, mins};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long a run waits for the number that the vendor answers a mail with. The case and its clock are there meanwhile.
const NUMBER_WITHIN: SignedDuration = mins(20);
/// Between two looks whether somebody has told it.
const LOOK_MS: i64 = 10_000;
/// Nothing was done, and it is tried again: how often, and after how long.
const TRIES: u64 = 3;
const AGAIN_MS: i64 = 10_000;
/// Goes on without the number.
const LATER: &str = "later";

impl Call<'_> {
    pub(super) async fn open_case(&self) -> Progress {
        let sent = self.act.call.memo.get(SENT).and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(sent) = sent {
            return self.number_of_mail(sent).await;
        }
        let vendor = self.setup.vendors.get(self.text("vendor"));
        match vendor.and_then(|vendor| Some((vendor, opens(vendor, self.setup)?))) {
            Some((vendor, OpenBy::Email)) => self.mail_case(vendor).await,
            Some((vendor, OpenBy::Http)) => self.post_case(vendor).await,
            None => Progress::NotConnected { reason: "the setup does not say any more how its cases are opened".to_owned() },
        }
    }

    async fn mail_case(&self, vendor: &Vendor) -> Progress {
        let code = self.institution("code").map(|code| format!(" (institution {code})")).unwrap_or_default();
        let letter = Letter {
            to: vendor.email.clone().unwrap_or_default(),
            // Subjects carry an institution's code, never its name.
            subject: format!("{}{code}, our reference {}", self.run.title, self.run.id),
            text: self.text(EVIDENCE).to_owned(),
            key: self.act.call.key.clone(),
            at: self.now,
        };
        match self.parts.delivery.write(&letter).await {
            Outcome::Sent => self.wait_for_number(self.now, &letter.to),
            Outcome::RetryAfter { reason, .. } => self.later(&reason),
            Outcome::Unknown { reason } => Progress::Uncertain { reason },
            Outcome::Rejected { reason } | Outcome::Misconfigured { reason } => Progress::Failed { reason, again: false },
        }
    }

    fn wait_for_number(&self, sent: Timestamp, to: &str) -> Progress {
        let choice = Choice { id: LATER.to_owned(), text: "Go on without the number; it is told to the case later".to_owned() };
        Progress::Waiting {
            memo: json!({ SENT: sent, "to": to }),
            effect: Effect::Read,
            after_ms: LOOK_MS,
            text: format!("the evidence went to {to}, and the clock runs; answer with the number when they tell it"),
            choices: vec![choice],
        }
    }

    /// Told at the step, told at the case, or not known yet: the run does not wait for ever.
    async fn number_of_mail(&self, sent: Timestamp) -> Progress {
        let cases = case::of_run_id(&self.parts.engine, &self.run.id).await.unwrap_or_default();
        let vendor = self.text("vendor");
        if let Some(case) = cases.iter().find(|case| case.vendor.as_str() == vendor && !case.number.is_empty() && case.is_open())
        {
            return done(json!({ "number": case.number, "url": case.url.clone().unwrap_or_default() }));
        }
        if self.act.call.choice.as_deref() == Some(LATER) || after(sent, NUMBER_WITHIN) <= self.now {
            return done(json!({ "number": "" }));
        }
        let to = self.act.call.memo.get("to").and_then(Value::as_str).unwrap_or_default();
        self.wait_for_number(sent, to)
    }

    async fn post_case(&self, vendor: &Vendor) -> Progress {
        let Some(id) = &vendor.with else { return Progress::NotConnected { reason: "there is no portal".to_owned() } };
        let portal = match self.parts.connected.portal(self.setup, id) {
            Ok(portal) => portal,
            Err(error) => return failed(error),
        };
        let institution = |part: &str| self.institution(part).unwrap_or_default().to_owned();
        let words = BTreeMap::from([
            ("title", self.text(TITLE).to_owned()),
            ("evidence", self.text(EVIDENCE).to_owned()),
            ("since", self.text(SINCE).to_owned()),
            ("institution", institution("name")),
            ("code", institution("code")),
            ("host", institution("host")),
            ("reference", self.run.id.to_string()),
        ]);
        match portal.open(&words, &self.act.call.key).await {
            Ok(opened) => done(json!({ "number": opened.number, "url": opened.url })),
            Err(CallError::Retry { reason, .. }) => self.later(&reason),
            Err(error) => failed(error),
        }
    }

    /// Nothing was done there, so that it may be done once more, whatever its class.
    fn later(&self, reason: &str) -> Progress {
        // Of this request; an earlier one may have arrived, so that it is not said that nothing was opened.
        if self.act.call.again {
            return Progress::Failed { reason: reason.to_owned(), again: true };
        }
        let tried = self.act.call.memo.get("tried").and_then(Value::as_u64).unwrap_or_default() + 1;
        if tried > TRIES {
            return Progress::Failed { reason: reason.to_owned(), again: false };
        }
        Progress::Waiting {
            memo: json!({ "tried": tried }),
            effect: self.act.call.effect,
            after_ms: AGAIN_MS,
            text: format!("{reason}; nothing was opened, and it is tried again"),
            choices: Vec::new(),
        }
    }
}
