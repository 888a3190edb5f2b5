//! Keeping the database: `backup` from a running server, `restore` into a file that no server holds.

use super::call::Call;
use super::failure::Failure;
use super::out::{GOOD, paint, print, print_json, say};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog backup firedog-$(date +%F).db
  firedog backup /var/backups/firedog.db --force

Runs beside the server's work. The key for secrets (firedog.db.key or FIREDOG_SECRET_KEY_FILE) is not in
the backup: keep a copy of it elsewhere. A PostgreSQL database is backed up with pg_dump.")]
pub(crate) struct Backup {
    /// File to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write over the file if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog restore firedog-2026-01-05.db
  firedog restore firedog-2026-01-05.db --database sqlite:/var/lib/firedog/firedog.db --force

Stop the server first. The key for secrets that belongs to the backup must stand beside the restored file
(firedog.db.key) or be named by FIREDOG_SECRET_KEY_FILE.")]
pub(crate) struct Restore {
    /// A file that `firedog backup` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The SQLite database to write
    #[arg(long, value_name = "URL", env = "FIREDOG_DATABASE", default_value = "sqlite:firedog.db", hide_env_values = true)]
    database: String,
    /// Write over the database if it is there
    #[arg(long)]
    force: bool,
}

pub(crate) async fn backup(call: &Call, args: Backup) -> Result<(), Failure> {
    let file = args.file;
    let shown = file.display();
    if file.exists() && !args.force {
        return Err(
            Failure::failed(format!("{shown} exists already; nothing was written")).next("choose another name, or add --force")
        );
    }
    // Under another name until it is whole: a broken connection must not leave what looks like a backup.
    let part = named_like(&file, ".part");
    let length = match fill(call, &part).await {
        Ok(length) => length,
        Err(failure) => {
            let _ = tokio::fs::remove_file(&part).await;
            return Err(failure);
        }
    };
    tokio::fs::rename(&part, &file).await.map_err(|e| Failure::failed(format!("cannot write {shown}: {e}")))?;
    if call.json {
        return print_json(&json!({ "file": file, "bytes": length, "verified": true }));
    }
    print(&format!("{} {shown} ({length} bytes, verified)\n", paint(GOOD, "Backed up to")))?;
    say("The key for secrets is not in it: keep a copy of firedog.db.key (or FIREDOG_SECRET_KEY_FILE) elsewhere.");
    Ok(())
}

async fn fill(call: &Call, part: &Path) -> Result<u64, Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", part.display()));
    let mut into = tokio::fs::File::create(part).await.map_err(failed)?;
    let length = call.client.download(&["backup"], &json!({}), &mut into).await?;
    into.sync_all().await.map_err(failed)?;
    let copy = part.to_owned();
    store(move || firedog_store::verify_backup(&copy)).await?;
    Ok(length)
}

pub(crate) async fn restore(args: Restore, json: bool) -> Result<(), Failure> {
    let Some(path) = args.database.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path)) else {
        return Err(Failure::usage("restore writes SQLite databases only")
            .next("restore a PostgreSQL database with pg_restore; or add --database sqlite:PATH"));
    };
    if path.is_empty() || path == ":memory:" {
        return Err(Failure::usage("restore needs a database with a file").next("add --database sqlite:PATH"));
    }
    let to = PathBuf::from(path);
    if to.exists() && !args.force {
        return Err(Failure::failed(format!("{} exists already; nothing was written", to.display()))
            .next("add --force to put the backup in its place (it is kept beside it), or name another one with --database"));
    }
    let (from, target) = (args.file.clone(), to.clone());
    let kept = store(move || firedog_store::restore(&from, &target, args.force)).await?;
    if json {
        return print_json(&json!({ "file": args.file, "database": to, "kept": kept }));
    }
    print(&format!("{} {} from {}\n", paint(GOOD, "Restored"), to.display(), args.file.display()))?;
    if let Some(kept) = kept {
        say(&format!("The database that was there is now {}", kept.display()));
    }
    say("Start the server again: firedog serve");
    Ok(())
}

/// Disk work, off the async threads.
async fn store<T: Send + 'static>(work: impl FnOnce() -> firedog_store::Result<T> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|e| Failure::failed(format!("a background task failed: {e}")))?;
    done.map_err(|e| Failure::failed(e.to_string()))
}

fn named_like(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
