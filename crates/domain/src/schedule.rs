//! Who is on call when.
//!
//! A schedule has inputs: its layers (a rotation seen through windows) and its overrides. Each input
//! answers for an instant with a [`Piece`]: what it says, and the span around the instant over which it
//! says that. [`Inputs::at`] is the only place where pieces become people; [`who_is_on`] asks it once
//! and [`render`] walks it from piece to piece, so they cannot disagree. Leave, holidays and calendar
//! feeds are further inputs of the same shape.
//!
//! The order: layers from the last to the first until one is not transparent; a `Replace` stands instead
//! of all of them; then everybody added; then without everybody removed.

use crate::id::UserId;
use crate::setup::{Layer, Override, Schedule};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

mod overrides;
mod rotation;
pub mod wall;
pub(crate) mod windows;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use overrides::Overrides;

/// How far [`who_is_on`] and [`shift_at`] look to either side: beyond a year nobody asks, and somebody
/// who is always on must not cost a search without end.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The longest range that [`render`] answers: five years of hourly turns are some 44,000 spans, and
/// wider than any calendar shows.
pub const MAX_RENDER: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);

const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// Who is on at an instant, and a span around it over which that surely stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    /// Sorted, each once. Empty: a gap, nobody is on.
    pub users: Vec<UserId>,
    pub since: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
}

/// A stretch of a rendered schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
    /// Sorted, each once. Empty: a gap, nobody is on.
    pub users: Vec<UserId>,
}

/// Who is on at `at`, with the overrides of the files and the `live` ones. The span around it holds `at`,
/// ends at most [`HORIZON`] away, and usually at something that happens in the schedule; what happens
/// there may leave the same people on. See [`shift_at`] for the span that people mean.
pub fn who_is_on(schedule: &Schedule, live: &[Override], at: Timestamp) -> OnCall {
    // The very end of time has no span after it.
    let at = at.min(earlier(Timestamp::MAX, NANOSECOND));
    let next = later(at, NANOSECOND);
    let mut inputs = Inputs::within(schedule, live, at, next);
    let piece = inputs.at(at);
    OnCall {
        users: inputs.on.into_iter().cloned().collect(),
        since: piece.since.max(earlier(at, HORIZON)),
        until: piece.until.min(later(at, HORIZON)),
    }
}

/// Like [`who_is_on`], with the whole span over which the same people are on, up to [`HORIZON`] to either side.
pub fn shift_at(schedule: &Schedule, live: &[Override], at: Timestamp) -> OnCall {
    let mut shift = who_is_on(schedule, live, at);
    let (first, last) = (earlier(at, HORIZON), later(at, HORIZON));
    while shift.until < last {
        let next = who_is_on(schedule, live, shift.until);
        if next.users != shift.users {
            break;
        }
        shift.until = next.until.min(last);
    }
    while shift.since > first {
        let before = who_is_on(schedule, live, earlier(shift.since, NANOSECOND));
        if before.users != shift.users {
            break;
        }
        shift.since = before.since.max(first);
    }
    shift
}

/// Who is on from `from` to `to`: spans without gap or overlap that cover exactly the range, each with
/// other people than its neighbour. At most [`MAX_RENDER`] of it; nothing if `to` is not after `from`.
pub fn render(schedule: &Schedule, live: &[Override], from: Timestamp, to: Timestamp) -> Vec<Span> {
    let to = to.min(later(from, MAX_RENDER));
    let mut inputs = Inputs::within(schedule, live, from, to);
    let mut spans: Vec<Span> = Vec::new();
    let mut at = from;
    while at < to {
        let until = inputs.at(at).until.min(to);
        match spans.last_mut().filter(|last| last.users.iter().eq(inputs.on.iter().copied())) {
            Some(last) => last.until = until,
            None => spans.push(Span { from: at, until, users: inputs.on.iter().copied().cloned().collect() }),
        }
        at = until;
    }
    spans
}

fn later(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_sub(length).unwrap_or(Timestamp::MIN)
}

/// What an input says over [since, until).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<T> {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) says: T,
}

impl<T> Piece<T> {
    pub(crate) fn always(says: T) -> Self {
        Self { since: Timestamp::MIN, until: Timestamp::MAX, says }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// The span over which both say what they say.
    fn and<U>(self, other: &Piece<U>) -> Self {
        Self { since: self.since.max(other.since), until: self.until.min(other.until), ..self }
    }
}

/// All inputs of a schedule over a range, walked forward.
struct Inputs<'a> {
    tz: &'a TimeZone,
    layers: Vec<LayerInput<'a>>,
    overrides: Overrides<'a>,
    /// The answer: who is on, sorted, each once.
    on: Vec<&'a UserId>,
}

impl<'a> Inputs<'a> {
    fn within(schedule: &'a Schedule, live: &'a [Override], from: Timestamp, to: Timestamp) -> Self {
        Self {
            tz: schedule.timezone.tz(),
            layers: schedule.layers.iter().map(LayerInput::new).collect(),
            overrides: Overrides::within(from, to, &schedule.overrides, live),
            on: Vec::new(),
        }
    }

    /// Puts who is on at `at` into `on`; the piece says how long that stays so.
    fn at(&mut self, at: Timestamp) -> Piece<()> {
        let mut piece = self.overrides.advance(at);
        self.on.clear();
        if let Some(user) = self.overrides.replacement() {
            self.on.push(user);
        } else {
            let mut clock = Clock { tz: self.tz, at, reached: None };
            for layer in self.layers.iter_mut().rev() {
                let turn = layer.at(&mut clock);
                piece = piece.and(&turn);
                if let Some(users) = turn.says {
                    self.on.extend(users);
                    break;
                }
            }
        }
        self.overrides.amend(&mut self.on);
        self.on.sort_unstable();
        self.on.dedup();
        // A walk from piece to piece ends because of this.
        debug_assert!(piece.since <= at && at < piece.until, "{at} is outside of its own piece {piece:?}");
        piece
    }
}

/// An instant and, once somebody asked, the local time that the schedule's clock has reached.
struct Clock<'a> {
    tz: &'a TimeZone,
    at: Timestamp,
    reached: Option<DateTime>,
}

impl Clock<'_> {
    fn local(&mut self) -> DateTime {
        *self.reached.get_or_insert_with(|| wall::reached(self.tz, self.at))
    }
}

/// A layer with what it said last: while that holds, nothing is computed again.
struct LayerInput<'a> {
    layer: &'a Layer,
    turn: Option<Piece<Option<&'a [UserId]>>>,
    open: Option<Piece<bool>>,
}

impl<'a> LayerInput<'a> {
    fn new(layer: &'a Layer) -> Self {
        Self { layer, turn: None, open: None }
    }

    /// The people of the turn; `None` where the layer is transparent.
    fn at(&mut self, clock: &mut Clock<'_>) -> Piece<Option<&'a [UserId]>> {
        let turn = match self.turn.filter(|piece| piece.holds(clock.at)) {
            Some(piece) => piece,
            None => rotation::turn(self.layer, clock.tz, clock.at, clock.local()),
        };
        self.turn = Some(turn);
        if turn.says.is_none() || self.layer.only.is_empty() {
            return turn;
        }
        let open = match self.open.filter(|piece| piece.holds(clock.at)) {
            Some(piece) => piece,
            None => windows::inside(&self.layer.only, clock.tz, clock.local()),
        };
        self.open = Some(open);
        if open.says { turn.and(&open) } else { Piece { since: open.since, until: open.until, says: None } }
    }
}
