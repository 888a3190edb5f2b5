//! The in-memory store for simulations: faults do what they say, and nothing needs a runtime.

use crate::sample::alert;
use crate::{op, run};
use firedog_domain::alert::Alert;
use firedog_store::{Error, Fault, Faults, Store, alert as stored};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// One fault for the next operation.
struct Next(Mutex<Fault>);

impl Faults for Next {
    fn before(&self, op: &'static str) -> Fault {
        assert_eq!(op, "test");
        std::mem::replace(&mut self.0.lock().unwrap(), Fault::None)
    }
}

/// Polls once: whatever would wait fails the test.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the in-memory store made its caller wait"),
    }
}

fn count_open(store: &Store) -> i64 {
    at_once(async { run!(store.read, [] tx => stored::count_open(tx)) }).unwrap()
}

#[test]
fn each_fault_leaves_what_it_says() {
    let cases = [
        (Fault::None, Ok(()), 1, 1),
        (Fault::Busy, Err("busy"), 0, 0),
        (Fault::Conflict, Ok(()), 1, 2),
        (Fault::LostAnswer, Err("unknown"), 1, 1),
        (Fault::Crash, Err("unknown"), 0, 1),
    ];
    for (fault, answer, rows, runs) in cases {
        let faults = Arc::new(Next(Mutex::new(Fault::None)));
        let store = Store::memory_with(faults.clone()).unwrap();
        *faults.0.lock().unwrap() = fault;
        let ran = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&ran);
        let done = at_once(store.write(op(move |tx| {
            counter.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { stored::insert_many(tx, &[alert(1)]).await })
        })));
        let told = done.map_err(|error| match error {
            Error::Busy(_) => "busy",
            Error::Unknown(_) => "unknown",
            other => panic!("{other}"),
        });
        assert_eq!(told, answer, "{fault:?}");
        assert_eq!(ran.load(Ordering::Relaxed), runs, "{fault:?}");
        assert_eq!(count_open(&store), rows, "{fault:?}");
    }
}

#[test]
fn reads_are_refused() {
    let faults = Arc::new(Next(Mutex::new(Fault::Crash)));
    let store = Store::memory_with(faults).unwrap();
    let refused = at_once(async { run!(store.read, [] tx => stored::count_open(tx)) });
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    assert_eq!(count_open(&store), 0);
}

#[test]
fn an_operation_that_waits_for_something_else_is_refused() {
    let store = Store::memory().unwrap();
    let stuck = at_once(store.write(op(|tx| {
        Box::pin(async move {
            stored::insert_many(tx, &[alert(1)]).await?;
            std::future::pending::<()>().await;
            Ok(())
        })
    })));
    assert!(matches!(&stuck, Err(Error::Broken(why)) if why.contains("awaited")), "{stuck:?}");
    assert_eq!(count_open(&store), 0);
}

#[test]
fn a_wrong_type_is_an_error_not_a_panic() {
    let store = Store::memory().unwrap();
    let insert = op(|tx| Box::pin(async move { stored::insert_many(tx, &[alert(1)]).await }));
    at_once(store.write(insert)).unwrap();
    for sql in [
        "UPDATE alert SET state = 'asleep'",
        "UPDATE alert SET state = 'triggered', labels = '{'",
        "UPDATE alert SET labels = '{}', count = 'many'",
        "UPDATE alert SET count = 1, pass = -1",
        "UPDATE alert SET pass = 0, next_kind = NULL",
        "UPDATE alert SET next_kind = 'page', policy = 'nonsense:x'",
        "UPDATE alert SET policy = 'catch_all', urgency = x'00'",
    ] {
        at_once(store.write(op(move |tx| tx.exec(sql, &[])))).unwrap();
        let read = at_once(async { run!(store.read, [] tx => stored::get(tx, &alert(1).id)) });
        assert!(matches!(read, Err(Error::Broken(_))), "{sql}: {read:?}");
    }
    at_once(store.write(op(|tx| tx.exec("UPDATE alert SET urgency = 'low'", &[])))).unwrap();
    let read: Option<Alert> = at_once(async { run!(store.read, [] tx => stored::get(tx, &alert(1).id)) }).unwrap();
    assert!(read.is_some());
}
