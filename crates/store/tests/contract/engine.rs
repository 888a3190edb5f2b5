//! What the two engines promise beyond single operations.

use crate::postgres::Database;
use crate::sample::{alert, alerts};
use crate::{op, run, sqlite};
use firedog_store::quarantine::Quarantined;
use firedog_store::{Dialect, Error, Store, alert as stored, quarantine};
use std::time::{Duration, Instant};

async fn insert(store: &Store, n: i64) -> Result<(), Error> {
    store.write(op(move |tx| Box::pin(async move { stored::insert_many(tx, &[alert(n)]).await }))).await
}

async fn count(store: &Store) -> i64 {
    run!(store.read, [] tx => stored::count_open(tx)).unwrap()
}

fn reason(result: Result<Store, Error>) -> String {
    match result {
        Err(Error::Broken(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

#[tokio::test]
async fn addresses_that_cannot_be() {
    for (url, hint) in
        [("sqlite:", "sqlite:firedog.db"), ("mysql://h/d", "must start with"), ("postgres://h:x/d", "postgres://user@host")]
    {
        let why = reason(Store::open(url).await);
        assert!(why.contains(hint), "{url}: {why}");
    }
    let why = reason(Store::open("sqlite:/does/not/exist/firedog.db").await);
    assert!(why.contains("/does/not/exist"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_refused_and_a_restart_finds_everything() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    assert_eq!(store.dialect(), Dialect::Sqlite);
    insert(&store, 1).await.unwrap();
    let url = format!("sqlite:{}", dir.path().join("firedog.db").display());
    assert!(reason(Store::open(&url).await).contains("in use by another process"));
    drop(store);
    assert_eq!(count(&Store::open(&url).await.unwrap()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_database_is_refused() {
    let newer = || op(|tx| tx.exec("INSERT INTO migration (number, name, checksum) VALUES (999, 'future', 'x')", &[]));
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    store.write(newer()).await.unwrap();
    drop(store);
    let url = format!("sqlite:{}", dir.path().join("firedog.db").display());
    assert!(reason(Store::open(&url).await).contains("newer firedog"));

    let database = Database::new();
    let store = Store::open(&database.url).await.unwrap();
    store.write(newer()).await.unwrap();
    assert!(reason(Store::open(&database.url).await).contains("newer firedog"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_migration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    store.write(op(|tx| tx.exec("UPDATE migration SET checksum = 'x'", &[]))).await.unwrap();
    drop(store);
    let url = format!("sqlite:{}", dir.path().join("firedog.db").display());
    assert!(reason(Store::open(&url).await).contains("migration 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_start_at_once_on_an_empty_database() {
    // The races are narrow; four rounds of eight meet them often.
    for _ in 0..4 {
        let database = Database::new();
        let open = |url: String| async move { Store::open(&url).await.map(|_| ()) };
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(open(database.url.clone()))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
    }
}

/// Answers come after the commit: whatever was answered is there for a process that opens the file later,
/// and many callers share few commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_shared_and_come_before_answers() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    let before = store.stats();
    let writes: Vec<_> = (0..500)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                insert(&store, n).await.unwrap();
                // A reader is another connection: it sees only what is committed.
                assert!(run!(store.read, [] tx => async { stored::get(tx, &alert(n).id).await }).unwrap().is_some());
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    let after = store.stats();
    assert_eq!(after.committed_ops - before.committed_ops, 500);
    assert!(after.commits - before.commits < 250, "{} commits for 500 operations", after.commits - before.commits);
    assert_eq!(after.ops["test"].calls, 1_000);
    assert!(after.size_bytes > 0);
}

/// One operation of a shared commit fails: only its caller hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_in_a_shared_commit_stays_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    let writes: Vec<_> = (0..60)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                match n % 3 {
                    0 => insert(&store, n).await,
                    1 => {
                        let failing = op(move |tx| {
                            Box::pin(async move {
                                stored::insert_many(tx, &[alert(n)]).await?;
                                Err::<(), _>(Error::NotFound)
                            })
                        });
                        store.write(failing).await
                    }
                    _ => {
                        let panicking = op(move |tx| {
                            Box::pin(async move {
                                stored::insert_many(tx, &[alert(n)]).await?;
                                if n > 0 {
                                    panic!("on purpose");
                                }
                                Ok(())
                            })
                        });
                        store.write(panicking).await
                    }
                }
            })
        })
        .collect();
    for (n, write) in writes.into_iter().enumerate() {
        match (n % 3, write.await.unwrap()) {
            (0, Ok(())) | (1, Err(Error::NotFound)) => {}
            (2, Err(Error::Broken(why))) => assert!(why.contains("panicked"), "{why}"),
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(count(&store).await, 20);
    assert!(!store.is_broken());
}

/// A full queue refuses at once; what was taken in is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let blocked = op(move |_| {
        let _ = gate.lock().unwrap().recv();
        Box::pin(std::future::ready(Ok(())))
    });
    let first = store.clone();
    let mut writes: Vec<Write> = vec![Box::pin(async move { first.write(blocked).await })];
    // Polled once, a write is queued.
    assert!(poll(&mut writes[0]).is_none());
    loop {
        let (again, n) = (store.clone(), writes.len() as i64);
        let mut write: Write = Box::pin(async move { insert(&again, n).await });
        match poll(&mut write) {
            Some(Err(Error::Busy(_))) => break,
            Some(other) => panic!("{other:?}"),
            None => writes.push(write),
        }
        assert!(writes.len() < 20_000, "the queue has no bound");
    }
    let taken = writes.len() as i64 - 1;
    assert!(taken >= 1_000, "{taken}");
    release.send(()).unwrap();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(count(&store).await, taken);
}

type Write = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

fn poll(write: &mut Write) -> Option<Result<(), Error>> {
    match write.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

/// The log is copied into the database and overwritten from its start, so it stays small under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_recycled() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    // 60 MiB in all: several times what the log may hold.
    for round in 0..60 {
        let many = op(move |tx| {
            Box::pin(async move {
                for n in 0..10 {
                    let (id, at, reason, body) =
                        (format!("{round}-{n}"), crate::sample::at(0), String::new(), "x".repeat(100 << 10));
                    quarantine::insert(tx, &Quarantined { id, at, integration: None, reason, body }).await?;
                }
                Ok(())
            })
        });
        store.write(many).await.unwrap();
    }
    let size = dir.path().join("firedog.db-wal").metadata().unwrap().len();
    assert!(size < 32 << 20, "the log has {size} bytes");
    // Idle: what is in the log comes into the database by itself.
    let patience = Instant::now() + Duration::from_secs(20);
    while dir.path().join("firedog.db").metadata().unwrap().len() < 58 << 20 {
        assert!(Instant::now() < patience, "nothing was copied into the database");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_a_whole_database() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    let many = alerts(0..2_000);
    run!(store.write, [many] tx => stored::insert_many(tx, &many)).unwrap();
    let copy = dir.path().join("copy.db");
    // Somebody goes on writing meanwhile.
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 5_000..5_100 {
                insert(&store, n).await.unwrap();
            }
        })
    };
    store.backup(&copy).await.unwrap();
    writer.await.unwrap();
    assert!(matches!(store.backup(&copy).await, Err(Error::Broken(why)) if why.contains("exists already")));
    let restored = Store::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    assert!((2_000..=2_100).contains(&count(&restored).await));
    assert_eq!(count(&store).await, 2_100);
    let nowhere = store.backup(&dir.path().join("no/such/dir.db")).await;
    assert!(matches!(nowhere, Err(Error::Broken(_))), "{nowhere:?}");
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().map(|f| f.file_name()).collect();
    assert!(!left.iter().any(|f| f.to_string_lossy().contains("part")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_clocks() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    let probe = store.probe_fsync().await.unwrap();
    assert!(probe.median <= probe.worst && probe.worst > Duration::ZERO);
    assert_eq!(store.now_db().await.unwrap(), None);

    let database = Database::new();
    let store = Store::open(&database.url).await.unwrap();
    assert_eq!(store.dialect(), Dialect::Postgres);
    assert!(store.probe_fsync().await.unwrap().median > Duration::ZERO);
    let (first, second) = (store.now_db().await.unwrap().unwrap(), store.now_db().await.unwrap().unwrap());
    assert!(first <= second && first > "2024-01-01T00:00:00Z".parse().unwrap());
    assert!(matches!(store.backup(dir.path()).await, Err(Error::Broken(why)) if why.contains("pg_dump")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_postgresql_is_survived() {
    let database = Database::alone();
    let store = Store::open(&database.url).await.unwrap();
    insert(&store, 1).await.unwrap();
    database.stop();
    let down = insert(&store, 2).await;
    assert!(matches!(down, Err(Error::Busy(_) | Error::Unknown(_))), "{down:?}");
    assert!(matches!(Store::open(&database.url).await.map(|_| ()), Err(Error::Busy(_))));
    database.start();
    let patience = Instant::now() + Duration::from_secs(30);
    while let Err(error) = insert(&store, 3).await {
        assert!(matches!(error, Error::Busy(_) | Error::Unknown(_)), "{error}");
        assert!(Instant::now() < patience, "{error}");
    }
    assert_eq!(count(&store).await, 2);
    assert!(!store.is_broken());
}

/// A caller that goes away in the middle leaves no half transaction to whoever gets its connection next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_operation_is_rolled_back() {
    let database = Database::new();
    let store = Store::open(&database.url).await.unwrap();
    let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
    let begun = std::sync::Mutex::new(Some(begun));
    let endless = op(move |tx| {
        let begun = begun.lock().unwrap().take();
        Box::pin(async move {
            stored::insert_many(tx, &[alert(1)]).await?;
            let _ = begun.map(|b| b.send(()));
            std::future::pending::<Result<(), Error>>().await
        })
    });
    let task = {
        let store = store.clone();
        tokio::spawn(async move { store.write(endless).await })
    };
    has_begun.await.unwrap();
    task.abort();
    assert!(task.await.is_err());
    for n in 2..20 {
        insert(&store, n).await.unwrap();
    }
    assert_eq!(count(&store).await, 18);
}

/// A full disk refuses what does not fit, keeps what was there, and goes on once there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    insert(&store, 1).await.unwrap();
    let limit = |pages: i64| {
        op(move |tx| {
            Box::pin(async move {
                let used = tx.query("PRAGMA page_count", &[]).await?.remove(0).int()?;
                tx.query(&format!("PRAGMA max_page_count = {}", used + pages), &[]).await.map(|_| ())
            })
        })
    };
    store.write(limit(10)).await.unwrap();
    let many = alerts(10..2_000);
    let full = run!(store.write, [many] tx => stored::insert_many(tx, &many));
    assert!(matches!(&full, Err(Error::Busy(why)) if why.contains("disk is full")), "{full:?}");
    assert_eq!(count(&store).await, 1);
    assert!(!store.is_broken());
    store.write(limit(100_000)).await.unwrap();
    run!(store.write, [many] tx => stored::insert_many(tx, &many)).unwrap();
    assert_eq!(count(&store).await, 1_991);
}

/// A file that cannot be read any more stops the store for good, whoever notices first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_stops_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("firedog.db");
    let store = sqlite(dir.path()).await;
    let many = alerts(0..4_000);
    run!(store.write, [many] tx => stored::insert_many(tx, &many)).unwrap();
    drop(store);
    // Everything but the first page, which holds what opening needs.
    let length = file.metadata().unwrap().len() as usize;
    let store = sqlite(dir.path()).await;
    let damage = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&damage, &vec![0xaa; length - 4_096], 4_096).unwrap();
    let read = run!(store.read, [] tx => stored::count_open(tx));
    assert!(matches!(read, Err(Error::Broken(_))), "{read:?}");
    assert!(store.is_broken());
    let refused = insert(&store, 9_999).await;
    assert!(matches!(&refused, Err(Error::Broken(why)) if why.contains("restarted")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_writes_is_a_mistake_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::new();
    for store in [sqlite(dir.path()).await, Store::open(&database.url).await.unwrap()] {
        let wrong = run!(store.read, [] tx => stored::insert_many(tx, &[alert(1)]));
        assert!(matches!(wrong, Err(Error::Broken(_))), "{wrong:?}");
        assert!(!store.is_broken());
        insert(&store, 1).await.unwrap();
        assert_eq!(count(&store).await, 1);
    }
}

/// Alerts tell who can be reached where: nobody else on the machine shall read them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path()).await;
    insert(&store, 1).await.unwrap();
    store.backup(&dir.path().join("copy.db")).await.unwrap();
    for name in ["firedog.db", "firedog.db-wal", "firedog.db-shm", "copy.db"] {
        let mode = dir.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
