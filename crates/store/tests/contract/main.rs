//! What every operation of the store promises, on both engines.

#![allow(clippy::unwrap_used, reason = "a test may panic; clippy knows only functions marked as tests")]

mod alerts;
mod claims;
mod engine;
mod faults;
mod lists;
mod notifications;
mod others;
mod people;
mod plans;
#[path = "../../../../tests/support/postgres.rs"]
#[allow(unreachable_pub, reason = "shared with other test binaries")]
mod postgres;
mod retention;
mod sample;
mod setups;

use firedog_store::{BoxFut, Op, Result, Store, Tx};

/// An operation made of a closure; the product names its operations, tests need not.
pub(crate) struct Do<F>(F);

pub(crate) fn op<T, F>(body: F) -> Do<F>
where
    F: for<'a> Fn(&'a mut dyn Tx) -> BoxFut<'a, Result<T>>,
{
    Do(body)
}

impl<T, F> Op for Do<F>
where
    T: Send + 'static,
    F: for<'a> Fn(&'a mut dyn Tx) -> BoxFut<'a, Result<T>> + Send + Sync + 'static,
{
    type Out = T;
    const NAME: &'static str = "test";

    async fn run(&self, tx: &mut dyn Tx) -> Result<T> {
        (self.0)(tx).await
    }
}

/// `run!(store.write, [alerts] tx => alert::insert_many(tx, &alerts))`: clones what is named in brackets.
macro_rules! run {
    ($store:ident.$method:ident, [$($name:ident),*] $tx:ident => $body:expr) => {{
        $(let $name = $name.clone();)*
        $store
            .$method($crate::op(move |$tx| {
                $(let $name = $name.clone();)*
                Box::pin(async move { $body.await })
            }))
            .await
    }};
}
pub(crate) use run;

/// A test that runs on SQLite (a file, with its threads), on SQLite in memory, and on PostgreSQL.
macro_rules! contract {
    ($($(#[$meta:meta])* async fn $name:ident($store:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[$meta])*
            async fn check($store: firedog_store::Store) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let dir = tempfile::tempdir().unwrap();
                check($crate::sqlite(dir.path()).await).await;
            }
            #[tokio::test]
            async fn memory() {
                check(firedog_store::Store::memory().unwrap()).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let database = $crate::postgres::Database::new();
                check(firedog_store::Store::open(&database.url).await.unwrap()).await;
            }
        }
    )+};
}
pub(crate) use contract;

pub(crate) async fn sqlite(dir: &std::path::Path) -> Store {
    Store::open(&format!("sqlite:{}", dir.join("firedog.db").display())).await.unwrap()
}
