//! Values that both engines share. Times are `BIGINT` microseconds, ids and JSON are `TEXT`.

use crate::error::{Error, Result};
use firedog_domain::id::*;
use firedog_domain::time::{from_micros, micros};
use jiff::Timestamp;
use std::borrow::Cow;

/// A parameter of a statement, or one value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// A column of values for `unnest`; PostgreSQL only, made by [`crate::rows`].
    List(Vec<Val<'a>>),
}

/// The SQL types of columns that set-based statements name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    Text,
    Int,
    Bool,
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Val<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Val<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Val<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<i64> for Val<'_> {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<u32> for Val<'_> {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}

impl From<bool> for Val<'_> {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<Timestamp> for Val<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(micros(at))
    }
}

impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! ids {
    ($($name:ident),+) => {$(
        impl<'a> From<&'a $name> for Val<'a> {
            fn from(id: &'a $name) -> Self {
                Self::from(id.as_str())
            }
        }
    )+};
}
ids!(
    TeamId,
    UserId,
    ScheduleId,
    PolicyId,
    ServiceId,
    ContactId,
    IntegrationId,
    SilenceId,
    MaintenanceId,
    OverrideId,
    LeaveId,
    CaseId,
    VendorId,
    InstitutionId,
    CoverId,
    DeviceId,
    AlertId,
    PageId,
    NotificationId,
    RunId,
    RunbookId
);

/// One row of an answer. Its values are taken one after the other, in the order of the select list;
/// a value of another type than asked for is [`Error::Broken`], never a panic.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Val<'static>>);

impl Row {
    pub fn new(values: Vec<Val<'static>>) -> Self {
        Self(values.into_iter())
    }

    /// The next value as it is.
    pub fn val(&mut self) -> Result<Val<'static>> {
        self.0.next().ok_or_else(|| Error::broken("a row has fewer columns than its reader expects"))
    }

    pub fn text(&mut self) -> Result<String> {
        self.text_or_null()?.ok_or_else(|| wrong("text", &Val::Null))
    }

    pub fn text_or_null(&mut self) -> Result<Option<String>> {
        match self.val()? {
            Val::Text(text) => Ok(Some(text.into_owned())),
            Val::Null => Ok(None),
            other => Err(wrong("text", &other)),
        }
    }

    pub fn int(&mut self) -> Result<i64> {
        self.int_or_null()?.ok_or_else(|| wrong("a number", &Val::Null))
    }

    pub fn int_or_null(&mut self) -> Result<Option<i64>> {
        match self.val()? {
            Val::Int(n) => Ok(Some(n)),
            Val::Null => Ok(None),
            other => Err(wrong("a number", &other)),
        }
    }

    /// A number that never is negative or large (counts, steps).
    pub fn small(&mut self) -> Result<u32> {
        let n = self.int()?;
        u32::try_from(n).map_err(|_| wrong("a small number", &Val::Int(n)))
    }

    /// SQLite keeps booleans as 0 and 1.
    pub fn bool(&mut self) -> Result<bool> {
        match self.val()? {
            Val::Bool(b) => Ok(b),
            Val::Int(n @ 0..=1) => Ok(n == 1),
            other => Err(wrong("a truth value", &other)),
        }
    }

    pub fn time(&mut self) -> Result<Timestamp> {
        self.int().map(from_micros)
    }

    pub fn time_or_null(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.int_or_null()?.map(from_micros))
    }

    /// Text that `parse` understands: one of an enum's words, JSON, an id.
    pub fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text = self.text()?;
        parse(&text).ok_or_else(|| Error::Broken(format!("a row has `{text}` where it cannot be")))
    }

    pub fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|e| Error::Broken(format!("a row has unreadable JSON: {e}")))
    }
}

fn wrong(wanted: &str, got: &Val<'_>) -> Error {
    Error::Broken(format!("a row has {got:?} where {wanted} belongs"))
}

/// JSON for a `TEXT` column.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Broken(format!("cannot be written as JSON: {e}")))
}
