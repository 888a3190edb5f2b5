use super::*;
use crate::event::{Action, Severity};
use crate::setup::{Integration, IntegrationKind, Service};
use serde_json::json;

fn setup() -> Setup {
    let service = |id: &str, urgency| Service {
        id: id.into(),
        name: String::new(),
        team: "t".into(),
        policy: None,
        ack_timeout: None,
        urgency,
        group: None,
        integrations: vec![Integration {
            id: "prometheus".to_owned(),
            kind: IntegrationKind::Alertmanager,
            key_sha256: String::new(),
            quiet_after: None,
            heartbeat: None,
            strict: false,
        }],
        serves: Vec::new(),
        restart: None,
        instances: None,
        deploys: None,
        links: Vec::new(),
        environments: Vec::new(),
    };
    let services = [service("web", Urgency::High), service("quiet", Urgency::Low)].into_iter().collect();
    Setup { services, ..Setup::default() }
}

fn event() -> Event {
    Event {
        integration: "web/prometheus".into(),
        action: Action::Trigger,
        dedup_key: "abc".to_owned(),
        summary: "Disk full on db-1".to_owned(),
        severity: Severity::Warning,
        source: Some("db-1".to_owned()),
        labels: [("app", "mobile-admin"), ("code", "503"), ("empty", ""), ("a.b/c", "dotted")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        details: json!({ "count": 7, "ratio": 0.5, "tags": ["x", "y"], "deep": { "er": true }, "big": u64::MAX }),
        links: Vec::new(),
        started_at: None,
        valid_until: None,
    }
}

fn route(when: &str) -> Route {
    Route { when: when.to_owned(), service: Some("quiet".into()), urgency: None }
}

fn decide(when: &str) -> Because {
    let routes = Routes::compile(&[route(when)]).unwrap_or_else(|errors| panic!("{errors:?}"));
    routes.route(&event(), &setup()).unwrap().because
}

#[test]
fn conditions_hold_or_do_not() {
    for (when, holds) in [
        ("true", true),
        ("labels.app == 'mobile-admin'", true),
        ("labels['a.b/c'] == 'dotted'", true),
        ("labels.app == 'web'", false),
        ("labels.app != 'web' && severity == 'warning'", true),
        ("severity in ['critical', 'error']", false),
        ("summary.contains('Disk') && source.startsWith('db-')", true),
        ("summary.matches('(?i)disk .* db-[0-9]+$')", true),
        ("summary.matches('^Disk') && matches(source, '-[0-9]$') && !summary.matches('^disk$')", true),
        ("labels.exists(name, labels[name].matches('^mobile-.*$'))", true),
        ("int(labels.code) >= 500", true),
        ("service == 'web' && integration == 'prometheus' && dedup_key == 'abc'", true),
        ("details.count > 5 && details.count + 1 == 8 && details.ratio < 1.0", true),
        ("'x' in details.tags && !('z' in details.tags)", true),
        ("details.deep.er", true),
        ("has(details.nothing)", false),
        ("details.big > 5", true),
        ("labels.exists(name, name.startsWith('ap'))", true),
        ("labels.all(name, labels[name] != '')", true),
        ("size(labels) == 3", true),
        ("labels.app == 'x' ? false : true", true),
    ] {
        let expected = if holds { Because::Route(0) } else { Because::NoRoute };
        assert_eq!(decide(when), expected, "{when}");
    }
}

#[test]
fn a_missing_label_is_the_empty_text_and_has_asks_whether_it_is_there() {
    for (when, holds) in [
        ("labels.nothing == 'x'", false),
        ("labels.nothing == ''", true),
        ("labels.nothing != 'x'", true),
        ("labels['not' + 'hing'] == ''", true),
        ("has(labels.nothing)", false),
        ("has(labels.app)", true),
        ("'app' in labels", true),
        ("'nothing' in labels", false),
        ("!has(labels.empty) && !('empty' in labels)", true),
        ("has(labels.app) && !has(labels.nothing) && ['x'].exists(x, has(labels.app))", true),
    ] {
        let expected = if holds { Because::Route(0) } else { Because::NoRoute };
        assert_eq!(decide(when), expected, "{when}");
    }
}

#[test]
fn what_cannot_be_evaluated_pages_the_own_service_with_high_urgency_and_says_why() {
    for (when, reason) in [
        ("details.nothing == 'x'", "there is no `nothing`"),
        ("details.count == 7 && details.count.startsWith('7')", "`startsWith` cannot be applied to (int, string)"),
        ("details.count == 7 && details.count.matches('7')", "`matches` cannot be applied to (int, pattern)"),
        ("details.count > 'x'", "`>` cannot be applied to (int, string)"),
        ("details.count", "the condition is neither true nor false, but of type int"),
        ("int(labels.app) > 5", "`int` failed on this value"),
        ("details.tags[9] == 'x'", "an index is past the end of its list"),
        ("details.count % 0 == 1", "division by zero"),
        ("details.big + details.big > details.big", "a number is too large"),
    ] {
        assert_eq!(decide(when), Because::RouteFailed(0, reason.to_owned()), "{when}");
    }
    let routes = Routes::compile(&[route("details.nothing == 1"), route("true")]).unwrap_or_else(|e| panic!("{e:?}"));
    let mut quiet = event();
    quiet.integration = "quiet/prometheus".into();
    let routing = routes.route(&quiet, &setup()).unwrap();
    assert_eq!((routing.service.as_str(), routing.urgency), ("quiet", Urgency::High));
}

#[test]
fn the_first_match_wins_and_says_where_and_how_urgently() {
    let to =
        |when: &str, service: Option<&str>, urgency| Route { when: when.to_owned(), service: service.map(Into::into), urgency };
    let list = [
        to("labels.app == 'x'", None, Some(Urgency::Low)),
        to("labels.app == 'mobile-admin'", Some("quiet"), None),
        to("true", Some("quiet"), Some(Urgency::High)),
    ];
    let routes = Routes::compile(&list).unwrap_or_else(|e| panic!("{e:?}"));
    let routing = routes.route(&event(), &setup()).unwrap();
    assert_eq!((routing.service.as_str(), routing.urgency, routing.because), ("quiet", Urgency::Low, Because::Route(1)));
    let mut other = event();
    other.labels.insert("app".to_owned(), "x".to_owned());
    let routing = routes.route(&other, &setup()).unwrap();
    assert_eq!((routing.service.as_str(), routing.urgency, routing.because), ("web", Urgency::Low, Because::Route(0)));
    other.labels.remove("app");
    assert_eq!(routes.route(&other, &setup()).unwrap().because, Because::Route(2));
    other.integration = "gone/prometheus".into();
    assert_eq!(routes.route(&other, &setup()), None);
    // A service that is gone since: the integration's own.
    let gone = Routes::compile(&[to("true", Some("gone"), None)]).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(gone.route(&event(), &setup()).unwrap().service.as_str(), "web");
    let none = Routes::compile(&[]).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(none.route(&event(), &setup()).unwrap().because, Because::NoRoute);
}

#[test]
fn details_that_are_too_large_are_null() {
    let routes = Routes::compile(&[route("details == null")]).unwrap_or_else(|e| panic!("{e:?}"));
    let mut large = event();
    for (details, is_null) in [
        (json!({ "x": "y".repeat(200_000) }), false),
        (json!({ "x": "y".repeat(300_000) }), true),
        (json!(vec![0; 20_000]), true),
        ((0..80).fold(json!(1), |inner, _| json!([inner])), true),
    ] {
        large.details = details;
        let expected = if is_null { Because::Route(0) } else { Because::NoRoute };
        assert_eq!(routes.route(&large, &setup()).unwrap().because, expected);
    }
}

/// What is refused, the text it is marked at, and what is said.
const REFUSED: &[(&str, &str, &str)] = &[
    ("", "", "empty"),
    ("labels.app = 'x'", "=", "write `==` to compare"),
    ("labels.app == 'x' and true", "and", "`&&`"),
    ("labels.app == 'x", "", "not an expression"),
    ("app == 'x'", "app", "a label is written `labels.app`"),
    ("sumary == 'x'", "sumary", "write `summary`"),
    ("labels.app", "labels.app", "a condition is true or false, this is a text"),
    ("summary", "summary", "compare it"),
    ("labels.code == 500", "labels.code == 500", "a text is never a number"),
    ("labels.code > 500", "labels.code > 500", "put the number in quotes"),
    ("labels.x == null", "labels.x == null", "has(labels.NAME)"),
    ("labels.x == true", "labels.x == true", "write `'true'`"),
    ("labels == {'a': 'b'}", "labels", "all labels at once"),
    ("[labels].exists(l, l.x == 'y')", "labels", "all labels at once"),
    ("severity == 'warn'", "'warn'", "write `'warning'`"),
    ("severity in ['info', 'crit']", "'crit'", "write `'critical'`"),
    ("severity == 'SEV1'", "'SEV1'", "severities are"),
    ("summary.app == 'x'", "summary.app", "cannot be asked of a text"),
    ("labels.app && true", "labels.app", "has to be true or false"),
    ("!labels.app", "labels.app", "has to be true or false"),
    ("summary.startswith('x')", "summary.startswith('x')", "write `startsWith`"),
    ("now() > 5", "now()", "functions are"),
    ("summary.matches('(')", "'('", "not a regular expression"),
    ("summary.matches(labels.pattern)", "labels.pattern", "never used as a pattern"),
    ("summary.matches('(a{1000}){1000}')", "'(a{1000}){1000}'", "not a regular expression"),
    ("@matches(summary, @patterns[0])", "", "not an expression"),
    ("labels.app in 'mobile-admin'", "'mobile-admin'", "contains"),
    ("labels.app in ['x', 5]", "5", "a text is never a number"),
    ("details.a.exists(x, details.b.exists(y, x == y))", "", "a loop inside of a loop"),
    ("details.a.exists(labels, labels.x == 'y')", "", "hides the variable"),
    ("Foo{a: 1} == 1", "", "cannot be used here"),
];

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    for (source, marked, says) in REFUSED {
        let problem = check(source).expect_err(source);
        let said = format!("{} {}", problem.message, problem.help.clone().unwrap_or_default());
        assert!(said.contains(says), "{source}: {said}");
        assert!(!said.contains('\n') && said.len() < 400, "{said}");
        let text = source.get(problem.at.clone()).unwrap_or_else(|| panic!("{source}: {:?}", problem.at));
        if !marked.is_empty() {
            assert!(
                text.starts_with(marked.trim_end_matches(|c: char| !c.is_alphanumeric())) || text == *marked,
                "{source}: {text} instead of {marked}"
            );
        }
    }
}

#[test]
fn hostile_conditions_are_refused_without_overflow() {
    // A thread of the size that servers have, not the larger one of tests.
    let run = || {
        let long = format!("true{}", " && true".repeat(2000));
        for source in [
            "(".repeat(4000),
            "!".repeat(4000),
            "-".repeat(4000),
            "[".repeat(4000),
            "{".repeat(4000),
            "a.".repeat(2000),
            format!("1{} == 1", "+1".repeat(2000)),
            format!("details{} == 1", ".a".repeat(2000)),
            format!("details{} == 1", "[0]".repeat(1300)),
            format!("{}true", "true ? true : ".repeat(290)),
            format!("{}1{}", "[".repeat(90), "]".repeat(90)),
            "\"".repeat(4001),
            long,
        ] {
            assert!(check(&source).is_err(), "{}", &source[..40]);
        }
        // What people write is far from the bound.
        let many: Vec<String> = (0..100).map(|n| format!("labels.a == '{n}'")).collect();
        assert_eq!(check(&many.join(" || ")), Ok(()));
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn compiling_tells_every_bad_route_and_its_column() {
    let errors = Routes::compile(&[route("true"), route("  app == 'x'"), route("1")]).err().unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].0, 1);
    assert!(errors[0].1.starts_with("column 3: the variable `app` does not exist"), "{}", errors[0].1);
}

#[test]
fn routes_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Routes>();
}
