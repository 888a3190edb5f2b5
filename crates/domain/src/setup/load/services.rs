//! Services with their integrations, routes and silences.

use super::Span;
use super::people::{LEAST_WAIT, MAX_FEW, MOST_WAIT, few};
use super::reader::{Fields, Reader};
use super::yaml::Node;
use crate::matcher::{MatchOp, Matcher};
use crate::setup::schema::keys;
use crate::setup::*;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Every event is matched against all routes until one matches.
pub(super) const MAX_ROUTES: usize = 1_000;
/// Shorter keys can be guessed over the network.
const MIN_KEY_CHARS: usize = 16;

/// Institutions that one service names.
const MAX_SERVED: usize = 10_000;

/// Longest suffix of an environment, in bytes.
const MAX_SUFFIX: usize = 40;

const URGENCY: [(&str, Urgency); 2] = [("high", Urgency::High), ("low", Urgency::Low)];

pub(super) fn service(r: &mut Reader, f: &Fields) -> Service {
    let id = ServiceId(r.id(f));
    let name = r.text(f.get("name"));
    let team = TeamId(r.reference(f.get("team"), "team").unwrap_or_default());
    let policy = r.reference(f.get("policy"), "policy").map(PolicyId);
    let ack_timeout = r.length(f.get("ack_timeout"), LEAST_WAIT, MOST_WAIT);
    let urgency = r.word(f.get("urgency"), &URGENCY).unwrap_or_default();
    let group = f.get("group").and_then(|field| r.object(field.node, &keys::GROUP)).map(|group| self::group(r, &group));
    let mut integrations: Vec<Integration> = Vec::new();
    for item in r.objects(f.get("integrations"), &keys::INTEGRATION, MAX_FEW) {
        let integration = self::integration(r, &item, &id);
        if integrations.iter().any(|other| other.id == integration.id) {
            let span = item.get("id").map_or(item.span, |field| field.node.span);
            r.error("duplicate", span, format!("integration `{}` of service `{id}` exists already", integration.id)).help =
                Some("give one of them another id".to_owned());
        }
        integrations.push(integration);
    }
    let serves = f.get("serves").map_or_else(Vec::new, |field| {
        few(r, field, MAX_SERVED)
            .iter()
            .filter_map(|node| r.reference(Some(field.of(node)), "institution"))
            .map(InstitutionId)
            .collect()
    });
    let restart = driver(r, f, "restart");
    let instances = driver(r, f, "instances");
    if restart.is_some() && instances.is_none() && !f.incomplete() {
        r.error("missing_key", f.key_span("restart"), "nobody could tell whether it is well again after a restart").help =
            Some("add `instances:` with where its instances are seen".to_owned());
    }
    let deploys = driver(r, f, "deploys");
    let environments = environments(r, f);
    let links =
        r.objects(f.get("links"), &keys::LINK, MAX_FEW).iter().map(|item| link(r, item, environments.is_empty())).collect();
    Service {
        id,
        name,
        team,
        policy,
        ack_timeout,
        urgency,
        group,
        integrations,
        serves,
        restart,
        instances,
        deploys,
        links,
        environments,
    }
}

fn driver(r: &mut Reader, f: &Fields, key: &str) -> Option<Driver> {
    let f = r.object(f.get(key)?.node, &keys::DRIVER)?;
    let text = |r: &mut Reader, key: &str| f.has(key).then(|| r.text(f.get(key)));
    Some(Driver {
        with: ConnectionId(r.reference(f.get("with"), "connection")?),
        job: text(r, "job"),
        parameters: r.texts(f.get("parameters")).into_iter().collect(),
        key: text(r, "key"),
        app: text(r, "app"),
        namespace: text(r, "namespace"),
        deployment: text(r, "deployment"),
        two_person: r.boolean(f.get("two_person")),
        approvers: f.has("approvers").then(|| r.reference(f.get("approvers"), "policy").map(PolicyId)).flatten(),
    })
}

/// What can be told of drivers once every connection is known.
pub(super) fn refuse_drivers(r: &mut Reader, roots: &[Fields], setup: &Setup) {
    for node in roots.iter().filter_map(|root| root.get("services")?.node.list()).flatten() {
        let id = node.get("id").and_then(Node::scalar).unwrap_or_default();
        let Some(service) = setup.services.get(id).filter(|_| !node.incomplete) else { continue };
        for capability in [Capability::Restart, Capability::Instances, Capability::Deploys] {
            let (key, driver) = (capability.as_str(), service.driver(capability));
            let Some((driver, connection)) = driver.and_then(|driver| Some((driver, setup.driven(driver)?))) else {
                continue;
            };
            for (part, message, help) in catalogue::mistakes(driver, connection.kind, capability) {
                let at = node.get(key).and_then(|node| node.get(part)).or(node.get(key));
                r.error("bad_driver", at.map_or(node.span, |node| node.span), message).help = Some(help);
            }
        }
    }
}

fn environments(r: &mut Reader, f: &Fields) -> Vec<Environment> {
    let mut all: Vec<Environment> = Vec::new();
    for item in r.objects(f.get("environments"), &keys::ENVIRONMENT, MAX_FEW) {
        let id = r.id(&item);
        if all.iter().any(|other| other.id == id) {
            let span = item.get("id").map_or(item.span, |field| field.node.span);
            r.error("duplicate", span, format!("environment `{id}` exists already")).help =
                Some("give one of them another id".to_owned());
        }
        let suffix = r.parse(item.get("suffix"), |text| {
            let plain = text.len() <= MAX_SUFFIX && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
            if plain {
                Ok(text.to_owned())
            } else {
                Err("a suffix has letters, digits, `-`, `.` and `_`; write for example `-stg`".to_owned())
            }
        });
        all.push(Environment { id, suffix: suffix.unwrap_or_default() });
    }
    all
}

fn is_page(text: &str) -> Result<(), String> {
    let fine = (text.starts_with("https://") || text.starts_with("http://")) && !text.chars().any(char::is_whitespace);
    if fine { Ok(()) } else { Err("this is no address of a web page (`https://…`)".to_owned()) }
}

/// `alone`: the service runs in one place.
fn link(r: &mut Reader, f: &Fields, alone: bool) -> Link {
    let url = r.parse(f.get("url"), |text| {
        is_page(text)?;
        let named = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
        match named.into_iter().find(|name| !catalogue::PLACEHOLDERS.contains(name)) {
            Some(name) => Err(format!(
                "`{{{name}}}` is not filled in; there are {}",
                catalogue::PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ")
            )),
            None if alone && ["{environment}", "{suffix}"].iter().any(|name| text.contains(name)) => {
                Err("this service has no environments; add for example `environments: [ { id: production }, { id: staging, suffix: \"-stg\" } ]`".to_owned())
            }
            None => Ok(text.to_owned()),
        }
    });
    let owner = r.reference(f.get("owner"), "team").map(TeamId);
    let learn = r.parse(f.get("learn"), |text| is_page(text).map(|()| text.to_owned()));
    let capabilities = Capability::ALL.map(|capability| (capability.as_str(), capability));
    Link {
        name: r.text(f.get("name")),
        url: url.unwrap_or_default(),
        capability: r.word(f.get("for"), &capabilities),
        owner,
        learn,
    }
}

fn group(r: &mut Reader, f: &Fields) -> Group {
    r.some(f.get("by"), "everything would be one group");
    let mut by = Vec::new();
    if let Some(field) = f.get("by") {
        for node in few(r, field, MAX_FEW) {
            let label = r.text(Some(field.of(node)));
            if node.scalar() == Some("") {
                r.bad(field.of(node), "a label has a name");
            }
            by.push(label);
        }
    }
    let storm = f.has("storm").then(|| u32::try_from(r.count(f.get("storm"), 1, 1_000)).unwrap_or(1));
    Group { by, window: r.length(f.get("for"), LEAST_WAIT, MOST_WAIT).unwrap_or_default(), storm }
}

fn integration(r: &mut Reader, f: &Fields, service: &ServiceId) -> Integration {
    use IntegrationKind::{Alertmanager, Generic, Grafana, Heartbeat as Ping, Pagerduty};
    let id = r.id(f);
    let kinds = keys::INTEGRATION_KINDS;
    let kind = r.word(
        f.get("kind"),
        &[(kinds[0], Alertmanager), (kinds[1], Pagerduty), (kinds[2], Grafana), (kinds[3], Generic), (kinds[4], Ping)],
    );
    let key_sha256 = key(r, f, service, &id).unwrap_or_default();
    let quiet_after = r.length(f.get("quiet_after"), LEAST_WAIT, MOST_WAIT);
    let heartbeat = heartbeat(r, f, kind);
    let strict = r.boolean(f.get("strict"));
    if strict && kind.is_some_and(|kind| kind != Pagerduty) {
        r.error("bad_value", f.key_span("strict"), "`strict` goes with `kind: pagerduty`").help =
            Some("remove `strict`".to_owned());
    }
    Integration { id, kind: kind.unwrap_or(Generic), key_sha256, quiet_after, heartbeat, strict }
}

fn heartbeat(r: &mut Reader, f: &Fields, kind: Option<IntegrationKind>) -> Option<Heartbeat> {
    let short = f.has("every") || f.has("grace");
    let is_ping = kind == Some(IntegrationKind::Heartbeat);
    let (fields, missing_at) = if f.has("heartbeat") {
        if short {
            let key = if f.has("every") { "every" } else { "grace" };
            r.error("bad_value", f.key_span(key), format!("`{key}` stands beside `heartbeat`")).help =
                Some(format!("move `{key}` into `heartbeat: {{ … }}`"));
        }
        (Some(r.object(f.get("heartbeat")?.node, &keys::HEARTBEAT)?), f.span)
    } else {
        (None, if short { f.key_span(if f.has("every") { "every" } else { "grace" }) } else { f.key_span("kind") })
    };
    let from = fields.as_ref().unwrap_or(f);
    if fields.is_none() {
        if short && kind.is_some() && !is_ping {
            r.error("bad_value", missing_at, "`every` and `grace` stand here only with `kind: heartbeat`").help =
                Some("write `heartbeat: { every: 5m, grace: 1m }`".to_owned());
            return None;
        }
        if !is_ping {
            return None;
        }
        if !f.has("every") && !f.incomplete() {
            r.error("missing_key", missing_at, "a heartbeat has to say how often it is expected").help =
                Some("add for example `every: 5m`".to_owned());
            return None;
        }
    }
    let every = r.length(from.get("every"), LEAST_WAIT, MOST_WAIT).unwrap_or_default();
    let grace = r.length(from.get("grace"), SignedDuration::ZERO, MOST_WAIT).unwrap_or_else(default_grace);
    Some(Heartbeat { every, grace })
}

/// The key as lower-case hex SHA-256.
fn key(r: &mut Reader, f: &Fields, service: &ServiceId, id: &str) -> Option<String> {
    let (hash, span) = if let Some(field) = f.get("key_sha256") {
        let hash = r.parse(Some(field), |text| {
            let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if hex { Ok(text.to_ascii_lowercase()) } else { Err("this is not a SHA-256 in hex: 64 digits".to_owned()) }
        });
        (hash?, field.node.span)
    } else {
        let (key, span) = r.secret(f, "key", "key_file")?;
        let in_path = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c);
        let help = "write one with at least 16 letters and digits, for example from `openssl rand -hex 16`";
        if key.chars().count() < MIN_KEY_CHARS {
            r.error("bad_value", span, format!("this key has fewer than {MIN_KEY_CHARS} characters")).help =
                Some(help.to_owned());
            return None;
        }
        if !key.chars().all(in_path) {
            // It is part of the address that senders call: `/in/KEY`.
            r.error("bad_value", span, "this key has characters that cannot stand in an address").help = Some(help.to_owned());
            return None;
        }
        (key_hash(&key), span)
    };
    let name = IntegrationId::new(service, id);
    if let Some((first, other)) = r.keys.get(&hash).cloned() {
        let place = r.place(first);
        r.error("duplicate", span, format!("integration `{other}` has the same key, at {place}")).help =
            Some("give each integration a key of its own: the key says where an event belongs".to_owned());
    } else {
        r.keys.insert(hash.clone(), (span, name.0));
    }
    Some(hash)
}

/// What is kept of an integration key: its SHA-256 as lower-case hex.
pub fn key_hash(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn route(r: &mut Reader, f: &Fields) -> Route {
    let when = r.scalar(f.get("when"));
    if let Some((source, field)) = when
        && let Err(problem) = crate::route::check(source)
    {
        let span = expression_span(r, field.node.span, problem.at, source);
        r.error("bad_expression", span, problem.message).help = problem.help;
    }
    Route {
        when: when.map(|(text, _)| text.to_owned()).unwrap_or_default(),
        service: r.reference(f.get("service"), "service").map(ServiceId),
        urgency: r.word(f.get("urgency"), &URGENCY),
    }
}

/// The place inside of an expression, if its text stands in the file as it is.
pub(super) fn expression_span(r: &Reader, mut span: Span, at: std::ops::Range<usize>, source: &str) -> Span {
    let line = r.files.get(span.file).and_then(|file| file.text.lines().nth(span.line.saturating_sub(1)));
    let rest: String = line.unwrap_or_default().chars().skip(span.column.saturating_sub(1)).collect();
    if let Some(start) = rest.find(source).filter(|start| *start <= 1) {
        let before = source.get(..at.start).unwrap_or_default().chars().count();
        let marked = source.get(at).unwrap_or_default().chars().count();
        span.column += start + before;
        span.length = marked.max(1);
    }
    span
}

pub(super) fn silence(r: &mut Reader, f: &Fields) -> Silence {
    let id = SilenceId(r.id(f));
    let service = r.reference(f.get("service"), "service").map(ServiceId);
    let mut matchers: Vec<Matcher> = Vec::new();
    if let Some(field) = f.get("match") {
        for (name, value) in r.texts(Some(field)) {
            match Matcher::new(name, MatchOp::Equal, value) {
                Ok(matcher) => matchers.push(matcher),
                Err(message) => {
                    r.bad(field, message);
                }
            }
        }
    }
    if let Some(field) = f.get("matchers") {
        for node in few(r, field, MAX_FEW) {
            matchers.extend(r.parse(Some(field.of(node)), str::parse));
        }
    }
    let distinct: BTreeSet<String> = matchers.iter().map(ToString::to_string).collect();
    if distinct.len() < matchers.len() {
        r.error("duplicate", f.span, "a condition stands here twice").help = Some("remove one of them".to_owned());
    }
    // A matcher that could not be read is a mistake of its own.
    let written = f.get("matchers").and_then(|field| field.node.list()).map_or(0, <[_]>::len);
    let unread = written > 0 && matchers.is_empty();
    if service.is_none() && matchers.iter().all(Matcher::matches_empty) && !unread && !f.incomplete() {
        r.error("empty", f.span, "this silence would keep everything quiet").help =
            Some("add a `service:`, or a `match:` with a value".to_owned());
    }
    let utc = Zone::utc();
    let from = r.instant(f.get("from"), &utc).unwrap_or_default();
    let until = r.instant(f.get("until"), &utc);
    if until.is_some_and(|until| until <= from) {
        let at = f.get("until").map_or(f.span, |field| field.node.span);
        r.error("bad_value", at, "this ends before it begins").help = Some("write an `until` after `from`".to_owned());
    }
    Silence {
        id,
        service,
        integration: None,
        matchers,
        from,
        until: until.unwrap_or_default(),
        why: r.text(f.get("why")),
        created_by: r.text(f.get("created_by")),
    }
}
