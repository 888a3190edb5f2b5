use crate::sample::{alert, alerts, at, resolved};
use crate::{contract, run};
use firedog_domain::alert::{Alert, Next, NextKind, Pin, Resolved, State};
use firedog_domain::event::Severity;
use firedog_domain::id::*;
use firedog_domain::setup::Urgency;
use firedog_store::{Error, alert as stored};

/// One with every optional field set, one with none.
fn extremes() -> Vec<Alert> {
    let full = Alert {
        state: State::Acknowledged,
        acknowledged_by: Some("ada".into()),
        resolved_because: Some(Resolved::SourceQuiet),
        resolved_at: Some(at(9)),
        quiet_at: Some(at(7)),
        next: Some(Next { at: at(8), kind: NextKind::SnoozeEnds }),
        follows: Some("a0001".into()),
        severity: Severity::Info,
        urgency: Urgency::Low,
        policy: Pin::CatchAll,
        ..alert(1)
    };
    let bare = Alert {
        service: None,
        integration: None,
        source: None,
        labels: Default::default(),
        next: None,
        started_at: None,
        state: State::Acknowledged,
        summary: String::new(),
        ..alert(2)
    };
    vec![full, bare]
}

contract! {
    async fn come_back_as_they_went_in(store) {
        let new = extremes();
        run!(store.write, [new] tx => stored::insert_many(tx, &new)).unwrap();
        let ids: Vec<AlertId> = new.iter().map(|a| a.id.clone()).chain(["nobody".into()]).collect();
        let mut found = run!(store.read, [ids] tx => stored::get_many(tx, &ids)).unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found, new);
        let one = run!(store.read, [ids] tx => stored::get(tx, &ids[1])).unwrap();
        assert_eq!(one.as_ref(), Some(&new[1]));
        assert_eq!(run!(store.read, [] tx => stored::get(tx, &AlertId("nobody".into()))).unwrap(), None);
    }

    async fn nothing_is_a_set_too(store) {
        run!(store.write, [] tx => stored::insert_many(tx, &[])).unwrap();
        assert_eq!(run!(store.write, [] tx => stored::update_many(tx, &[])).unwrap(), vec![]);
        assert_eq!(run!(store.read, [] tx => stored::get_many(tx, &[])).unwrap(), vec![]);
        assert_eq!(run!(store.read, [] tx => stored::load_open_by_keys(tx, &[])).unwrap(), vec![]);
    }

    async fn sets_larger_than_a_statement(store) {
        let many = alerts(0..2_500);
        run!(store.write, [many] tx => stored::insert_many(tx, &many)).unwrap();
        assert_eq!(run!(store.write, [many] tx => stored::update_many(tx, &many)).unwrap(), vec![]);
        let ids: Vec<AlertId> = many.iter().map(|a| a.id.clone()).collect();
        let found = run!(store.read, [ids] tx => stored::get_many(tx, &ids)).unwrap();
        assert_eq!(found.len(), 2_500);
        assert!(found.iter().all(|a| a.version == 2));
        assert_eq!(run!(store.read, [] tx => stored::count_open(tx)).unwrap(), 2_500);
    }

    async fn an_update_writes_every_field_and_raises_the_version(store) {
        let new = alerts(1..4);
        run!(store.write, [new] tx => stored::insert_many(tx, &new)).unwrap();
        let mut changed: Vec<Alert> = new.clone();
        changed[0] = Alert {
            state: State::Acknowledged,
            urgency: Urgency::Low,
            severity: Severity::Warning,
            summary: "changed".to_owned(),
            source: None,
            labels: [("a".to_owned(), "b".to_owned())].into(),
            count: 7,
            updated_at: at(100),
            acknowledged_by: Some("grace".into()),
            policy: Pin::User("ada".into()),
            setup_version: 4,
            next: None,
            quiet_at: Some(at(50)),
            started_at: None,
            pages: 9,
            follows: Some("a0002".into()),
            cursor: Default::default(),
            ..changed[0].clone()
        };
        changed[1] = resolved(changed[1].clone(), at(60));
        assert_eq!(run!(store.write, [changed] tx => stored::update_many(tx, &changed)).unwrap(), vec![]);
        for a in changed {
            let found = run!(store.read, [a] tx => stored::get(tx, &a.id)).unwrap().unwrap();
            assert_eq!(found, Alert { version: 2, ..a });
        }
        assert_eq!(run!(store.read, [] tx => stored::count_open(tx)).unwrap(), 2);
    }

    async fn an_old_version_writes_nothing(store) {
        let new = alerts(1..3);
        run!(store.write, [new] tx => stored::insert_many(tx, &new)).unwrap();
        let first = vec![Alert { count: 2, ..new[0].clone() }];
        assert_eq!(run!(store.write, [first] tx => stored::update_many(tx, &first)).unwrap(), vec![]);
        let late = vec![Alert { count: 99, ..new[0].clone() }, Alert { count: 3, ..new[1].clone() }];
        let missed = run!(store.write, [late] tx => stored::update_many(tx, &late)).unwrap();
        assert_eq!(missed, vec![new[0].id.clone()]);
        let gone = vec![resolved(Alert { id: "nobody".into(), ..new[0].clone() }, at(9))];
        assert_eq!(run!(store.write, [gone] tx => stored::update_many(tx, &gone)).unwrap(), vec![AlertId::from("nobody")]);
        let ids: Vec<AlertId> = new.iter().map(|a| a.id.clone()).collect();
        let mut found = run!(store.read, [ids] tx => stored::get_many(tx, &ids)).unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found.iter().map(|a| (a.count, a.version)).collect::<Vec<_>>(), [(2, 2), (3, 2)]);
    }

    async fn one_open_alert_per_service_and_key(store) {
        let first = vec![alert(1)];
        run!(store.write, [first] tx => stored::insert_many(tx, &first)).unwrap();
        let twin = vec![Alert { id: "twin".into(), ..alert(1) }];
        assert_eq!(run!(store.write, [twin] tx => stored::insert_many(tx, &twin)), Err(Error::Conflict));
        let elsewhere = vec![
            Alert { id: "other".into(), service: Some("db".into()), ..alert(1) },
            Alert { id: "by-hand-1".into(), service: None, ..alert(1) },
            Alert { id: "by-hand-2".into(), service: None, ..alert(1) },
        ];
        run!(store.write, [elsewhere] tx => stored::insert_many(tx, &elsewhere)).unwrap();
        // Once it has closed, the key is free.
        let closed = vec![resolved(alert(1), at(5))];
        assert_eq!(run!(store.write, [closed] tx => stored::update_many(tx, &closed)).unwrap(), vec![]);
        run!(store.write, [twin] tx => stored::insert_many(tx, &twin)).unwrap();
    }

    async fn a_failed_operation_leaves_nothing(store) {
        let first = vec![alert(1)];
        run!(store.write, [first] tx => stored::insert_many(tx, &first)).unwrap();
        let bad = vec![alert(2), Alert { id: "twin".into(), ..alert(1) }];
        assert_eq!(run!(store.write, [bad] tx => stored::insert_many(tx, &bad)), Err(Error::Conflict));
        assert_eq!(run!(store.read, [] tx => stored::get(tx, &alert(2).id)).unwrap(), None);
        // Even if it hides the failure.
        let hidden = run!(store.write, [bad] tx => async {
            stored::insert_many(tx, &bad[..1]).await?;
            let _ = stored::insert_many(tx, &bad[1..]).await;
            Ok(())
        });
        assert_eq!(hidden, Err(Error::Conflict));
        assert_eq!(run!(store.read, [] tx => stored::get(tx, &alert(2).id)).unwrap(), None);
    }

    async fn load_by_keys(store) {
        let old = resolved(Alert { id: "old".into(), ..alert(1) }, at(3));
        let older = resolved(Alert { id: "older".into(), ..alert(1) }, at(2));
        let moved = Alert { id: "moved".into(), service: Some("db".into()), ..alert(1) };
        let all = vec![old.clone(), older, alert(1), alert(2), moved.clone()];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let web = ServiceId::from("web");
        let found = run!(store.read, [web] tx => async {
            stored::load_open_by_keys(tx, &[(&web, "key-1"), (&web, "key-9")]).await
        });
        assert_eq!(found.unwrap(), vec![alert(1)]);
        let prom = IntegrationId::from("web/prom");
        let found = run!(store.read, [prom] tx => async { stored::load_open_by_integration(tx, &[(&prom, "key-1")]).await });
        let mut found = found.unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found, vec![alert(1), moved]);
        let found = run!(store.read, [web] tx => async {
            stored::last_closed_by_keys(tx, &[(&web, "key-1"), (&web, "key-2")]).await
        });
        assert_eq!(found.unwrap(), vec![old]);
    }

    async fn followers_and_services(store) {
        let leader = alert(1);
        let follower = Alert { follows: Some(leader.id.clone()), ..alert(2) };
        let closed = resolved(Alert { follows: Some(leader.id.clone()), ..alert(3) }, at(5));
        let other = Alert { service: Some("db".into()), ..alert(4) };
        let all = vec![leader.clone(), follower.clone(), closed, other.clone()];
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        assert_eq!(run!(store.read, [leader] tx => stored::followers_of(tx, &leader.id)).unwrap(), vec![follower.clone()]);
        let found = run!(store.write, [] tx => stored::leaders(tx, &ServiceId::from("web"), at(0)));
        assert_eq!(found.unwrap(), vec![leader.clone()]);
        let later = run!(store.write, [] tx => stored::leaders(tx, &ServiceId::from("web"), at(2)));
        assert_eq!(later.unwrap(), vec![]);
        let found = run!(store.read, [] tx => stored::open_in_services(tx, &["db".into(), "web".into(), "none".into()]));
        assert_eq!(found.unwrap(), vec![leader, follower, other]);
        assert_eq!(run!(store.read, [] tx => stored::count_open(tx)).unwrap(), 3);
        assert_eq!(run!(store.read, [] tx => stored::pinned_versions(tx)).unwrap(), vec![1]);
    }

    async fn any_change_of_an_open_alert_changes_the_digest(store) {
        let all = alerts(0..3);
        run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
        let first = run!(store.read, [] tx => stored::open_digest(tx)).unwrap();
        assert_eq!(first.0, 3);
        let again = vec![all[1].clone()];
        assert!(run!(store.write, [again] tx => stored::update_many(tx, &again)).unwrap().is_empty());
        assert_ne!(run!(store.read, [] tx => stored::open_digest(tx)).unwrap(), first);
    }
}
