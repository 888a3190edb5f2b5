//! Weekly windows of local time: `mon-fri 22:00-06:00`. Decided between local times; see [`super::wall::reached`].

use super::Piece;
use super::wall::first_instant;
use crate::setup::Window;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A window starts at least once in a week, if it ever does.
const WEEK: usize = 7;
const WEEK_LONG: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Whether the clock, having reached `local`, is inside one of the windows, and the span over which that stays so.
pub(crate) fn inside(windows: &[Window], tz: &TimeZone, local: DateTime) -> Piece<bool> {
    let today = local.date();
    let mut piece = Piece::always(around(windows, today).any(|(from, to)| from <= local && local < to));
    let (since, until) = if piece.says {
        // Open for a week is open for ever: each week is like the other.
        let until = joined_on(windows, local);
        if until.duration_since(local) >= WEEK_LONG { (None, None) } else { (Some(joined_back(windows, local)), Some(until)) }
    } else {
        // Days in order: the first one with a window behind or ahead of us has it, except that a window
        // of the day before may end later.
        let ended = |day| on(windows, day).map(|(_, to)| to).filter(|to| *to <= local).max();
        let last_day = days(today, -1).take(WEEK + 2).find(|day| ended(*day).is_some());
        let behind = last_day.and_then(|day| days(day, -1).take(2).filter_map(ended).max());
        let starting = |day| on(windows, day).map(|(from, _)| from).filter(|from| *from > local).min();
        (behind, days(today, 1).take(WEEK + 1).find_map(starting))
    };
    if let Some(since) = since {
        piece.since = first_instant(tz, since);
    }
    if let Some(until) = until {
        piece.until = first_instant(tz, until);
    }
    piece
}

/// Where the windows that follow each other without a pause from `local` on end; not followed beyond a week.
fn joined_on(windows: &[Window], local: DateTime) -> DateTime {
    let mut end = local;
    while end.duration_since(local) < WEEK_LONG {
        let touching = around(windows, end.date()).filter(|(from, to)| *from <= end && end < *to);
        let Some(later) = touching.map(|(_, to)| to).max() else { break };
        end = later;
    }
    end
}

/// Where they begin, within the week before `local`.
fn joined_back(windows: &[Window], local: DateTime) -> DateTime {
    let mut start = local;
    while local.duration_since(start) < WEEK_LONG {
        let touching = around(windows, start.date()).filter(|(from, to)| *from < start && start <= *to);
        let Some(earlier) = touching.map(|(from, _)| from).min() else { break };
        start = earlier;
    }
    start
}

/// The windows that can contain a time of this day: those that start on it or on the day before.
fn around(windows: &[Window], day: Date) -> impl Iterator<Item = (DateTime, DateTime)> {
    days(day, -1).take(2).flat_map(move |day| on(windows, day))
}

/// The windows that start on a day.
fn on(windows: &[Window], day: Date) -> impl Iterator<Item = (DateTime, DateTime)> {
    windows.iter().filter_map(move |window| window.on(day))
}

/// `day` and the days after it (`step` 1) or before it (`step` -1), as far as the calendar goes.
pub(crate) fn days(day: Date, step: i8) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(day), move |day| if step > 0 { day.tomorrow().ok() } else { day.yesterday().ok() })
}

impl Window {
    /// The local times between which the window that starts on `day` is open.
    pub(crate) fn on(&self, day: Date) -> Option<(DateTime, DateTime)> {
        if !self.days.contains(day.weekday()) {
            return None;
        }
        let last = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        Some((day.to_datetime(self.from), last.to_datetime(self.to)))
    }
}
