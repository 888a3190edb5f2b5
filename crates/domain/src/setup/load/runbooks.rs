//! Runbooks, the institutions that they are for, and the vendors that are asked.

use super::Span;
use super::people::{MAX_FEW, MOST_WAIT};
use super::reader::{Field, Fields, Reader};
use super::services::expression_span;
use super::yaml::{Key, Node, Value as Yaml};
use crate::diagnosis::table::{self as tables, MAX_ROWS, Row, SHIPPED, Table};
use crate::runbook::check::{At, Catalogue};
use crate::runbook::{
    Answer, AnswerKind, Confirm, DEFAULT_DEADLINE, DEFAULT_STALE_AFTER, Fleet, MAX_STEPS, Need, Runbook, Step, check,
};
use crate::setup::schema::keys;
use crate::setup::*;
use serde_json::{Map, Value};

/// A chain of certificates has some kilobytes.
const MAX_AUTHORITY_BYTES: usize = 32 << 10;
const SHORTEST: SignedDuration = secs(1);
/// Runs that take longer are a project.
const LEAST_STALE: SignedDuration = SignedDuration::from_hours(24);
const MOST_STALE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A vendor answers within a contract's terms; what takes longer is no clock that somebody watches.
const LONGEST_ANSWER: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Chased more often, people are told of nothing else.
const SHORTEST_CHASE: SignedDuration = mins(1);

pub(super) fn vendor(r: &mut Reader, f: &Fields) -> Vendor {
    let length = |r: &mut Reader, key: &str| r.length(f.get(key), SHORTEST_CHASE, LONGEST_ANSWER);
    Vendor {
        id: VendorId(r.id(f)),
        name: r.text(f.get("name")),
        portal: r.url(f.get("portal")),
        email: r.email(f.get("email")),
        responds_within: length(r, "responds_within").unwrap_or(DEFAULT_RESPONDS_WITHIN),
        chase_every: length(r, "chase_every").unwrap_or(DEFAULT_CHASE_EVERY),
        note: f.has("note").then(|| r.text(f.get("note"))),
        open_by: r.word(f.get("open_by"), &[("email", OpenBy::Email), ("http", OpenBy::Http)]),
        with: r.reference(f.get("with"), "connection").map(ConnectionId),
        confirm: !f.has("confirm") || r.boolean(f.get("confirm")),
    }
}

/// How vendors' cases are opened, once the connections are known.
pub(super) fn refuse_vendors(r: &mut Reader, roots: &[Fields], setup: &Setup) {
    for node in roots.iter().filter_map(|root| root.get("vendors")?.node.list()).flatten() {
        let id = node.get("id").and_then(Node::scalar).unwrap_or_default();
        let Some(vendor) = setup.vendors.get(id).filter(|_| !node.incomplete) else { continue };
        let with = vendor.with.as_ref().and_then(|id| setup.connections.get(id.as_str()));
        for (key, message, help) in vendor.mistakes(with.map(|connection| connection.kind)) {
            let span = node.get(key).map_or(node.span, |value| value.span);
            r.error("bad_value", span, message).help = Some(help);
        }
    }
}

pub(super) fn institution(r: &mut Reader, f: &Fields) -> Institution {
    Institution {
        id: InstitutionId(r.id(f)),
        name: r.text(f.get("name")),
        code: f.has("code").then(|| r.text(f.get("code"))),
        host: f.has("host").then(|| r.text(f.get("host"))),
        core_endpoint: f.has("core_endpoint").then(|| r.text(f.get("core_endpoint"))),
        authority: authority(r, f),
        room: f.has("room").then(|| r.text(f.get("room"))),
        vendor: r.reference(f.get("vendor"), "vendor").map(VendorId),
    }
}

/// A name and never a path: whoever edits the setup reads no other file of the server.
fn mounted(r: &mut Reader, f: &Fields) -> Option<String> {
    if f.has("mounted_secret") && (f.has("secret") || f.has("secret_file")) {
        r.error("bad_value", f.key_span("mounted_secret"), "there is another secret beside `mounted_secret`").help =
            Some("keep one of them".to_owned());
    }
    r.parse(f.get("mounted_secret"), |text| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if plain && !text.is_empty() && !text.starts_with('.') && text.len() <= MAX_FILE_NAME {
            Ok(text.to_owned())
        } else {
            Err("this is the name of a file in the server's FIREDOG_SECRETS_DIR, without a path; write for example `k8s-token`"
                .to_owned())
        }
    })
}

/// Longest name of a file, in bytes.
const MAX_FILE_NAME: usize = 100;

/// Longest name of an exporter's module, in bytes.
const MAX_MODULE: usize = 100;

fn authority(r: &mut Reader, f: &Fields) -> Option<String> {
    r.parse(f.get("authority"), |text| {
        let pem = text.contains("-----BEGIN CERTIFICATE-----") && text.len() <= MAX_AUTHORITY_BYTES;
        if pem { Ok(text.to_owned()) } else { Err("these are no certificates in PEM".to_owned()) }
    })
}

pub(super) fn connection(r: &mut Reader, f: &Fields, setup: &Setup) -> Connection {
    let id = ConnectionId(r.id(f));
    let kinds = ConnectionKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = r.word(f.get("kind"), &kinds).unwrap_or(ConnectionKind::Elasticsearch);
    if let Some(other) = setup.connection(kind).filter(|other| kind.is_single() && other.id != id) {
        let span = f.key_span("kind");
        r.error("duplicate", span, format!("connection `{}` is of kind {} already", other.id, kind.as_str())).help =
            Some("keep one connection of each kind".to_owned());
    }
    let only = |r: &mut Reader, key: &str, of: ConnectionKind| {
        if f.has(key) && kind != of {
            r.error("bad_value", f.key_span(key), format!("`{key}` goes with `kind: {}`", of.as_str())).help =
                Some(format!("remove `{key}`"));
        }
    };
    only(r, "index", ConnectionKind::Elasticsearch);
    only(r, "fields", ConnectionKind::Elasticsearch);
    only(r, "room", ConnectionKind::Slack);
    only(r, "group", ConnectionKind::Slack);
    only(r, "signing_secret", ConnectionKind::Slack);
    only(r, "queries", ConnectionKind::Prometheus);
    only(r, "module", ConnectionKind::Blackbox);
    for key in ["body", "number_at", "url_at", "key_header"] {
        only(r, key, ConnectionKind::Http);
    }
    if kind == ConnectionKind::Http && !(f.has("body") && f.has("number_at")) && !f.incomplete() {
        r.error("missing_key", f.span, "nobody says what is sent, and where the answer has the case's number").help = Some(
            "add for example `body: '{\"title\": \"{title}\", \"text\": \"{evidence}\"}'` and `number_at: /number`".to_owned(),
        );
    }
    if kind == ConnectionKind::Elasticsearch && !f.has("index") && !f.incomplete() {
        r.error("missing_key", f.span, "logs are in an index").help = Some("add for example `index: interaction-*`".to_owned());
    }
    let queries: BTreeMap<String, String> = r.texts(f.get("queries")).into_iter().collect();
    if let Some(unknown) = queries.keys().find(|name| !METRIC_QUERIES.contains(&name.as_str())) {
        r.error("unknown_key", f.key_span("queries"), format!("`{unknown}` is nothing that metrics are asked for")).help =
            Some(format!("there are {}", METRIC_QUERIES.join(" and ")));
    }
    if kind == ConnectionKind::Prometheus && METRIC_QUERIES.iter().any(|name| !queries.contains_key(*name)) && !f.incomplete() {
        r.error("missing_key", f.span, "nobody says how calls are counted").help =
            Some("add `queries:` with `total` and `failed`".to_owned());
    }
    let mut fields = BTreeMap::new();
    for (name, field) in r.texts(f.get("fields")) {
        if !LOG_FIELDS.contains(&name.as_str()) {
            r.error("unknown_key", f.key_span("fields"), format!("`{name}` is nothing that logs are asked for")).help =
                Some(format!("fields are told for: {}", LOG_FIELDS.join(", ")));
        }
        fields.insert(name, field);
    }
    let text = |r: &mut Reader, key: &str| f.has(key).then(|| r.text(f.get(key)));
    Connection {
        id,
        kind,
        url: r.url(f.get("url")).unwrap_or_default(),
        owner: r.reference(f.get("owner"), "team").map(TeamId),
        user: text(r, "user"),
        secret: r.secret(f, "secret", "secret_file").map(|(secret, _)| secret),
        mounted_secret: mounted(r, f),
        index: text(r, "index"),
        fields,
        room: text(r, "room"),
        group: text(r, "group"),
        signing_secret: r.plain_secret(f.get("signing_secret")),
        authority: authority(r, f),
        queries,
        module: r.parse(f.get("module"), |text| {
            let is_name = !text.is_empty() && text.len() <= MAX_MODULE && text.chars().all(|c| c.is_ascii_graphic());
            if is_name {
                Ok(text.to_owned())
            } else {
                Err("this is no module's name; write for example `tcp_connect`".to_owned())
            }
        }),
        body: r.parse(f.get("body"), |text| catalogue::template(text).map(|_| text.to_owned())),
        number_at: r.parse(f.get("number_at"), pointer),
        url_at: r.parse(f.get("url_at"), pointer),
        key_header: r.parse(f.get("key_header"), header),
    }
}

/// RFC 6901.
fn pointer(text: &str) -> Result<String, String> {
    let fine = text.starts_with('/') && text.len() <= 200 && !text.contains(char::is_control);
    if fine { Ok(text.to_owned()) } else { Err(format!("`{text}` is no JSON pointer; write for example /result/number")) }
}

/// A header's name that nothing else depends on.
fn header(text: &str) -> Result<String, String> {
    let token = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let taken =
        ["authorization", "content-type", "content-length", "host", "accept", "cookie", "connection", "transfer-encoding"];
    if token && !taken.contains(&text.to_ascii_lowercase().as_str()) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no header for a key; write for example Idempotency-Key"))
    }
}

pub(super) fn table(r: &mut Reader, f: &Fields) -> Table {
    let id = TableId(r.id_named(f, "table"));
    let items = r.objects(f.get("rows"), &keys::TABLE_ROW, MAX_ROWS);
    let row = |(r, f): (&mut Reader, &Fields)| Row {
        id: r.id(f),
        when: r.scalar(f.get("when")).map(|(text, _)| text.to_owned()),
        owner: r.text(f.get("owner")),
        remedy: r.text(f.get("remedy")),
        why: r.text(f.get("why")),
    };
    let rows = items.iter().map(|f| row((&mut *r, f))).collect();
    let table = Table { id, rows };
    for (at, key, message) in tables::check(&table) {
        let Some(item) = items.get(at) else { continue };
        let span = match item.get(key) {
            Some(field) => field.node.span,
            None => item.span,
        };
        let known = tables::names().keys().cloned().collect::<Vec<_>>().join(", ");
        r.error("bad_table", span, message).help = Some(format!("conditions name: {known}")).filter(|_| key == "when");
    }
    table
}

/// Without what refers to other objects, which [`refuse_mistakes`] looks at once all of them are known.
pub(super) fn runbook(r: &mut Reader, f: &Fields) -> Runbook {
    let inputs = r.texts(f.get("for"));
    let mut needs = BTreeMap::new();
    for (name, word) in inputs {
        let need = match word.as_str() {
            "required" => Need::Required,
            "optional" => Need::Optional,
            _ => {
                let span = f.key_span("for");
                r.error("bad_value", span, format!("`{name}` is `required` or `optional`, not `{word}`")).help =
                    Some("write for example `for: { institution: required }`".to_owned());
                Need::Required
            }
        };
        needs.insert(name, need);
    }
    r.some(f.get("steps"), "a runbook has steps");
    Runbook {
        id: RunbookId(r.id_named(f, "runbook")),
        title: r.text(f.get("title")),
        team: r.reference(f.get("team"), "team").map(TeamId),
        inputs: needs,
        on: r.scalar(f.get("on")).map(|(text, _)| text.to_owned()),
        deadline: r.length(f.get("deadline"), mins(1), LONGEST).unwrap_or(DEFAULT_DEADLINE),
        stale_after: r.length(f.get("stale_after"), LEAST_STALE, MOST_STALE).unwrap_or(DEFAULT_STALE_AFTER),
        fleet: f.get("fleet").and_then(|field| r.object(field.node, &keys::FLEET)).map_or_else(Fleet::default, |f| Fleet {
            more_than: u32::try_from(r.count(f.get("more_than"), 1, 10_000)).unwrap_or(1),
            within: r.length(f.get("within"), mins(1), MOST_WAIT).unwrap_or(Fleet::default().within),
        }),
        steps: steps(r, f.get("steps")),
    }
}

fn steps(r: &mut Reader, field: Option<Field>) -> Vec<Step> {
    r.objects(field, &keys::RUNBOOK_STEP, MAX_STEPS).iter().map(|step| self::step(r, step)).collect()
}

fn step(r: &mut Reader, f: &Fields) -> Step {
    Step {
        what: r.text(f.get("do")),
        uses: r.scalar(f.get("uses")).map(|(text, _)| text.to_owned()),
        with: f.get("with").map_or_else(Map::new, |field| values(r, field)),
        when: r.scalar(f.get("when")).map(|(text, _)| text.to_owned()),
        name: r.scalar(f.get("as")).map(|(text, _)| text.to_owned()),
        confirm: r.word(f.get("confirm"), &[("primary", Confirm::Primary), ("two-person", Confirm::TwoPerson)]),
        timeout: r.length(f.get("timeout"), SHORTEST, LONGEST),
        ask: f.get("ask").map_or_else(BTreeMap::new, |field| questions(r, field)),
        each: f.get("each").map(|field| value(field.node)),
        steps: steps(r, f.get("steps")),
        parallel: steps(r, f.get("parallel")),
        runbook: r.reference(f.get("runbook"), "runbook").map(RunbookId),
    }
}

fn questions(r: &mut Reader, field: Field) -> BTreeMap<String, Answer> {
    let mut asked = BTreeMap::new();
    for (name, kind) in values(r, field) {
        let answer = match &kind {
            Value::String(word) => match word.as_str() {
                "text" => Some(Answer::Kind(AnswerKind::Text)),
                "number" => Some(Answer::Kind(AnswerKind::Number)),
                "bool" => Some(Answer::Kind(AnswerKind::Bool)),
                _ => None,
            },
            Value::Array(words) => {
                let words: Option<Vec<String>> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
                words.map(Answer::Words)
            }
            _ => None,
        };
        match answer {
            Some(answer) => {
                asked.insert(name, answer);
            }
            None => {
                r.bad(field, format!("`{name}` is answered by text, number, bool or one of a list of words"));
            }
        }
    }
    asked
}

/// A mapping of names to any values.
fn values(r: &mut Reader, field: Field) -> Map<String, Value> {
    let Some(entries) = field.node.map().filter(|entries| entries.len() <= MAX_FEW) else {
        r.wrong_type(field, "a mapping (`key: value`)");
        return Map::new();
    };
    entries.iter().map(|(key, node)| (key.text.clone(), value(node))).collect()
}

fn value(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::List(items) => Value::Array(items.iter().map(value).collect()),
        Yaml::Map(entries) => Value::Object(entries.iter().map(|(key, node)| (key.text.clone(), value(node))).collect()),
        // As it is written; the action knows what it takes it for.
        Yaml::Scalar(text) => Value::from(text.as_str()),
    }
}

struct Known<'a>(&'a Setup);

impl Catalogue for Known<'_> {
    fn runbook(&self, id: &RunbookId) -> Option<Runbook> {
        self.0.runbooks.get(id.as_str()).cloned()
    }

    fn ids(&self, kind: &'static str) -> Vec<String> {
        let all = |slugs: Vec<&str>| slugs.into_iter().map(str::to_owned).collect();
        match kind {
            "service" => all(self.0.services.slugs().collect()),
            "institution" => all(self.0.institutions.slugs().collect()),
            "vendor" => all(self.0.vendors.slugs().collect()),
            "team" => all(self.0.teams.slugs().collect()),
            "runbook" => all(self.0.runbooks.slugs().collect()),
            "address" => {
                let cores = self.0.institutions.iter().filter_map(|one| one.core_endpoint.clone());
                cores.chain(self.0.connections.iter().map(|one| one.url.clone())).collect()
            }
            "table" => all(self.0.tables.slugs().chain([SHIPPED]).collect()),
            _ => Vec::new(),
        }
    }
}

/// A document that is one runbook or one table, as a setup with just that.
pub(super) fn wrap(document: Node) -> Node {
    let list_name = match () {
        () if document.get("runbook").is_some() => "runbooks",
        () if document.get("table").is_some() => "tables",
        () => return document,
    };
    let (span, incomplete) = (document.span, document.incomplete);
    let list = Node { span, incomplete, value: Yaml::List(vec![document]) };
    Node { span, incomplete, value: Yaml::Map(vec![(Key { text: list_name.to_owned(), span }, list)]) }
}

/// What can be told of runbooks once the whole setup is known.
pub(super) fn refuse_mistakes(r: &mut Reader, roots: &[Fields], setup: &Setup) {
    for node in roots.iter().filter_map(|root| root.get("runbooks")?.node.list()).flatten() {
        let id = node.get("runbook").and_then(Node::scalar).unwrap_or_default();
        if let Some(runbook) = setup.runbooks.get(id).filter(|_| !node.incomplete) {
            refuse(r, node, runbook, setup);
        }
    }
}

fn refuse(r: &mut Reader, node: &Node, runbook: &Runbook, setup: &Setup) {
    for mistake in check::check(runbook, &Known(setup)) {
        let span = place(r, node, &mistake.at);
        let problem = r.error("bad_runbook", span, mistake.message);
        problem.help = Some(mistake.help).filter(|help| !help.is_empty());
    }
}

fn place(r: &Reader, runbook: &Node, at: &At) -> Span {
    let of = |node: &Node, key: &str| match node.get(key) {
        Some(value) if key == "when" => {
            let source = value.scalar().unwrap_or_default();
            expression_span(r, value.span, 0..source.len(), source)
        }
        Some(value) => value.span,
        None => node.span,
    };
    match at {
        At::Key(key) => of(runbook, key),
        At::Input(name) => {
            let entries = runbook.get("for").and_then(Node::map);
            entries.into_iter().flatten().find(|(key, _)| key.text == *name).map_or(runbook.span, |(key, _)| key.span)
        }
        At::Step(path, key) => step_node(runbook, path).map_or(runbook.span, |node| of(node, key)),
        At::With(path, name) => {
            let with = step_node(runbook, path).and_then(|node| node.get("with"));
            with.and_then(|with| with.get(name)).or(with).map_or(runbook.span, |node| node.span)
        }
    }
}

fn step_node<'n>(runbook: &'n Node, path: &[usize]) -> Option<&'n Node> {
    let mut nodes = runbook.get("steps")?.list()?;
    let (last, outer) = path.split_last()?;
    for place in outer {
        let node = nodes.get(*place)?;
        nodes = node.get("steps").or_else(|| node.get("parallel"))?.list()?;
    }
    nodes.get(*last)
}
