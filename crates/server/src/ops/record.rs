//! The audit log: writing rows for what the engine does not write itself, reading them, checking them.

use super::{Page, Result, cursor, page_size, read_cursor};
use crate::app::App;
use crate::auth::{Caller, Via};
use firedog_domain::alert::Actor;
use firedog_store::audit::Record;
use firedog_store::{Op, Tx};
use jiff::Timestamp;

/// An audit row of something that `caller` does now.
pub(crate) fn of(app: &App, caller: &Caller, action: &str, subject: String) -> Record {
    Record {
        id: uuid::Uuid::now_v7().to_string(),
        at: app.now(),
        actor: actor(&caller.actor()),
        action: action.to_owned(),
        subject,
        before: None,
        after: None,
        detail: match caller.via {
            Via::Chat => Some("in Slack".to_owned()),
            Via::Token | Via::Session(_) => caller.user.is_some().then(|| format!("with token {}", caller.name)),
        },
    }
}

/// The engine names actors in the same way.
fn actor(by: &Actor) -> String {
    match by {
        Actor::User(user) => format!("user:{user}"),
        Actor::Token(name) => format!("token:{name}"),
        Actor::Source(integration) => format!("source:{integration}"),
        Actor::System => "system".to_owned(),
    }
}

/// Newest first; `subject` (`alert:ID`) narrows to one thing.
pub async fn list(app: &App, subject: Option<String>, limit: Option<u32>, after: Option<&str>) -> Result<Page<Record>> {
    let size = page_size(limit);
    let after = after.map(read_cursor).transpose()?;
    let records = app.engine.store().read(List { subject, after, limit: size + 1 }).await?;
    Ok(Page::of(records, size, |record| cursor(record.at, &record.id)))
}

/// A row beside those that use cases write themselves.
pub(crate) struct Write(pub(crate) Record);

impl Op for Write {
    type Out = ();
    const NAME: &'static str = "audit_write";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        firedog_store::audit::append_many(tx, std::slice::from_ref(&self.0)).await
    }
}

struct List {
    subject: Option<String>,
    after: Option<(Timestamp, String)>,
    limit: u32,
}

impl Op for List {
    type Out = Vec<Record>;
    const NAME: &'static str = "audit_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let after = self.after.as_ref().map(|(at, id)| (*at, id.as_str()));
        firedog_store::audit::list(tx, self.subject.as_deref(), after, self.limit).await
    }
}

/// What can be said about the audit log as a whole.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Verdict {
    /// No row contradicts another.
    pub ok: bool,
    pub rows: u64,
    /// Rows that are not chained to those before them. Sealing is not there yet, so it is all of them, and a row that
    /// somebody with access to the database removed would not be missed.
    pub unsealed: u64,
    /// What was found, in words.
    pub message: String,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
}

/// Rows read per transaction while verifying, so that it never holds a reader for long.
const VERIFY_BATCH: u32 = 500;

/// Reads the whole log: every row must be readable, and its time must agree with the time in its id.
pub async fn verify(app: &App) -> Result<Verdict> {
    let (mut rows, mut odd) = (0, 0_u64);
    let (mut first_at, mut last_at) = (None, None);
    let mut after = None;
    loop {
        let batch = app.engine.store().read(List { subject: None, after: after.take(), limit: VERIFY_BATCH }).await?;
        let Some(last) = batch.last() else { break };
        first_at = Some(last.at);
        last_at = last_at.or(batch.first().map(|record| record.at));
        after = Some((last.at, last.id.clone()));
        rows += batch.len() as u64;
        odd += batch.iter().filter(|record| !is_sound(record)).count() as u64;
    }
    let message = if odd > 0 {
        format!("{odd} of {rows} rows have no actor, no action, or an id that is no id")
    } else {
        format!("{rows} rows, all readable; none is sealed yet")
    };
    Ok(Verdict { ok: odd == 0, rows, unsealed: rows, message, first_at, last_at })
}

fn is_sound(record: &Record) -> bool {
    !record.actor.is_empty() && !record.action.is_empty() && uuid::Uuid::try_parse(&record.id).is_ok()
}
