//! Putting a copy back, and telling whether a file is one.

use super::map;
use super::pool::lock;
use crate::error::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Refuses a file that is no whole database of ours. Changes nothing. Blocks.
pub fn verify_backup(path: &Path) -> Result<()> {
    let shown = path.display();
    // SQLite would make a missing file and would say nothing of a directory.
    let kind = fs::metadata(path).map_err(|e| Error::Broken(format!("cannot read {shown}: {e}")))?;
    if !kind.is_file() {
        return Err(Error::Broken(format!("{shown} is not a file")));
    }
    let damaged = |e: rusqlite::Error| Error::Broken(format!("{shown} is not a backup that firedog has written: {e}"));
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(damaged)?;
    let ours = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('migration', 'alert')";
    let tables: i64 = conn.query_row(ours, [], |row| row.get(0)).map_err(damaged)?;
    if tables != 2 {
        return Err(Error::Broken(format!("{shown} is a database, but not one of firedog's")));
    }
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(damaged)?;
    if verdict == "ok" { Ok(()) } else { Err(Error::Broken(format!("{shown} is damaged: {verdict}"))) }
}

/// Puts the backup `from` in the place of the SQLite database `to`, which no server may hold. With
/// `replace`, a database that is there is kept beside it; answers where. Blocks.
pub fn restore(from: &Path, to: &Path, replace: bool) -> Result<Option<PathBuf>> {
    verify_backup(from)?;
    let failed = |what: &Path, e: std::io::Error| Error::Broken(format!("cannot write {}: {e}", what.display()));
    // First of all, so that no server can start in between.
    let _lock = lock(to)?;
    if to.exists() && !replace {
        return Err(Error::Broken(format!("{} exists already", to.display())));
    }
    let part = beside(to, ".part");
    let filled = fs::copy(from, &part).map_err(|e| failed(&part, e)).and_then(|_| finish(&part));
    if let Err(error) = filled {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    let old = to.exists().then(|| unused(to, ".before-restore"));
    if let Some(old) = &old {
        // The log first: a database that meets another one's log would be damaged by it.
        let (log, old_log) = (beside(to, "-wal"), beside(old, "-wal"));
        let moved = if log.exists() { fs::rename(&log, &old_log) } else { gone(&old_log) };
        moved.and_then(|()| fs::rename(to, old)).map_err(|e| failed(old, e))?;
    }
    for rest in ["-wal", "-shm"] {
        let rest = beside(to, rest);
        gone(&rest).map_err(|e| failed(&rest, e))?;
    }
    fs::rename(&part, to).map_err(|e| failed(to, e))?;
    let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(|e| failed(parent, e))?;
    Ok(old)
}

/// Checks the copy and makes it durable and an ordinary file of its own.
fn finish(part: &Path) -> Result<()> {
    verify_backup(part)?;
    Connection::open(part).and_then(|conn| conn.execute_batch("PRAGMA journal_mode = DELETE")).map_err(map)?;
    File::open(part).and_then(|file| file.sync_all()).map_err(|e| Error::Broken(format!("cannot write {}: {e}", part.display())))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whoever restores twice, the wrong backup first, still has the database that he began with.
fn unused(path: &Path, suffix: &str) -> PathBuf {
    let first = beside(path, suffix);
    let numbered = (2..).map(|n: u32| beside(path, &format!("{suffix}-{n}")));
    std::iter::once(first.clone()).chain(numbered).find(|name| !name.exists()).unwrap_or(first)
}

fn gone(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    /// A backup with a mark in it, as its `user_version`.
    async fn backup(dir: &Path, mark: i64) -> PathBuf {
        let (db, file) = (dir.join(format!("live{mark}.db")), dir.join(format!("backup{mark}.db")));
        let store = Store::open(&format!("sqlite:{}", db.display())).await.unwrap();
        store.backup(&file).await.unwrap();
        Connection::open(&file).unwrap().execute_batch(&format!("PRAGMA user_version = {mark}")).unwrap();
        file
    }

    fn mark(db: &Path) -> i64 {
        Connection::open(db).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn a_backup_comes_back_and_the_old_database_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (backup(dir.path(), 1).await, backup(dir.path(), 2).await);
        let db = dir.path().join("firedog.db");
        assert_eq!(restore(&one, &db, false), Ok(None));
        assert_eq!(mark(&db), 1);
        let refused = restore(&two, &db, false).unwrap_err().to_string();
        assert!(refused.contains("exists already"), "{refused}");
        assert_eq!(mark(&db), 1);
        let old = restore(&two, &db, true).unwrap().unwrap();
        assert_eq!((mark(&db), mark(&old)), (2, 1));
        let older = restore(&one, &db, true).unwrap().unwrap();
        assert_eq!((mark(&db), mark(&older), mark(&old)), (1, 2, 1));
        Store::open(&format!("sqlite:{}", db.display())).await.unwrap();
    }

    #[tokio::test]
    async fn a_log_of_the_old_database_does_not_reach_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let one = backup(dir.path(), 1).await;
        let db = dir.path().join("firedog.db");
        restore(&one, &db, false).unwrap();
        // A server that was killed leaves its log behind.
        fs::write(beside(&db, "-wal"), b"left behind").unwrap();
        let old = restore(&one, &db, true).unwrap().unwrap();
        assert!(!beside(&db, "-wal").exists());
        assert_eq!(fs::read(beside(&old, "-wal")).unwrap(), b"left behind");
    }

    #[tokio::test]
    async fn nothing_is_restored_under_a_running_server() {
        let dir = tempfile::tempdir().unwrap();
        let one = backup(dir.path(), 1).await;
        let db = dir.path().join("firedog.db");
        let _server = Store::open(&format!("sqlite:{}", db.display())).await.unwrap();
        let refused = restore(&one, &db, true).unwrap_err().to_string();
        assert!(refused.contains("in use by another process"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_no_backup_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| verify_backup(path).unwrap_err().to_string();
        assert!(refusal(&dir.path().join("gone")).contains("cannot read"));
        assert!(refusal(dir.path()).contains("is not a file"));
        let text = dir.path().join("text");
        fs::write(&text, "hello, I am not a database at all").unwrap();
        assert!(refusal(&text).contains("not a backup that firedog has written"));
        let other = dir.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(refusal(&other).contains("not one of firedog's"));
        // A page lost in the middle.
        let cut = backup(dir.path(), 1).await;
        let bytes = fs::read(&cut).unwrap();
        fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        verify_backup(&cut).unwrap_err();
    }
}
