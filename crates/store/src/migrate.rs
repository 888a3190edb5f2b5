//! Migrations: numbered files, forward only, one text for both engines. Each runs in one transaction
//! together with the row that records it, so of several nodes that start at once one does the work and
//! the others wait on that row.

use crate::error::{Error, Result};
use crate::lite::LiteTx;
use crate::tx::{Dialect, Op, Tx};
use rusqlite::Connection;

struct Migration {
    number: i64,
    name: &'static str,
    text: &'static str,
}

const ALL: [Migration; 12] = [
    Migration { number: 1, name: "initial", text: include_str!("../migrations/0001_initial.sql") },
    Migration { number: 2, name: "pager", text: include_str!("../migrations/0002_pager.sql") },
    Migration { number: 3, name: "sign_in", text: include_str!("../migrations/0003_sign_in.sql") },
    Migration { number: 4, name: "leave", text: include_str!("../migrations/0004_leave.sql") },
    Migration { number: 5, name: "push", text: include_str!("../migrations/0005_push.sql") },
    Migration { number: 6, name: "cover", text: include_str!("../migrations/0006_cover.sql") },
    Migration { number: 7, name: "saved_filter", text: include_str!("../migrations/0007_saved_filter.sql") },
    Migration { number: 8, name: "setup_app", text: include_str!("../migrations/0008_setup_app.sql") },
    Migration { number: 9, name: "other_sign_in", text: include_str!("../migrations/0009_other_sign_in.sql") },
    Migration { number: 10, name: "run", text: include_str!("../migrations/0010_run.sql") },
    Migration { number: 11, name: "case", text: include_str!("../migrations/0011_case.sql") },
    Migration { number: 12, name: "run_runbook", text: include_str!("../migrations/0012_run_runbook.sql") },
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration
    (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)";

impl Dialect {
    /// The words that the engines spell differently in definitions.
    fn fragments(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Sqlite => [("{BYTES}", "BLOB"), ("{CLUSTERED}", "WITHOUT ROWID")],
            Self::Postgres => [("{BYTES}", "BYTEA"), ("{CLUSTERED}", "")],
        }
    }
}

/// Tells an edited file from the one that was run; FNV-1a, as nobody attacks his own migrations.
fn checksum(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// Statements of a file in the words of an engine. Our files have no semicolons inside of statements.
fn statements(text: &str, dialect: Dialect) -> Vec<String> {
    let mut text: String = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    for (name, words) in dialect.fragments() {
        text = text.replace(name, words);
    }
    text.split(';').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

/// Makes the table that records migrations.
pub(crate) struct Prepare;

impl Op for Prepare {
    type Out = ();
    const NAME: &'static str = "prepare_migrations";

    async fn run(&self, tx: &mut dyn Tx) -> Result<()> {
        tx.exec(TABLE, &[]).await.map(|_| ())
    }
}

/// Runs the next missing migration; answers whether there may be another.
pub(crate) struct Step;

impl Op for Step {
    type Out = bool;
    const NAME: &'static str = "migrate";

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool> {
        let mut next = 0;
        for mut row in tx.query("SELECT number, checksum FROM migration ORDER BY number", &[]).await? {
            let (number, sum) = (row.int()?, row.text()?);
            let Some(known) = ALL.iter().find(|m| m.number == number) else {
                return Err(Error::Broken(format!(
                    "this database was written by a newer firedog (its schema is {number}, this program knows up to {}); \
                     start that one, or restore a backup from before the upgrade",
                    ALL.len()
                )));
            };
            if sum != checksum(known.text) {
                return Err(Error::Broken(format!("migration {number} of this database is not the one this program has")));
            }
            next += 1;
        }
        let Some(migration) = ALL.get(next) else { return Ok(false) };
        // First of all: on PostgreSQL a second node waits here, then meets a conflict and looks again.
        let sql = "INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)";
        tx.exec(sql, &[migration.number.into(), migration.name.into(), checksum(migration.text).into()]).await?;
        for statement in statements(migration.text, tx.dialect()) {
            tx.exec(&statement, &[]).await?;
        }
        Ok(true)
    }
}

/// Brings a SQLite database up to date.
pub(crate) fn sqlite(conn: &mut Connection) -> Result<()> {
    let mut tx = LiteTx::new(conn);
    let mut transact = |op: &dyn Fn(&mut LiteTx<'_>) -> Result<bool>| {
        tx.frame("BEGIN IMMEDIATE")?;
        let done = op(&mut tx);
        tx.frame(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done
    };
    transact(&|tx| tx.run(&Prepare).map(|()| false))?;
    while transact(&|tx| tx.run(&Step))? {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_without_gaps_and_split_into_statements() {
        for (i, migration) in ALL.iter().enumerate() {
            assert_eq!(migration.number, i as i64 + 1);
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                for statement in statements(migration.text, dialect) {
                    let known = ["CREATE ", "INSERT ", "ALTER TABLE ", "DROP INDEX "];
                    assert!(known.iter().any(|begin| statement.starts_with(begin)), "{statement}");
                    assert!(!statement.contains('{'), "{statement}");
                }
            }
        }
    }

    /// A released file never changes; this list only grows.
    #[test]
    fn checksums_differ() {
        assert_ne!(checksum("a"), checksum("b"));
        assert_eq!(checksum(""), "cbf29ce484222325");
    }
}
