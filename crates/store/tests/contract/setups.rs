use crate::sample::{alert, at, resolved};
use crate::{contract, run};
use firedog_domain::alert::Alert;
use firedog_domain::id::*;
use firedog_domain::setup::{Change, Maintenance, MaintenanceWhen, Override, Silence};
use firedog_domain::suppression::Leave;
use firedog_store::setup::{Heads, Stored};
use firedog_store::{Error, alert as stored, live, setup};

fn version(n: i64) -> Stored {
    Stored {
        version: n,
        created_at: at(n),
        author: "ada".to_owned(),
        body: format!("{{\"n\":{n}}}"),
        digest: format!("d{n}"),
        app: vec![format!("policy:p{n}")],
    }
}

fn silence(id: &str, from: i64, until: i64) -> Silence {
    Silence {
        id: id.into(),
        service: Some("web".into()),
        integration: Some("web/am".into()),
        matchers: Vec::new(),
        from: at(from),
        until: at(until),
        why: "ticket 42".to_owned(),
        created_by: "ada".to_owned(),
    }
}

fn overriding(id: &str, from: i64, to: i64) -> Override {
    Override { id: id.into(), change: Change::Add("grace".into()), from: at(from), to: at(to), created_at: at(1) }
}

fn window(id: &str, from: i64, to: i64) -> Maintenance {
    let when = MaintenanceWhen::Once { from: at(from), to: at(to) };
    Maintenance { id: id.into(), services: vec!["web".into()], when, why: "upgrade".to_owned() }
}

contract! {
    async fn the_head_moves_one_by_one(store) {
        assert_eq!(run!(store.read, [] tx => setup::heads(tx)).unwrap(), Heads { setup: 0, live: 0 });
        assert_eq!(run!(store.read, [] tx => setup::head(tx)).unwrap(), None);
        run!(store.write, [] tx => setup::put(tx, 0, &version(1))).unwrap();
        assert_eq!(run!(store.write, [] tx => setup::put(tx, 0, &version(1))), Err(Error::Stale));
        assert_eq!(run!(store.write, [] tx => setup::put(tx, 0, &version(2))), Err(Error::Stale));
        run!(store.write, [] tx => setup::put(tx, 1, &version(2))).unwrap();
        assert_eq!(run!(store.read, [] tx => setup::head(tx)).unwrap(), Some(version(2)));
        assert_eq!(run!(store.read, [] tx => setup::get(tx, 1)).unwrap(), Some(version(1)));
        assert_eq!(run!(store.read, [] tx => setup::get(tx, 3)).unwrap(), None);
        assert_eq!(run!(store.read, [] tx => setup::heads(tx)).unwrap().setup, 2);
        let listed = run!(store.read, [] tx => setup::list(tx, 9)).unwrap();
        assert_eq!(listed.iter().map(|s| (s.version, s.body.as_str())).collect::<Vec<_>>(), [(2, ""), (1, "")]);
    }

    async fn two_that_apply_at_once_do_not_overwrite(store) {
        let apply = |store: firedog_store::Store| async move { run!(store.write, [] tx => setup::put(tx, 0, &version(1))) };
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(apply(store.clone()))).collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.unwrap());
        }
        assert_eq!(done.iter().filter(|d| d.is_ok()).count(), 1, "{done:?}");
        assert!(done.iter().all(|d| matches!(d, Ok(()) | Err(Error::Stale))), "{done:?}");
    }

    async fn pruning_keeps_what_open_alerts_are_pinned_to(store) {
        for n in 1..=6 {
            run!(store.write, [] tx => setup::put(tx, n - 1, &version(n))).unwrap();
        }
        let pinned = vec![
            Alert { setup_version: 2, ..alert(1) },
            resolved(Alert { setup_version: 1, ..alert(2) }, at(9)),
        ];
        run!(store.write, [pinned] tx => stored::insert_many(tx, &pinned)).unwrap();
        assert_eq!(run!(store.write, [] tx => setup::prune(tx, 2)).unwrap(), 3);
        let left = run!(store.read, [] tx => setup::list(tx, 9)).unwrap();
        assert_eq!(left.iter().map(|s| s.version).collect::<Vec<_>>(), [6, 5, 2]);
        assert_eq!(run!(store.write, [] tx => setup::prune(tx, 0)).unwrap(), 1, "the head always stays");
    }

    async fn live_changes_are_loaded_and_raise_the_version(store) {
        let primary = ScheduleId::from("primary");
        run!(store.write, [primary] tx => live::add_override(tx, &primary, &overriding("o1", 10, 20), "ada")).unwrap();
        run!(store.write, [] tx => live::put_silence(tx, &silence("s1", 0, 50), at(1))).unwrap();
        run!(store.write, [] tx => live::add_maintenance(tx, &window("m1", 30, 40), "ada", at(1))).unwrap();
        assert_eq!(run!(store.read, [] tx => setup::heads(tx)).unwrap().live, 3);
        let leave = Leave { id: LeaveId::from("v1"), user: UserId::from("ada"), from: at(10), to: at(30), why: "holiday".to_owned() };
        run!(store.write, [leave] tx => live::add_leave(tx, &leave, "ada", at(1))).unwrap();
        let away = run!(store.read, [] tx => live::load_all(tx, at(5))).unwrap().leave;
        assert_eq!(away, vec![leave.clone()]);
        let ended = run!(store.write, [] tx => live::end_leave(tx, &LeaveId::from("v1"), at(20))).unwrap();
        assert_eq!(ended, Leave { to: at(20), ..leave });
        assert_eq!(run!(store.write, [] tx => live::end_leave(tx, &LeaveId::from("v1"), at(21))).unwrap_err(), Error::NotFound);
        assert_eq!(run!(store.read, [] tx => live::list_leave(tx, at(0), 9)).unwrap().len(), 1);
        let loaded = run!(store.read, [] tx => live::load_all(tx, at(5))).unwrap();
        assert_eq!(loaded.overrides_of(&primary), [overriding("o1", 10, 20)]);
        assert_eq!(loaded.silences, vec![silence("s1", 0, 50)]);
        assert_eq!(loaded.maintenance, vec![window("m1", 30, 40)]);
        // Silences and windows that are over are of no use; overrides still tell who was on.
        let later = run!(store.read, [] tx => live::load_all(tx, at(1_000))).unwrap();
        assert_eq!((later.silences.len(), later.maintenance.len(), later.overrides_of(&primary).len()), (0, 0, 1));
    }

    async fn an_override_ends_now_or_never_was(store) {
        let primary = ScheduleId::from("primary");
        for item in [overriding("begun", 10, 90), overriding("future", 50, 90)] {
            run!(store.write, [primary, item] tx => live::add_override(tx, &primary, &item, "ada")).unwrap();
        }
        let ended = run!(store.write, [] tx => live::end_override(tx, &OverrideId::from("begun"), at(20))).unwrap();
        assert_eq!(ended, (primary.clone(), overriding("begun", 10, 20)));
        run!(store.write, [] tx => live::end_override(tx, &OverrideId::from("future"), at(20))).unwrap();
        let again = run!(store.write, [] tx => live::end_override(tx, &OverrideId::from("begun"), at(21)));
        assert_eq!(again, Err(Error::NotFound));
        let loaded = run!(store.read, [] tx => live::load_all(tx, at(21))).unwrap();
        assert_eq!(loaded.overrides_of(&primary), [overriding("begun", 10, 20)]);
        let listed = run!(store.read, [] tx => live::list_overrides(tx, at(0), 9)).unwrap();
        assert_eq!(listed.len(), 1);
        let (schedule, kept) = &listed[0];
        assert_eq!((schedule, kept.created_by.as_str(), kept.ended_at), (&primary, "ada", Some(at(20))));
        assert_eq!(run!(store.read, [] tx => setup::heads(tx)).unwrap().live, 4, "what failed raises nothing");
    }

    async fn silences_are_edited_and_ended(store) {
        run!(store.write, [] tx => live::put_silence(tx, &silence("s1", 10, 50), at(1))).unwrap();
        run!(store.write, [] tx => live::put_silence(tx, &silence("s1", 10, 60), at(2))).unwrap();
        let kept = run!(store.read, [] tx => live::get_silence(tx, &SilenceId::from("s1"))).unwrap().unwrap();
        assert_eq!((kept.item.until, kept.created_at, kept.ended_at), (at(60), at(1), None));
        // Ended before it began: an empty span, still listed.
        let ended = run!(store.write, [] tx => live::end_silence(tx, &SilenceId::from("s1"), at(5))).unwrap();
        assert_eq!((ended.from, ended.until), (at(5), at(5)));
        let again = run!(store.write, [] tx => live::end_silence(tx, &SilenceId::from("s1"), at(6)));
        assert_eq!(again, Err(Error::NotFound));
        assert!(run!(store.read, [] tx => live::load_all(tx, at(6))).unwrap().silences.is_empty());
        assert_eq!(run!(store.read, [] tx => live::list_silences(tx, at(0), 9)).unwrap().len(), 1);
        assert_eq!(run!(store.read, [] tx => live::list_silences(tx, at(5), 9)).unwrap().len(), 0);
        assert!(run!(store.read, [] tx => live::get_silence(tx, &SilenceId::from("none"))).unwrap().is_none());
    }

    async fn maintenance_windows_end(store) {
        let every_night = Maintenance {
            when: serde_json::from_value(serde_json::json!({
                "every": "day", "from": "02:00", "to": "03:00", "timezone": "America/Chicago"
            }))
            .unwrap(),
            ..window("nightly", 0, 0)
        };
        run!(store.write, [every_night] tx => live::add_maintenance(tx, &every_night, "ada", at(1))).unwrap();
        run!(store.write, [] tx => live::add_maintenance(tx, &window("once", 0, 10), "ada", at(2))).unwrap();
        let listed = run!(store.read, [] tx => live::list_maintenance(tx, at(10), 9)).unwrap();
        assert_eq!(listed.iter().map(|k| &k.item).collect::<Vec<_>>(), [&every_night]);
        let ended = run!(store.write, [] tx => live::end_maintenance(tx, &MaintenanceId::from("nightly"), at(20)));
        assert_eq!(ended.unwrap(), every_night);
        assert!(run!(store.read, [] tx => live::load_all(tx, at(20))).unwrap().maintenance.is_empty());
        for gone in ["nightly", "once", "none"] {
            let again = run!(store.write, [] tx => async { live::end_maintenance(tx, &gone.into(), at(21)).await });
            assert_eq!(again, Err(Error::NotFound));
        }
    }
}
