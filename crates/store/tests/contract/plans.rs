//! Cost must not grow with history: no statement of the hot path walks a table, on either engine.

use crate::postgres::Database;
use crate::sample::{alert, alerts, at, notification, resolved};
use crate::{op, run, sqlite};
use firedog_domain::alert::State;
use firedog_domain::id::*;
use firedog_domain::time::secs;
use firedog_store::alert::{Filter, Position};
use firedog_store::{BoxFut, Dialect, Result, Row, Store, Tx, Val};
use firedog_store::{
    account, alert as stored, event, heartbeat, idempotency, notification as outbox, retention, session, timeline, token, wake,
};

/// Asks for the plan of each statement before running it.
struct Explained<'a> {
    tx: &'a mut dyn Tx,
    plans: Vec<(String, String)>,
}

impl Explained<'_> {
    async fn explain(&mut self, sql: &str, params: &[Val<'_>]) -> Result<()> {
        let ask = match self.tx.dialect() {
            Dialect::Sqlite => format!("EXPLAIN QUERY PLAN {sql}"),
            Dialect::Postgres => format!("EXPLAIN (COSTS OFF) {sql}"),
        };
        for mut row in self.tx.query(&ask, params).await? {
            let step = match self.tx.dialect() {
                // Its number, its parent's, and a nothing come first.
                Dialect::Sqlite => (row.val()?, row.val()?, row.val()?, row.text()?).3,
                Dialect::Postgres => row.text()?,
            };
            self.plans.push((sql.to_owned(), step));
        }
        Ok(())
    }
}

impl Tx for Explained<'_> {
    fn dialect(&self) -> Dialect {
        self.tx.dialect()
    }
    fn exec<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<u64>> {
        Box::pin(async move {
            self.explain(sql, params).await?;
            self.tx.exec(sql, params).await
        })
    }
    fn query<'a>(&'a mut self, sql: &'a str, params: &'a [Val<'a>]) -> BoxFut<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            self.explain(sql, params).await?;
            self.tx.query(sql, params).await
        })
    }
}

async fn hot(tx: &mut dyn Tx) -> Result<()> {
    let (web, prom) = (ServiceId::from("web"), IntegrationId::from("web/prom"));
    let one = [alert(1).id];
    let loaded = stored::load_open_by_keys(tx, &[(&web, "key-1")]).await?;
    assert_eq!(loaded.len(), 1);
    stored::open_by_hand(tx, "key-1").await?;
    stored::load_open_by_integration(tx, &[(&prom, "key-1")]).await?;
    stored::last_closed_by_keys(tx, &[(&web, "key-1")]).await?;
    stored::get(tx, &one[0]).await?;
    stored::get_many(tx, &one).await?;
    stored::insert_many(tx, &[alert(9_001)]).await?;
    assert_eq!(stored::update_many(tx, &loaded).await?, vec![]);
    assert_eq!(stored::update_many(tx, &[resolved(alert(9_001), at(9_002))]).await?, vec![]);
    stored::claim_due(tx, at(5), at(6), 3).await?;
    stored::overdue(tx, at(5), secs(1), 3).await?;
    stored::open_without_next(tx, 3).await?;
    stored::touch_ready(tx, Some(std::slice::from_ref(&web)), at(5)).await?;
    stored::followers_of(tx, &one[0]).await?;
    stored::leaders(tx, &web, at(0)).await?;
    stored::open_in_services(tx, std::slice::from_ref(&web)).await?;
    stored::count_open(tx).await?;
    let after = Position { created_at: at(5), id: one[0].clone() };
    let filters = [
        Filter::default(),
        Filter { states: vec![State::Triggered, State::Acknowledged], ..Filter::default() },
        Filter { services: vec![web.clone()], ..Filter::default() },
    ];
    for filter in &filters {
        stored::list(tx, filter, None, 5).await?;
        stored::list(tx, filter, Some(&after), 5).await?;
    }
    outbox::insert_many(tx, &[notification(&alert(9_001), 1)]).await?;
    let mut claimed = outbox::claim_due(tx, at(5), at(6), 3).await?;
    claimed.truncate(1);
    assert_eq!(outbox::update_many(tx, &claimed).await?, vec![]);
    outbox::load_for_alerts(tx, &one).await?;
    outbox::load_for_page(tx, &one[0], 1).await?;
    outbox::cancel_pending(tx, &one).await?;
    outbox::pending_count(tx).await?;
    timeline::list(tx, &one[0], 9).await?;
    event::for_alert(tx, &one[0], 9).await?;
    event::latest_for_alerts(tx, &one).await?;
    heartbeat::claim_due(tx, at(5), at(6), 3).await?;
    idempotency::get(tx, "scope", "key").await?;
    token::by_hash(tx, "hash").await?;
    let ada = UserId("ada".to_owned());
    account::get(tx, &ada).await?;
    account::invite_by_hash(tx, "hash").await?;
    account::use_invite(tx, "id", at(5)).await.unwrap_err();
    session::by_hash(tx, "hash").await?;
    session::of_user(tx, &ada, at(5), 3).await?;
    session::touch(tx, "id", at(5), at(6)).await?;
    session::end_others(tx, &ada, "id", at(5)).await?;
    session::failures(tx, "key").await?;
    session::delete_over(tx, at(5)).await?;
    wake::next_wake(tx).await?;
    retention::delete_closed(tx, at(5), 3).await?;
    Ok(())
}

async fn plans(store: &Store) -> Vec<(String, String)> {
    let all: Vec<_> = alerts(1..400).into_iter().map(|a| if a.created_at < at(300) { resolved(a, at(400)) } else { a }).collect();
    let open =
        vec![alert(1), alert(2)].into_iter().map(|a| firedog_domain::alert::Alert { id: format!("o{}", a.id).into(), ..a });
    let all: Vec<_> = all.into_iter().chain(open).collect();
    let outgoing: Vec<_> = all.iter().map(|a| notification(a, 1)).collect();
    run!(store.write, [all] tx => stored::insert_many(tx, &all)).unwrap();
    run!(store.write, [outgoing] tx => outbox::insert_many(tx, &outgoing)).unwrap();
    let explain = op(|tx| {
        Box::pin(async move {
            if tx.dialect() == Dialect::Postgres {
                // On small tables it would rightly choose to scan; the question is whether it has to.
                tx.exec("SET LOCAL enable_seqscan = off", &[]).await?;
                tx.exec("SET LOCAL enable_bitmapscan = off", &[]).await?;
            }
            let mut explained = Explained { tx, plans: Vec::new() };
            hot(&mut explained).await?;
            Ok(explained.plans)
        })
    });
    store.write(explain).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_walks_no_table() {
    let dir = tempfile::tempdir().unwrap();
    let plans = plans(&sqlite(dir.path()).await).await;
    assert!(plans.len() > 40, "{plans:#?}");
    for (sql, step) in plans {
        // `SCAN x USING INDEX` walks an index in its order, which is what lists and counts of open things do. The table
        // of heads has two rows, and `CONSTANT ROW` is a `SELECT` without a table.
        let walks =
            step.starts_with("SCAN") && !step.contains("USING") && !step.contains("CONSTANT ROW") && !step.contains("head");
        assert!(!walks, "{step}: {sql}");
        // What is open must not be looked for among everything that ever was.
        assert!(!(step.contains("alert_service (service=?)") && sql.contains("AND open")), "{step}: {sql}");
        let sorts = step.contains("TEMP B-TREE") && sql.contains("created_at DESC");
        assert!(!sorts, "{step}: {sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_walks_no_table() {
    let database = Database::new();
    let plans = plans(&Store::open(&database.url).await.unwrap()).await;
    assert!(plans.len() > 40, "{plans:#?}");
    for (sql, step) in plans {
        assert!(!step.contains("Seq Scan"), "{step}: {sql}");
    }
}
