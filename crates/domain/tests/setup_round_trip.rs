//! What is written out loads again to the same setup: the JSON form that the store keeps, and exported files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use firedog_domain::diagnosis::table::{Row, Table};
use firedog_domain::id::OverrideId;
use firedog_domain::matcher::{MatchOp, Matcher};
use firedog_domain::runbook::{Answer, AnswerKind, Confirm, Fleet, Need, Runbook, Step as RunbookStep};
use firedog_domain::setup::export::export;
use firedog_domain::setup::load::{NoOutside, SourceFile, load};
use firedog_domain::setup::plan::plan;
use firedog_domain::setup::*;
use jiff::civil::{Time, Weekday, date};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Texts that quoting gets wrong: what looks like something else in YAML, old or new, and what breaks lines.
fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "",
        " ",
        "~",
        "null",
        "Null",
        "true",
        "no",
        "y",
        "123",
        "1e5",
        "0x1F",
        "1_000",
        "12:30",
        "2026-01-05",
        "- a",
        "a: b",
        "a #b",
        "#a",
        "'a'",
        "\"",
        "\\",
        "\\n",
        "a\\",
        "[a]",
        "{a}",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "---",
        "...",
        "? a",
        ",",
        ":",
        "::",
        " a",
        "a ",
        "a  b",
        "${A}",
        "$${A}",
        "${A} ",
        "Zoë",
        "火犬",
        "🔥",
        "a\u{a0}b",
        "\u{feff}",
        "\u{2028}",
        "\u{200b}",
        "\u{202e}x",
        "<<",
        "=",
        ".",
        "-",
        "e\u{301}",
        "\u{e000}",
        "\u{10ffff}",
    ]);
    prop_oneof![nasty.prop_map(str::to_owned), "\\PC{0,20}"]
}

/// Label values may hold anything.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "\\PC{0,5}",
        prop::sample::select(vec!["a\nb", "\t", "\r\n", "a\\nb", "\u{0}", "\u{85}", "\u{1b}[0m"]).prop_map(str::to_owned)
    ]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000).prop_map(|s| Timestamp::from_second(s).unwrap())
}

fn zone() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec!["UTC", "America/Chicago", "Asia/Kathmandu", "Australia/Lord_Howe", "Etc/GMT+5"])
        .prop_map(|name| Zone::get(name).unwrap())
}

fn clock() -> impl Strategy<Value = Time> {
    (0_i8..24, 0_i8..60, prop::sample::select(vec![0_i8, 0, 0, 7])).prop_map(|(h, m, s)| jiff::civil::time(h, m, s, 0))
}

fn length() -> impl Strategy<Value = SignedDuration> {
    (1_i64..=28 * 86_400).prop_map(SignedDuration::from_secs)
}

fn days() -> impl Strategy<Value = Days> {
    vec(0_i8..7, 1..7)
        .prop_map(|days| Days::of(&days.iter().map(|d| Weekday::from_monday_zero_offset(*d).unwrap()).collect::<Vec<_>>()))
}

fn pick(ids: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(ids).prop_map(str::to_owned)
}

const USERS: &[&str] = &["ada", "bob.b", "9_c-d"];
const TEAMS: &[&str] = &["t", "u"];
const SERVICES: &[&str] = &["web", "web.2"];

fn users() -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(USERS, 1..=3).prop_map(|ids| ids.into_iter().map(str::to_owned).collect())
}

fn rules() -> impl Strategy<Value = Option<Vec<Rule>>> {
    let rule = (prop::sample::select(vec!["m", "h"]), 0_i64..3600)
        .prop_map(|(via, after)| Rule { via: via.into(), after: SignedDuration::from_secs(after) });
    option::of(vec(rule, 1..3))
}

fn user(id: &'static str) -> impl Strategy<Value = User> {
    let secret = option::of(text().prop_filter("a secret is not empty", |text| !text.trim().is_empty()));
    let escaped = secret.prop_map(|secret| secret.filter(|text| !text.starts_with('$')));
    (text(), option::of(zone()), escaped, rules(), rules(), clock(), clock()).prop_map(
        move |(name, timezone, secret, high, low, from, to)| User {
            id: id.into(),
            name,
            email: Some(format!("{id}@example.org")),
            slack: Some(format!("U{}", id.to_uppercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "0"))),
            timezone,
            contact: vec![
                Contact {
                    id: "m".into(),
                    address: Address::Email("x@example.org".to_owned()),
                    secret: None,
                    content: Content::Full,
                    rings: false,
                },
                Contact {
                    id: "h".into(),
                    address: Address::Webhook("https://example.org/a?b=c&d=%7E#e".to_owned()),
                    secret,
                    content: Content::Minimal,
                    rings: true,
                },
            ],
            rules: Rules { high, low },
            waking: Waking { from, to },
        },
    )
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let window = (days(), clock(), clock()).prop_map(|(days, from, to)| Window { days, from, to });
    let every = (1_u32..50, prop::sample::select(vec![Unit::Hour, Unit::Day, Unit::Week, Unit::Month]))
        .prop_map(|(n, unit)| Every { n, unit });
    let layer = (vec(users(), 1..5), 1_i16..3000, clock(), every, vec(window, 0..3));
    let change = (pick(USERS), 0..3).prop_map(|(user, kind)| match kind {
        0 => Change::Replace(user.into()),
        1 => Change::Add(user.into()),
        _ => Change::Remove(user.into()),
    });
    let over = (change, instant(), length());
    (text(), zone(), option::of(pick(TEAMS)), vec(layer, 1..4), vec(over, 0..4)).prop_map(
        |(name, timezone, team, layers, overrides)| {
            let layers = layers.into_iter().enumerate().map(|(n, (users, day, time, every, only))| Layer {
                id: format!("l{n}"),
                users: users.into_iter().map(|turn| turn.into_iter().map(Into::into).collect()).collect(),
                start: date(2020, 1, 1).saturating_add(jiff::Span::new().days(day)).to_datetime(time),
                every,
                only,
            });
            let overrides = overrides.into_iter().enumerate().map(|(n, (change, from, length))| Override {
                id: OverrideId(format!("s#{}", n + 1)),
                change,
                from,
                to: from + length,
                created_at: Timestamp::default(),
            });
            Schedule {
                id: "s".into(),
                name,
                team: team.map(Into::into),
                timezone,
                layers: layers.collect(),
                overrides: overrides.collect(),
            }
        },
    )
}

fn targets() -> impl Strategy<Value = Vec<Target>> {
    let all =
        vec![Target::User("ada".into()), Target::User("9_c-d".into()), Target::Schedule("s".into()), Target::Team("u".into())];
    prop::sample::subsequence(all, 1..=4)
}

fn service(id: &'static str) -> impl Strategy<Value = Service> {
    use IntegrationKind::*;
    let kind = prop::sample::select(vec![Alertmanager, Pagerduty, Grafana, Generic, Heartbeat]);
    let ping = (length(), 0_i64..86_400).prop_map(|(every, grace)| setup_heartbeat(every, grace));
    let integration = (kind, option::of(length()), option::of(ping), any::<bool>(), "[0-9a-f]{60}");
    let group = (vec(text().prop_filter("named", |text| !text.is_empty()), 1..3), length()).prop_map(|(by, window)| Group {
        by,
        window,
        storm: Some(5),
    });
    (text(), pick(TEAMS), option::of(Just("p")), option::of(length()), any::<bool>(), option::of(group), vec(integration, 0..4))
        .prop_map(move |(name, team, policy, ack_timeout, low, group, integrations)| Service {
            id: id.into(),
            name,
            team: team.into(),
            policy: policy.map(Into::into),
            ack_timeout,
            urgency: if low { Urgency::Low } else { Urgency::High },
            group,
            integrations: integrations
                .into_iter()
                .enumerate()
                .map(|(n, (kind, quiet_after, heartbeat, strict, hash))| Integration {
                    id: format!("i{n}"),
                    kind,
                    key_sha256: format!("{hash}{n:02x}{:02x}", id.len()),
                    quiet_after,
                    heartbeat: heartbeat
                        .or_else(|| (kind == Heartbeat).then(|| setup_heartbeat(SignedDuration::from_secs(60), 0))),
                    strict: strict && kind == Pagerduty,
                })
                .collect(),
            serves: if low { vec!["inst-1".into()] } else { Vec::new() },
            restart: (!low).then(|| Driver {
                job: Some("ops/restart it".to_owned()),
                parameters: [("SERVICE".to_owned(), "${NOT}".to_owned())].into(),
                key: Some("KEY".to_owned()),
                ..driver("ci")
            }),
            instances: Some(Driver { app: Some("/core/x".to_owned()), ..driver("marathon") }),
            deploys: low.then(|| Driver { app: Some("/core/x".to_owned()), ..driver("marathon") }),
            links: vec![Link {
                name: "Logs: all".to_owned(),
                url: "https://kibana.example.org/#/?q={institution}".to_owned(),
                capability: Some(Capability::Logs),
                owner: (!low).then(|| "t".into()),
                learn: (!low).then(|| "https://wiki.example.org/#a:b".to_owned()),
            }],
            environments: if low { vec![Environment { id: "stg".to_owned(), suffix: "-stg".to_owned() }] } else { Vec::new() },
        })
}

fn driver(with: &str) -> Driver {
    Driver {
        with: with.into(),
        job: None,
        parameters: [].into(),
        key: None,
        app: None,
        namespace: None,
        deployment: None,
        two_person: with == "ci",
        approvers: (with == "ci").then(|| "p".into()),
    }
}

fn setup_heartbeat(every: SignedDuration, grace: i64) -> Heartbeat {
    Heartbeat { every, grace: SignedDuration::from_secs(grace) }
}

fn silence() -> impl Strategy<Value = Silence> {
    let name = value().prop_filter("named", |name| !name.is_empty());
    let matcher = (name, prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual]), value())
        .prop_map(|(name, op, value)| Matcher::new(name, op, value).unwrap());
    let regex = Just(Matcher::new("x", MatchOp::Regex, "a|\"b\\d+\\\\").unwrap());
    let matchers = vec(prop_oneof![4 => matcher, 1 => regex], 0..3).prop_map(|mut list| {
        list.dedup_by_key(|m| m.to_string());
        list
    });
    (matchers, instant(), length(), text(), text()).prop_map(|(mut matchers, from, length, why, created_by)| {
        matchers.truncate(2);
        let (id, service) = ("quiet".into(), Some("web".into()));
        Silence { id, service, integration: None, matchers, from, until: from + length, why, created_by }
    })
}

fn maintenance() -> impl Strategy<Value = Maintenance> {
    let once = (instant(), length()).prop_map(|(from, length)| MaintenanceWhen::Once { from, to: from + length });
    let recurring =
        (0_usize..3, days(), 1_i8..32, clock(), clock(), zone()).prop_map(|(every, days, day, from, to, timezone)| {
            let every = [Period::Day, Period::Week, Period::Month][every];
            let every = if every == Period::Week && days.is_all() { Period::Day } else { every };
            let days = if every == Period::Month { Days::ALL } else { days };
            MaintenanceWhen::Recurring { every, days, day: (every == Period::Month).then_some(day), from, to, timezone }
        });
    (prop_oneof![once, recurring], text()).prop_map(|(when, why)| Maintenance {
        id: "m".into(),
        services: SERVICES.iter().map(|id| (*id).into()).collect(),
        when,
        why,
    })
}

fn institution() -> impl Strategy<Value = Institution> {
    (
        text(),
        option::of(text().prop_filter("not empty", |text| !text.is_empty())),
        option::of(Just("https://core.example.org:8443/SymXchange".to_owned())),
    )
        .prop_map(|(name, code, core_endpoint)| Institution {
            id: "inst-1".into(),
            name,
            code,
            host: None,
            core_endpoint,
            authority: Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned()),
            room: Some("#support".to_owned()),
            vendor: Some("jsource".into()),
        })
}

fn vendor() -> impl Strategy<Value = Vendor> {
    let length = || prop::sample::select(vec![SignedDuration::from_mins(90), DEFAULT_RESPONDS_WITHIN, DEFAULT_CHASE_EVERY]);
    (text(), length(), length(), option::of(text().prop_filter("not empty", |text| !text.is_empty()))).prop_map(
        |(name, responds_within, chase_every, note)| Vendor {
            id: "jsource".into(),
            name,
            portal: Some("https://support.example.org/cases?new=1".to_owned()),
            email: Some("support@example.org".to_owned()),
            responds_within,
            chase_every,
            note,
            open_by: Some(OpenBy::Http),
            with: Some("portal".into()),
            confirm: false,
        },
    )
}

fn runbook() -> impl Strategy<Value = Runbook> {
    let text = || text().prop_map(|text| if text.trim().is_empty() { "Look".to_owned() } else { text });
    let plain = (text(), option::of(Just("institution.id == 'inst-1'".to_owned()))).prop_map(|(what, when)| RunbookStep {
        what,
        when,
        ..RunbookStep::default()
    });
    let uses = (
        text(),
        option::of(prop::sample::select(vec![1, 90, 5400]).prop_map(SignedDuration::from_secs)),
        prop::sample::select(vec!["https://logs:9200/es", "${institution.core_endpoint}", "https://slack.com/api"]),
    )
        .prop_map(|(what, timeout, target)| RunbookStep {
            what,
            timeout,
            uses: Some("net.probe".to_owned()),
            with: [("target".to_owned(), target.into())].into_iter().collect(),
            name: Some("seen".to_owned()),
            confirm: Some(Confirm::TwoPerson),
            ..RunbookStep::default()
        });
    let ask = text().prop_map(|what| RunbookStep {
        what,
        name: Some("said".to_owned()),
        ask: [
            ("well".to_owned(), Answer::Kind(AnswerKind::Bool)),
            ("side".to_owned(), Answer::Words(vec!["ours".to_owned(), "on".to_owned()])),
        ]
        .into(),
        ..RunbookStep::default()
    });
    let leaf = prop_oneof![plain, uses, ask].boxed();
    let each = vec(leaf.clone(), 1..3).prop_map(|steps| RunbookStep {
        what: "Each".to_owned(),
        each: Some(serde_json::json!(["a", "2", "${institution.id}"])),
        steps,
        ..RunbookStep::default()
    });
    let both =
        vec(leaf.clone(), 1..3).prop_map(|parallel| RunbookStep { what: "Both".to_owned(), parallel, ..RunbookStep::default() });
    (text(), vec(prop_oneof![3 => leaf, 1 => each, 1 => both], 1..5)).prop_map(|(title, steps)| Runbook {
        id: "book".into(),
        title,
        team: Some("t".into()),
        inputs: [("institution".to_owned(), Need::Required), ("note".to_owned(), Need::Optional)].into(),
        on: Some("labels.a == 'b'".to_owned()),
        deadline: SignedDuration::from_hours(2),
        stale_after: SignedDuration::from_hours(30 * 24),
        fleet: Fleet { more_than: 7, within: SignedDuration::from_mins(3) },
        steps,
    })
}

prop_compose! {
    fn setup()(
        people in (user(USERS[0]).boxed(), user(USERS[1]).boxed(), user(USERS[2]).boxed()),
        members in users(),
        names in (text(), text()),
        schedule in schedule().boxed(),
        steps in vec((targets(), length()), 1..4),
        repeat in 0_u32..=100,
        catch_all in option::of((targets(), length())),
        services in (service(SERVICES[0]).boxed(), service(SERVICES[1]).boxed()),
        routes in vec((prop::sample::select(vec!["true", "labels.a == 'b'", "labels['x.y'] != \"it's: #1\"", "summary.matches('^\\\\d+\\n')"]), option::of(pick(SERVICES)), option::of(Just(Urgency::Low))), 0..4),
        silence in option::of(silence()).boxed(),
        maintenance in option::of(maintenance()).boxed(),
        institution in institution().boxed(),
        vendor in vendor().boxed(),
        runbook in option::of(runbook().boxed()).boxed(),
    ) -> Setup {
        let team = |id: &str, name, policy: Option<&str>| Team {
            id: id.into(), name, members: members.iter().map(|m| m.as_str().into()).collect(), policy: policy.map(Into::into), groups: vec!["sre".to_owned()] };
        Setup {
            teams: [team("t", names.0, Some("p")), team("u", names.1, None)].into_iter().collect(),
            users: [people.0, people.1, people.2].into_iter().collect(),
            schedules: [schedule].into_iter().collect(),
            policies: [Policy {
                id: "p".into(), name: String::new(), team: Some("t".into()), repeat,
                steps: steps.into_iter().map(|(page, wait)| Step { page, wait }).collect(),
            }].into_iter().collect(),
            catch_all: catch_all.map(|(page, every)| CatchAll { page, every }),
            services: [services.0, services.1].into_iter().collect(),
            routes: routes.into_iter().map(|(when, service, urgency)| Route { when: when.to_owned(), service: service.map(Into::into), urgency }).collect(),
            silences: silence.into_iter().collect(),
            maintenance: maintenance.into_iter().collect(),
            vendors: [vendor].into_iter().collect(),
            institutions: [institution].into_iter().collect(),
            runbooks: runbook.into_iter().collect(),
            connections: [
                Connection { id: "logs".into(), kind: ConnectionKind::Elasticsearch, url: "https://logs:9200/es".to_owned(), user: Some("it".to_owned()),
                    secret: Some("${NOT} a reference".to_owned()), index: Some("interaction-*".to_owned()), fields: [("time".to_owned(), "@timestamp".to_owned())].into(), room: None, group: None, signing_secret: None, authority: None, queries: [].into(), ..connection("x", ConnectionKind::Slack) },
                Connection { id: "chat".into(), kind: ConnectionKind::Slack, url: "https://slack.com/api".to_owned(), user: None, secret: Some("xoxb".to_owned()),
                    index: None, fields: std::collections::BTreeMap::new(), room: Some("#support".to_owned()), group: Some("S1".to_owned()), signing_secret: Some("${NOT} one either".to_owned()), authority: Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned()), queries: [].into(), ..connection("x", ConnectionKind::Slack) },
                Connection { mounted_secret: Some("ci-token".to_owned()), ..connection("ci", ConnectionKind::Jenkins) }, connection("marathon", ConnectionKind::Marathon),
                Connection { module: Some("http_2xx".to_owned()), ..connection("branch", ConnectionKind::Blackbox) },
                Connection { queries: [("total".to_owned(), "sum(x{a=\"{institution}\"}[{last}])".to_owned()), ("failed".to_owned(), "0".to_owned())].into(), ..connection("metrics", ConnectionKind::Prometheus) },
                Connection { body: Some("{\"a\": \"{title}: {evidence}\", \"n\": 1}".to_owned()), number_at: Some("/r/number".to_owned()), url_at: Some("/r/url".to_owned()),
                    key_header: Some("Idempotency-Key".to_owned()), ..connection("portal", ConnectionKind::Http) },
            ].into_iter().collect(),
            tables: [Table { id: "mine".into(), rows: vec![
                Row { id: "a".to_owned(), when: Some("root == 'tls' || failing".to_owned()), owner: "ours".to_owned(), remedy: "watch".to_owned(), why: "it: #1".to_owned() },
                Row { id: "else".to_owned(), when: None, owner: "unclear".to_owned(), remedy: "ask_human".to_owned(), why: String::new() },
            ] }].into_iter().collect(),
        }
    }
}

fn connection(id: &str, kind: ConnectionKind) -> Connection {
    let url = format!("https://{id}.example.org/in");
    Connection {
        id: id.into(),
        kind,
        url,
        user: None,
        secret: None,
        index: None,
        fields: [].into(),
        room: None,
        group: None,
        signing_secret: None,
        authority: None,
        queries: [].into(),
        module: None,
        owner: None,
        mounted_secret: None,
        body: None,
        number_at: None,
        url_at: None,
        key_header: None,
    }
}

fn reload(files: &[SourceFile]) -> Result<Setup, String> {
    let loaded = load(files, &NoOutside);
    loaded.setup.ok_or_else(|| {
        let source = |name: &str| files.iter().find(|file| file.name == name).map_or("", |file| file.text.as_str());
        loaded.diagnostics.iter().map(|d| d.render(source(&d.file))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exported_files_load_to_the_same_setup(setup in setup()) {
        let files = export(&setup);
        let again = reload(&files).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&again, &setup);
        prop_assert!(plan(&setup, &again).is_empty());
        prop_assert_eq!(export(&again), files);
    }

    #[test]
    fn the_json_form_loads_to_the_same_setup(setup in setup()) {
        for text in [serde_json::to_string(&setup).unwrap(), serde_json::to_string_pretty(&setup).unwrap()] {
            let again = reload(&[SourceFile { name: "setup.json".to_owned(), text }]).map_err(TestCaseError::fail)?;
            prop_assert_eq!(&again, &setup);
        }
    }

    #[test]
    fn a_plan_shows_no_secret_and_is_empty_only_for_equal_setups(old in setup(), new in setup()) {
        let plan = plan(&old, &new);
        prop_assert_eq!(plan.is_empty(), old == new);
        let shown = plan.render() + &serde_json::to_string(&plan).unwrap();
        for service in old.services.iter().chain(new.services.iter()) {
            prop_assert!(service.integrations.iter().all(|i| !shown.contains(&i.key_sha256)));
        }
        prop_assert!(!shown.contains("https://example.org"));
    }

    #[test]
    fn no_text_makes_reading_fail_in_another_way_than_with_a_diagnostic(text in "([a-z]{1,3}|[-:{}\\[\\],'\"#&*!|>%@`?\n\t ]|id|users|teams|  ){0,60}") {
        let loaded = load(&[SourceFile { name: "x".to_owned(), text: text.clone() }], &NoOutside);
        prop_assert_eq!(loaded.setup.is_none(), loaded.has_errors());
        for diagnostic in &loaded.diagnostics {
            prop_assert!(!diagnostic.render(&text).is_empty());
        }
    }
}

/// A secret that looks like a reference to the environment survives files, where `$` is doubled.
#[test]
fn secrets_that_look_like_references_are_escaped() {
    for secret in ["${HOME}", "$${HOME}", "$$${A}", "$A", "${a b}", "x${A}"] {
        let contact = Contact {
            id: "h".into(),
            address: Address::Webhook("http://h".to_owned()),
            secret: Some(secret.to_owned()),
            content: Content::Full,
            rings: false,
        };
        let user = User {
            id: "ada".into(),
            name: String::new(),
            email: None,
            slack: None,
            timezone: None,
            contact: vec![contact],
            rules: Rules::default(),
            waking: Waking::default(),
        };
        let setup = Setup { users: [user].into_iter().collect(), ..Setup::default() };
        assert_eq!(reload(&export(&setup)), Ok(setup), "{secret}");
    }
}

#[test]
fn an_empty_setup_can_be_exported() {
    assert_eq!(reload(&export(&Setup::default())), Ok(Setup::default()));
}

const CONTRACT: &str = include_str!("setup/contract.yaml");

#[test]
fn exports_read_like_the_example() {
    let setup = reload(&[SourceFile { name: "c.yaml".to_owned(), text: CONTRACT.to_owned() }]).unwrap();
    let all: String = export(&setup).iter().map(|file| format!("--- {}\n{}", file.name, file.text)).collect();
    insta::assert_snapshot!(all, @r#"
    --- teams.yaml
    teams:
      - { id: pupper, name: Pupper, members: [ada, grace, linus], policy: pupper }
    --- users.yaml
    users:
      - id: ada
        name: Ada Lovelace
        email: ada@example.org
        timezone: America/Chicago
        contact:
          - { id: mail, email: ada@example.org }
          - { id: hook, webhook: "http://127.0.0.1:9099/ada", content: minimal }
        rules: { high: [ { via: mail }, { via: hook, after: 1m } ], low: [ { via: mail } ] }
      - { id: grace, name: Grace Hopper, email: grace@example.org, contact: [ { id: mail, email: grace@example.org } ] }
      - { id: linus, name: Linus Torvalds, email: linus@example.org, contact: [ { id: mail, email: linus@example.org } ] }
    --- schedules.yaml
    schedules:
      - id: pupper-primary
        team: pupper
        timezone: America/Chicago
        layers:
          - { id: weekly, users: [ada, grace, linus], start: "2026-01-05T09:00", every: 1w }
          - id: nights
            users: [linus]
            start: "2026-01-05T00:00"
            every: 1w
            only: [ { days: mon-fri, from: "22:00", to: "06:00" } ]
        overrides: [ { user: grace, from: "2026-02-01T15:00:00Z", to: "2026-02-02T15:00:00Z" } ]
      - id: pupper-secondary
        team: pupper
        timezone: America/Chicago
        layers: [ { id: weekly, users: [grace, linus, ada], start: "2026-01-05T09:00", every: 1w } ]
    --- policies.yaml
    policies:
      - id: pupper
        team: pupper
        repeat: 2
        steps:
          - { page: [ { schedule: pupper-primary } ], wait: 5m }
          - { page: [ { schedule: pupper-secondary } ], wait: 10m }
          - { page: [ { user: linus } ], wait: 5m }
    catch_all: { page: [ { user: linus } ], every: 30m }
    --- services.yaml
    services:
      - id: symxchange-http-server
        name: SymXchange HTTP server
        team: pupper
        policy: pupper
        ack_timeout: 30m
        group: { by: [institution], for: 5m }
        integrations:
          - id: prometheus
            kind: alertmanager
            key_sha256: "2ab1d96664f788d2caedae62d81803acedd4a171def0eeedc2a1b42b6100d5dc"
          - { id: events, kind: pagerduty, key_sha256: "15f97972e4c50201d491714686c57c95386d1cc6eab33570a2463b5208c12dd3" }
    --- routes.yaml
    routes:
      - { when: "labels.severity == 'info'", urgency: low }
      - { when: "labels.app == 'mobile-admin'", service: symxchange-http-server }
    silences:
      - id: known-noise
        service: symxchange-http-server
        matchers: ["alertname=\"Noisy\""]
        until: "2026-12-31T00:00:00Z"
        why: ticket 42
    maintenance:
      - id: core-nightly
        services: [symxchange-http-server]
        every: day
        from: "02:00"
        to: "03:00"
        timezone: America/Chicago
    "#);
}

#[test]
fn a_plan_says_in_words_what_changes() {
    let read = |text: &str| reload(&[SourceFile { name: "c.yaml".to_owned(), text: text.to_owned() }]).unwrap();
    let old = read(CONTRACT);
    let new = CONTRACT
        .replace(
            "page: [ { schedule: pupper-primary } ], wait: 5m",
            "page: [ { schedule: pupper-primary }, { user: ada } ], wait: 10m",
        )
        .replace("members: [ada, grace, linus]", "members: [ada, linus, margaret]")
        .replace("  - { id: grace, name", "  - { id: margaret, email: m@example.org }\n  - { id: grace, name")
        .replace("a-key-of-at-least-16-chars", "a-new-key-of-at-least-16-chars")
        .replace("http://127.0.0.1:9099/ada", "http://127.0.0.1:9099/lovelace")
        .replace("users: [ada, grace, linus], start", "users: [grace, ada, linus], start")
        .replace("    ack_timeout: 30m                     # default none\n", "")
        .replace("urgency: low }", "urgency: high }")
        .replace("  - { id: core-nightly", "  - { id: core");
    insta::assert_snapshot!(plan(&old, &read(&new)).render(), @r#"
    + user margaret
    + maintenance core
    ~ team pupper
        members - grace
        members + margaret
    ~ user ada  contact hook webhook changed
    ~ schedule pupper-primary  layers weekly users in another order: grace, ada, linus
    ~ policy pupper
        steps 1 page + user ada
        steps 1 wait 5m -> 10m
    ~ service symxchange-http-server
        integrations prometheus key changed
        ack_timeout 30m -> none
    ~ routes
        - 1: when labels.severity == 'info', urgency low
        + 1: when labels.severity == 'info', urgency high
    - maintenance core-nightly
    2 added, 6 changed, 1 removed
    "#);
    assert_eq!(plan(&old, &old).render(), "no change\n");
    let without = read(CONTRACT.split("routes:").next().unwrap());
    let removed = plan(&old, &without);
    assert_eq!(removed.removed.iter().map(|c| c.kind).collect::<Vec<_>>(), ["silence", "maintenance"]);
    let nothing = plan(&old, &Setup::default());
    assert_eq!(nothing.removed_users().len(), 3);
    assert_eq!(nothing.removed_services(), ["symxchange-http-server".into()]);
    assert_eq!(nothing.removed_schedules().len(), 2);
    assert_eq!(nothing.removed_policies(), ["pupper".into()]);
}
