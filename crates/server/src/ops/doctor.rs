//! `doctor`: everything that can be looked at from inside, each finding with what to do.

use super::{connection, setup};
use crate::app::App;
use firedog_domain::case::opens;
use firedog_domain::setup::warnings::warnings;
use firedog_domain::setup::{Channel, OpenBy, Setup, User};
use jiff::SignedDuration;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use utoipa::ToSchema;

/// Named apart from the level of a finding in a setup: schemas share one space of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CheckLevel)]
pub enum Level {
    Ok,
    Warn,
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    pub check: String,
    pub level: Level,
    pub message: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// Beyond this a commit is slower than the pages it decides should wait.
const SLOW_FSYNC: Duration = Duration::from_millis(50);
/// Beyond this this node's times and another's are not comparable.
const SKEW: SignedDuration = SignedDuration::from_secs(1);
/// Less than this fills up in an alert storm.
const LOW_DISK_BYTES: u64 = 512 << 20;
/// A mail server that takes longer to greet will also be late with pages.
const SMTP_TIMEOUT: Duration = Duration::from_secs(8);
/// Setup warnings that are listed one by one.
const MAX_WARNINGS: usize = 20;

fn ok(check: &str, message: impl Into<String>) -> Finding {
    Finding { check: check.to_owned(), level: Level::Ok, message: message.into(), fix: None }
}

fn warn(check: &str, message: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { check: check.to_owned(), level: Level::Warn, message: message.into(), fix: Some(fix.into()) }
}

fn fail(check: &str, message: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { check: check.to_owned(), level: Level::Fail, message: message.into(), fix: Some(fix.into()) }
}

pub async fn examine(app: &App) -> Vec<Finding> {
    let mut findings = vec![database(app).await, fsync(app).await, clock(app).await, auditor(app).await];
    findings.push(secret_key(app));
    findings.push(admin_token(app));
    findings.push(public_url(app));
    // Each may take its whole time; whoever asks must not wait for one after the other.
    let (smtp, connections) = tokio::join!(smtp(app), connections(app));
    findings.push(smtp);
    findings.push(disk(app).await);
    findings.push(zones(app));
    findings.extend(connections);
    findings.extend(setup_findings(app).await);
    findings
}

async fn database(app: &App) -> Finding {
    if app.engine.store().is_broken() {
        return fail(
            "database",
            "the file failed and is not trusted any more",
            "restart Firedog; if it fails again, restore a backup",
        );
    }
    let kind = match app.engine.store().dialect() {
        firedog_store::Dialect::Sqlite => "SQLite",
        firedog_store::Dialect::Postgres => "PostgreSQL",
    };
    match setup::head(app).await {
        Ok(_) => ok("database", format!("{kind} answers and its tables are those of this version")),
        Err(error) => fail(
            "database",
            format!("{kind} does not answer: {error}"),
            "look at the database's own log, and at FIREDOG_DATABASE",
        ),
    }
}

async fn fsync(app: &App) -> Finding {
    match app.engine.store().probe_fsync().await {
        Ok(probe) if probe.median > SLOW_FSYNC => warn(
            "fsync",
            format!("a durable write takes {:.1} ms, at worst {:.1} ms", ms(probe.median), ms(probe.worst)),
            "put the database on a local SSD; network file systems are slow and some lie",
        ),
        Ok(probe) => ok("fsync", format!("a durable write takes {:.2} ms, at worst {:.2} ms", ms(probe.median), ms(probe.worst))),
        Err(error) => fail("fsync", format!("nothing can be written: {error}"), "is the disk full or read-only?"),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

async fn clock(app: &App) -> Finding {
    match app.engine.store().now_db().await {
        Ok(Some(theirs)) => {
            let skew = app.now().duration_since(theirs);
            if skew.abs() > SKEW {
                let message = format!("this clock and the database's differ by {} ms", skew.as_millis());
                fail("clock", message, "run an NTP client on both machines")
            } else {
                ok("clock", format!("agrees with the database's within {} ms", skew.abs().as_millis().max(1)))
            }
        }
        Ok(None) => ok("clock", "this is the only clock; keep it right with NTP"),
        Err(error) => fail("clock", format!("the database's clock cannot be read: {error}"), "is the database up?"),
    }
}

async fn auditor(app: &App) -> Finding {
    match app.engine.health().await {
        Ok(health) if health.ok => ok("auditor", format!("every one of {} open alerts has its next action", health.open_alerts)),
        Ok(health) => {
            fail("auditor", health.problems.join("; "), "look at the log around these alerts; acknowledge them by hand meanwhile")
        }
        Err(error) => fail("auditor", error.to_string(), "is the database up?"),
    }
}

fn secret_key(app: &App) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let Ok(Some(path)) = app.config.key_file() else {
        return warn("secret key", "kept in memory only", "use a database with a file, or set FIREDOG_SECRET_KEY_FILE");
    };
    match std::fs::metadata(&path) {
        Ok(file) if file.permissions().mode() & 0o077 != 0 => warn(
            "secret key",
            format!("{} can be read by others than its owner", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
        Ok(_) => ok("secret key", format!("{}; back it up apart from the database", path.display())),
        Err(error) => fail(
            "secret key",
            format!("{} is gone: {error}", path.display()),
            "put it back from a backup before the next start; a new key cannot read the sealed secrets",
        ),
    }
}

fn admin_token(app: &App) -> Finding {
    match &app.config.admin_token {
        Some(token) if token.expose().chars().count() < 16 => warn(
            "admin token",
            "the bootstrap token has fewer than 16 characters and can be guessed",
            "set FIREDOG_ADMIN_TOKEN to a long random text: openssl rand -hex 24",
        ),
        Some(_) => ok("admin token", "set in the settings; it may do everything, so give people tokens of their own"),
        None => ok("admin token", "none in the settings; API tokens only"),
    }
}

fn public_url(app: &App) -> Finding {
    let host = url::Url::parse(&app.links_base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let bare = host.trim_matches(['[', ']']);
    let loopback = bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if loopback {
        warn(
            "public url",
            format!("links in pages begin with {}, which works on this machine only", app.links_base),
            "set FIREDOG_PUBLIC_URL to the address by which phones reach this server",
        )
    } else {
        ok("public url", format!("links in pages begin with {}", app.links_base))
    }
}

/// What a setup sends by mail.
fn needs_mail(setup: &Setup) -> Option<String> {
    let by_mail = |user: &User| user.contacts().iter().any(|contact| contact.address.channel() == Channel::Email);
    if setup.users.iter().any(by_mail) {
        return Some("people are to be paged by mail".to_owned());
    }
    let vendor = setup.vendors.iter().find(|vendor| opens(vendor, setup) == Some(OpenBy::Email))?;
    Some(format!("cases at {} are opened by mail", vendor.id))
}

async fn smtp(app: &App) -> Finding {
    let scene = app.engine.scene().await.ok();
    let needs = scene.and_then(|scene| needs_mail(&scene.world.setup));
    // A sender of its own: the doctor must not wait behind pages, nor pages behind it.
    let sender = match firedog_connectors::Sender::new(&crate::serve::sender_settings(&app.config, &app.links_base)) {
        Ok(sender) => sender,
        Err(why) => return fail("smtp", why, "correct FIREDOG_SMTP_URL and FIREDOG_SMTP_FROM"),
    };
    match tokio::time::timeout(SMTP_TIMEOUT, sender.check_mail()).await {
        Ok(None) => match needs {
            Some(needs) => {
                fail("smtp", format!("{needs}, but there is no mail server"), "set FIREDOG_SMTP_URL=smtp://user:pass@host:587")
            }
            None => ok("smtp", "not set, and nobody is to be paged by mail"),
        },
        Ok(Some(Ok(()))) => ok("smtp", "the mail server answers and takes our login"),
        Ok(Some(Err(why))) => fail("smtp", why, "check FIREDOG_SMTP_URL: host, port, user and password"),
        Err(_) => {
            let silent = format!("the mail server did not answer within {} s", SMTP_TIMEOUT.as_secs());
            fail("smtp", silent, "check host and port in FIREDOG_SMTP_URL, and the firewall between")
        }
    }
}

async fn connections(app: &App) -> Vec<Finding> {
    // That the setup cannot be read is told once, by its own finding.
    let Ok((checks, left_out)) = connection::check_all(app).await else { return Vec::new() };
    let finding = |one: connection::ConnectionCheck| Finding {
        check: format!("connection {}", one.id),
        level: one.level,
        message: one.message,
        fix: one.fix,
    };
    let mut findings: Vec<Finding> = checks.into_iter().map(finding).collect();
    if left_out > 0 {
        let message = format!("{left_out} more connections were not looked at");
        findings.push(warn("connections", message, "check them one by one: firedog connection check ID"));
    }
    findings
}

async fn disk(app: &App) -> Finding {
    let Some(file) = app.config.sqlite_file() else { return ok("disk space", "the database is not on this disk") };
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    match free_bytes(&dir).await {
        Some(free) if free < LOW_DISK_BYTES => fail(
            "disk space",
            format!("{} MiB are free in {}", free >> 20, dir.display()),
            "make room: when the disk is full nothing can be accepted any more",
        ),
        Some(free) => ok("disk space", format!("{} MiB are free in {}", free >> 20, dir.display())),
        None => warn("disk space", format!("how much is free in {} could not be found out", dir.display()), "look with `df`"),
    }
}

/// From `df`, which every Unix has: the standard library cannot ask, and a crate for one number is one more to trust.
async fn free_bytes(dir: &Path) -> Option<u64> {
    let output = tokio::process::Command::new("df").arg("-Pk").arg(dir).output();
    let output = tokio::time::timeout(Duration::from_secs(5), output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let free_kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(free_kib * 1024)
}

/// The zone rules are inside the binary; old rules put shifts an hour off after a country changes its mind.
fn zones(app: &App) -> Finding {
    let zones = firedog_domain::setup::Zone::names().len();
    let berlin = firedog_domain::setup::Zone::get("Europe/Berlin");
    let summer: Result<jiff::Timestamp, _> = "2026-07-01T00:00:00Z".parse();
    match (berlin, summer) {
        (Ok(zone), Ok(summer)) if zone.tz().to_offset(summer).seconds() == 7_200 => {
            ok("time zones", format!("{zones} zones inside the binary, as of its build; now {}", app.now()))
        }
        _ => fail("time zones", "the zone rules inside the binary are damaged", "install Firedog again"),
    }
}

async fn setup_findings(app: &App) -> Vec<Finding> {
    let scene = match app.engine.scene().await {
        Ok(scene) => scene,
        Err(error) => return vec![fail("setup", error.to_string(), "apply a correct setup: firedog apply DIR")],
    };
    if scene.world.version == 0 {
        return vec![warn("setup", "there is none yet: nobody can be paged", "write one and apply it: firedog apply DIR")];
    }
    let mut findings = Vec::new();
    if app.metrics.setup_stale.load(std::sync::atomic::Ordering::Relaxed) == 1 {
        findings.push(fail(
            "setup",
            "the files of --setup have errors, so an older setup runs",
            "run `firedog check DIR` and mend them",
        ));
    }
    let all = warnings(&scene.world.setup, app.now());
    let hidden = all.len().saturating_sub(MAX_WARNINGS);
    findings.extend(all.into_iter().take(MAX_WARNINGS).map(|warning| {
        warn("setup", warning.message, warning.help.unwrap_or_else(|| "look at it with `firedog check`".to_owned()))
    }));
    if hidden > 0 {
        findings.push(warn("setup", format!("{hidden} more warnings"), "see them with `firedog check DIR`"));
    }
    if findings.is_empty() {
        findings.push(ok("setup", format!("version {} has no warnings", scene.world.version)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::setup::load::{NoOutside, SourceFile, load};

    #[test]
    fn whatever_goes_out_by_mail_needs_a_mail_server() {
        let needs = |text: &str| {
            let file = SourceFile { name: "setup.yaml".to_owned(), text: text.to_owned() };
            needs_mail(&load(&[file], &NoOutside).setup.unwrap())
        };
        let hook = "users: [ { id: ada, contact: [ { id: hook, webhook: \"https://hooks.example.org/ada\" } ] } ]";
        assert_eq!(needs(hook), None);
        let mailed = "users: [ { id: ada, email: ada@example.org } ]";
        assert_eq!(needs(mailed).as_deref(), Some("people are to be paged by mail"));
        let case = "vendors: [ { id: jsource, email: cases@example.org, open_by: email } ]";
        assert_eq!(needs(&format!("{hook}\n{case}")).as_deref(), Some("cases at jsource are opened by mail"));
        assert_eq!(needs(&format!("{hook}\n{}", case.replace(", open_by: email", ""))), None);
    }
}
