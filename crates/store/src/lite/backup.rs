//! Copies of a live database.

use super::map;
use crate::error::{Error, Result};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// Pages per step; between steps the disk belongs to the pager.
const STEP_PAGES: i32 = 256;

/// Copies the database at `from` to a new file `to` while it is being written, checks the copy, and
/// only then gives it its name. Blocks; run it off the async threads.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Error::Broken(format!("{} exists already; choose another name", to.display())));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let done = fill(from, &part).and_then(|()| place(&part, to));
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    done
}

fn fill(from: &Path, part: &Path) -> Result<()> {
    let failed = |e: rusqlite::Error| Error::Broken(format!("cannot write {}: {e}", part.display()));
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(map)?;
    // An open read keeps the copied state still; without it every commit would start the copy over.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(map)?;
    let _ = std::fs::remove_file(part);
    super::private(part).map_err(|e| Error::Broken(format!("cannot write {}: {e}", part.display())))?;
    let mut target = Connection::open(part).map_err(failed)?;
    let backup = Backup::new(&source, &mut target).map_err(failed)?;
    loop {
        match backup.step(STEP_PAGES).map_err(failed)? {
            StepResult::Done => break,
            StepResult::More => std::thread::yield_now(),
            _ => std::thread::park_timeout(std::time::Duration::from_millis(5)),
        }
    }
    drop(backup);
    let verdict: String = target.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(Error::Broken(format!("the copy of {} is damaged: {verdict}", from.display())));
    }
    // The copy is one plain file, without a log beside it.
    target.execute_batch("PRAGMA journal_mode = DELETE").map_err(failed)
}

fn place(part: &Path, to: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::Broken(format!("cannot write {}: {e}", to.display()));
    std::fs::File::open(part).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(part, to).map_err(failed)?;
    let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed)
}
