//! Accounts, links, sessions, failed attempts.

use crate::sample::at;
use crate::{contract, run};
use firedog_domain::case::{About, Case};
use firedog_domain::cover::{Cover, CoverState};
use firedog_domain::id::{AlertId, CaseId, ContactId, InstitutionId, RunId, RunbookId, UserId, VendorId};
use firedog_domain::runbook::run::{Line, LineKind, Run, RunState};
use firedog_domain::setup::{DEFAULT_CHASE_EVERY, DEFAULT_RESPONDS_WITHIN, Device, Vendor};
use firedog_store::Error;
use firedog_store::account::{self, Account, Invite};
use firedog_store::case;
use firedog_store::contact_test::{self, ContactTest};
use firedog_store::cover::{self, Kept};
use firedog_store::device::{self, Registered};
use firedog_store::live;
use firedog_store::passkey::{self, Passkey};
use firedog_store::run;
use firedog_store::saved_filter::{self, SavedFilter};
use firedog_store::session::{self, Session};

fn ada() -> UserId {
    UserId("ada".to_owned())
}

fn a_case(id: &str, number: &str) -> Case {
    let vendor = Vendor {
        id: VendorId::from("jsource"),
        name: String::new(),
        portal: None,
        email: None,
        responds_within: DEFAULT_RESPONDS_WITHIN,
        chase_every: DEFAULT_CHASE_EVERY,
        note: None,
        open_by: None,
        with: None,
        confirm: true,
    };
    let about = About { alert: Some(AlertId::from("alert-1")), ..About::default() };
    let case = Case::open(CaseId::from(id), &vendor, Some(InstitutionId::from("inst-1")), about, "ada".to_owned(), at(1));
    Case { number: number.to_owned(), ..case }
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

/// A browser; all have the same subscription.
fn device(id: &str, user: &str) -> Registered {
    let endpoint = "https://push.example.net/1".to_owned();
    Registered {
        device: Device { id: id.into(), endpoint, p256dh: "key".to_owned(), auth: "secret".to_owned() },
        user: user.into(),
        name: "a phone".to_owned(),
        created_at: at(0),
        sent_at: None,
        outcome: None,
        reason: None,
        received_at: None,
        ready_at: at(10),
    }
}

fn a_run(id: &str) -> Run {
    Run {
        id: RunId::from(id),
        runbook: RunbookId::from("restart"),
        title: "Restart".to_owned(),
        inputs: serde_json::Map::new(),
        subject: "restart:inst-1".to_owned(),
        alert: Some(AlertId::from("alert-1")),
        service: None,
        state: RunState::Running,
        reason: String::new(),
        started_by: "ada".to_owned(),
        started_at: at(0),
        deadline: at(90),
        ended_at: None,
        steps: Vec::new(),
        members: Vec::new(),
        pages_over: Vec::new(),
        counts: std::collections::BTreeMap::new(),
    }
}

fn cover() -> Cover {
    Cover {
        id: "c1".into(),
        schedule: "primary".into(),
        user: ada(),
        from: at(10),
        until: at(20),
        note: "dentist".to_owned(),
        asked: Vec::new(),
        in_return: None,
        declined: Vec::new(),
        state: CoverState::Open,
        taken_by: None,
        overrides: Vec::new(),
        created_at: at(0),
        created_by: "ada".to_owned(),
    }
}

contract! {
    async fn an_account_is_written_under_the_version_it_was_read_with(store) {
        let new = Account { user: ada(), version: 1, role: None, password: None, password_at: None, created_at: at(0), subject: None, teams: Vec::new() };
        run!(store.write, [new] tx => account::put(tx, &new, false)).unwrap();
        assert_eq!(run!(store.write, [new] tx => account::put(tx, &new, false)).unwrap_err(), Error::Conflict);
        let admin = Account { role: Some("admin".to_owned()), password: Some("phc".to_owned()), password_at: Some(at(1)), ..new.clone() };
        run!(store.write, [admin] tx => account::put(tx, &admin, true)).unwrap();
        assert_eq!(run!(store.write, [admin] tx => account::put(tx, &admin, true)).unwrap_err(), Error::Conflict);
        let kept = run!(store.read, [] tx => account::get(tx, &ada())).unwrap().unwrap();
        assert_eq!(kept, Account { version: 2, ..admin });
        let known = Account { subject: Some("issuer|1".to_owned()), teams: vec!["pupper".to_owned()], ..kept.clone() };
        run!(store.write, [known] tx => account::put(tx, &known, true)).unwrap();
        let found = run!(store.read, [] tx => account::by_subject(tx, "issuer|1")).unwrap().unwrap();
        assert_eq!((found.user, found.teams), (ada(), vec!["pupper".to_owned()]));
        assert_eq!(run!(store.read, [] tx => account::by_subject(tx, "issuer|2")).unwrap(), None);
        let kept = Account { version: 3, ..known };
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

    async fn a_device_is_registered_once_and_replaced_by_its_endpoint(store) {
        let (old, new) = (device("d1", "ada"), device("d2", "grace"));
        run!(store.write, [old] tx => device::put(tx, &old)).unwrap();
        let loaded = run!(store.read, [] tx => live::load_all(tx, at(0))).unwrap().devices;
        assert_eq!(loaded[&ada()].to_vec(), std::slice::from_ref(&old.device));
        // The same browser, now signed in as somebody else.
        run!(store.write, [new] tx => device::put(tx, &new)).unwrap();
        assert_eq!(run!(store.read, [] tx => device::list(tx, Some(&ada()), 9)).unwrap(), []);
        assert_eq!(run!(store.read, [] tx => device::list(tx, None, 9)).unwrap(), std::slice::from_ref(&new));
        let heads = run!(store.read, [] tx => firedog_store::setup::heads(tx)).unwrap();
        assert_eq!(heads.live, 2);
        let id = new.device.id.clone();
        run!(store.write, [id] tx => device::sent(tx, &id, at(5), "sent", None)).unwrap();
        run!(store.write, [id] tx => device::received(tx, &id, at(6))).unwrap();
        let kept = run!(store.read, [id] tx => device::get(tx, &id)).unwrap().unwrap();
        assert_eq!((kept.sent_at, kept.outcome.as_deref(), kept.received_at), (Some(at(5)), Some("sent"), Some(at(6))));
        assert_eq!(run!(store.read, [] tx => firedog_store::setup::heads(tx)).unwrap().live, 2, "bookkeeping changes no decision");
        run!(store.write, [id] tx => device::remove(tx, &id)).unwrap();
        assert_eq!(run!(store.write, [id] tx => device::remove(tx, &id)).unwrap_err(), Error::NotFound);
        assert_eq!(run!(store.write, [id] tx => device::received(tx, &id, at(7))).unwrap_err(), Error::NotFound);
    }

    async fn the_test_of_a_device_is_claimed_once(store) {
        let one = device("d1", "ada");
        run!(store.write, [one] tx => device::put(tx, &one)).unwrap();
        assert_eq!(run!(store.write, [] tx => device::claim_tests(tx, at(9), at(100), 9)).unwrap(), []);
        let claimed = run!(store.write, [] tx => device::claim_tests(tx, at(10), at(100), 9)).unwrap();
        assert_eq!(claimed.iter().map(|d| (d.device.id.as_str(), d.ready_at)).collect::<Vec<_>>(), [("d1", at(100))]);
        assert_eq!(run!(store.write, [] tx => device::claim_tests(tx, at(11), at(100), 9)).unwrap(), []);
        run!(store.write, [one] tx => device::test_at(tx, &one.device.id, at(20))).unwrap();
        assert_eq!(run!(store.write, [] tx => device::claim_tests(tx, at(20), at(100), 9)).unwrap().len(), 1);
    }

    async fn a_confirmation_is_for_one_address(store) {
        let mail = |digest: &str, sent_at| ContactTest {
            user: ada(), contact: ContactId::from("mail"), address_digest: digest.to_owned(), sent_at, outcome: "sent".to_owned(),
            reason: None, confirmed_at: None,
        };
        let first = mail("old", at(1));
        run!(store.write, [first] tx => contact_test::put(tx, &first)).unwrap();
        let id = ContactId::from("mail");
        assert_eq!(run!(store.write, [id] tx => contact_test::confirm(tx, &ada(), &id, "other", at(2))).unwrap_err(), Error::NotFound);
        run!(store.write, [id] tx => contact_test::confirm(tx, &ada(), &id, "old", at(2))).unwrap();
        let again = mail("old", at(3));
        run!(store.write, [again] tx => contact_test::put(tx, &again)).unwrap();
        let kept = run!(store.read, [] tx => contact_test::list(tx, Some(&ada()), 9)).unwrap();
        assert_eq!((kept[0].sent_at, kept[0].confirmed_at), (at(3), Some(at(2))));
        let moved = mail("new", at(4));
        run!(store.write, [moved] tx => contact_test::put(tx, &moved)).unwrap();
        let kept = run!(store.read, [] tx => contact_test::list(tx, None, 9)).unwrap();
        assert_eq!(kept, [moved], "another address has confirmed nothing");
    }

    async fn a_request_to_be_covered_is_taken_once_and_told_once(store) {
        let asked = cover();
        run!(store.write, [asked] tx => cover::insert(tx, &asked)).unwrap();
        let kept = run!(store.read, [asked] tx => cover::get(tx, &asked.id)).unwrap().unwrap();
        assert_eq!((kept.version, &kept.cover), (1, &asked));
        let claimed = run!(store.write, [] tx => cover::claim_told(tx, at(1), at(60), 9)).unwrap();
        assert_eq!(claimed, std::slice::from_ref(&kept));
        assert_eq!(run!(store.write, [] tx => cover::claim_told(tx, at(2), at(60), 9)).unwrap(), []);
        let taken = Kept { cover: Cover { state: CoverState::Taken, taken_by: Some(UserId::from("grace")), ..asked.clone() }, version: 1 };
        run!(store.write, [taken] tx => cover::update(tx, &taken, Some(at(3)))).unwrap();
        assert_eq!(run!(store.write, [taken] tx => cover::update(tx, &taken, None)).unwrap_err(), Error::Conflict);
        // Whoever told of the request has not told of the answer.
        run!(store.write, [kept] tx => cover::told(tx, &kept)).unwrap();
        let claimed = run!(store.write, [] tx => cover::claim_told(tx, at(3), at(60), 9)).unwrap();
        assert_eq!(claimed, [Kept { version: 2, ..taken }]);
        let last = claimed[0].clone();
        run!(store.write, [last] tx => cover::told(tx, &last)).unwrap();
        assert_eq!(run!(store.write, [] tx => cover::claim_told(tx, at(99), at(200), 9)).unwrap(), []);
        assert_eq!(run!(store.read, [] tx => cover::list(tx, at(0), 9)).unwrap().len(), 1);
        assert_eq!(run!(store.read, [] tx => cover::list(tx, at(30), 9)).unwrap(), []);
        assert_eq!(run!(store.read, [] tx => firedog_store::setup::heads(tx)).unwrap().live, 2);
    }

    async fn a_run_is_one_per_subject_and_its_log_only_grows(store) {
        let line = |text: &str| Line { at: at(0), place: String::new(), kind: LineKind::Progress, by: None, text: text.to_owned() };
        let new = a_run("run-1");
        let (one, two) = (vec![line("one"), line("two")], vec![line("three")]);
        assert!(run!(store.write, [new, one] tx => run::insert(tx, &new, &one, Some(at(1)))).unwrap());
        let second = Run { id: RunId::from("run-2"), started_at: at(3), ..new.clone() };
        assert!(!run!(store.write, [second, one] tx => run::insert(tx, &second, &one, None)).unwrap());
        let kept = run!(store.read, [] tx => run::open_of(tx, "restart:inst-1")).unwrap().unwrap();
        assert_eq!((kept.version, &kept.run), (1, &new));
        assert_eq!(run!(store.read, [] tx => run::next_ready(tx)).unwrap(), Some(new.deadline));
        let claimed = run!(store.write, [] tx => run::claim_told(tx, at(1), at(60), 9)).unwrap();
        assert_eq!(claimed, std::slice::from_ref(&kept));
        // It asks once more before people have been told of the first time.
        run!(store.write, [kept, two] tx => run::update(tx, &kept, &two, Some(at(2)))).unwrap();
        assert_eq!(run!(store.write, [kept, two] tx => run::update(tx, &kept, &two, None)).unwrap_err(), Error::Conflict);
        run!(store.write, [kept] tx => run::told(tx, &kept.run.id, at(60))).unwrap();
        assert_eq!(run!(store.write, [] tx => run::claim_told(tx, at(2), at(70), 9)).unwrap().len(), 1);
        // It moves on while they are told, and asks for nothing new.
        let kept = run!(store.read, [] tx => run::open_of(tx, "restart:inst-1")).unwrap().unwrap();
        run!(store.write, [kept] tx => run::update(tx, &kept, &[], None)).unwrap();
        run!(store.write, [kept] tx => run::told(tx, &kept.run.id, at(60))).unwrap();
        assert_eq!(run!(store.write, [] tx => run::claim_told(tx, at(70), at(80), 9)).unwrap().len(), 1, "of an earlier lease");
        run!(store.write, [kept] tx => run::told(tx, &kept.run.id, at(80))).unwrap();
        assert_eq!(run!(store.write, [] tx => run::claim_told(tx, at(99), at(200), 9)).unwrap(), []);
        let lines = run!(store.read, [] tx => run::lines(tx, &RunId::from("run-1"), 0, 9)).unwrap();
        assert_eq!(lines.iter().map(|(_, line)| line.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        let after = lines[1].0;
        assert_eq!(run!(store.read, [] tx => run::lines(tx, &RunId::from("run-1"), after, 9)).unwrap().len(), 1);
        let due = run!(store.write, [] tx => run::claim_due(tx, at(100_000), at(100_030), 9)).unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(run!(store.write, [] tx => run::claim_due(tx, at(100_001), at(100_031), 9)).unwrap(), []);
        let over = run::Kept { run: Run { state: RunState::Done, ended_at: Some(at(5)), ..new.clone() }, version: 3 };
        let none: Vec<Line> = Vec::new();
        run!(store.write, [over, none] tx => run::update(tx, &over, &none, None)).unwrap();
        assert!(run!(store.write, [second, one] tx => run::insert(tx, &second, &one, None)).unwrap());
        let open = run::Filter { open: Some(true), ..run::Filter::default() };
        let of = run::Filter { alert: Some(AlertId::from("alert-1")), runbook: Some(RunbookId::from("restart")), ..run::Filter::default() };
        assert_eq!(run!(store.read, [open] tx => run::list(tx, &open, 9)).unwrap().len(), 1);
        assert_eq!(run!(store.read, [of] tx => run::list(tx, &of, 9)).unwrap().len(), 2);
        let goes_on = run::Filter { going: Some(true), ..run::Filter::default() };
        assert_eq!(run!(store.read, [goes_on] tx => run::list(tx, &goes_on, 9)).unwrap()[0].run.id.as_str(), "run-2");
        let last = run!(store.read, [] tx => run::last_of_runbooks(tx)).unwrap();
        assert_eq!(last, [(RunbookId::from("restart"), at(3), "running".to_owned())]);
        assert_eq!(run!(store.write, [] tx => run::delete_ended(tx, at(6), 9)).unwrap(), 1);
        assert_eq!(run!(store.read, [] tx => run::lines(tx, &RunId::from("run-1"), 0, 9)).unwrap(), []);
        assert_eq!(run!(store.read, [] tx => run::lines(tx, &RunId::from("run-2"), 0, 9)).unwrap().len(), 2);
    }

    async fn a_case_is_opened_once_and_told_of_once_per_due_time(store) {
        let new = a_case("case-1", "CS-1");
        let due = new.next_chase_at.unwrap();
        let (kept, joined) = run!(store.write, [new] tx => case::open(tx, &new)).unwrap();
        assert_eq!((&kept, joined), (&new, false));
        // The same one from elsewhere: joined, and what that knows is kept.
        let run = Some(RunId::from("run-1"));
        let again = Case { about: About { run: run.clone(), ..About::default() }, ..a_case("case-2", "CS-1") };
        let (kept, joined) = run!(store.write, [again] tx => case::open(tx, &again)).unwrap();
        assert_eq!((kept.id.as_str(), &kept.about.run, joined), ("case-1", &run, true));
        // Of another institution, or without a number, it is another one.
        let other = Case { institution: Some(InstitutionId::from("inst-2")), ..a_case("case-3", "CS-1") };
        let blank = [a_case("case-4", ""), a_case("case-5", "")];
        for new in [other].iter().chain(&blank) {
            assert!(!run!(store.write, [new] tx => case::open(tx, &new)).unwrap().1, "{}", new.id);
        }
        let all = |filter: case::Filter| {
            let store = &store;
            async move {
                let found = run!(store.read, [filter] tx => case::list(tx, &filter, 9)).unwrap();
                found.into_iter().map(|kept| kept.case.id.0).collect::<Vec<_>>()
            }
        };
        let any = case::Filter::default;
        assert_eq!(all(case::Filter { run, ..any() }).await, ["case-1"]);
        assert_eq!(all(case::Filter { institution: Some(InstitutionId::from("inst-2")), ..any() }).await, ["case-3"]);
        assert_eq!(all(case::Filter { vendor: Some(VendorId::from("other")), ..any() }).await, Vec::<String>::new());
        assert_eq!(all(case::Filter { alert: Some(AlertId::from("alert-1")), open: Some(true), ..any() }).await.len(), 4);
        // Told once per due time, also where it is changed in between.
        assert_eq!(run!(store.read, [] tx => case::next_told(tx)).unwrap(), Some(due));
        let (now, lease) = (due, due + jiff::SignedDuration::from_mins(2));
        let claimed = run!(store.write, [] tx => case::claim_told(tx, now, lease, 9)).unwrap();
        assert_eq!(claimed.len(), 4);
        assert_eq!(run!(store.write, [] tx => case::claim_told(tx, now, lease, 9)).unwrap(), []);
        let mut one = claimed.iter().find(|kept| kept.case.id.as_str() == "case-1").unwrap().clone();
        let stale = one.clone();
        one.case.chase("they look at it", "ada".to_owned(), now).unwrap();
        run!(store.write, [one] tx => case::update(tx, &one, true)).unwrap();
        assert_eq!(run!(store.write, [stale] tx => case::update(tx, &stale, true)).unwrap_err(), Error::Conflict);
        for kept in &claimed {
            run!(store.write, [kept] tx => case::told(tx, &kept)).unwrap();
        }
        assert_eq!(run!(store.read, [] tx => case::next_told(tx)).unwrap(), one.case.next_chase_at, "the chase set it anew");
        // Closed, its number is free again and nobody is told.
        let mut one = run!(store.read, [] tx => case::get(tx, &CaseId::from("case-1"))).unwrap().unwrap();
        one.case.close("over", "ada".to_owned(), now).unwrap();
        run!(store.write, [one] tx => case::update(tx, &one, true)).unwrap();
        assert_eq!(run!(store.read, [] tx => case::next_told(tx)).unwrap(), None);
        assert!(!run!(store.write, [again] tx => case::open(tx, &again)).unwrap().1);
        let after = now + jiff::SignedDuration::from_secs(1);
        assert_eq!(run!(store.write, [] tx => case::delete_closed(tx, now, 9)).unwrap(), 0);
        assert_eq!(run!(store.write, [] tx => case::delete_closed(tx, after, 9)).unwrap(), 1);
        assert_eq!(all(any()).await.len(), 4);
    }

    async fn a_view_is_kept_under_its_name(store) {
        let view = |query: &str, created_at| SavedFilter { name: "mine".to_owned(), query: query.to_owned(), created_at };
        let (first, second) = (view("state=open", at(1)), view("q=core", at(2)));
        run!(store.write, [first] tx => saved_filter::put(tx, &ada(), &first)).unwrap();
        run!(store.write, [second] tx => saved_filter::put(tx, &ada(), &second)).unwrap();
        assert_eq!(run!(store.read, [] tx => saved_filter::list(tx, &ada(), 9)).unwrap(), [second]);
        assert_eq!(run!(store.read, [] tx => saved_filter::list(tx, &UserId::from("grace"), 9)).unwrap(), []);
        run!(store.write, [] tx => saved_filter::remove(tx, &ada(), "mine")).unwrap();
        assert_eq!(run!(store.write, [] tx => saved_filter::remove(tx, &ada(), "mine")).unwrap_err(), Error::NotFound);
    }

    async fn a_passkey_counts_and_a_challenge_is_answered_once(store) {
        let key = Passkey {
            id: "c1".to_owned(), user: ada(), name: "laptop".to_owned(), public_key: "point".to_owned(), sign_count: 0,
            created_at: at(0), last_used_at: None,
        };
        run!(store.write, [key] tx => passkey::insert(tx, &key)).unwrap();
        assert_eq!(run!(store.write, [key] tx => passkey::insert(tx, &key)).unwrap_err(), Error::Conflict);
        run!(store.write, [] tx => passkey::used(tx, "c1", 0, 7, at(3))).unwrap();
        assert_eq!(run!(store.write, [] tx => passkey::used(tx, "c1", 0, 8, at(4))).unwrap_err(), Error::Conflict);
        let kept = run!(store.read, [] tx => passkey::get(tx, "c1")).unwrap().unwrap();
        assert_eq!((kept.sign_count, kept.last_used_at), (7, Some(at(3))));
        assert_eq!(run!(store.read, [] tx => passkey::of_user(tx, &ada(), 9)).unwrap(), [kept]);
        assert_eq!(run!(store.write, [] tx => passkey::remove(tx, &UserId::from("grace"), "c1")).unwrap_err(), Error::NotFound);
        run!(store.write, [] tx => passkey::remove(tx, &ada(), "c1")).unwrap();
        run!(store.write, [] tx => passkey::ask(tx, "h1", at(0), at(10))).unwrap();
        run!(store.write, [] tx => passkey::answer(tx, "h1", at(5))).unwrap();
        assert_eq!(run!(store.write, [] tx => passkey::answer(tx, "h1", at(5))).unwrap_err(), Error::NotFound);
        run!(store.write, [] tx => passkey::ask(tx, "h2", at(0), at(10))).unwrap();
        assert_eq!(run!(store.write, [] tx => passkey::answer(tx, "h2", at(10))).unwrap_err(), Error::NotFound);
    }
}
