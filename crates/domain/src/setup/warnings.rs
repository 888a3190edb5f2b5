//! What is allowed in a setup but probably not meant: gaps, policies that may reach nobody.

use super::*;
use crate::schedule::render;
use std::collections::BTreeSet;

/// What a warning is about: a kind of object and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    pub kind: &'static str,
    pub id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub code: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    pub subject: Subject,
}

/// How far gaps are looked for: what lies further is changed before it comes.
pub const HORIZON_DAYS: i64 = 90;

/// A stretch of time: from, until (exclusive).
type Stretch = (Timestamp, Timestamp);

/// What somebody should look at, for the next [`HORIZON_DAYS`] from `now` on.
pub fn warnings(setup: &Setup, now: Timestamp) -> Vec<Warning> {
    let until = crate::time::after(now, SignedDuration::from_hours(HORIZON_DAYS * 24));
    let mut look = Look { setup, range: (now, until), found: Vec::new() };
    look.people();
    look.schedules();
    look.policies();
    look.catch_all();
    look.found
}

struct Look<'a> {
    setup: &'a Setup,
    range: Stretch,
    found: Vec<Warning>,
}

impl Look<'_> {
    fn warn(&mut self, code: &'static str, subject: (&'static str, &str), message: String, help: &str) {
        let subject = Subject { kind: subject.0, id: subject.1.to_owned() };
        self.found.push(Warning { code, message, help: Some(help.to_owned()), subject });
    }

    fn people(&mut self) {
        for team in self.setup.teams.iter().filter(|team| team.members.is_empty() && team.policy.is_none()) {
            let message = format!("team `{}` has neither members nor a policy: paging it reaches nobody", team.id);
            self.warn("empty_team", ("team", team.id.as_str()), message, "add `members:` or a `policy:`");
        }
        for user in self.setup.users.iter().filter(|user| user.contacts().is_empty()) {
            let message = format!("user `{}` has neither `contact` nor `email`: no page reaches them", user.id);
            self.warn("unreachable", ("user", user.id.as_str()), message, "add a `contact:`");
        }
    }

    fn schedules(&mut self) {
        for schedule in self.setup.schedules.iter() {
            let (from, to) = self.range;
            let spans = render(schedule, &[], from, to);
            let gaps: Vec<Stretch> = spans.iter().filter(|span| span.users.is_empty()).map(|s| (s.from, s.until)).collect();
            if !gaps.is_empty() {
                let message = format!("schedule `{}`: nobody is on call {}", schedule.id, self.when(&gaps, &schedule.timezone));
                let help = "add a layer below the others that always applies, or somebody for that time";
                self.warn("gap", ("schedule", schedule.id.as_str()), message, help);
            }
        }
    }

    fn policies(&mut self) {
        for policy in self.setup.policies.iter() {
            let mut all = Vec::new();
            let mut zone = None;
            for (n, step) in policy.steps.iter().enumerate() {
                let covered = self.reached(&step.page, &mut zone);
                if covered.is_empty() {
                    let message = format!("policy `{}`: step {} never reaches anybody", policy.id, n + 1);
                    self.warn("dead_step", ("policy", policy.id.as_str()), message, "page somebody with a contact method");
                }
                all.extend(covered);
            }
            self.holes(("policy", policy.id.as_str()), &format!("policy `{}`", policy.id), all, zone);
        }
    }

    fn catch_all(&mut self) {
        if let Some(catch_all) = &self.setup.catch_all {
            let mut zone = None;
            let covered = self.reached(&catch_all.page, &mut zone);
            return self.holes(("catch_all", "catch_all"), "the catch-all", covered, zone);
        }
        if self.setup.services.is_empty() && self.setup.policies.is_empty() {
            return;
        }
        let message = "there is no `catch_all`: what nobody acknowledges pages every member of the owning team".to_owned();
        self.warn("no_catch_all", ("setup", ""), message, "add for example `catch_all: { page: [ { user: … } ], every: 30m }`");
        let owners: BTreeSet<&TeamId> = self.setup.services.iter().map(|service| &service.team).collect();
        for team in owners.into_iter().filter_map(|id| self.setup.team(id)) {
            if !team.members.is_empty() && !team.members.iter().any(|user| self.is_reachable(user)) {
                let message = format!("no member of team `{}` has a contact method, and there is no `catch_all`", team.id);
                self.warn("may_reach_nobody", ("team", team.id.as_str()), message, "add a `catch_all:`, or contact methods");
            } else if team.members.is_empty() && team.policy.is_some() {
                let message = format!("team `{}` owns services and has no members, and there is no `catch_all`", team.id);
                self.warn("may_reach_nobody", ("team", team.id.as_str()), message, "add `members:` or a `catch_all:`");
            }
        }
    }

    /// Warns if `covered` leaves something of the range out.
    fn holes(&mut self, subject: (&'static str, &str), what: &str, mut covered: Vec<Stretch>, zone: Option<Zone>) {
        covered.sort();
        let (mut at, end) = self.range;
        let mut holes = Vec::new();
        for (from, until) in covered {
            if from > at {
                holes.push((at, from));
            }
            at = at.max(until);
        }
        if at < end {
            holes.push((at, end));
        }
        if !holes.is_empty() {
            let when = self.when(&holes, &zone.unwrap_or_else(Zone::utc));
            let message = format!("{what} may reach nobody: none of its steps does {when}");
            self.warn("may_reach_nobody", subject, message, "add a step that pages a person with a contact method");
        }
    }

    fn is_reachable(&self, user: &UserId) -> bool {
        self.setup.user(user).is_some_and(|user| !user.contacts().is_empty())
    }

    /// When these targets mean at least one person with a contact method. `zone` becomes that of a schedule among them.
    fn reached(&self, targets: &[Target], zone: &mut Option<Zone>) -> Vec<Stretch> {
        let mut covered = Vec::new();
        let mut open: Vec<&Target> = targets.iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(target) = open.pop() {
            match target {
                _ if !seen.insert(target) => {}
                Target::User(user) if self.is_reachable(user) => covered.push(self.range),
                Target::User(_) => {}
                Target::Schedule(id) => {
                    let Some(schedule) = self.setup.schedule(id) else { continue };
                    *zone = zone.take().or_else(|| Some(schedule.timezone.clone()));
                    let spans = render(schedule, &[], self.range.0, self.range.1);
                    let manned = spans.into_iter().filter(|span| span.users.iter().any(|user| self.is_reachable(user)));
                    covered.extend(manned.map(|span| (span.from, span.until)));
                }
                Target::Team(id) => {
                    let Some(team) = self.setup.team(id) else { continue };
                    match team.policy.as_ref().and_then(|policy| self.setup.policy(policy)?.steps.first()) {
                        Some(first) => open.extend(&first.page),
                        None if team.members.iter().any(|user| self.is_reachable(user)) => covered.push(self.range),
                        None => {}
                    }
                }
            }
        }
        covered
    }

    /// The first stretch in words, and how many more there are.
    fn when(&self, stretches: &[Stretch], zone: &Zone) -> String {
        let Some((from, until)) = stretches.first() else { return String::new() };
        let local = |at: &Timestamp| at.to_zoned(zone.tz().clone()).strftime("%Y-%m-%d %H:%M").to_string();
        let from_words = if *from == self.range.0 { "now".to_owned() } else { local(from) };
        if *until == self.range.1 {
            let from_words =
                if from_words == "now" { "from now on".to_owned() } else { format!("from {from_words} {} on", zone.name()) };
            return format!("{from_words} (looking {HORIZON_DAYS} days ahead)");
        }
        let more = match stretches.len() - 1 {
            0 => String::new(),
            n => format!(", and {n} more times in the next {HORIZON_DAYS} days"),
        };
        format!("from {from_words} to {} {}{more}", local(until), zone.name())
    }
}
