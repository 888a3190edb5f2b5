//! The JSON Schema agrees with the reader, and `examples/pupper` is a setup without anything to complain about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use firedog_domain::setup::Setup;
use firedog_domain::setup::export::export;
use firedog_domain::setup::load::{NoOutside, SourceFile, check, load};
use firedog_domain::setup::schema::json_schema;
use firedog_domain::setup::schema::keys::OBJECTS;
use serde_json::{Value, json};
use std::path::Path;

/// Validates by the part of JSON Schema that [`json_schema`] uses; anything else in it fails the test.
fn validate(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let fail = |why: String| Err(format!("{path}: {why}"));
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "description" | "examples" | "$schema" | "title" | "$defs" => {}
            "$ref" => validate(root, root.pointer(&rule.as_str().unwrap()[1..]).unwrap(), value, path)?,
            "type" => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(n) if n.is_i64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let kinds: Vec<&str> = rule
                    .as_array()
                    .map_or_else(|| vec![rule.as_str().unwrap()], |a| a.iter().map(|k| k.as_str().unwrap()).collect());
                let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
                if !fits {
                    return fail(format!("{kind} instead of {kinds:?}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => return fail(format!("{value} is not one of {rule}")),
            "enum" => {}
            "pattern" if !regex::Regex::new(rule.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap_or_default()) => {
                return fail(format!("{value} does not match {rule}"));
            }
            "pattern" => {}
            "minLength" if value.as_str().unwrap_or_default().is_empty() => return fail("empty".to_owned()),
            "minLength" => {}
            "minimum" if value.as_i64() < rule.as_i64() => return fail(format!("{value} < {rule}")),
            "maximum" if value.as_i64() > rule.as_i64() => return fail(format!("{value} > {rule}")),
            "minimum" | "maximum" => {}
            "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap()) => {
                return fail("too few".to_owned());
            }
            "minItems" => {}
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, rule, item, &format!("{path}/{n}"))?;
                }
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rule.get(key) {
                        validate(root, rule, item, &format!("{path}/{key}"))?;
                    }
                }
            }
            "required" => {
                if let Some(missing) = rule.as_array().unwrap().iter().find(|key| value.get(key.as_str().unwrap()).is_none()) {
                    return fail(format!("{missing} is missing"));
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (key, item) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(key)) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => return fail(format!("{key} is not known")),
                        rule => validate(root, rule, item, &format!("{path}/{key}"))?,
                    }
                }
            }
            "anyOf" | "oneOf" => {
                let fits = rule.as_array().unwrap().iter().filter(|rule| validate(root, rule, value, path).is_ok()).count();
                if fits == 0 || (word == "oneOf" && fits > 1) {
                    return fail(format!("{fits} of {word} fit"));
                }
            }
            "if" => {
                let way = if validate(root, rule, value, path).is_ok() { "then" } else { "else" };
                if let Some(rule) = schema.get(way) {
                    validate(root, rule, value, path)?;
                }
            }
            "then" | "else" => {}
            // For forms; it refuses nothing.
            hint if hint.starts_with("x-") => {}
            other => panic!("the test does not know `{other}`"),
        }
    }
    Ok(())
}

fn valid(value: &Value) -> Result<(), String> {
    let schema = json_schema();
    validate(&schema, &schema, value, "")
}

fn file(text: &str) -> Vec<SourceFile> {
    vec![SourceFile { name: "x.yaml".to_owned(), text: text.to_owned() }]
}

/// Every key that the reader knows, once.
fn everything() -> Value {
    json!({
        "teams": [{ "id": "t", "name": "T", "members": ["ada"], "policy": "p", "groups": ["g"] }],
        "users": [{
            "id": "ada", "name": "Ada", "email": "a@b.c", "slack": "U024BE7LH", "timezone": "UTC",
            "contact": [
                { "id": "m", "email": "a@b.c", "content": "full", "rings": true },
                { "id": "h", "webhook": "http://h", "secret": "s", "content": "minimal" },
                { "id": "f", "webhook": "http://h", "secret_file": "file" },
            ],
            "rules": { "high": [{ "via": "m" }], "low": [{ "via": "h", "after": "1m" }] },
            "waking": { "from": "08:00", "to": "20:00" },
        }],
        "schedules": [{
            "id": "s", "name": "S", "team": "t", "timezone": "UTC",
            "layers": [{
                "id": "l", "users": ["ada", ["ada"]], "start": "2026-01-05T09:00", "every": "1w",
                "only": [{ "days": "mon-fri", "from": "22:00", "to": "06:00" }, { "days": ["sat", "sun"] }],
            }],
            "overrides": [
                { "user": "ada", "add": true, "from": "2026-01-05T09:00", "to": "2026-01-06T09:00Z" },
                { "remove": "ada", "from": "2026-01-05T09:00", "to": "2026-01-06T09:00+01:00" },
            ],
        }],
        "policies": [{ "id": "p", "name": "P", "team": "t", "repeat": 2, "steps": [{ "page": [{ "user": "ada" }, { "schedule": "s" }], "wait": "5m" }] }],
        "catch_all": { "page": [{ "team": "t" }], "every": "30m" },
        "services": [{
            "id": "web", "name": "Web", "team": "t", "policy": "p", "ack_timeout": "30m", "urgency": "low",
            "group": { "by": ["x"], "for": "5m", "storm": 5 },
            "integrations": [
                { "id": "a", "kind": "alertmanager", "key": "aaaaaaaaaaaaaaaa", "quiet_after": "5m", "heartbeat": { "every": "5m", "grace": "1m" } },
                { "id": "b", "kind": "pagerduty", "key_file": "file", "strict": true },
                { "id": "c", "kind": "heartbeat", "key_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "every": "5m", "grace": "1m" },
            ],
            "serves": ["inst-1"],
            "restart": { "with": "ci", "job": "ops/restart", "parameters": { "SERVICE": "web" }, "key": "RUN_KEY", "two_person": true, "approvers": "p" },
            "instances": { "with": "k8s", "namespace": "core", "deployment": "web" },
            "deploys": { "with": "ci", "job": "ops/deploy", "parameters": { "SERVICE": "web" } },
            "links": [{ "name": "Logs", "for": "logs", "url": "https://logs{suffix}/{institution}?from={from}", "owner": "t", "learn": "https://wiki" }],
            "environments": [{ "id": "production" }, { "id": "staging", "suffix": "-stg" }],
        }, {
            "id": "old", "team": "t", "instances": { "with": "marathon", "app": "/core/old" },
        }],
        "routes": [{ "when": "labels.app == 'x'", "service": "web", "urgency": "high" }],
        "silences": [{
            "id": "n", "service": "web", "match": { "alertname": "Noisy" }, "matchers": ["a=~\"b\""],
            "from": "2026-01-01T00:00", "until": "2026-12-31T00:00", "why": "w", "created_by": "ada",
        }],
        "maintenance": [
            { "id": "d", "services": ["web"], "every": "week", "days": "sat,sun", "from": "02:00", "to": "03:00", "timezone": "UTC", "why": "w" },
            { "id": "m", "services": ["web"], "every": "month", "day": 31, "from": "02:00", "to": "03:00" },
            { "id": "o", "services": ["web"], "from": "2026-01-01T02:00", "to": "2026-01-01T03:00" },
        ],
        "vendors": [{
            "id": "v", "name": "V", "portal": "https://portal", "email": "v@b.c", "responds_within": "4h", "chase_every": "1h",
            "note": "n", "open_by": "http", "with": "portal", "confirm": false,
        }],
        "institutions": [{
            "id": "inst-1", "name": "N", "code": "1", "host": "host-1", "core_endpoint": "https://core", "room": "r", "vendor": "v",
            "authority": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        }],
        "connections": [
            { "id": "logs", "kind": "elasticsearch", "url": "https://logs", "user": "u", "secret": "s", "index": "i-*", "fields": { "time": "t" } },
            { "id": "chat", "kind": "slack", "url": "https://chat", "secret_file": "file", "room": "r", "group": "g", "signing_secret": "s" },
            { "id": "ci", "kind": "jenkins", "url": "https://ci/jenkins", "user": "u", "secret": "s", "authority": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----" },
            { "id": "marathon", "kind": "marathon", "url": "https://marathon", "owner": "t" },
            { "id": "k8s", "kind": "kubernetes", "url": "https://k8s", "mounted_secret": "k8s-token" },
            { "id": "metrics", "kind": "prometheus", "url": "https://metrics", "queries": { "total": "a", "failed": "b" } },
            { "id": "branch", "kind": "blackbox", "url": "https://branch", "module": "tcp_connect" },
            { "id": "portal", "kind": "http", "url": "https://portal/cases", "body": "{\"text\": \"{evidence}\"}", "number_at": "/number", "url_at": "/url", "key_header": "Key" },
        ],
        "tables": [{ "table": "mine", "rows": [
            { "id": "one", "when": "failing", "owner": "ours", "remedy": "restart", "why": "w" },
            { "id": "else", "owner": "unclear", "remedy": "ask_human" },
        ] }],
        "runbooks": [{
            "runbook": "r", "title": "R", "team": "t", "for": { "institution": "required" }, "on": "labels.a == 'b'", "deadline": "2h", "stale_after": "30d", "fleet": { "more_than": 7, "within": "3m" },
            "steps": [
                { "do": "Probe", "uses": "net.probe", "with": { "target": "https://core" }, "as": "seen", "confirm": "two-person", "timeout": "1m" },
                { "do": "Ask", "ask": { "well": "bool", "side": ["ours", "theirs"] }, "when": "seen.ok" },
                { "do": "Each", "each": ["a"], "steps": [{ "do": "One" }] },
                { "do": "Both", "parallel": [{ "do": "One" }] },
                { "do": "The other", "runbook": "r2" },
            ],
        }, { "runbook": "r2", "steps": [{ "do": "One" }] }],
    })
}

struct Files;

impl firedog_domain::setup::load::Outside for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn read(&self, _: &str, _: &str) -> Result<String, String> {
        Ok("what-the-file-says".to_owned())
    }
}

#[test]
fn the_reader_and_the_schema_know_the_same_keys() {
    let all = everything();
    assert_eq!(valid(&all), Ok(()));
    let loaded = load(&file(&all.to_string()), &Files);
    assert!(loaded.setup.is_some(), "{:?}", loaded.diagnostics);
    // What the reader does not look at can be anything; so each key must be refused when its value is nonsense.
    fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                found.push(format!("{path}/{key}"));
                paths(value, &format!("{path}/{key}"), found);
            }),
            Value::Array(items) => items.iter().enumerate().for_each(|(n, value)| paths(value, &format!("{path}/{n}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    paths(&all, "", &mut found);
    let mut seen = std::collections::BTreeSet::new();
    for path in &found {
        let mut broken = all.clone();
        *broken.pointer_mut(path).unwrap() = json!({ "nonsense": [{ "nonsense": "nonsense" }] });
        assert!(load(&file(&broken.to_string()), &Files).setup.is_none(), "the reader takes anything for {path}");
        assert!(valid(&broken).is_err(), "the schema takes anything for {path}");
        seen.insert(path.rsplit('/').next().unwrap().to_owned());
    }
    for object in OBJECTS {
        for key in object.keys {
            assert!(seen.contains(key.name), "`{}` of a {} is not tried", key.name, object.what);
            serde_json::from_str::<Value>(key.example).unwrap_or_else(|error| panic!("{}: {error}", key.example));
            assert!(!key.about.is_empty() && key.about.ends_with(['.', ')']), "{}", key.about);
        }
    }
}

#[test]
fn every_example_of_the_schema_fits_the_schema() {
    let schema = json_schema();
    for object in std::iter::once(&schema).chain(schema["$defs"].as_object().unwrap().values()) {
        for (key, property) in object["properties"].as_object().unwrap() {
            assert_eq!(validate(&schema, property, &property["examples"][0], key), Ok(()));
        }
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    for wrong in [
        json!({ "user": [] }),
        json!({ "users": [{}] }),
        json!({ "users": [{ "id": "A" }] }),
        json!({ "users": [{ "id": "a", "contact": [{ "id": "m" }] }] }),
        json!({ "users": [{ "id": "a", "contact": [{ "id": "m", "email": "a@b", "webhook": "http://x" }] }] }),
        json!({ "policies": [{ "id": "p", "steps": [] }] }),
        json!({ "policies": [{ "id": "p", "repeat": 101, "steps": [{ "page": [{ "user": "a" }] }] }] }),
        json!({ "services": [{ "id": "s", "team": "t", "integrations": [{ "id": "i", "kind": "x", "key": "k" }] }] }),
        json!({ "runbook": "r", "steps": [{ "do": "x", "used": "wait" }] }),
        json!({ "runbook": "r", "teams": [], "steps": [{ "do": "x" }] }),
    ] {
        assert!(valid(&wrong).is_err(), "{wrong}");
        assert!(load(&file(&wrong.to_string()), &NoOutside).setup.is_none(), "{wrong}");
    }
}

#[test]
fn exports_fit_the_schema() {
    let setup = load(&file(include_str!("setup/contract.yaml")), &NoOutside).setup.unwrap();
    assert_eq!(valid(&serde_json::to_value(&setup).unwrap()), Ok(()));
    let again: Setup = load(&export(&setup), &NoOutside).setup.unwrap();
    assert_eq!(again, setup);
}

#[test]
fn the_pupper_example_has_neither_mistakes_nor_warnings() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pupper");
    let mut files: Vec<SourceFile> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| SourceFile {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(files.len(), 10);
    for book in files.iter().filter(|file| file.text.starts_with("runbook:")) {
        let loaded = load(&files, &NoOutside).setup.unwrap();
        let id = book.text.lines().next().and_then(|line| line.strip_prefix("runbook: ")).unwrap();
        assert_eq!(valid(&serde_json::to_value(loaded.runbooks.get(id).unwrap()).unwrap()), Ok(()), "{}", book.name);
    }
    // Out of the box, today and in years.
    for now in ["2025-06-01T00:00:00Z", "2026-11-22T00:00:00Z", "2029-02-28T12:00:00Z"] {
        let loaded = check(&files, &NoOutside, now.parse().unwrap());
        let source = |name: &str| files.iter().find(|file| file.name == name).map_or("", |file| file.text.as_str());
        let complaints: String = loaded.diagnostics.iter().map(|d| d.render(source(&d.file))).collect();
        assert_eq!(complaints, "");
        let setup = loaded.setup.unwrap();
        assert_eq!(valid(&serde_json::to_value(&setup).unwrap()), Ok(()));
        assert_eq!(load(&export(&setup), &NoOutside).setup.unwrap(), setup);
    }
}
