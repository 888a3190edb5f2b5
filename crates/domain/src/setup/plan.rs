//! What applying a setup would change, in words.

use super::*;
use serde_json::Value;
use std::fmt::Write as _;

/// What is different between two setups. Secrets and keys never appear in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub added: Vec<Change>,
    pub changed: Vec<Change>,
    pub removed: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `team`, `user`, `schedule`, `policy`, `catch_all`, `service`, `routes`, `silence`, `maintenance`, `institution`, `runbook`, `connection`, `table`.
    pub kind: &'static str,
    pub id: String,
    /// Of a changed object: field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// Of a removed object: what lives outside of the setup and still needs it. The caller knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub still_referred_by: Vec<String>,
}

/// Values longer than this are cut in a plan.
const MAX_VALUE_CHARS: usize = 60;

/// What applying `new` over `old` does.
pub fn plan(old: &Setup, new: &Setup) -> Plan {
    let mut plan = Plan::default();
    plan.compare("team", &old.teams, &new.teams);
    plan.compare("user", &old.users, &new.users);
    plan.compare("schedule", &old.schedules, &new.schedules);
    plan.compare("policy", &old.policies, &new.policies);
    plan.compare_one("catch_all", "catch_all", old.catch_all.as_ref(), new.catch_all.as_ref());
    plan.compare("service", &old.services, &new.services);
    plan.compare_routes(&old.routes, &new.routes);
    plan.compare("silence", &old.silences, &new.silences);
    plan.compare("maintenance", &old.maintenance, &new.maintenance);
    plan.compare("vendor", &old.vendors, &new.vendors);
    plan.compare("institution", &old.institutions, &new.institutions);
    plan.compare("runbook", &old.runbooks, &new.runbooks);
    plan.compare("connection", &old.connections, &new.connections);
    plan.compare("table", &old.tables, &new.tables);
    plan
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    pub fn removed_users(&self) -> Vec<UserId> {
        self.removed_ids("user").map(UserId::from).collect()
    }
    pub fn removed_schedules(&self) -> Vec<ScheduleId> {
        self.removed_ids("schedule").map(ScheduleId::from).collect()
    }
    pub fn removed_policies(&self) -> Vec<PolicyId> {
        self.removed_ids("policy").map(PolicyId::from).collect()
    }
    pub fn removed_services(&self) -> Vec<ServiceId> {
        self.removed_ids("service").map(ServiceId::from).collect()
    }

    fn removed_ids(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        self.removed.iter().filter(move |change| change.kind == kind).map(|change| change.id.as_str())
    }

    /// For people: `+ user ada`, `~ policy pupper` with what changed below it, `- service x`.
    pub fn render(&self) -> String {
        if self.is_empty() {
            return "no change\n".to_owned();
        }
        let mut text = String::new();
        for (sign, changes) in [('+', &self.added), ('~', &self.changed), ('-', &self.removed)] {
            for change in changes {
                let name = if change.kind == change.id { String::new() } else { format!(" {}", change.id) };
                let _ = write!(text, "{sign} {}{name}", change.kind);
                match change.detail.as_slice() {
                    [] => text.push('\n'),
                    [only] => {
                        let _ = writeln!(text, "  {only}");
                    }
                    several => {
                        text.push('\n');
                        several.iter().for_each(|line| {
                            let _ = writeln!(text, "    {line}");
                        });
                    }
                }
                for holder in &change.still_referred_by {
                    let _ = writeln!(text, "    still referred to by {holder}");
                }
            }
        }
        let counts = [(self.added.len(), "added"), (self.changed.len(), "changed"), (self.removed.len(), "removed")];
        let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let _ = writeln!(text, "{}", counts.join(", "));
        text
    }

    fn compare<T: Slug + Serialize + PartialEq>(&mut self, kind: &'static str, old: &Named<T>, new: &Named<T>) {
        for item in old.iter() {
            self.compare_one(kind, item.slug(), Some(item), new.get(item.slug()));
        }
        for item in new.iter().filter(|item| !old.contains(item.slug())) {
            self.compare_one(kind, item.slug(), None, Some(item));
        }
    }

    fn compare_one<T: Serialize + PartialEq>(&mut self, kind: &'static str, id: &str, old: Option<&T>, new: Option<&T>) {
        let change = |detail| Change { kind, id: id.to_owned(), detail, still_referred_by: Vec::new() };
        match (old, new) {
            (Some(_), None) => self.removed.push(change(Vec::new())),
            (None, Some(_)) => self.added.push(change(Vec::new())),
            (Some(old), Some(new)) if old != new => {
                let mut detail = Vec::new();
                differences("", &json(old), &json(new), &mut detail);
                self.changed.push(change(detail));
            }
            _ => {}
        }
    }

    fn compare_routes(&mut self, old: &[Route], new: &[Route]) {
        if old == new {
            return;
        }
        let words = |route: &Route| {
            let mut words = format!("when {}", shown(&Value::String(route.when.clone())));
            if let Some(service) = &route.service {
                let _ = write!(words, ", service {service}");
            }
            if let Some(urgency) = route.urgency {
                let _ = write!(words, ", urgency {}", urgency.as_str());
            }
            words
        };
        let gone = old.iter().enumerate().filter(|(_, route)| !new.contains(route));
        let come = new.iter().enumerate().filter(|(_, route)| !old.contains(route));
        let mut detail: Vec<String> = gone.map(|(n, route)| format!("- {}: {}", n + 1, words(route))).collect();
        detail.extend(come.map(|(n, route)| format!("+ {}: {}", n + 1, words(route))));
        if detail.is_empty() {
            detail.push("in another order".to_owned());
        }
        self.changed.push(Change { kind: "routes", id: "routes".to_owned(), detail, still_referred_by: Vec::new() });
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render())
    }
}

fn json(item: &impl Serialize) -> Value {
    serde_json::to_value(item).expect("a setup has text keys only")
}

/// Addresses of webhooks are secrets of the services behind them.
const SECRET: [&str; 4] = ["key_sha256", "secret", "signing_secret", "webhook"];

fn differences(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            for key in new.keys().chain(gone) {
                let (old, new) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                if SECRET.contains(&key.as_str()) {
                    if old != new {
                        found.push(join(path, &format!("{} changed", key.trim_end_matches("_sha256"))));
                    }
                } else {
                    differences(&join(path, key), old, new, found);
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => lists(path, old, new, found),
        // A list that was left out is empty.
        (Value::Array(old), Value::Null) => lists(path, old, &[], found),
        (Value::Null, Value::Array(new)) => lists(path, &[], new, found),
        _ => found.push(format!("{path} {} -> {}", shown(old), shown(new))),
    }
}

fn lists(path: &str, old: &[Value], new: &[Value], found: &mut Vec<String>) {
    fn id(item: &Value) -> Option<&str> {
        item.get("id")?.as_str()
    }
    if old.iter().chain(new).all(|item| id(item).is_some()) {
        for item in old {
            match new.iter().find(|other| id(other) == id(item)) {
                Some(other) => differences(&join(path, id(item).unwrap_or_default()), item, other, found),
                None => found.push(format!("{path} - {}", id(item).unwrap_or_default())),
            }
        }
        for item in new.iter().filter(|item| !old.iter().any(|other| id(other) == id(item))) {
            found.push(format!("{path} + {}", id(item).unwrap_or_default()));
        }
        let order = |list: &[Value]| -> Vec<String> {
            let both = |item: &&Value| old.iter().any(|o| id(o) == id(item)) && new.iter().any(|n| id(n) == id(item));
            list.iter().filter(both).filter_map(id).map(str::to_owned).collect()
        };
        if order(old) != order(new) {
            found.push(format!("{path} in another order"));
        }
    } else if old.iter().chain(new).all(Value::is_string) {
        found.extend(old.iter().filter(|item| !new.contains(item)).map(|item| format!("{path} - {}", shown(item))));
        found.extend(new.iter().filter(|item| !old.contains(item)).map(|item| format!("{path} + {}", shown(item))));
        let kept = |list: &[Value], other: &[Value]| list.iter().filter(|item| other.contains(item)).cloned().collect::<Vec<_>>();
        if kept(old, new) != kept(new, old) {
            found.push(format!("{path} in another order: {}", new.iter().map(shown).collect::<Vec<_>>().join(", ")));
        }
    } else {
        for n in 0..old.len().max(new.len()) {
            let place = join(path, &(n + 1).to_string());
            match (old.get(n), new.get(n)) {
                (Some(old), Some(new)) => differences(&place, old, new, found),
                (Some(old), None) => found.push(format!("{path} - {}", shown(old))),
                (None, Some(new)) => found.push(format!("{path} + {}", shown(new))),
                (None, None) => {}
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path} {key}") }
}

/// A value in few words.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let public = map.iter().filter(|(key, _)| !SECRET.contains(&key.as_str()));
            public.map(|(key, value)| format!("{key} {}", shown(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() > MAX_VALUE_CHARS { clean.chars().take(MAX_VALUE_CHARS).chain(['…']).collect() } else { clean }
}
