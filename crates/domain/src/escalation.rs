//! Who a step of an alert's escalation reaches at an instant.

use crate::alert::{Alert, Cursor, Pin};
use crate::id::*;
use crate::schedule::who_is_on;
use crate::setup::*;
use crate::suppression::World;
use jiff::{SignedDuration, Timestamp};

/// A person paged by hand is paged this often again before the catch-all takes over.
const BY_HAND_REPEAT: u32 = 2;
/// How deep a team in a step may lead through the first steps of other teams' policies.
const TEAM_DEPTH: usize = 4;

/// One stage of an escalation: a step of a policy, or a round of the catch-all.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub targets: Vec<Target>,
    /// Until the next stage.
    pub wait: SignedDuration,
    /// `step 1 of policy pupper`, `the catch-all`.
    pub label: String,
    pub is_catch_all: bool,
}

/// Somebody a stage reaches, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached<'a> {
    pub user: &'a User,
    /// `on call in pupper-primary`, `named in the step`.
    pub because: String,
    /// Zone of the schedule that named them, for people who have not set their own.
    pub zone: Option<&'a Zone>,
}

/// Whom targets mean at an instant.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// Each person once, in the order in which the targets name them.
    pub people: Vec<Reached<'a>>,
    /// Targets that mean nobody now, in words.
    pub nobody: Vec<String>,
    /// The answer stays the same before this instant.
    pub until: Timestamp,
}

/// The stage at `cursor`. `pinned` is the policy that [`Pin::Policy`] names, from the setup that the alert
/// pinned; without it (pruned, unreadable) the alert is the catch-all's.
pub fn stage(world: &World, pinned: Option<&Policy>, alert: &Alert, cursor: Cursor) -> Stage {
    let by_hand =
        |targets: Vec<Target>| Stage { targets, wait: DEFAULT_WAIT, label: "paged by hand".to_owned(), is_catch_all: false };
    match (&alert.policy, pinned) {
        (Pin::Policy(id), Some(policy)) if cursor.pass <= policy.repeat => {
            if let Some(step) = policy.steps.get(cursor.step as usize) {
                return Stage {
                    targets: step.page.clone(),
                    wait: step.wait,
                    label: match cursor.pass {
                        0 => format!("step {} of policy {id}", cursor.step + 1),
                        pass => format!("step {} of policy {id}, pass {}", cursor.step + 1, pass + 1),
                    },
                    is_catch_all: false,
                };
            }
        }
        (Pin::User(user), _) if cursor.pass <= BY_HAND_REPEAT => return by_hand(vec![Target::User(user.clone())]),
        (Pin::Team(team), _) if cursor.pass <= BY_HAND_REPEAT => return by_hand(members(&world.setup, team)),
        _ => {}
    }
    catch_all(world, alert)
}

/// The cursor after `cursor`: the next step, the next pass, or the next round of the catch-all.
pub fn advance(pinned: Option<&Policy>, pin: &Pin, cursor: Cursor) -> Cursor {
    let (steps, repeat) = extent(pinned, pin);
    if cursor.pass > repeat {
        Cursor { pass: cursor.pass, step: cursor.step.saturating_add(1) }
    } else if cursor.step + 1 < steps {
        Cursor { pass: cursor.pass, step: cursor.step + 1 }
    } else {
        Cursor { pass: cursor.pass + 1, step: 0 }
    }
}

/// Where the catch-all begins.
pub fn past_last_pass(pinned: Option<&Policy>, pin: &Pin) -> Cursor {
    Cursor { pass: extent(pinned, pin).1 + 1, step: 0 }
}

/// Steps in a pass, and further passes after the first.
fn extent(pinned: Option<&Policy>, pin: &Pin) -> (u32, u32) {
    match (pin, pinned) {
        (Pin::Policy(_), Some(policy)) => (u32::try_from(policy.steps.len()).unwrap_or(u32::MAX), policy.repeat),
        (Pin::User(_) | Pin::Team(_), _) => (1, BY_HAND_REPEAT),
        _ => (0, 0),
    }
}

fn catch_all(world: &World, alert: &Alert) -> Stage {
    let (targets, wait) = match &world.setup.catch_all {
        Some(catch_all) => (catch_all.page.clone(), catch_all.every),
        None => (owners(world, alert), DEFAULT_CATCH_ALL_EVERY),
    };
    Stage { targets, wait, label: "the catch-all".to_owned(), is_catch_all: true }
}

/// Whoever is nearest to the alert: the owning team, else whom it was for.
fn owners(world: &World, alert: &Alert) -> Vec<Target> {
    let service = alert.service.as_ref().and_then(|id| world.setup.service(id));
    match (service, &alert.policy) {
        (Some(service), _) => members(&world.setup, &service.team),
        (None, Pin::User(user)) => vec![Target::User(user.clone())],
        (None, Pin::Team(team)) => members(&world.setup, team),
        (None, Pin::Policy(id)) => {
            let team = world.setup.policy(id).and_then(|p| p.team.as_ref());
            team.map(|team| members(&world.setup, team)).unwrap_or_default()
        }
        (None, Pin::CatchAll) => Vec::new(),
    }
}

/// The last resort when even the catch-all means nobody: everybody.
pub fn everybody(world: &World) -> Vec<Target> {
    world.setup.users.iter().map(|user| Target::User(user.id.clone())).collect()
}

fn members(setup: &Setup, team: &TeamId) -> Vec<Target> {
    setup.team(team).map(|team| team.members.iter().cloned().map(Target::User).collect()).unwrap_or_default()
}

/// Whom `targets` mean at `now`.
pub fn reach<'a>(world: &'a World, targets: &[Target], now: Timestamp) -> Reach<'a> {
    let mut reach = Reach { people: Vec::new(), nobody: Vec::new(), until: Timestamp::MAX };
    for target in targets {
        add(&mut reach, world, target, now, TEAM_DEPTH);
    }
    reach
}

fn add<'a>(reach: &mut Reach<'a>, world: &'a World, target: &Target, now: Timestamp, depth: usize) {
    let setup = &world.setup;
    match target {
        Target::User(id) => match setup.user(id) {
            Some(user) => person(reach, user, "named in the step".to_owned(), None),
            None => reach.nobody.push(format!("user {id}: setup_removed")),
        },
        Target::Schedule(id) => {
            let Some(schedule) = setup.schedule(id) else {
                return reach.nobody.push(format!("schedule {id}: setup_removed"));
            };
            let on = who_is_on(schedule, world.live.overrides_of(id), now);
            reach.until = reach.until.min(on.until);
            if on.users.is_empty() {
                reach.nobody.push(format!("schedule {id}: nobody is on call"));
            }
            for user in &on.users {
                match setup.user(user) {
                    Some(user) => person(reach, user, format!("on call in {id}"), Some(&schedule.timezone)),
                    None => reach.nobody.push(format!("user {user} (on call in {id}): setup_removed")),
                }
            }
        }
        Target::Team(id) => {
            let Some(team) = setup.team(id) else {
                return reach.nobody.push(format!("team {id}: setup_removed"));
            };
            let first = team.policy.as_ref().and_then(|policy| setup.policy(policy)).and_then(|policy| policy.steps.first());
            match first {
                Some(step) if depth > 0 => step.page.iter().for_each(|target| add(reach, world, target, now, depth - 1)),
                _ => {
                    for member in &team.members {
                        match setup.user(member) {
                            Some(user) => person(reach, user, format!("member of team {id}"), None),
                            None => reach.nobody.push(format!("user {member} (member of team {id}): setup_removed")),
                        }
                    }
                }
            }
        }
    }
}

fn person<'a>(reach: &mut Reach<'a>, user: &'a User, because: String, zone: Option<&'a Zone>) {
    if !reach.people.iter().any(|reached| reached.user.id == user.id) {
        reach.people.push(Reached { user, because, zone });
    }
}
