//! Accounts, links, sessions, failed attempts.

use crate::sample::at;
use crate::{contract, run};
use firedog_domain::id::UserId;
use firedog_store::Error;
use firedog_store::account::{self, Account, Invite};
use firedog_store::session::{self, Session};

fn ada() -> UserId {
    UserId("ada".to_owned())
}

fn invite(id: &str, user: Option<UserId>) -> Invite {
    Invite {
        id: id.to_owned(),
        hash: format!("hash of {id}"),
        user,
        created_at: at(0),
        expires_at: at(100),
        used_at: None,
        created_by: "token admin".to_owned(),
    }
}

fn signed_in(id: &str) -> Session {
    Session {
        id: id.to_owned(),
        hash: format!("hash of {id}"),
        user: ada(),
        created_at: at(0),
        last_seen_at: at(0),
        expires_at: at(100),
        ended_at: None,
        agent: "a browser".to_owned(),
        address: "127.0.0.1".to_owned(),
    }
}

contract! {
    async fn an_account_is_written_under_the_version_it_was_read_with(store) {
        let new = Account { user: ada(), version: 1, role: None, password: None, password_at: None, created_at: at(0) };
        run!(store.write, [new] tx => account::put(tx, &new, false)).unwrap();
        assert_eq!(run!(store.write, [new] tx => account::put(tx, &new, false)).unwrap_err(), Error::Conflict);
        let admin = Account { role: Some("admin".to_owned()), password: Some("phc".to_owned()), password_at: Some(at(1)), ..new.clone() };
        run!(store.write, [admin] tx => account::put(tx, &admin, true)).unwrap();
        assert_eq!(run!(store.write, [admin] tx => account::put(tx, &admin, true)).unwrap_err(), Error::Conflict);
        let kept = run!(store.read, [] tx => account::get(tx, &ada())).unwrap().unwrap();
        assert_eq!(kept, Account { version: 2, ..admin });
        assert_eq!(run!(store.read, [] tx => account::list(tx, 9)).unwrap(), [kept]);
    }

    async fn a_link_is_used_once_and_only_the_newest_acts(store) {
        let (old, new, first) = (invite("old", Some(ada())), invite("new", Some(ada())), invite("first", None));
        run!(store.write, [old, first] tx => async { account::insert_invite(tx, &old).await?; account::insert_invite(tx, &first).await }).unwrap();
        assert_eq!(run!(store.write, [] tx => account::supersede_invites(tx, Some(&ada()), at(1))).unwrap(), 1);
        run!(store.write, [new] tx => account::insert_invite(tx, &new)).unwrap();
        assert_eq!(run!(store.write, [] tx => account::use_invite(tx, "old", at(2))).unwrap_err(), Error::NotFound);
        run!(store.write, [] tx => account::use_invite(tx, "new", at(2))).unwrap();
        assert_eq!(run!(store.write, [] tx => account::use_invite(tx, "new", at(3))).unwrap_err(), Error::NotFound);
        assert_eq!(run!(store.write, [] tx => account::use_invite(tx, "first", at(100))).unwrap_err(), Error::NotFound);
        let found = run!(store.read, [] tx => account::invite_by_hash(tx, "hash of new")).unwrap().unwrap();
        assert_eq!(found, Invite { used_at: Some(at(2)), ..new });
        assert_eq!(run!(store.write, [] tx => account::supersede_invites(tx, None, at(4))).unwrap(), 1);
    }

    async fn sessions_are_found_prolonged_and_ended(store) {
        for id in ["a", "b"] {
            let session = signed_in(id);
            run!(store.write, [session] tx => session::insert(tx, &session)).unwrap();
        }
        run!(store.write, [] tx => session::touch(tx, "a", at(10), at(110))).unwrap();
        run!(store.write, [] tx => session::touch(tx, "a", at(5), at(105))).unwrap();
        let found = run!(store.read, [] tx => session::by_hash(tx, "hash of a")).unwrap().unwrap();
        assert_eq!((found.last_seen_at, found.expires_at), (at(10), at(110)));
        let of_ada = |now: i64| { let store = store.clone(); async move {
            let found = run!(store.read, [] tx => session::of_user(tx, &ada(), at(now), 9)).unwrap();
            found.into_iter().map(|session| session.id).collect::<Vec<_>>()
        } };
        assert_eq!(of_ada(20).await, ["a", "b"]);
        assert_eq!(of_ada(100).await, ["a"]);
        let eve = UserId("eve".to_owned());
        assert_eq!(run!(store.write, [eve] tx => session::end(tx, "a", Some(&eve), at(20))).unwrap_err(), Error::NotFound);
        assert_eq!(run!(store.write, [] tx => session::end_others(tx, &ada(), "a", at(20))).unwrap(), 1);
        run!(store.write, [] tx => session::end(tx, "a", Some(&ada()), at(20))).unwrap();
        assert_eq!(run!(store.write, [] tx => session::end(tx, "a", None, at(21))).unwrap_err(), Error::NotFound);
        assert!(of_ada(20).await.is_empty());
        assert_eq!(run!(store.write, [] tx => session::delete_over(tx, at(105))).unwrap(), 1);
    }

    async fn failures_are_counted_until_they_are_old(store) {
        assert_eq!(run!(store.read, [] tx => session::failures(tx, "ada")).unwrap(), None);
        for n in 1..=3 {
            run!(store.write, [] tx => session::failed(tx, "ada", at(0), at(n))).unwrap();
        }
        assert_eq!(run!(store.read, [] tx => session::failures(tx, "ada")).unwrap(), Some((3, at(3))));
        run!(store.write, [] tx => session::failed(tx, "ada", at(50), at(60))).unwrap();
        assert_eq!(run!(store.read, [] tx => session::failures(tx, "ada")).unwrap(), Some((1, at(60))));
        run!(store.write, [] tx => session::forget_failures(tx, "ada")).unwrap();
        assert_eq!(run!(store.read, [] tx => session::failures(tx, "ada")).unwrap(), None);
    }
}
