//! SQLite in memory with the writer run on the calling task: every future is ready at once, so a
//! simulation needs no runtime and replays exactly. Faults can be put before any operation.

use super::{LiteTx, open_memory};
use crate::error::{Error, Result};
use crate::migrate;
use crate::tx::Op;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};

/// What a simulated database does to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    None,
    /// Refused before it began: [`Error::Busy`].
    Busy,
    /// It runs, is rolled back, and runs again, as after a serialisation failure.
    Conflict,
    /// Committed, but the caller gets [`Error::Unknown`].
    LostAnswer,
    /// Rolled back, and the caller gets [`Error::Unknown`].
    Crash,
}

/// Chooses a fault for each operation, by its name. Reads know only [`Fault::None`] and, for all others, [`Error::Busy`].
pub trait Faults: Send + Sync {
    fn before(&self, op: &'static str) -> Fault;
}

pub(crate) struct Inline {
    conn: Mutex<Connection>,
    faults: Option<Arc<dyn Faults>>,
}

impl Inline {
    pub(crate) fn open(faults: Option<Arc<dyn Faults>>) -> Result<Self> {
        let mut conn = open_memory()?;
        migrate::sqlite(&mut conn)?;
        Ok(Self { conn: Mutex::new(conn), faults })
    }

    fn fault(&self, op: &'static str) -> Fault {
        self.faults.as_ref().map_or(Fault::None, |faults| faults.before(op))
    }

    pub(crate) fn write<O: Op>(&self, op: &O) -> Result<O::Out> {
        let fault = self.fault(O::NAME);
        if fault == Fault::Busy {
            return Err(Error::Busy("simulated".to_owned()));
        }
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tx = LiteTx::new(&mut conn);
        if fault == Fault::Conflict {
            tx.frame("BEGIN IMMEDIATE")?;
            let _ = tx.run(op);
            tx.frame("ROLLBACK")?;
        }
        tx.frame("BEGIN IMMEDIATE")?;
        let out = tx.run(op);
        if out.is_err() || fault == Fault::Crash {
            tx.frame("ROLLBACK")?;
        } else {
            tx.frame("COMMIT")?;
        }
        match fault {
            Fault::LostAnswer | Fault::Crash => Err(Error::Unknown(format!("simulated {fault:?}"))),
            _ => out,
        }
    }

    pub(crate) fn read<O: Op>(&self, op: &O) -> Result<O::Out> {
        if self.fault(O::NAME) != Fault::None {
            return Err(Error::Busy("simulated".to_owned()));
        }
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tx = LiteTx::new(&mut conn);
        tx.frame("BEGIN")?;
        let out = tx.run(op);
        tx.frame("ROLLBACK")?;
        out
    }
}
