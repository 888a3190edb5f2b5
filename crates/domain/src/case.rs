//! Vendor cases: tickets at third parties, with our clock on them.
//!
//! The vendor's own system has the case; what is kept here is who opened it for what, and when somebody has to ask them again.

use crate::id::{AlertId, CaseId, InstitutionId, RunId, ServiceId, TeamId, VendorId};
use crate::runbook::run::{Run, RunStep, StepState};
use crate::setup::{ConnectionKind, OpenBy, Setup, Vendor};
use crate::time::{after, length};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The action whose answer opens a case.
pub const ACTION: &str = "vendor.case";
/// In the memo of its call: the vendor has been written to.
pub const SENT: &str = "sent_at";
/// Longest number of a case, in characters.
pub const MAX_NUMBER: usize = 100;
/// Longest address of a case, in bytes.
pub const MAX_URL: usize = 2_000;
/// Longest note or reason, in characters.
pub const MAX_NOTE: usize = 1_000;
/// Chases that a case keeps, the newest: what was before is in the audit log.
pub const MAX_CHASES: usize = 100;

/// A ticket at a third party.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub id: CaseId,
    pub vendor: VendorId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<InstitutionId>,
    /// What the vendor calls it. Empty: not known yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Where it is; always `http://` or `https://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(flatten)]
    pub about: About,
    pub opened_at: Timestamp,
    /// A person's id, or `token NAME`.
    pub opened_by: String,
    /// As the vendor's contract said when it was opened.
    #[serde(with = "length")]
    pub chase_every: SignedDuration,
    /// When somebody has to ask the vendor again; `None`: it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_chase_at: Option<Timestamp>,
    /// The newest of them, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chases: Vec<Chase>,
    /// How often it was chased.
    #[serde(default)]
    pub chased: u32,
    pub state: CaseState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a case is for, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    /// Whoever is on call for it is told when the vendor has to be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    /// Whose people may act on it. `None`: every responder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
}

/// The vendor was asked again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chase {
    pub at: Timestamp,
    pub by: String,
    /// What was asked, or answered.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseState {
    Open,
    Closed,
}

impl CaseState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Why something cannot be done to a case, for the person who asked.
pub type Refusal = String;

impl Case {
    /// A new case. The vendor has the time of its contract before it is chased first.
    pub fn open(
        id: CaseId,
        vendor: &Vendor,
        institution: Option<InstitutionId>,
        about: About,
        by: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            vendor: vendor.id.clone(),
            institution,
            number: String::new(),
            url: None,
            about,
            opened_at: now,
            opened_by: by,
            chase_every: vendor.chase_every,
            next_chase_at: Some(after(now, vendor.responds_within)),
            chases: Vec::new(),
            chased: 0,
            state: CaseState::Open,
            closed_at: None,
            closed_by: None,
            reason: String::new(),
        }
    }

    /// The case that a run's step has opened: by the answer of a person, or by what Firedog has done itself, perhaps without a
    /// number yet. `None`: the step is another one, or has opened none.
    ///
    /// # Errors
    /// Nobody says who the vendor is, so that no clock can run: in words, for the run's log.
    pub fn of_step(id: CaseId, run: &Run, place: &str, setup: &Setup, now: Timestamp) -> Option<Result<Self, Refusal>> {
        let step = &run.steps[run.at(place)?];
        if step.spec.uses.as_deref() != Some(ACTION) || !(step.state == StepState::Done || is_sent(step)) {
            return None;
        }
        let institution = institution_of(run);
        let Some(vendor) = vendor_of(run, place, setup) else {
            let why = "no clock runs for this case: nobody says who the vendor is; set `vendor` of the institution, or open it by hand: firedog case open";
            return Some(Err(why.to_owned()));
        };
        let text = |name: &str| step.output.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut case = Self::open(
            id,
            vendor,
            institution,
            of_run(run, setup),
            step.by.clone().unwrap_or_else(|| run.started_by.clone()),
            now,
        );
        // It has been accepted by the run: what does not fit is cut, not refused.
        case.number = one_line(text("number")).chars().take(MAX_NUMBER).collect();
        case.url = check_url(text("url")).ok().filter(|url| !url.is_empty());
        Some(Ok(case))
    }

    pub fn is_open(&self) -> bool {
        self.state == CaseState::Open
    }

    fn must_be_open(&self) -> Result<(), Refusal> {
        match &self.closed_by {
            None if self.is_open() => Ok(()),
            by => Err(format!("the case was closed by {}", by.as_deref().unwrap_or("somebody"))),
        }
    }

    /// Somebody has asked the vendor again: the clock begins anew.
    ///
    /// # Errors
    /// It is closed, or nothing is said about what was asked.
    pub fn chase(&mut self, note: &str, by: String, now: Timestamp) -> Result<(), Refusal> {
        self.must_be_open()?;
        let note = check_note(note, "say what you asked and what they answered: the next one begins there")?;
        if self.chases.len() >= MAX_CHASES {
            self.chases.remove(0);
        }
        self.chases.push(Chase { at: now, by, note });
        self.chased = self.chased.saturating_add(1);
        self.next_chase_at = Some(after(now, self.chase_every));
        Ok(())
    }

    /// It is over.
    ///
    /// # Errors
    /// It is closed already, or nothing is said about why.
    pub fn close(&mut self, reason: &str, by: String, now: Timestamp) -> Result<(), Refusal> {
        self.must_be_open()?;
        self.reason = check_note(reason, "say how it ended: whoever reads this later has to know")?;
        (self.state, self.closed_at, self.closed_by, self.next_chase_at) = (CaseState::Closed, Some(now), Some(by), None);
        Ok(())
    }

    /// The vendor has said what it calls the case, and where it is. An empty address leaves it as it is.
    ///
    /// # Errors
    /// It is closed, or these are no number and no address.
    pub fn set_number(&mut self, number: &str, url: &str) -> Result<(), Refusal> {
        self.must_be_open()?;
        let (number, url) = (check_number(number)?, check_url(url)?);
        if number.is_empty() {
            return Err("say the number that the vendor gave the case".to_owned());
        }
        self.number = number;
        if !url.is_empty() {
            self.url = Some(url);
        }
        Ok(())
    }

    /// Another way led to the same case: takes over what was not known of it.
    pub fn learn(&mut self, other: &Self) -> bool {
        let before = (self.about.clone(), self.url.clone());
        let About { run, alert, service, team } = other.about.clone();
        let about = &mut self.about;
        about.run = about.run.take().or(run);
        about.alert = about.alert.take().or(alert);
        about.service = about.service.take().or(service);
        about.team = about.team.take().or(team);
        self.url = self.url.take().or_else(|| other.url.clone());
        before != (self.about.clone(), self.url.clone())
    }
}

/// Whether the vendor has been written to, and has not said a number yet.
pub fn is_sent(step: &RunStep) -> bool {
    matches!(&step.state, StepState::Waiting { call, .. } if call.memo.get(SENT).is_some())
}

/// What a case of a run is for. Its people are the runbook's, else those of the service.
pub fn of_run(run: &Run, setup: &Setup) -> About {
    let team = setup.runbooks.get(run.runbook.as_str()).and_then(|runbook| runbook.team.clone());
    let of_service = || Some(setup.service(run.service.as_ref()?)?.team.clone());
    About { run: Some(run.id.clone()), alert: run.alert.clone(), service: run.service.clone(), team: team.or_else(of_service) }
}

/// The institution that a run is for.
pub fn institution_of(run: &Run) -> Option<InstitutionId> {
    run.inputs.get("institution")?.get("id")?.as_str().map(InstitutionId::from)
}

/// Who is asked: what the step says, else the institution's, as it is in the setup now, else as the run was told of it.
pub fn vendor_of<'s>(run: &Run, place: &str, setup: &'s Setup) -> Option<&'s Vendor> {
    let of_step = run.at(place).and_then(|at| run.steps[at].args.get("vendor")?.as_str());
    let of_setup = || setup.institutions.get(institution_of(run)?.as_str())?.vendor.as_ref().map(VendorId::as_str);
    let told = || run.inputs.get("institution")?.get("vendor")?.as_str();
    let named = of_step.filter(|id| !id.is_empty()).or_else(of_setup).or_else(told)?;
    setup.vendors.get(named)
}

/// Whether Firedog opens cases of a vendor itself.
pub fn opens(vendor: &Vendor, setup: &Setup) -> Option<OpenBy> {
    let with = || setup.connections.get(vendor.with.as_ref()?.as_str());
    vendor.open_by.filter(|by| match by {
        OpenBy::Email => vendor.email.is_some(),
        OpenBy::Http => with().is_some_and(|connection| connection.kind == ConnectionKind::Http),
    })
}

/// The zone of a run's people: that of their schedules.
pub fn zone_of(run: &Run, setup: &Setup) -> TimeZone {
    let team = of_run(run, setup).team;
    let schedule = setup.schedules.iter().find(|schedule| schedule.team.is_some() && schedule.team == team);
    schedule.map_or(TimeZone::UTC, |schedule| schedule.timezone.tz().clone())
}

/// Without line breaks and what else no line holds.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// # Errors
/// It is too long.
pub fn check_number(number: &str) -> Result<String, Refusal> {
    let number = one_line(number);
    if number.chars().count() > MAX_NUMBER {
        return Err(format!("the number of a case has {MAX_NUMBER} characters at the most"));
    }
    Ok(number)
}

/// An address that a browser may be sent to; empty stays empty.
///
/// # Errors
/// It is none.
pub fn check_url(url: &str) -> Result<String, Refusal> {
    let url = url.trim();
    let lower = url.to_ascii_lowercase();
    let fine = (lower.starts_with("http://") || lower.starts_with("https://"))
        && url.len() <= MAX_URL
        && !url.contains(|c: char| c.is_control() || c.is_whitespace() || "\"<>\\^`{|}".contains(c));
    if url.is_empty() || fine {
        Ok(url.to_owned())
    } else {
        Err("the address of a case begins with https:// or http://".to_owned())
    }
}

fn check_note(note: &str, missing: &str) -> Result<String, Refusal> {
    let note = note.trim();
    if note.is_empty() {
        return Err(missing.to_owned());
    }
    if note.chars().count() > MAX_NOTE {
        return Err(format!("this is longer than {MAX_NOTE} characters"));
    }
    Ok(note.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunbookId;
    use crate::runbook::run::RunState;
    use crate::runbook::{DEFAULT_DEADLINE, Runbook, Step};
    use crate::setup::Institution;
    use crate::time::mins;
    use serde_json::json;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn vendor(id: &str) -> Vendor {
        serde_json::from_value(json!({ "id": id })).unwrap()
    }

    fn case() -> Case {
        Case::open("c".into(), &vendor("jsource"), None, About::default(), "ada".to_owned(), at(0))
    }

    #[test]
    fn the_contract_has_its_time_and_every_chase_begins_the_clock_anew() {
        let mut case = case();
        assert_eq!((case.next_chase_at, case.is_open()), (Some(at(240)), true));
        assert!(case.chase("  ", "ada".to_owned(), at(241)).unwrap_err().contains("what they answered"));
        assert_eq!(case.next_chase_at, Some(at(240)), "a refused chase moves nothing");
        case.chase("they look at it", "grace".to_owned(), at(250)).unwrap();
        assert_eq!((case.next_chase_at, case.chased, &*case.chases[0].note), (Some(at(310)), 1, "they look at it"));
        assert!(case.close("", "ada".to_owned(), at(300)).is_err());
        case.close("their disk was full", "ada".to_owned(), at(300)).unwrap();
        assert_eq!((case.next_chase_at, case.closed_at, case.state), (None, Some(at(300)), CaseState::Closed));
        for refused in
            [case.chase("x", "ada".to_owned(), at(301)), case.close("x", "ada".to_owned(), at(301)), case.set_number("1", "")]
        {
            assert_eq!(refused.unwrap_err(), "the case was closed by ada");
        }
    }

    #[test]
    fn what_is_kept_of_a_case_is_bounded() {
        let mut case = case();
        for n in 0..MAX_CHASES + 5 {
            case.chase(&n.to_string(), "ada".to_owned(), at(0)).unwrap();
        }
        assert_eq!((case.chases.len(), case.chased as usize), (MAX_CHASES, MAX_CHASES + 5));
        assert_eq!((&*case.chases[0].note, &*case.chases[MAX_CHASES - 1].note), ("5", "104"));
        assert!(case.chase(&"x".repeat(MAX_NOTE + 1), "ada".to_owned(), at(0)).is_err());
        assert!(case.set_number(&"1".repeat(MAX_NUMBER + 1), "").is_err());
        assert!(case.set_number(" ", "").is_err());
    }

    #[test]
    fn an_address_is_one_that_a_browser_may_be_sent_to() {
        let mut case = case();
        for wrong in ["javascript:alert(1)", "data:text/html,x", "https://a b", "//evil.example.org", "https://x\"onclick=\"y"] {
            assert!(case.set_number("4711", wrong).is_err(), "{wrong}");
        }
        assert_eq!((&*case.number, &case.url), ("", &None), "nothing of a refused change stays");
        case.set_number(" 4711\n", "https://support.example.org/cases/4711").unwrap();
        case.set_number("4712", "").unwrap();
        assert_eq!((&*case.number, case.url.as_deref()), ("4712", Some("https://support.example.org/cases/4711")));
    }

    fn answered(output: Value, args: Value) -> (Run, Setup) {
        let spec = Step { what: "Open a case".to_owned(), uses: Some(ACTION.to_owned()), ..Step::default() };
        let map = |value: Value| value.as_object().unwrap().clone();
        let step = RunStep {
            state: StepState::Done,
            output: map(output),
            args: map(args),
            by: Some("grace".to_owned()),
            ..RunStep::new("6".to_owned(), spec)
        };
        let run = Run {
            id: "run".into(),
            runbook: "book".into(),
            title: "T".to_owned(),
            inputs: map(json!({ "institution": { "id": "inst-1", "vendor": "old" } })),
            subject: "s".to_owned(),
            alert: Some("alert".into()),
            service: Some("shop".into()),
            state: RunState::Running,
            reason: String::new(),
            started_by: "ada".to_owned(),
            started_at: at(0),
            deadline: at(480),
            ended_at: None,
            steps: vec![step],
            pages_over: Vec::new(),
            members: Vec::new(),
            counts: std::collections::BTreeMap::new(),
        };
        let institution: Institution = serde_json::from_value(json!({ "id": "inst-1", "vendor": "jsource" })).unwrap();
        let book = Runbook {
            id: RunbookId::from("book"),
            title: String::new(),
            team: Some("pupper".into()),
            inputs: std::collections::BTreeMap::new(),
            on: None,
            fleet: Default::default(),
            deadline: DEFAULT_DEADLINE,
            stale_after: crate::runbook::DEFAULT_STALE_AFTER,
            steps: Vec::new(),
        };
        let setup = Setup {
            vendors: [vendor("jsource"), Vendor { responds_within: mins(10), ..vendor("other") }].into_iter().collect(),
            institutions: [institution].into_iter().collect(),
            runbooks: [book].into_iter().collect(),
            ..Setup::default()
        };
        (run, setup)
    }

    #[test]
    fn an_answer_of_a_run_opens_a_case_with_all_that_is_known() {
        let (run, setup) = answered(json!({ "number": "CS-1", "url": "https://p/1" }), json!({}));
        let case = Case::of_step("c".into(), &run, "6", &setup, at(5)).unwrap().unwrap();
        assert_eq!((case.vendor.as_str(), &*case.number, case.url.as_deref()), ("jsource", "CS-1", Some("https://p/1")));
        assert_eq!((&*case.opened_by, case.next_chase_at), ("grace", Some(at(245))));
        let About { run: of, alert, service, team } = &case.about;
        let ids = (of.as_ref().unwrap().as_str(), alert.as_ref().unwrap().as_str(), service.as_ref().unwrap().as_str());
        assert_eq!((ids, team.as_ref().unwrap().as_str()), (("run", "alert", "shop"), "pupper"));
        assert_eq!(serde_json::from_value::<Case>(json!(case)).unwrap(), case);
        // The step's own vendor wins; what is no address is no address.
        let (run, setup) = answered(json!({ "number": "x".repeat(500), "url": "javascript:1" }), json!({ "vendor": "other" }));
        let case = Case::of_step("c".into(), &run, "6", &setup, at(5)).unwrap().unwrap();
        assert_eq!((case.vendor.as_str(), case.number.len(), &case.url), ("other", MAX_NUMBER, &None));
        assert_eq!(case.next_chase_at, Some(at(15)));
    }

    #[test]
    fn without_a_vendor_or_of_another_step_no_case_is_opened() {
        let (mut run, mut setup) = answered(json!({ "number": "CS-1" }), json!({}));
        assert!(Case::of_step("c".into(), &run, "7", &setup, at(5)).is_none());
        setup.vendors.remove("jsource");
        assert!(Case::of_step("c".into(), &run, "6", &setup, at(5)).unwrap().unwrap_err().contains("firedog case open"));
        run.steps[0].spec.uses = Some("net.probe".to_owned());
        assert!(Case::of_step("c".into(), &run, "6", &setup, at(5)).is_none());
    }

    #[test]
    fn what_another_way_knows_of_the_same_case_is_taken_over() {
        let (run, setup) = answered(json!({ "number": "CS-1" }), json!({}));
        let full = Case::of_step("c".into(), &run, "6", &setup, at(5)).unwrap().unwrap();
        let mut bare = case();
        assert!(bare.learn(&full) && !bare.learn(&full));
        assert_eq!((&bare.about, &*bare.opened_by), (&full.about, "ada"));
    }
}
