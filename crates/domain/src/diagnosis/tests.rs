//! Weathers: what was read, and what has to be made of it. One confident wrong answer fails.

use super::blast::{Calls, Counted, blast};
use super::rules::{Failed, LEAST_LINES, classify, is_wrapper, tally};
use super::table::{Evidence, Row, Table, check, decide, evidence, shipped};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Weather {
    name: String,
    lines: Vec<Line>,
    calls: BTreeMap<String, (u64, u64)>,
    usual: BTreeMap<String, (u64, u64)>,
    hosts: BTreeMap<String, String>,
    probe: Value,
    late: bool,
    expect: Expect,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    stack: String,
}

#[derive(Deserialize)]
struct Expect {
    root: String,
    owner: String,
    remedy: String,
    #[serde(default)]
    text: Option<String>,
}

fn weathers() -> Vec<Weather> {
    serde_json::from_str(include_str!("weathers.json")).unwrap()
}

fn failed(line: &Line) -> Failed {
    Failed { error_type: line.kind.clone(), message: line.message.clone(), stack: line.stack.clone() }
}

fn counted(weather: &Weather) -> Counted {
    let calls = |map: &BTreeMap<String, (u64, u64)>| {
        map.iter().map(|(id, (failed, total))| (id.clone(), Calls { failed: *failed, total: *total })).collect()
    };
    Counted { now: calls(&weather.calls), usual: calls(&weather.usual), hosts: weather.hosts.clone() }
}

/// As the steps of a run bring it.
fn brought(weather: &Weather) -> Map<String, Value> {
    let causes = tally(&weather.lines.iter().map(failed).collect::<Vec<_>>());
    let blast = blast("inst-123", &counted(weather));
    let all = json!({
        "causes": { "root": causes.root, "share": causes.share, "mixed": causes.mixed, "late": weather.late || causes.few, "expired": causes.expired,
            "failed": weather.lines.len() },
        "blast": { "others_failing": blast.others_failing, "others_total": blast.others_total, "shared_host_down": blast.shared_host_down,
            "failing": blast.fails, "late": blast.few },
        "probe": weather.probe,
    });
    all.as_object().unwrap().clone()
}

#[test]
fn every_weather_is_told_for_what_it_is() {
    let all = weathers();
    assert!(all.len() >= 20);
    let table = shipped();
    for weather in &all {
        let causes = tally(&weather.lines.iter().map(failed).collect::<Vec<_>>());
        let decision = decide(&table, &evidence(&brought(weather)));
        let expect = &weather.expect;
        assert_eq!(
            (&causes.root, &decision.owner, &decision.remedy),
            (&expect.root, &expect.owner, &expect.remedy),
            "{}: {decision:?}",
            weather.name
        );
        if let Some(text) = &expect.text {
            assert_eq!(&blast("inst-123", &counted(weather)).text, text);
        }
    }
    let restarts = all.iter().filter(|weather| weather.expect.remedy == "restart").count();
    assert!(restarts > 0 && all.iter().any(|weather| weather.expect.owner == "unclear"));
}

#[test]
fn the_shipped_table_has_no_mistakes_and_others_are_told_theirs() {
    assert_eq!(check(&shipped()), []);
    let row = |id: &str, when: Option<&str>, owner: &str, remedy: &str| Row {
        id: id.to_owned(),
        when: when.map(str::to_owned),
        owner: owner.to_owned(),
        remedy: remedy.to_owned(),
        why: String::new(),
    };
    let table = Table {
        id: "t".into(),
        rows: vec![
            row("a", Some("cause == 'tls'"), "ours", "restart"),
            row("b", None, "them", "restart"),
            row("c", Some("failing"), "ours", "watch"),
        ],
    };
    let wrong: Vec<String> = check(&table).into_iter().map(|(at, key, message)| format!("{at} {key} {message}")).collect();
    assert_eq!(wrong.len(), 4, "{wrong:#?}");
    assert!(wrong[0].starts_with("0 when there is no `cause`"), "{wrong:#?}");
}

#[test]
fn no_table_restarts_what_a_restart_does_not_mend() {
    let all = Table {
        id: "t".into(),
        rows: vec![Row {
            id: "all".to_owned(),
            when: None,
            owner: "ours".to_owned(),
            remedy: "restart".to_owned(),
            why: String::new(),
        }],
    };
    for weather in weathers() {
        let known = evidence(&brought(&weather));
        let decision = decide(&all, &known);
        let mends = known.doubts.is_empty() && known.root == "pool_exhausted" && known.probe_ok;
        assert_eq!(decision.remedy == "restart", mends, "{}: {decision:?}", weather.name);
    }
}

#[test]
fn what_nobody_has_looked_for_is_a_doubt() {
    let nothing = evidence(&Map::new());
    assert_eq!(nothing.doubts, ["nobody has looked for the root error"]);
    assert_eq!(decide(&shipped(), &nothing).owner, "unclear");
    let by_hand = json!({ "causes": { "root": "pool_exhausted", "failed": 214 }, "probe": { "ok": true } });
    assert_eq!(decide(&shipped(), &evidence(by_hand.as_object().unwrap())).remedy, "restart");
}

const ROOTS: [(&str, &str); 6] = [
    ("java.net.ConnectException: Connection refused", "connection_refused"),
    ("javax.net.ssl.SSLHandshakeException: Remote host closed", "tls"),
    ("java.net.UnknownHostException: core.example.org", "name_resolution"),
    ("PoolTimeout: pool timeout after 5 s", "pool_exhausted"),
    ("java.net.SocketTimeoutException: Read timed out", "read_timeout"),
    ("Server.FailedAuthentication", "authentication"),
];
const OUTER: [&str; 5] = [
    "java.util.concurrent.ExecutionException: com.example.UpstreamException",
    "java.lang.RuntimeException: upstream call failed",
    "com.example.GatewayException: HTTP 502 from our gateway",
    "java.util.concurrent.CompletionException: request failed",
    "com.example.TimedOut: Read timed out while waiting",
];

#[test]
fn wrappers_are_known_for_what_they_are() {
    assert!(is_wrapper(OUTER[0]) && is_wrapper(OUTER[3]) && !is_wrapper(ROOTS[0].0));
}

proptest! {
    /// However deep it is wrapped, and whatever the wrappers say.
    #[test]
    fn a_wrapper_never_wins(root in 0_usize..6, outer in proptest::collection::vec(0_usize..5, 0..6), frames in 0_usize..4) {
        let (text, class) = ROOTS[root];
        let frame = "\n\tat com.example.Pool.connect_timeout(Pool.java:41)".repeat(frames);
        let mut stack = String::new();
        for (n, layer) in outer.iter().enumerate() {
            stack.push_str(&format!("{}{}{frame}\n", if n > 0 { "Caused by: " } else { "" }, OUTER[*layer]));
        }
        stack.push_str(&format!("{}{text}{frame}\n\t... 31 more", if outer.is_empty() { "" } else { "Caused by: " }));
        let line = Failed { error_type: "ExecutionException".to_owned(), message: "HTTP 502 Bad Gateway".to_owned(), stack };
        prop_assert_eq!(classify(&line), class);
        // The same in one line.
        let nested = outer.iter().map(|layer| OUTER[*layer]).chain([text]).collect::<Vec<_>>().join("; nested exception is ");
        let found = classify(&Failed { message: nested, ..Failed::default() });
        prop_assert_eq!(found, class);
    }

    /// The order of lines says nothing, and too few say nothing.
    #[test]
    fn lines_in_any_order_say_the_same(mut lines in proptest::collection::vec((0_usize..6).prop_map(|n| Failed { message: ROOTS[n].0.to_owned(), ..Failed::default() }), 0..40), seed in any::<u64>()) {
        let before = tally(&lines);
        let n = lines.len();
        for at in (1..n).rev() {
            lines.swap(at, (seed as usize).wrapping_mul(at + 7) % (at + 1));
        }
        prop_assert_eq!(&tally(&lines), &before);
        if n < LEAST_LINES {
            prop_assert_eq!(&before.root, "unclear");
        }
    }

    /// Late logs are never decided by.
    #[test]
    fn late_is_never_confident(which in 0_usize..20) {
        let mut weather = weathers().swap_remove(which);
        weather.late = true;
        let known: Evidence = evidence(&brought(&weather));
        let decision = decide(&shipped(), &known);
        prop_assert_eq!((decision.owner.as_str(), decision.remedy.as_str()), ("unclear", "ask_human"));
    }
}
