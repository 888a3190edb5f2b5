use crate::sample::at;
use crate::{contract, run};
use firedog_domain::id::*;
use firedog_store::audit::Record;
use firedog_store::heartbeat::{Heartbeat, State};
use firedog_store::idempotency::Answer;
use firedog_store::node::Node;
use firedog_store::quarantine::Quarantined;
use firedog_store::token::Token;
use firedog_store::{Error, audit, heartbeat, idempotency, meta, node, quarantine, token};

fn beat(id: &str, ready: i64) -> Heartbeat {
    Heartbeat {
        integration: id.into(),
        version: 0,
        state: State::Alive,
        last_at: Some(at(0)),
        started_at: None,
        ready_at: Some(at(ready)),
    }
}

fn a_token(id: &str) -> Token {
    Token {
        id: id.to_owned(),
        hash: format!("hash of {id}"),
        name: "ci".to_owned(),
        role: "responder".to_owned(),
        user: Some("ada".into()),
        created_at: at(1),
        last_used_at: None,
        revoked_at: None,
    }
}

fn record(n: i64, subject: &str) -> Record {
    Record {
        id: format!("r{n}"),
        at: at(n),
        actor: "user:ada".to_owned(),
        action: "silence.add".to_owned(),
        subject: subject.to_owned(),
        before: None,
        after: Some("{}".to_owned()),
        detail: None,
    }
}

contract! {
    async fn heartbeats(store) {
        let new = vec![beat("web/a", 10), beat("web/b", 20)];
        assert_eq!(run!(store.write, [new] tx => heartbeat::put_many(tx, &new)).unwrap(), vec![]);
        assert_eq!(run!(store.write, [new] tx => heartbeat::put_many(tx, &new)).unwrap().len(), 2, "they exist already");
        let found = run!(store.read, [] tx => heartbeat::get_many(tx, &["web/a".into(), "none".into()])).unwrap();
        assert_eq!(found, vec![Heartbeat { version: 1, ..beat("web/a", 10) }]);
        let claimed = run!(store.write, [] tx => heartbeat::claim_due(tx, at(10), at(40), 9)).unwrap();
        assert_eq!(claimed, vec![Heartbeat { version: 2, ready_at: Some(at(40)), ..found[0].clone() }]);
        assert_eq!(run!(store.write, [] tx => heartbeat::claim_due(tx, at(10), at(40), 9)).unwrap(), vec![]);
        let changed = vec![
            Heartbeat { state: State::Missing, ready_at: None, started_at: Some(at(3)), last_at: None, ..claimed[0].clone() },
            Heartbeat { state: State::Failed, version: 9, ..beat("web/b", 1) },
        ];
        let missed = run!(store.write, [changed] tx => heartbeat::put_many(tx, &changed)).unwrap();
        assert_eq!(missed, vec![IntegrationId::from("web/b")]);
        let listed = run!(store.read, [] tx => heartbeat::list(tx)).unwrap();
        assert_eq!(listed, vec![Heartbeat { version: 3, ..changed[0].clone() }, Heartbeat { version: 1, ..beat("web/b", 20) }]);
        let gone = run!(store.write, [] tx => heartbeat::delete_many(tx, &["web/a".into(), "none".into()]));
        assert_eq!(gone.unwrap(), 1);
    }

    async fn tokens(store) {
        run!(store.write, [] tx => token::insert(tx, &a_token("t1"))).unwrap();
        let twin = Token { id: "t2".to_owned(), ..a_token("t1") };
        assert_eq!(run!(store.write, [twin] tx => token::insert(tx, &twin)), Err(Error::Conflict));
        let nobody = Token { user: None, created_at: at(0), ..a_token("t0") };
        run!(store.write, [nobody] tx => token::insert(tx, &nobody)).unwrap();
        assert_eq!(run!(store.read, [] tx => token::list(tx, 9)).unwrap(), vec![nobody, a_token("t1")]);
        run!(store.write, [] tx => token::touch(tx, "t1", at(9))).unwrap();
        run!(store.write, [] tx => token::touch(tx, "t1", at(8))).unwrap();
        run!(store.write, [] tx => token::revoke(tx, "t1", at(10))).unwrap();
        assert_eq!(run!(store.write, [] tx => token::revoke(tx, "t1", at(11))), Err(Error::NotFound));
        let found = run!(store.read, [] tx => token::by_hash(tx, "hash of t1")).unwrap();
        assert_eq!(found, Some(Token { last_used_at: Some(at(9)), revoked_at: Some(at(10)), ..a_token("t1") }));
        assert_eq!(run!(store.read, [] tx => token::by_hash(tx, "nothing")).unwrap(), None);
    }

    async fn audit_pages_newest_first(store) {
        let all: Vec<Record> = (0..5).map(|n| record(n / 2 * 2, "silence:s1")).enumerate()
            .map(|(i, r)| Record { id: format!("r{i}"), ..r }).chain([record(9, "alert:a1")]).collect();
        run!(store.write, [all] tx => audit::append_many(tx, &all)).unwrap();
        run!(store.write, [all] tx => audit::append_many(tx, &all)).unwrap();
        let first = run!(store.read, [] tx => audit::list(tx, None, None, 3)).unwrap();
        assert_eq!(first.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["r9", "r4", "r3"]);
        let rest = run!(store.read, [first] tx => audit::list(tx, None, Some((first[2].at, &first[2].id)), 9)).unwrap();
        assert_eq!(rest.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["r2", "r1", "r0"]);
        assert_eq!(rest[2], all[0]);
        assert_eq!(run!(store.read, [] tx => audit::list(tx, Some("alert:a1"), None, 9)).unwrap(), vec![record(9, "alert:a1")]);
    }

    async fn answers_are_given_once(store) {
        let answer = Answer { at: at(1), request: "digest".to_owned(), status: 201, body: "{}".to_owned() };
        assert_eq!(run!(store.read, [] tx => idempotency::get(tx, "token", "key")).unwrap(), None);
        assert!(run!(store.write, [answer] tx => idempotency::put(tx, "token", "key", &answer)).unwrap());
        let other = Answer { status: 500, ..answer.clone() };
        assert!(!run!(store.write, [other] tx => idempotency::put(tx, "token", "key", &other)).unwrap());
        assert!(run!(store.write, [other] tx => idempotency::put(tx, "another token", "key", &other)).unwrap());
        assert_eq!(run!(store.read, [] tx => idempotency::get(tx, "token", "key")).unwrap(), Some(answer));
    }

    async fn quarantine_keeps_what_cannot_be_decided(store) {
        let item = |n: i64| Quarantined {
            id: format!("q{n}"),
            at: at(n),
            integration: (n > 1).then(|| "web/prom".into()),
            reason: "no such service".to_owned(),
            body: "{ \u{fffd}".to_owned(),
        };
        for n in 1..=3 {
            run!(store.write, [] tx => async { quarantine::insert(tx, &item(n)).await }).unwrap();
        }
        assert_eq!(run!(store.read, [] tx => quarantine::count(tx)).unwrap(), 3);
        assert_eq!(run!(store.read, [] tx => quarantine::list(tx, 2)).unwrap(), vec![item(3), item(2)]);
    }

    async fn nodes_come_and_go(store) {
        let node = |id: &str, seen: i64| Node {
            id: id.to_owned(),
            address: "127.0.0.1:8700".to_owned(),
            release: "0.1.0".to_owned(),
            started_at: at(0),
            seen_at: at(seen),
        };
        for n in [node("a", 1), node("b", 1), node("a", 9)] {
            run!(store.write, [n] tx => node::beat(tx, &n)).unwrap();
        }
        assert_eq!(run!(store.read, [] tx => node::list(tx, at(0))).unwrap(), vec![node("a", 9), node("b", 1)]);
        assert_eq!(run!(store.read, [] tx => node::list(tx, at(5))).unwrap(), vec![node("a", 9)]);
        assert_eq!(run!(store.write, [] tx => node::forget(tx, at(5), None)).unwrap(), 1);
        assert_eq!(run!(store.write, [] tx => node::forget(tx, at(5), Some("a"))).unwrap(), 1);
    }

    async fn facts(store) {
        assert_eq!(run!(store.read, [] tx => meta::get(tx, "name")).unwrap(), None);
        assert_eq!(run!(store.write, [] tx => meta::put_first(tx, "name", "one")).unwrap(), "one");
        assert_eq!(run!(store.write, [] tx => meta::put_first(tx, "name", "two")).unwrap(), "one");
        run!(store.write, [] tx => meta::put(tx, "name", "three")).unwrap();
        assert_eq!(run!(store.read, [] tx => meta::get(tx, "name")).unwrap().as_deref(), Some("three"));
    }
}
