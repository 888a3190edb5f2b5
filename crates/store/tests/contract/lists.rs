use crate::sample::{alert, alerts, at, resolved};
use crate::{contract, run};
use firedog_domain::alert::{Alert, Entry, EntryKind, State};
use firedog_domain::event::{Action, Event};
use firedog_domain::id::*;
use firedog_domain::setup::Urgency;
use firedog_store::alert::{Filter, Position};
use firedog_store::event::Received;
use firedog_store::{alert as stored, event, timeline};

fn ids(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|a| a.id.as_str()).collect()
}

fn entry(seconds: i64, reason: &str) -> Entry {
    Entry {
        at: at(seconds),
        kind: EntryKind::Paged,
        user: Some("ada".into()),
        contact: None,
        channel: None,
        outcome: None,
        reason: Some(reason.to_owned()),
    }
}

contract! {
    async fn narrow(store) {
        let low = Alert { urgency: Urgency::Low, integration: None, ..alert(2) };
        let other = Alert { service: Some("db".into()), state: State::Acknowledged, ..alert(3) };
        let all = vec![alert(1), low, other, resolved(alert(4), at(9))];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let find = |filter: Filter| {
            let store = store.clone();
            async move { run!(store.read, [filter] tx => stored::list(tx, &filter, None, 10)).unwrap() }
        };
        let none = Filter::default();
        assert_eq!(ids(&find(none.clone()).await), ["a0004", "a0003", "a0002", "a0001"]);
        let open = vec![State::Triggered, State::Acknowledged];
        assert_eq!(ids(&find(Filter { states: open, ..none.clone() }).await), ["a0003", "a0002", "a0001"]);
        assert_eq!(ids(&find(Filter { states: vec![State::Resolved], ..none.clone() }).await), ["a0004"]);
        assert_eq!(ids(&find(Filter { services: vec!["db".into()], ..none.clone() }).await), ["a0003"]);
        let both = vec!["db".into(), "web".into()];
        assert_eq!(find(Filter { services: both, ..none.clone() }).await.len(), 4);
        assert_eq!(ids(&find(Filter { urgency: Some(Urgency::Low), ..none.clone() }).await), ["a0002"]);
        assert_eq!(find(Filter { integration: Some("web/prom".into()), ..none.clone() }).await.len(), 3);
        let with = |text: &str| Filter { words: text.split(' ').map(str::to_owned).collect(), ..Filter::default() };
        assert_eq!(find(with("KEY-")).await.len(), 4, "whatever the case");
        assert_eq!(ids(&find(with("key-3")).await), ["a0003"]);
        assert!(find(with("k%3")).await.is_empty() && find(with("key_3")).await.is_empty(), "no wildcards");
        assert!(find(with("\\")).await.is_empty() && find(with("!")).await.is_empty());
        assert_eq!(ids(&find(with("web key-2")).await), ["a0002"], "every word");
        assert_eq!(ids(&find(Filter { since: Some(at(2)), until: Some(at(4)), ..none }).await), ["a0003", "a0002"]);
    }

    async fn page_without_gaps_or_repeats_while_alerts_arrive(store) {
        // All created at two instants: the id decides.
        let all: Vec<Alert> = alerts(0..25).into_iter().map(|a| Alert { created_at: at(a.created_at.as_second() % 2), ..a }).collect();
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let mut seen = Vec::new();
        let mut after: Option<Position> = None;
        loop {
            let page = run!(store.read, [after] tx => stored::list(tx, &Filter::default(), after.as_ref(), 4)).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(Position::of(last));
            seen.extend(page.iter().map(|a| (a.created_at, a.id.clone())));
            let newer = vec![Alert { id: AlertId(format!("new{}", seen.len())), ..alert(900 + seen.len() as i64) }];
            run!(store.write, [newer] tx => stored::insert_many(tx, &newer)).unwrap();
        }
        let mut expected: Vec<_> = all.into_iter().map(|a| (a.created_at, a.id)).collect();
        expected.sort();
        expected.reverse();
        assert_eq!(seen, expected);
    }

    async fn timelines_take_an_entry_once(store) {
        let id = AlertId::from("a1");
        let key = |k: &str| k.to_owned();
        let first = vec![(id.clone(), key("1.0"), entry(5, "five")), (id.clone(), key("1.1"), entry(5, "after five"))];
        run!(store.write, [first] tx => timeline::append_many(tx, &first)).unwrap();
        let again = vec![
            (id.clone(), key("1.0"), entry(5, "told differently")),
            (id.clone(), key("0.0"), entry(3, "three")),
            ("a2".into(), key("1.0"), entry(5, "of another")),
        ];
        run!(store.write, [again] tx => timeline::append_many(tx, &again)).unwrap();
        let list = |limit: u32| {
            let store = store.clone();
            async move { run!(store.read, [] tx => timeline::list(tx, &AlertId::from("a1"), limit)).unwrap() }
        };
        assert_eq!(list(9).await, vec![entry(3, "three"), entry(5, "five"), entry(5, "after five")]);
        assert_eq!(list(1).await, vec![entry(5, "after five")]);
    }

    async fn events_newest_first(store) {
        let event = |summary: &str| Event {
            integration: "web/prom".into(),
            action: Action::Trigger,
            dedup_key: "k".to_owned(),
            summary: summary.to_owned(),
            severity: Default::default(),
            source: None,
            labels: Default::default(),
            details: serde_json::json!({ "nested": { "text": "with \u{0} inside", "n": 1 } }),
            links: Vec::new(),
            started_at: Some(at(0)),
            valid_until: None,
        };
        let received = |n: i64| Received { id: format!("e{n}"), alert: "a1".into(), at: at(n), event: event(&n.to_string()) };
        let all = vec![received(1), received(2), received(3)];
        run!(store.write, [all] tx => event::insert_many(tx, &all)).unwrap();
        run!(store.write, [all] tx => event::insert_many(tx, &all)).unwrap();
        let found = run!(store.read, [] tx => event::for_alert(tx, &AlertId::from("a1"), 2)).unwrap();
        assert_eq!(found, vec![received(3), received(2)]);
        let other = Received { id: "e0".to_owned(), alert: "a2".into(), ..received(1) };
        let one = vec![other.clone()];
        run!(store.write, [one] tx => event::insert_many(tx, &one)).unwrap();
        let ids: Vec<AlertId> = vec!["a2".into(), "a1".into(), "a3".into()];
        let mut found = run!(store.read, [ids] tx => event::latest_for_alerts(tx, &ids)).unwrap();
        found.sort_by(|a, b| a.alert.cmp(&b.alert));
        assert_eq!(found, vec![received(3), other]);
    }
}
