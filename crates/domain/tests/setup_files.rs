//! Setup files: the example of the outside contract, and what everybody relies on about loading.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use firedog_domain::setup::load::{Loaded, Outside, SourceFile, check, load};
use firedog_domain::setup::{Address, Change, Content, MaintenanceWhen, Setup, Target, Unit, Urgency};
use firedog_domain::time::{mins, secs};

struct Env;

impl Outside for Env {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "KEY" => Some("a-key-from-the-environment".to_owned()),
            "SHORT" => Some("short".to_owned()),
            "MAIL" => Some("ada@example.org".to_owned()),
            _ => None,
        }
    }
    fn read(&self, path: &str, relative_to: &str) -> Result<String, String> {
        match path {
            "good.key" => Ok(format!("a-key-beside-{}\n", relative_to.replace('.', "-"))),
            _ => Err("there is no such file".to_owned()),
        }
    }
}

fn files(texts: &[(&str, &str)]) -> Vec<SourceFile> {
    texts.iter().map(|(name, text)| SourceFile { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

fn rendered(loaded: &Loaded, files: &[SourceFile]) -> String {
    let source = |name: &str| files.iter().find(|file| file.name == name).map_or("", |file| file.text.as_str());
    loaded.diagnostics.iter().map(|d| d.render(source(&d.file)) + "\n").collect()
}

fn good(texts: &[(&str, &str)]) -> Setup {
    let files = files(texts);
    let mut loaded = load(&files, &Env);
    let setup = loaded.setup.take();
    setup.unwrap_or_else(|| panic!("{}", rendered(&loaded, &files)))
}

const CONTRACT: &str = include_str!("setup/contract.yaml");

#[test]
fn the_example_of_the_contract_loads_with_its_meaning() {
    let setup = good(&[("firedog.yaml", CONTRACT)]);
    let ada = setup.users.get("ada").unwrap();
    assert_eq!(ada.contact[1].address, Address::Webhook("http://127.0.0.1:9099/ada".to_owned()));
    assert_eq!(ada.contact[1].content, Content::Minimal);
    assert_eq!(ada.rules_for(Urgency::High)[1].after, mins(1));
    assert_eq!(setup.users.get("grace").unwrap().rules_for(Urgency::High).len(), 1);
    let primary = setup.schedules.get("pupper-primary").unwrap();
    assert_eq!(primary.layers[0].users.len(), 3);
    assert_eq!((primary.layers[0].every.n, primary.layers[0].every.unit), (1, Unit::Week));
    assert_eq!(primary.layers[1].only[0].to.to_string(), "06:00:00");
    let over = &primary.overrides[0];
    assert_eq!(over.change, Change::Replace("grace".into()));
    assert_eq!(over.id.as_str(), "pupper-primary#1");
    // 09:00 in Chicago in winter.
    assert_eq!(over.from.to_string(), "2026-02-01T15:00:00Z");
    let policy = setup.policies.get("pupper").unwrap();
    assert_eq!((policy.repeat, policy.steps.len(), policy.steps[2].wait), (2, 3, mins(5)));
    assert_eq!(policy.steps[1].page, [Target::Schedule("pupper-secondary".into())]);
    assert_eq!(setup.catch_all.as_ref().unwrap().every, mins(30));
    let service = setup.services.get("symxchange-http-server").unwrap();
    assert_eq!((service.ack_timeout, service.urgency), (Some(mins(30)), Urgency::High));
    assert_eq!(service.group.as_ref().unwrap().by, ["institution"]);
    // sha256sum of the key of the example.
    assert_eq!(service.integrations[0].key_sha256, firedog_domain::setup::load::key_hash("a-key-of-at-least-16-chars"));
    assert_eq!(setup.routes[0].urgency, Some(Urgency::Low));
    let silence = setup.silences.get("known-noise").unwrap();
    assert_eq!(silence.matchers[0].to_string(), "alertname=\"Noisy\"");
    assert_eq!(silence.until.to_string(), "2026-12-31T00:00:00Z");
    assert!(matches!(setup.maintenance.get("core-nightly").unwrap().when, MaintenanceWhen::Recurring { .. }));
}

#[test]
fn the_example_of_the_contract_has_no_warnings() {
    let files = files(&[("firedog.yaml", CONTRACT)]);
    let loaded = check(&files, &Env, "2026-01-10T00:00:00Z".parse().unwrap());
    assert_eq!(rendered(&loaded, &files), "");
}

#[test]
fn before_a_schedule_starts_is_a_gap_that_is_shown_where_the_schedule_stands() {
    let files = files(&[("firedog.yaml", CONTRACT)]);
    let loaded = check(&files, &Env, "2026-01-01T00:00:00Z".parse().unwrap());
    assert!(loaded.setup.is_some());
    insta::assert_snapshot!(rendered(&loaded, &files), @r#"
    warning[gap]: schedule `pupper-primary`: nobody is on call from now to 2026-01-05 09:00 America/Chicago
      --> firedog.yaml:17:9
       |
    17 |   - id: pupper-primary
       |         ^^^^^^^^^^^^^^
       = help: add a layer below the others that always applies, or somebody for that time

    warning[gap]: schedule `pupper-secondary`: nobody is on call from now to 2026-01-05 09:00 America/Chicago
      --> firedog.yaml:25:9
       |
    25 |   - id: pupper-secondary
       |         ^^^^^^^^^^^^^^^^
       = help: add a layer below the others that always applies, or somebody for that time
    "#);
}

#[test]
fn the_order_and_number_of_files_do_not_matter() {
    let whole = good(&[("all.yaml", CONTRACT)]);
    let at = CONTRACT.find("schedules:").unwrap();
    let (first, second) = CONTRACT.split_at(at);
    assert_eq!(good(&[("a.yaml", first), ("b.yaml", second)]), whole);
    assert_eq!(good(&[("b.yaml", second), ("a.yaml", first)]), whole);
    assert_eq!(good(&[("c.yaml", &format!("{first}\n---\n{second}"))]), whole);
}

#[test]
fn keys_come_from_the_environment_and_from_files_and_are_kept_as_hashes() {
    let setup = good(&[(
        "s.yaml",
        r#"
teams: [ { id: t, members: [ada] } ]
users: [ { id: ada, email: "${MAIL}" } ]
services:
  - id: web
    team: t
    integrations:
      - { id: a, kind: generic, key: "${KEY}" }
      - { id: b, kind: generic, key_file: good.key }
      - { id: c, kind: heartbeat, key: cccccccccccccccc, every: 5m }
      - { id: d, kind: grafana, key_sha256: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08, heartbeat: { every: 1h, grace: 10s } }
"#,
    )]);
    let web = setup.services.get("web").unwrap();
    let hash = firedog_domain::setup::load::key_hash;
    assert_eq!(setup.users.get("ada").unwrap().email.as_deref(), Some("ada@example.org"));
    assert_eq!(web.integrations[0].key_sha256, hash("a-key-from-the-environment"));
    assert_eq!(web.integrations[1].key_sha256, hash("a-key-beside-s-yaml"));
    assert_eq!(web.integrations[2].heartbeat.as_ref().unwrap().grace, secs(60));
    assert_eq!(web.integrations[3].key_sha256, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    assert_eq!(web.integrations[3].heartbeat.as_ref().unwrap().grace, secs(10));
}

#[test]
fn local_times_that_a_clock_change_skips_or_repeats_have_one_meaning() {
    let text = |from: &str, to: &str| {
        format!(
            "users: [ {{ id: ada, email: a@b.c }} ]\nschedules:\n  - id: s\n    timezone: America/Chicago\n    layers: [ {{ id: l, users: [ada], start: 2026-01-01T00:00, every: 1w }} ]\n    overrides: [ {{ user: ada, from: '{from}', to: '{to}' }} ]\n"
        )
    };
    let over = |from: &str, to: &str| good(&[("s.yaml", &text(from, to))]).schedules.get("s").unwrap().overrides[0].clone();
    let skipped = over("2026-03-08T02:30", "2026-03-08T12:00Z");
    assert_eq!(
        (skipped.from.to_string(), skipped.to.to_string()),
        ("2026-03-08T08:00:00Z".into(), "2026-03-08T12:00:00Z".into())
    );
    assert_eq!(over("2026-11-01T01:30", "2026-11-02T00:00").from.to_string(), "2026-11-01T06:30:00Z");
    assert_eq!(over("2026-11-01T01:30-06:00", "2026-11-02T00:00").from.to_string(), "2026-11-01T07:30:00Z");
}

#[test]
fn an_alias_stands_for_what_it_names_and_a_bomb_of_aliases_is_refused() {
    let setup = good(&[(
        "s.yaml",
        "teams: [ { id: t, members: &all [ada, bob] } ]\nusers: [ { id: ada, email: a@b.c }, { id: bob, email: b@b.c } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: *all, start: 2026-01-01T00:00, every: 1d } ] } ]\n",
    )]);
    assert_eq!(setup.schedules.get("s").unwrap().layers[0].users.len(), 2);
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..20 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(",")));
    }
    let loaded = load(&files(&[("bomb.yaml", &bomb)]), &Env);
    assert!(loaded.diagnostics.iter().any(|d| d.code == "too_large"), "{:?}", loaded.diagnostics.first());
}

#[test]
fn hostile_files_are_refused_in_bounded_time_and_memory() {
    let deep = "[".repeat(100_000);
    let wide = format!("users: [{}]", "{id: a},".repeat(100_000));
    let log = "2026-01-01 12:00:00 ERROR something: went {wrong\n".repeat(10_000);
    let many = "- - - - - - - - - - - - ".repeat(5_000);
    let binary: String = (0..200_000_u32).filter_map(|n| char::from_u32(n % 300)).collect();
    for text in [&deep, &wide, &log, &many, &binary, &"x".repeat(9 << 20), &"a: {b: ".repeat(50_000)] {
        let loaded = load(&files(&[("x.yaml", text)]), &Env);
        assert!(loaded.setup.is_none());
        assert!(!loaded.diagnostics.is_empty() && loaded.diagnostics.len() <= 501, "{}", loaded.diagnostics.len());
        loaded.diagnostics.iter().for_each(|d| assert!(d.render(text).len() < 5_000));
    }
}

#[test]
fn nothing_at_all_says_what_to_write() {
    for texts in [&[][..], &[("a.yaml", "")], &[("a.yaml", "# nothing\n"), ("b.yaml", "---\n---\n")]] {
        let loaded = load(&files(texts), &Env);
        assert!(loaded.setup.is_none());
        assert!(loaded.diagnostics[0].help.as_ref().unwrap().contains("`users:`"));
    }
}

/// One mistake each: the text, the code of its diagnostic, and what the message or help has to say.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("team: []", "unknown_key", "write `teams`"),
    ("users: { ada: 1 }", "wrong_type", "`users` has to be a list"),
    ("users: [ ada ]", "wrong_type", "a user is a mapping"),
    ("users: [ { name: Ada } ]", "missing_key", "this user has no `id`"),
    ("users: [ { id: Ada L } ]", "bad_value", "write `ada-l`"),
    ("users: [ { id: a, mail: a@b.c } ]", "unknown_key", "write `email`"),
    ("users: [ { id: a, email: nobody } ]", "bad_value", "is not an e-mail address"),
    ("users: [ { id: a, email: } ]", "wrong_type", "`email` has no value"),
    ("users: [ { id: a, email: [x] } ]", "wrong_type", "`email` has to be text, this is a list"),
    ("users: [ { id: a, id: b } ]", "duplicate", "stands here twice"),
    ("users: [ { id: a }, { id: a } ]", "duplicate", "user `a` exists already, at x.yaml:1"),
    ("users: [ { id: a, timezone: America/Chigaco } ]", "bad_value", "write `America/Chicago`"),
    ("users: [ { id: a, timezone: Berlin } ]", "bad_value", "write `Europe/Berlin`"),
    ("users: [ { id: a, contact: [ { id: m } ] } ]", "missing_key", "none of `email`, `webhook`"),
    ("users: [ { id: a, contact: [ { id: m, email: a@b.c, webhook: http://x } ] } ]", "bad_value", "more than one of"),
    ("users: [ { id: a, contact: [ { id: m, webhook: ftp://x } ] } ]", "bad_value", "does not begin with http:// or https://"),
    ("users: [ { id: a, contact: [ { id: m, webhook: http://169.254.169.254/ } ] } ]", "bad_value", "metadata"),
    ("users: [ { id: a, contact: [ { id: m, email: a@b.c }, { id: m, email: b@b.c } ] } ]", "duplicate", "contact method `m`"),
    ("users: [ { id: a, contact: [ { id: m, email: a@b.c, content: minmal } ] } ]", "bad_value", "write `minimal`"),
    ("users: [ { id: a, contact: [ { id: m, email: a@b.c, secret: x } ] } ]", "bad_value", "signs webhooks"),
    ("users: [ { id: a, contact: [ { id: m, webhook: 'http://x', secret_file: none } ] } ]", "outside", "there is no such file"),
    ("users: [ { id: a, email: '${NOT_SET}' } ]", "outside", "`NOT_SET` is not set"),
    ("users: [ { id: a, email: '${SHORT}' } ]", "bad_value", "what `${SHORT}` stands for is no `email`"),
    ("users: [ { id: a, email: a@b.c, rules: { high: [ { via: mail } ] } } ]", "unknown_reference", "write `email`"),
    ("users: [ { id: a, email: a@b.c, rules: { high: [] } } ]", "empty", "this person would never be told"),
    ("users: [ { id: a, email: a@b.c, rules: { low: [ { via: email, after: 5 } ] } } ]", "bad_value", "90s, 5m, 1h30m"),
    ("users: [ { id: a, waking: { from: 8:00, to: '20:00' } } ]", "bad_value", "is not a time of day"),
    ("teams: [ { id: t, members: [ nobody ] } ]", "unknown_reference", "there are no users"),
    ("teams: [ { id: t, policy: p } ]", "unknown_reference", "policy `p` does not exist"),
    ("institutions: [ { id: i, vendor: v } ]", "unknown_reference", "there are no vendors"),
    (
        "vendors: [ { id: jsource } ]\ninstitutions: [ { id: i, vendor: jsorce } ]",
        "unknown_reference",
        "write `jsource`; vendors are: `jsource`",
    ),
    ("vendors: [ { id: v, portal: 'javascript:alert(1)' } ]", "bad_value", "does not begin with http"),
    ("vendors: [ { id: v, responds_within: 90d } ]", "bad_value", "is not between 1m and"),
    ("users: [ { id: ada } ]\nteams: [ { id: t, members: [ adda ] } ]", "unknown_reference", "write `ada`; users are: `ada`"),
    ("users: [ { id: ada } ]\nteams: [ { id: t, members: [ ada, ada ] } ]", "duplicate", "stands here twice"),
    ("schedules: [ { id: s, timezone: UTC, layers: [] } ]", "empty", "nobody would ever be on call"),
    (
        "schedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [], start: 2026-01-01T00:00, every: 1w } ] } ]",
        "empty",
        "nobody would take turns",
    ),
    (
        "users: [ { id: a } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [ a, [] ], start: 2026-01-01T00:00, every: 1w } ] } ]",
        "empty",
        "nobody would be on in this turn",
    ),
    (
        "users: [ { id: a } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [ a ], start: 2026-01-01T00:00Z, every: 1w } ] } ]",
        "bad_value",
        "has an offset; write the local time, `2026-01-01T00:00`",
    ),
    (
        "users: [ { id: a } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [ a ], start: 2026-01-01T00:00, every: week } ] } ]",
        "bad_value",
        "write `1w`",
    ),
    (
        "users: [ { id: a } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [ a ], start: 2026-01-01T00:00, every: 1w, only: [ { days: mon-fry } ] } ] } ]",
        "bad_value",
        "names no weekdays",
    ),
    (
        "users: [ { id: a } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [ a ], start: 2026-01-01T00:00, every: 1w } ], overrides: [ { user: a, from: 2026-01-02T00:00, to: 2026-01-02T00:00 } ] } ]",
        "bad_value",
        "ends before it begins",
    ),
    (
        "users: [ { id: a } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [ a ], start: 2026-01-01T00:00, every: 1w } ], overrides: [ { user: a, remove: a, from: 2026-01-02T00:00, to: 2026-01-03T00:00 } ] } ]",
        "bad_value",
        "more than one of `user`, `remove`",
    ),
    ("policies: [ { id: p, steps: [] } ]", "empty", "it would page nobody"),
    ("policies: [ { id: p, steps: [ { page: [] } ] } ]", "empty", "it would page nobody"),
    ("policies: [ { id: p, steps: [ { page: [ {} ] } ] } ]", "missing_key", "exactly one of `user`, `schedule`, `team`"),
    (
        "users: [ { id: a } ]\npolicies: [ { id: p, repeat: -1, steps: [ { page: [ { user: a } ] } ] } ]",
        "bad_value",
        "from 0 to 100",
    ),
    (
        "users: [ { id: a } ]\npolicies: [ { id: p, repeat: 101, steps: [ { page: [ { user: a } ] } ] } ]",
        "bad_value",
        "from 0 to 100",
    ),
    (
        "users: [ { id: a } ]\npolicies: [ { id: p, steps: [ { page: [ { user: a } ], wait: 0s } ] } ]",
        "bad_value",
        "not between 1s and 4w",
    ),
    (
        "users: [ { id: a } ]\npolicies: [ { id: p, steps: [ { page: [ { user: a }, { user: a } ] } ] } ]",
        "duplicate",
        "stands here twice",
    ),
    ("policies: [ { id: p, steps: [ { page: [ { schedule: s } ] } ] } ]", "unknown_reference", "schedule `s` does not exist"),
    (
        "teams: [ { id: t, policy: p } ]\npolicies: [ { id: p, steps: [ { page: [ { team: t } ] } ] } ]",
        "circle",
        "leads back to it",
    ),
    (
        "users: [ { id: a } ]\ncatch_all: { page: [ { user: a } ] }\n---\ncatch_all: { page: [ { user: a } ] }",
        "duplicate",
        "there is a `catch_all` already, at x.yaml:2",
    ),
    ("services: [ { id: s } ]", "missing_key", "this service has no `team`"),
    ("teams: [ { id: t } ]\nservices: [ { id: s, team: t, ack_timeout: 0s } ]", "bad_value", "not between"),
    ("teams: [ { id: t } ]\nservices: [ { id: s, team: t, urgency: hihg } ]", "bad_value", "write `high`"),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, group: { by: [], for: 5m } } ]",
        "empty",
        "everything would be one group",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: prometheus, key: aaaaaaaaaaaaaaaa } ] } ]",
        "bad_value",
        "it is one of `alertmanager`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, key: short } ] } ]",
        "bad_value",
        "fewer than 16 characters",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, key: '${SHORT}' } ] } ]",
        "bad_value",
        "fewer than 16 characters",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, key: aaaaaaaa/aaaaaaaa } ] } ]",
        "bad_value",
        "cannot stand in an address",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic } ] } ]",
        "missing_key",
        "exactly one of `key`, `key_file`, `key_sha256`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, key_sha256: abc } ] } ]",
        "bad_value",
        "64 digits",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, key: aaaaaaaaaaaaaaaa }, { id: j, kind: generic, key: aaaaaaaaaaaaaaaa } ] } ]",
        "duplicate",
        "integration `s/i` has the same key, at x.yaml:2",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, key: aaaaaaaaaaaaaaaa }, { id: i, kind: generic, key: bbbbbbbbbbbbbbbb } ] } ]",
        "duplicate",
        "integration `i` of service `s`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: heartbeat, key: aaaaaaaaaaaaaaaa } ] } ]",
        "missing_key",
        "every: 5m",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, every: 5m, key: aaaaaaaaaaaaaaaa } ] } ]",
        "bad_value",
        "heartbeat: { every: 5m",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, integrations: [ { id: i, kind: generic, strict: true, key: aaaaaaaaaaaaaaaa } ] } ]",
        "bad_value",
        "goes with `kind: pagerduty`",
    ),
    ("routes: [ { when: \"labels.a = 'b'\" } ]", "bad_expression", "not an expression"),
    ("routes: [ { when: \"app == 'web'\" } ]", "bad_expression", "a label is written `labels.app`"),
    ("routes: [ { when: \"labels.code == 500\" } ]", "bad_expression", "a text is never a number"),
    ("routes: [ { when: \"severity == 'warn'\" } ]", "bad_expression", "write `'warning'`"),
    ("routes: [ { when: 'true', service: nope } ]", "unknown_reference", "service `nope` does not exist"),
    ("silences: [ { id: s, until: 2026-12-31T00:00 } ]", "empty", "would keep everything quiet"),
    ("silences: [ { id: s, match: { a: '' }, until: 2026-12-31T00:00 } ]", "empty", "would keep everything quiet"),
    ("silences: [ { id: s, matchers: ['a=~\"(\"'], until: 2026-12-31T00:00 } ]", "bad_value", "is not a regular expression"),
    (
        "silences: [ { id: s, match: { a: b }, from: 2027-01-01T00:00, until: 2026-12-31T00:00 } ]",
        "bad_value",
        "ends before it begins",
    ),
    ("silences: [ { id: s, match: { a: b }, until: tomorrow } ]", "bad_value", "is not a date and time"),
    ("maintenance: [ { id: m, services: [], every: day, from: '02:00', to: '03:00' } ]", "empty", "it would apply to nothing"),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t } ]\nmaintenance: [ { id: m, services: [s], from: '02:00', to: '03:00' } ]",
        "bad_value",
        "add `every: day`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t } ]\nmaintenance: [ { id: m, services: [s], every: week, from: '02:00', to: '03:00' } ]",
        "missing_key",
        "add for example `days: sat`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t } ]\nmaintenance: [ { id: m, services: [s], every: month, days: sat, day: 1, from: '02:00', to: '03:00' } ]",
        "bad_value",
        "`days` goes with `every: week`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t } ]\nmaintenance: [ { id: m, services: [s], every: day, from: 2026-01-01T02:00, to: '03:00' } ]",
        "bad_value",
        "has to be a time of day",
    ),
    (
        "teams: [ { id: t } ]\nconnections: [ { id: m, kind: marathon, url: 'https://m' } ]\nservices: [ { id: s, team: t, restart: { with: m, app: /a }, instances: { with: m, app: /a } } ]",
        "bad_driver",
        "name one of kind jenkins or kubernetes",
    ),
    (
        "teams: [ { id: t } ]\nconnections: [ { id: c, kind: jenkins, url: 'https://c' } ]\nservices: [ { id: s, team: t, restart: { with: c, job: j } } ]",
        "missing_key",
        "add `instances:`",
    ),
    (
        "teams: [ { id: t } ]\nconnections: [ { id: k, kind: kubernetes, url: 'https://k' } ]\nservices: [ { id: s, team: t, instances: { with: k, app: /a, deployment: d } } ]",
        "bad_driver",
        "remove `app`",
    ),
    (
        "teams: [ { id: t } ]\nconnections: [ { id: c, kind: jenkins, url: 'https://c' } ]\nservices: [ { id: s, team: t, deploys: { with: c, job: j, key: K } } ]",
        "bad_driver",
        "looking at deployments starts no build",
    ),
    (
        "teams: [ { id: t } ]\nconnections: [ { id: c, kind: mesos, url: 'https://c' } ]\nservices: [ { id: s, team: t, deploys: { with: c } } ]",
        "bad_driver",
        "name one of kind jenkins, marathon or kubernetes",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, links: [ { name: Logs, url: 'https://x/{who}' } ] } ]",
        "bad_value",
        "`{who}` is not filled in",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, links: [ { name: Logs, url: 'https://x{suffix}/' } ] } ]",
        "bad_value",
        "this service has no environments",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, environments: [ { id: a }, { id: a } ] } ]",
        "duplicate",
        "environment `a` exists already",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, environments: [ { id: a, suffix: '/../x' } ] } ]",
        "bad_value",
        "write for example `-stg`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, links: [ { name: Logs, url: 'https://x', owner: u } ] } ]",
        "unknown_reference",
        "team `u`",
    ),
    (
        "teams: [ { id: t } ]\nservices: [ { id: s, team: t, links: [ { name: Logs, url: 'https://x', learn: 'javascript:alert(1)' } ] } ]",
        "bad_value",
        "no address of a web page",
    ),
    (
        "teams: [ { id: t } ]\nconnections: [ { id: p, kind: mesos, url: 'https://p', owner: u } ]",
        "unknown_reference",
        "team `u`",
    ),
    (
        "connections: [ { id: k, kind: kubernetes, url: 'https://k', mounted_secret: ../../etc/shadow } ]",
        "bad_value",
        "without a path",
    ),
    ("connections: [ { id: k, kind: kubernetes, url: 'https://k', mounted_secret: .hidden } ]", "bad_value", "without a path"),
    (
        "connections: [ { id: k, kind: kubernetes, url: 'https://k', secret: s, mounted_secret: k } ]",
        "bad_value",
        "keep one of them",
    ),
    ("connections: [ { id: p, kind: prometheus, url: 'https://p' } ]", "missing_key", "add `queries:`"),
    (
        "connections: [ { id: p, kind: mesos, url: 'https://p', module: tcp_connect } ]",
        "bad_value",
        "`module` goes with `kind: blackbox`",
    ),
    ("connections: [ { id: p, kind: blackbox, url: 'https://p', module: 'a b' } ]", "bad_value", "this is no module's name"),
    ("users:\n  - id: a\n\tname: x", "yaml", "YAML refuses tabs"),
    ("users: [ { id: a }", "yaml", "every `[` and `{` is closed"),
    ("users: *nobody", "yaml", "not YAML"),
    ("users: !!python/object [ ]", "yaml", "means nothing here"),
    ("? [a, b]\n: c", "wrong_type", "a key has to be text"),
];

#[test]
fn each_mistake_is_found_once_where_it_stands_and_says_what_to_write() {
    let mut failures = Vec::new();
    for (text, code, says) in MISTAKES {
        let files = files(&[("x.yaml", text)]);
        let loaded = load(&files, &Env);
        let shown = rendered(&loaded, &files);
        if loaded.setup.is_some() || loaded.diagnostics.len() != 1 {
            failures.push(format!("{} mistakes instead of one in {text}\n{shown}", loaded.diagnostics.len()));
        } else if loaded.diagnostics[0].code != *code || !shown.contains(says) || loaded.diagnostics[0].line == 0 {
            failures.push(format!("{code} with {says:?} expected for {text}\n{shown}"));
        } else if loaded.diagnostics[0].help.is_none() && *code != "outside" {
            failures.push(format!("no help for {text}\n{shown}"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_mistake_of_every_file_is_reported_at_once() {
    let files = files(&[
        (
            "people.yaml",
            "users:\n  - id: ada\n    email: ada@example\n    contat: []\n  - id: Grace\n  - id: linus\n    contact: [ { id: mail, email: linus } ]\n",
        ),
        (
            "broken.yaml",
            "policies:\n  - id: pupper\n    steps:\n      - { page: [ { user: lnus } ], wait: 5 minutes }\n      - { page: [ { user: ada }\nservices:\n  - id: web\n",
        ),
        (
            "teams.yaml",
            "teams:\n  - { id: pupper, members: [ada, gracie], policy: pupper }\n  - { id: other, members: [ada], policy: nobody }\n",
        ),
        ("routes.yaml", "routes:\n  - { when: \"labels.severity == 'info' && servce == 'web'\", service: web, urgency: low }\n"),
    ]);
    let loaded = load(&files, &Env);
    assert!(loaded.setup.is_none());
    insta::assert_snapshot!(rendered(&loaded, &files), @r#"
    error[unknown_key]: `contat` is not a key of a user
     --> people.yaml:4:5
      |
    4 |     contat: []
      |     ^^^^^^
      = help: write `contact`; keys of a user are: `id`, `name`, `email`, `slack`, `timezone`, `contact`, `rules`, `waking`

    error[bad_value]: `Grace` is no id
     --> people.yaml:5:9
      |
    5 |   - id: Grace
      |         ^^^^^
      = help: write `grace`; an id has lower-case letters, digits, `.`, `_` and `-`, at most 64, and begins with a letter or digit

    error[bad_value]: `linus` is not an e-mail address
     --> people.yaml:7:35
      |
    7 |     contact: [ { id: mail, email: linus } ]
      |                                   ^^^^^
      = help: write for example `email: ada@example.org`

    error[unknown_reference]: user `lnus` does not exist
     --> broken.yaml:4:27
      |
    4 |       - { page: [ { user: lnus } ], wait: 5 minutes }
      |                           ^^^^
      = help: write `linus`; users are: `Grace`, `ada`, `linus`

    error[bad_value]: `5 minutes` is not a length of time; write for example 90s, 5m, 1h30m, 2d or 1w
     --> broken.yaml:4:43
      |
    4 |       - { page: [ { user: lnus } ], wait: 5 minutes }
      |                                           ^^^^^^^^^
      = help: write for example `wait: 5m`

    error[yaml]: not YAML: invalid indentation
     --> broken.yaml:6:1
      |
    6 | services:
      | ^^^^^^^^^
      = help: check the indentation here and on the line above: entries of one list or mapping start in the same column

    error[unknown_reference]: user `gracie` does not exist
     --> teams.yaml:2:34
      |
    2 |   - { id: pupper, members: [ada, gracie], policy: pupper }
      |                                  ^^^^^^
      = help: write `Grace`; users are: `Grace`, `ada`, `linus`

    error[unknown_reference]: policy `nobody` does not exist
     --> teams.yaml:3:42
      |
    3 |   - { id: other, members: [ada], policy: nobody }
      |                                          ^^^^^^
      = help: policies are: `pupper`

    error[bad_expression]: the variable `servce` does not exist
     --> routes.yaml:2:43
      |
    2 |   - { when: "labels.severity == 'info' && servce == 'web'", service: web, urgency: low }
      |                                           ^^^^^^
      = help: write `service`; a label is written `labels.servce`
    "#);
}

#[test]
fn findings_are_json_for_scripts() {
    let loaded = load(&files(&[("x.yaml", "teams: [ { id: T } ]")]), &Env);
    let json = serde_json::to_value(&loaded.diagnostics).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{
            "level": "error", "code": "bad_value", "file": "x.yaml", "line": 1, "column": 16, "length": 1,
            "message": "`T` is no id",
            "help": "write `t`; an id has lower-case letters, digits, `.`, `_` and `-`, at most 64, and begins with a letter or digit",
        }])
    );
}

/// A setup that loads, the time, and the codes with the subjects of its warnings.
const WARNINGS: &[(&str, &str, &[&str])] = &[
    ("teams: [ { id: t } ]", "2026-01-01T00:00:00Z", &["empty_team team t"]),
    ("users: [ { id: a } ]", "2026-01-01T00:00:00Z", &["unreachable user a"]),
    (
        "users: [ { id: a, email: a@b.c } ]\npolicies: [ { id: p, steps: [ { page: [ { user: a } ] } ] } ]",
        "2026-01-01T00:00:00Z",
        &["no_catch_all setup "],
    ),
    (
        "users: [ { id: a } ]\npolicies: [ { id: p, steps: [ { page: [ { user: a } ] } ] } ]\ncatch_all: { page: [ { user: a } ] }",
        "2026-01-01T00:00:00Z",
        &["unreachable user a", "dead_step policy p", "may_reach_nobody policy p", "may_reach_nobody catch_all catch_all"],
    ),
    // Only on weekdays: a gap, but the second step covers it.
    (
        "users: [ { id: a, email: a@b.c } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [a], start: 2025-01-01T00:00, every: 1w, only: [ { days: mon-fri } ] } ] } ]\npolicies: [ { id: p, steps: [ { page: [ { schedule: s } ] }, { page: [ { user: a } ] } ] } ]\ncatch_all: { page: [ { user: a } ] }",
        "2026-01-01T00:00:00Z",
        &["gap schedule s"],
    ),
    // Weekdays and weekends by two schedules: each has gaps, the policy has none.
    (
        "users: [ { id: a, email: a@b.c } ]\nschedules:\n  - { id: s, timezone: UTC, layers: [ { id: l, users: [a], start: 2025-01-01T00:00, every: 1w, only: [ { days: mon-fri } ] } ] }\n  - { id: w, timezone: UTC, layers: [ { id: l, users: [a], start: 2025-01-01T00:00, every: 1w, only: [ { days: 'sat,sun' } ] } ] }\npolicies: [ { id: p, steps: [ { page: [ { schedule: s } ] }, { page: [ { schedule: w } ] } ] } ]\ncatch_all: { page: [ { user: a } ] }",
        "2026-01-01T00:00:00Z",
        &["gap schedule s", "gap schedule w"],
    ),
    (
        "users: [ { id: a, email: a@b.c } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [a], start: 2025-01-01T00:00, every: 1w, only: [ { days: mon-fri } ] } ] } ]\npolicies: [ { id: p, steps: [ { page: [ { schedule: s } ] } ] } ]\ncatch_all: { page: [ { user: a } ] }",
        "2026-01-01T00:00:00Z",
        &["gap schedule s", "may_reach_nobody policy p"],
    ),
    // On call, but nothing reaches them.
    (
        "users: [ { id: a }, { id: b, email: a@b.c } ]\nschedules: [ { id: s, timezone: UTC, layers: [ { id: l, users: [a, b], start: 2025-01-01T00:00, every: 1w } ] } ]\npolicies: [ { id: p, steps: [ { page: [ { schedule: s } ] } ] } ]\ncatch_all: { page: [ { user: b } ] }",
        "2026-01-01T00:00:00Z",
        &["unreachable user a", "may_reach_nobody policy p"],
    ),
    // Through a team's policy, and a team without one.
    (
        "users: [ { id: a, email: a@b.c } ]\nteams: [ { id: t, members: [a], policy: q }, { id: u, members: [a] } ]\npolicies: [ { id: p, steps: [ { page: [ { team: t } ] } ] }, { id: q, steps: [ { page: [ { team: u } ] } ] } ]\ncatch_all: { page: [ { team: u } ] }",
        "2026-01-01T00:00:00Z",
        &[],
    ),
    (
        "users: [ { id: a, email: a@b.c } ]\nteams: [ { id: t, policy: p } ]\npolicies: [ { id: p, steps: [ { page: [ { user: a } ] } ] } ]\nservices: [ { id: s, team: t } ]",
        "2026-01-01T00:00:00Z",
        &["no_catch_all setup ", "may_reach_nobody team t"],
    ),
];

#[test]
fn what_may_reach_nobody_is_a_warning() {
    for (text, now, expected) in WARNINGS {
        let files = files(&[("x.yaml", text)]);
        let loaded = check(&files, &Env, now.parse().unwrap());
        let setup = loaded.setup.as_ref().unwrap_or_else(|| panic!("{}", rendered(&loaded, &files)));
        let found = firedog_domain::setup::warnings::warnings(setup, now.parse().unwrap());
        let found: Vec<String> = found.iter().map(|w| format!("{} {} {}", w.code, w.subject.kind, w.subject.id)).collect();
        assert_eq!(found, *expected, "{}", rendered(&loaded, &files));
        assert!(loaded.diagnostics.iter().all(|d| d.line > 0 || d.code == "no_catch_all"), "{}", rendered(&loaded, &files));
    }
}

#[test]
fn a_gap_is_told_with_its_local_time_and_how_often_it_comes() {
    let (text, now, _) = WARNINGS[6];
    let text = text.replace("timezone: UTC", "timezone: Europe/Berlin");
    let files = files(&[("x.yaml", &text)]);
    let loaded = check(&files, &Env, now.parse().unwrap());
    let messages: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "schedule `s`: nobody is on call from 2026-01-03 00:00 to 2026-01-05 00:00 Europe/Berlin, and 12 more times in the next 90 days",
            "policy `p` may reach nobody: none of its steps does from 2026-01-03 00:00 to 2026-01-05 00:00 Europe/Berlin, and 12 more times in the next 90 days",
        ]
    );
}
