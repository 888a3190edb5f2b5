//! Local times and instants. The rules for clock changes: a local time that is skipped means the first
//! valid instant after it, one that comes twice means its first occurrence. Both are one sentence:
//! **a local time means the first instant at which the clock has reached it.**

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The instant that a local time means. Outside of what a [`Timestamp`] can hold: the end of time on that side.
pub fn first_instant(tz: &TimeZone, local: DateTime) -> Timestamp {
    match tz.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, local),
        AmbiguousOffset::Fold { before, .. } => instant(before, local),
        AmbiguousOffset::Gap { before, after } => {
            // With `before` the skipped time lies behind the change, with `after` ahead of it.
            let (early, late) = (instant(after, local), instant(before, local));
            let mut changes = tz.following(early).take_while(|change| change.timestamp() <= late);
            changes.find(|change| change.offset() == after).map_or(late, |change| change.timestamp())
        }
    }
}

/// The latest local time that the clock has reached at `at`: the local time, except that while the clock
/// repeats an hour it is the end of that hour. So `reached(at) >= local` exactly if `at >= first_instant(local)`,
/// and everything about rotations and windows can be decided between local times, without searching.
pub fn reached(tz: &TimeZone, at: Timestamp) -> DateTime {
    let now = tz.to_offset(at);
    let local = now.to_datetime(at);
    let AmbiguousOffset::Fold { before, after } = tz.to_ambiguous_timestamp(local).offset() else { return local };
    if now != after {
        return local;
    }
    let nanosecond = SignedDuration::from_nanos(1);
    // `preceding` is exclusive; a change may be exactly now.
    let behind = at.saturating_add(nanosecond).unwrap_or(Timestamp::MAX);
    match tz.preceding(behind).next() {
        Some(change) => before.to_datetime(change.timestamp()).saturating_sub(nanosecond),
        None => local,
    }
}

fn instant(offset: Offset, local: DateTime) -> Timestamp {
    offset.to_timestamp(local).unwrap_or(if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
