//! Expected heartbeats of integrations.

use crate::error::Result;
use crate::rows::{self, Col};
use crate::tx::{Tx, number};
use crate::value::{Row, Ty, Val};
use firedog_domain::id::IntegrationId;
use firedog_domain::time::from_micros;
use jiff::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Never heard of; nothing is expected before the first beat.
    Waiting,
    Alive,
    /// A run has begun and not ended.
    Running,
    /// None came in time.
    Missing,
    /// It said itself that it failed.
    Failed,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Alive, Self::Running, Self::Missing, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Alive => "alive",
            Self::Running => "running",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    pub integration: IntegrationId,
    /// Raised by every write; 0 means that there is no row yet.
    pub version: i64,
    pub state: State,
    pub last_at: Option<Timestamp>,
    /// When the run that is under way began.
    pub started_at: Option<Timestamp>,
    /// When it counts as missing unless it is heard of before.
    pub ready_at: Option<Timestamp>,
}

const COLUMNS: &str = "integration, version, state, last_at, started_at, ready_at";
const KEYS: [Col; 2] = [("integration", Ty::Text), ("version", Ty::Int)];
const SETS: [Col; 4] = [("state", Ty::Text), ("last_at", Ty::Int), ("started_at", Ty::Int), ("ready_at", Ty::Int)];

fn read(mut r: Row) -> Result<Heartbeat> {
    Ok(Heartbeat {
        integration: IntegrationId(r.text()?),
        version: r.int()?,
        state: r.parsed(State::parse)?,
        last_at: r.time_or_null()?,
        started_at: r.time_or_null()?,
        ready_at: r.time_or_null()?,
    })
}

pub async fn get_many(tx: &mut dyn Tx, integrations: &[IntegrationId]) -> Result<Vec<Heartbeat>> {
    let keys = integrations.iter().map(|id| vec![id.into()]).collect();
    rows::select(tx, COLUMNS, "heartbeat", &KEYS[..1], keys, "").await?.into_iter().map(read).collect()
}

/// All of them; there are at most as many as integrations.
pub async fn list(tx: &mut dyn Tx) -> Result<Vec<Heartbeat>> {
    tx.query(&format!("SELECT {COLUMNS} FROM heartbeat ORDER BY integration"), &[]).await?.into_iter().map(read).collect()
}

fn sets(b: &Heartbeat) -> [Val<'static>; 4] {
    [b.state.as_str().into(), b.last_at.into(), b.started_at.into(), b.ready_at.into()]
}

/// Writes heartbeats under the version they carry (0: new). Answers those whose row has another version
/// by now: nothing was written for them, and the operation should answer [`crate::Error::Conflict`].
pub async fn put_many(tx: &mut dyn Tx, beats: &[Heartbeat]) -> Result<Vec<IntegrationId>> {
    let mut missed = Vec::new();
    let (new, known): (Vec<&Heartbeat>, Vec<&Heartbeat>) = beats.iter().partition(|b| b.version == 0);
    let cols = [&KEYS[..], &SETS].concat();
    for beat in new {
        let row = [Val::from(&beat.integration), 1_i64.into()].into_iter().chain(sets(beat)).collect();
        if rows::insert(tx, "heartbeat", &cols, vec![row], "ON CONFLICT (integration) DO NOTHING").await? == 0 {
            missed.push(beat.integration.clone());
        }
    }
    let rows =
        known.into_iter().map(|b| [Val::from(&b.integration), b.version.into()].into_iter().chain(sets(b)).collect()).collect();
    let ids = rows::update(tx, "heartbeat", &KEYS, &SETS, ", version = t.version + 1", rows).await?;
    missed.extend(ids.into_iter().map(IntegrationId));
    Ok(missed)
}

/// Takes the heartbeats that are due, each at most once until `lease_until`, and raises their versions.
pub async fn claim_due(tx: &mut dyn Tx, now: Timestamp, lease_until: Timestamp, limit: u32) -> Result<Vec<Heartbeat>> {
    let sql = format!(
        "UPDATE heartbeat SET ready_at = $2, version = version + 1 WHERE integration IN (
            SELECT integration FROM heartbeat WHERE ready_at IS NOT NULL AND ready_at <= $1 ORDER BY ready_at LIMIT $3 {}
        ) AND ready_at <= $1 RETURNING {COLUMNS}",
        tx.dialect().skip_locked()
    );
    let rows = tx.query(&sql, &[now.into(), lease_until.into(), limit.into()]).await?;
    let mut claimed: Vec<Heartbeat> = rows.into_iter().map(read).collect::<Result<_>>()?;
    claimed.sort_by(|a, b| a.integration.cmp(&b.integration));
    Ok(claimed)
}

/// Forgets the heartbeats of integrations that the setup no longer has.
pub async fn delete_many(tx: &mut dyn Tx, integrations: &[IntegrationId]) -> Result<u64> {
    rows::exec(tx, "DELETE FROM heartbeat WHERE integration {IN}", integrations.iter().map(Val::from).collect(), &[]).await
}

pub(crate) async fn next_ready(tx: &mut dyn Tx) -> Result<Option<Timestamp>> {
    Ok(number(tx, "SELECT min(ready_at) FROM heartbeat WHERE ready_at IS NOT NULL", &[]).await?.map(from_micros))
}
