//! Whose turn it is in a layer, computed from its start: nothing is stepped through, nothing drifts.

use super::Piece;
use super::wall::first_instant;
use crate::id::UserId;
use crate::setup::{Layer, Unit};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The turn at `at`, when the clock has reached `local`; `None` before the start and for an empty turn.
pub(super) fn turn<'a>(layer: &'a Layer, tz: &TimeZone, at: Timestamp, local: DateTime) -> Piece<Option<&'a [UserId]>> {
    if layer.users.is_empty() {
        return Piece::always(None);
    }
    if local < layer.start {
        return Piece { until: first_instant(tz, layer.start), ..Piece::always(None) };
    }
    // One turn that follows itself: its boundaries are none.
    if let [only] = layer.users.as_slice() {
        return Piece { since: first_instant(tz, layer.start), ..Piece::always(present(only)) };
    }
    let n = i64::from(layer.every.n.max(1));
    let (index, since, until) = if layer.every.unit == Unit::Hour {
        let start = first_instant(tz, layer.start);
        let length = i128::from(n) * 3_600_000_000_000;
        let index = (at.as_nanosecond() - start.as_nanosecond()).div_euclid(length);
        let edge = |k: i128| Timestamp::from_nanosecond(start.as_nanosecond() + k * length).unwrap_or(Timestamp::MAX);
        (index as usize, edge(index), edge(index + 1))
    } else {
        let index = units_since(layer, local) / n;
        let edge = |k: i64| edge(layer, k * n).map_or(Timestamp::MAX, |edge| first_instant(tz, edge));
        (index as usize, edge(index), edge(index + 1))
    };
    Piece { since, until, says: present(&layer.users[index % layer.users.len()]) }
}

fn present(users: &[UserId]) -> Option<&[UserId]> {
    (!users.is_empty()).then_some(users)
}

/// Whole days, weeks or months from the start to `local`, which is not before it.
fn units_since(layer: &Layer, local: DateTime) -> i64 {
    let start = layer.start;
    let days = || {
        let days = local.date().duration_since(start.date()).as_hours() / 24;
        days - i64::from(local.time() < start.time())
    };
    match layer.every.unit {
        Unit::Hour => 0,
        Unit::Day => days(),
        Unit::Week => days() / 7,
        Unit::Month => {
            let months = month_number(local.date()) - month_number(start.date());
            months - i64::from(edge(layer, months).is_none_or(|edge| edge > local))
        }
    }
}

/// The local time that lies `units` after the start; `None` past the end of the calendar.
fn edge(layer: &Layer, units: i64) -> Option<DateTime> {
    let start = layer.start.date();
    let date = match layer.every.unit {
        Unit::Hour => return None,
        Unit::Day => days_after(start, units)?,
        Unit::Week => days_after(start, units * 7)?,
        Unit::Month => {
            let month = month_number(start) + units;
            let first = Date::new(i16::try_from(month.div_euclid(12)).ok()?, month.rem_euclid(12) as i8 + 1, 1).ok()?;
            // Clamped from the start's own day: Jan 31, Feb 28, Mar 31.
            Date::new(first.year(), first.month(), start.day().min(first.days_in_month())).ok()?
        }
    };
    Some(date.to_datetime(layer.start.time()))
}

/// Counted from 1970, because jiff adds no more than the 8,000 years that lie ahead of it.
fn days_after(date: Date, days: i64) -> Option<Date> {
    const EPOCH: Date = Date::constant(1970, 1, 1);
    let since_epoch = date.duration_since(EPOCH).checked_add(SignedDuration::from_hours(days * 24))?;
    EPOCH.checked_add(since_epoch).ok()
}

fn month_number(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}
