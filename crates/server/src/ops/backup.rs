//! Online backup of the SQLite file. It is made beside the database, checked, streamed and deleted.

use super::{Error, Result, record};
use crate::app::App;
use crate::auth::Caller;
use firedog_store::audit::{self, Record};
use firedog_store::{Dialect, Op, Tx};
use std::path::PathBuf;

/// A finished backup; the file goes away with this.
pub struct Backup {
    pub path: PathBuf,
}

impl Drop for Backup {
    fn drop(&mut self) {
        // Whoever streams it holds the file open; the name is not needed any more.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a backup's temporary file was not removed");
        }
    }
}

pub async fn make(app: &App, caller: &Caller) -> Result<Backup> {
    if app.engine.store().dialect() == Dialect::Postgres {
        return Err(Error::Conflict("the database is PostgreSQL: back it up with its own means, pg_dump -Fc".to_owned()));
    }
    let Some(file) = app.config.sqlite_file() else {
        return Err(Error::Conflict("the database is in memory only; there is nothing to back up".to_owned()));
    };
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".backup-{}", uuid::Uuid::now_v7()));
    let backup = Backup { path: PathBuf::from(name) };
    app.engine.store().write(Note(record::of(app, caller, "backup.make", "database".to_owned()))).await?;
    app.engine.store().backup(&backup.path).await?;
    Ok(backup)
}

struct Note(Record);

impl Op for Note {
    type Out = ();
    const NAME: &'static str = "backup_note";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        audit::append_many(tx, std::slice::from_ref(&self.0)).await
    }
}
