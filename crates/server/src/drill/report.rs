//! What came of a drill.

use super::cast::Subject;
use super::wrong::{Verdict, Wrong};
use serde::Serialize;

/// Everything that is worth talking about afterwards. Times are seconds since the alert.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The alert was taken, the decision is not wrong, nothing was restarted twice, and the run came to its end.
    pub(crate) ok: bool,
    service: String,
    institution: Option<String>,
    runbook: Option<String>,
    /// What was wrong, as `--wrong` calls it.
    wrong: String,
    wrong_text: &'static str,
    pub(super) paged: Vec<Paged>,
    pub(super) acknowledged: Option<Deed>,
    /// When support was told, and who of theirs answered.
    pub(super) support_told_s: Option<f64>,
    pub(super) support_answered_s: Option<f64>,
    pub(super) decided: Option<Decided>,
    pub(super) restarts: Vec<Restarts>,
    /// Steps that people did in Firedog's place.
    pub(super) by_hand: Vec<ByHand>,
    pub(super) recovered: Option<Deed>,
    pub(super) run: Option<String>,
    pub(super) took_s: f64,
    /// What kept it from being well, in words.
    pub(super) mistakes: Vec<String>,
    #[serde(skip)]
    is_over: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Paged {
    pub(super) user: String,
    pub(super) how: String,
    pub(super) after_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Deed {
    pub(super) by: String,
    pub(super) after_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Decided {
    pub(super) owner: String,
    pub(super) remedy: String,
    pub(super) verdict: Verdict,
    pub(super) after_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Restarts {
    pub(super) service: String,
    pub(super) times: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ByHand {
    pub(super) place: String,
    #[serde(rename = "do")]
    pub(super) what: String,
    /// Why Firedog did not do it: `not_connected`, `failed`, …
    pub(super) why: String,
}

impl Report {
    pub(super) fn new(subject: &Subject, wrong: Wrong) -> Self {
        Self {
            ok: false,
            service: subject.service.clone(),
            institution: subject.institution.clone(),
            runbook: subject.runbook.as_ref().map(|runbook| runbook.id.to_string()),
            wrong: wrong.name(),
            wrong_text: wrong.truth().words,
            paged: Vec::new(),
            acknowledged: None,
            support_told_s: None,
            support_answered_s: None,
            decided: None,
            restarts: Vec::new(),
            by_hand: Vec::new(),
            recovered: None,
            run: None,
            took_s: 0.0,
            mistakes: Vec::new(),
            is_over: false,
        }
    }

    pub(super) fn over(&mut self) {
        self.is_over = true;
    }

    /// Judged as it stands.
    pub(super) fn closed(mut self) -> Self {
        let mut more = Vec::new();
        if self.paged.is_empty() {
            more.push("nobody was paged".to_owned());
        } else if self.acknowledged.is_none() {
            more.push("nobody acknowledged".to_owned());
        }
        if let Some(decided) = self.decided.as_ref().filter(|decided| decided.verdict == Verdict::Wrong) {
            more.push(format!("it was decided `{}, {}`, and {}", decided.owner, decided.remedy, self.wrong_text));
        }
        let twice = self.restarts.iter().filter(|found| found.times > 1);
        more.extend(twice.map(|found| format!("{} was restarted {} times", found.service, found.times)));
        if !self.is_over && self.mistakes.is_empty() {
            more.push("the drill was ended before it was over".to_owned());
        }
        self.mistakes.extend(more);
        self.ok = self.mistakes.is_empty();
        self
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut rows: Vec<(&str, String)> = vec![("what was wrong", format!("{} ({})", self.wrong_text, self.wrong))];
        let paged = |paged: &Paged| ("paged", format!("{} by {} after {:.1} s", paged.user, paged.how, paged.after_s));
        rows.extend(self.paged.iter().map(paged));
        let deed = |deed: &Deed| format!("{} after {:.1} s", deed.by, deed.after_s);
        rows.extend(self.acknowledged.as_ref().map(|found| ("acknowledged", deed(found))));
        rows.extend(self.support_told_s.map(|after| {
            let answered =
                self.support_answered_s.map_or("nobody answered".to_owned(), |after| format!("answered after {after:.1} s"));
            ("support told", format!("after {after:.1} s; {answered}"))
        }));
        rows.extend(self.decided.as_ref().map(|found| {
            let Decided { owner, remedy, verdict, after_s } = found;
            ("decided", format!("{owner}, {} after {after_s:.1} s: {}", remedy.replace('_', " "), verdict.words()))
        }));
        rows.extend(self.restarts.iter().map(|found| {
            let times = if found.times == 1 { "once".to_owned() } else { format!("{} times", found.times) };
            ("restarted", format!("{} {times}", found.service))
        }));
        rows.extend(
            self.by_hand.iter().map(|step| ("by hand", format!("{} {} ({})", step.place, step.what, step.why.replace('_', " ")))),
        );
        rows.extend(self.recovered.as_ref().map(|found| ("verified", deed(found))));
        rows.extend(self.mistakes.iter().map(|mistake| ("not well", mistake.clone())));
        rows.push(("all in all", format!("{} in {:.0} s", if self.ok { "well" } else { "not well" }, self.took_s)));
        rows.into_iter().map(|(name, text)| format!("{name:<16}{}\n", super::story::plain(&text))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn report() -> Report {
        let subject = Subject { service: "shop".to_owned(), institution: None, runbook: None, labels: BTreeMap::new() };
        let mut report = Report::new(&subject, Wrong::Refused);
        report.paged.push(Paged { user: "ada".to_owned(), how: "email".to_owned(), after_s: 0.4 });
        report.acknowledged = Some(Deed { by: "ada".to_owned(), after_s: 12.0 });
        report.over();
        report
    }

    #[test]
    fn a_drill_is_well_only_if_everything_was() {
        assert!(report().closed().ok);
        type Spoil = fn(&mut Report);
        let spoils: [(&str, Spoil); 4] = [
            ("nobody was paged", |report| report.paged.clear()),
            ("nobody acknowledged", |report| report.acknowledged = None),
            ("shop was restarted 2 times", |report| report.restarts.push(Restarts { service: "shop".to_owned(), times: 2 })),
            ("it was decided `ours, restart`, and the institution's core refused connections", |report| {
                let verdict = Wrong::Refused.truth().verdict("ours", "restart");
                report.decided = Some(Decided { owner: "ours".to_owned(), remedy: "restart".to_owned(), verdict, after_s: 3.0 });
            }),
        ];
        for (said, spoil) in spoils {
            let mut report = report();
            spoil(&mut report);
            let report = report.closed();
            assert_eq!((report.ok, report.mistakes.as_slice()), (false, &[said.to_owned()][..]));
            assert!(report.text().contains(said));
        }
    }
}
