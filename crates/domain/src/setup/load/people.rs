//! Teams, people, and the policies that page them.

use super::reader::{Field, Fields, Reader};
use crate::setup::schema::keys;
use crate::setup::*;
use crate::time::secs;
use std::collections::BTreeSet;

/// A wait of nothing would page everybody at once; a longer one than four weeks is a typing mistake.
pub(super) const LEAST_WAIT: SignedDuration = secs(1);
pub(super) const MOST_WAIT: SignedDuration = SignedDuration::from_hours(28 * 24);
/// Contact methods, rules, steps and targets of one object: what people can still follow, and what bounds one decision.
pub(super) const MAX_FEW: usize = 100;
/// Members of a team, people of a layer.
pub(super) const MAX_MANY: usize = 10_000;

pub(super) fn team(r: &mut Reader, f: &Fields) -> Team {
    let policy = r.reference(f.get("policy"), "policy").map(PolicyId);
    let groups = f.get("groups").map_or_else(Vec::new, |field| {
        let nodes = few(r, field, MAX_FEW);
        nodes.iter().map(|node| r.text(Some(field.of(node)))).filter(|group| !group.is_empty()).collect()
    });
    Team { id: TeamId(r.id(f)), name: r.text(f.get("name")), members: users(r, f.get("members")), policy, groups }
}

/// A list of people, each at most once.
pub(super) fn users(r: &mut Reader, field: Option<Field>) -> Vec<UserId> {
    let Some(field) = field else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let mut users = Vec::new();
    for node in few(r, field, MAX_MANY) {
        let Some(user) = r.reference(Some(field.of(node)), "user") else { continue };
        if !seen.insert(user.clone()) {
            r.error("duplicate", node.span, format!("user `{user}` stands here twice")).help =
                Some("remove one of them".to_owned());
        }
        users.push(UserId(user));
    }
    users
}

/// The items of a list with a bound.
pub(super) fn few<'n>(r: &mut Reader, field: Field<'n>, most: usize) -> &'n [super::yaml::Node] {
    let items = r.list(Some(field));
    if items.len() > most {
        r.error("too_large", field.node.span, format!("`{}` has more than {most} entries", field.key.name));
        return &[];
    }
    items
}

pub(super) fn user(r: &mut Reader, f: &Fields) -> User {
    let id = UserId(r.id(f));
    let name = r.text(f.get("name"));
    let email = r.email(f.get("email"));
    let timezone = r.zone(f.get("timezone"));
    let mut contact: Vec<Contact> = Vec::new();
    for item in r.objects(f.get("contact"), &keys::CONTACT, MAX_FEW) {
        let Some(read) = self::contact(r, &item) else { continue };
        if contact.iter().any(|other| other.id == read.id) {
            let span = item.get("id").map_or(item.span, |field| field.node.span);
            r.error("duplicate", span, format!("contact method `{}` of `{id}` exists already", read.id)).help =
                Some("give one of them another id".to_owned());
        }
        contact.push(read);
    }
    // Without `contact`, the address of the person is the contact method `email`.
    let mut known: Vec<String> = f
        .get("contact")
        .and_then(|field| field.node.list())
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("id")?.scalar().map(str::to_owned))
        .collect();
    if known.is_empty() && f.has("email") {
        known.push("email".to_owned());
    }
    let rules = f.get("rules").and_then(|field| r.object(field.node, &keys::RULES));
    let rules = rules.map_or_else(Rules::default, |rules| Rules {
        high: rules.get("high").map(|field| self::rules(r, field, &known)),
        low: rules.get("low").map(|field| self::rules(r, field, &known)),
    });
    let waking = f.get("waking").and_then(|field| r.object(field.node, &keys::WAKING));
    let waking =
        waking.and_then(|w| Some(Waking { from: r.clock(w.get("from"))?, to: r.clock(w.get("to"))? })).unwrap_or_default();
    let slack = r.parse(f.get("slack"), |text| {
        if is_slack_id(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is no member id of Slack")) }
    });
    if let (Some(member), Some(field)) = (&slack, f.get("slack"))
        && let Some(other) = r.slack_ids.insert(member.clone(), id.clone())
    {
        r.error("duplicate", field.node.span, format!("`{other}` is this member of Slack already")).help =
            Some("keep it with one of them: whoever types a command is one person".to_owned());
    }
    User { id, name, email, slack, timezone, contact, rules, waking }
}

/// `U024BE7LH`; those of an organisation begin with `W`.
fn is_slack_id(text: &str) -> bool {
    let begins = text.starts_with(['U', 'W']);
    begins && (2..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn contact(r: &mut Reader, f: &Fields) -> Option<Contact> {
    let id = ContactId(r.id(f));
    if id.as_str() == PUSH {
        r.error("bad_value", f.key_span("id"), "`push` is the name of everybody's registered browsers".to_owned()).help =
            Some("give this contact method another id; devices register themselves in the app".to_owned());
    }
    let address = if f.has("webhook") {
        r.url(f.get("webhook")).map(Address::Webhook)
    } else {
        r.email(f.get("email")).map(Address::Email)
    };
    let secret = r.secret(f, "secret", "secret_file").map(|(secret, _)| secret);
    for key in ["secret", "secret_file"] {
        if f.has(key) && !f.has("webhook") {
            r.error("bad_value", f.key_span(key), format!("`{key}` signs webhooks; this is none")).help =
                Some(format!("remove `{key}`"));
        }
    }
    let content = r.word(f.get("content"), &[("full", Content::Full), ("minimal", Content::Minimal)]).unwrap_or_default();
    let rings = r.boolean(f.get("rings"));
    Some(Contact { id, address: address?, secret, content, rings })
}

fn rules(r: &mut Reader, field: Field, known: &[String]) -> Vec<Rule> {
    r.some(Some(field), "this person would never be told");
    let mut rules = Vec::new();
    for item in r.objects(Some(field), &keys::RULE, MAX_FEW) {
        let via = r.scalar(item.get("via"));
        if let Some((via, field)) = via
            && !known.iter().any(|id| id == via)
        {
            let all = super::reader::list(known.iter().map(String::as_str));
            let help = match diagnostic::nearest(via, known.iter().map(String::as_str)) {
                Some(near) => format!("write `{near}`; contact methods of this person are: {all}"),
                None if known.is_empty() => "this person has none: add `contact:` or `email:`".to_owned(),
                None => format!("contact methods of this person are: {all}"),
            };
            r.error("unknown_reference", field.node.span, format!("contact method `{via}` does not exist")).help = Some(help);
        }
        let after = r.length(item.get("after"), SignedDuration::ZERO, SignedDuration::from_hours(7 * 24)).unwrap_or_default();
        rules.push(Rule { via: ContactId(via.map(|(via, _)| via.to_owned()).unwrap_or_default()), after });
    }
    rules
}

pub(super) fn policy(r: &mut Reader, f: &Fields) -> Policy {
    let id = PolicyId(r.id(f));
    let name = r.text(f.get("name"));
    let team = r.reference(f.get("team"), "team").map(TeamId);
    let repeat = f.get("repeat").map_or(0, |field| r.count(Some(field), 0, keys::MAX_REPEAT));
    r.some(f.get("steps"), "it would page nobody");
    let mut steps = Vec::new();
    for step in r.objects(f.get("steps"), &keys::STEP, MAX_FEW) {
        let wait = r.length(step.get("wait"), LEAST_WAIT, MOST_WAIT).unwrap_or(DEFAULT_WAIT);
        steps.push(Step { page: targets(r, step.get("page")), wait });
    }
    Policy { id, name, team, repeat: u32::try_from(repeat).unwrap_or_default(), steps }
}

fn targets(r: &mut Reader, field: Option<Field>) -> Vec<Target> {
    r.some(field, "it would page nobody");
    let mut targets: Vec<Target> = Vec::new();
    for item in r.objects(field, &keys::TARGET, MAX_FEW) {
        let target = if item.has("user") {
            r.reference(item.get("user"), "user").map(|id| Target::User(UserId(id)))
        } else if item.has("schedule") {
            r.reference(item.get("schedule"), "schedule").map(|id| Target::Schedule(ScheduleId(id)))
        } else {
            r.reference(item.get("team"), "team").map(|id| Target::Team(TeamId(id)))
        };
        let Some(target) = target else { continue };
        if targets.contains(&target) {
            r.error("duplicate", item.span, "this target stands here twice").help = Some("remove one of them".to_owned());
        }
        targets.push(target);
    }
    targets
}

pub(super) fn catch_all(r: &mut Reader, field: Field, setup: &mut Setup) {
    let here = field.node.span;
    if let Some(first) = r.catch_all_at.replace(here) {
        let place = r.place(first);
        r.error("duplicate", here, format!("there is a `catch_all` already, at {place}")).help =
            Some("keep one of them".to_owned());
    }
    r.learn("catch_all", "catch_all", here);
    let Some(fields) = r.object(field.node, &keys::CATCH_ALL) else { return };
    let every = r.length(fields.get("every"), LEAST_WAIT, MOST_WAIT).unwrap_or(DEFAULT_CATCH_ALL_EVERY);
    setup.catch_all = Some(CatchAll { page: targets(r, fields.get("page")), every });
}

/// Paging a team means the first step of its policy. If that step pages a team whose policy's first step … comes
/// round again, nobody is ever reached through it.
pub(super) fn refuse_circles(r: &mut Reader, setup: &Setup) {
    let next = |policy: &PolicyId| -> Vec<PolicyId> {
        let first = setup.policy(policy).and_then(|policy| policy.steps.first());
        let teams = first.into_iter().flat_map(|step| &step.page).filter_map(|target| match target {
            Target::Team(team) => setup.team(team)?.policy.clone(),
            _ => None,
        });
        teams.collect()
    };
    for policy in setup.policies.iter() {
        let mut seen = BTreeSet::new();
        let mut open = next(&policy.id);
        while let Some(reached) = open.pop() {
            if reached == policy.id {
                let span = r.span_of("policy", policy.id.as_str());
                let message = format!("the first step of policy `{}` pages a team whose policy leads back to it", policy.id);
                r.error("circle", span, message).help =
                    Some("page a schedule, a user, or a team with another policy first".to_owned());
                break;
            }
            if seen.insert(reached.clone()) {
                open.extend(next(&reached));
            }
        }
    }
}
