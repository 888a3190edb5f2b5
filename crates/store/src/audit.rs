//! Who changed what. Rows are appended in the transaction of the change; sealing them comes after.

use crate::error::Result;
use crate::rows::{self, Col};
use crate::tx::Tx;
use crate::value::{Row, Ty, Val};
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A UUIDv7 made by the writer.
    pub id: String,
    pub at: Timestamp,
    /// `user:ada`, `token:ci`, `system`.
    pub actor: String,
    /// `alert.acknowledge`, `setup.apply`.
    pub action: String,
    /// `alert:ID`, `silence:ID`.
    pub subject: String,
    /// JSON of what it was and what it became, where that fits.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Anything else worth knowing, in words or JSON.
    pub detail: Option<String>,
}

const COLUMNS: &str = "id, at, actor, action, subject, before_json, after_json, detail";
const ALL: [Col; 8] = [
    ("id", Ty::Text),
    ("at", Ty::Int),
    ("actor", Ty::Text),
    ("action", Ty::Text),
    ("subject", Ty::Text),
    ("before_json", Ty::Text),
    ("after_json", Ty::Text),
    ("detail", Ty::Text),
];

pub async fn append_many(tx: &mut dyn Tx, records: &[Record]) -> Result<()> {
    fn row(r: &Record) -> Vec<Val<'_>> {
        vec![
            (&r.id).into(),
            r.at.into(),
            (&r.actor).into(),
            (&r.action).into(),
            (&r.subject).into(),
            r.before.as_ref().into(),
            r.after.as_ref().into(),
            r.detail.as_ref().into(),
        ]
    }
    let rows = records.iter().map(row).collect();
    rows::insert(tx, "audit", &ALL, rows, "ON CONFLICT (id) DO NOTHING").await.map(|_| ())
}

/// Newest first. `after` is time and id of the last record of the page before; `subject` narrows to one thing.
pub async fn list(tx: &mut dyn Tx, subject: Option<&str>, after: Option<(Timestamp, &str)>, limit: u32) -> Result<Vec<Record>> {
    let (at, id) = after.unwrap_or((Timestamp::MAX, ""));
    let mut sql = format!("SELECT {COLUMNS} FROM audit WHERE (at, id) < ($1, $2)");
    let mut params: Vec<Val<'_>> = vec![at.into(), id.into(), limit.into()];
    if let Some(subject) = subject {
        sql.push_str(" AND subject = $4");
        params.push(subject.into());
    }
    sql.push_str(" ORDER BY at DESC, id DESC LIMIT $3");
    let read = |mut r: Row| {
        Ok(Record {
            id: r.text()?,
            at: r.time()?,
            actor: r.text()?,
            action: r.text()?,
            subject: r.text()?,
            before: r.text_or_null()?,
            after: r.text_or_null()?,
            detail: r.text_or_null()?,
        })
    };
    tx.query(&sql, &params).await?.into_iter().map(read).collect()
}
