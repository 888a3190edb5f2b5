//! Overrides as one input of a schedule: which of them are in force, and for how long that stays so.

use super::Piece;
use crate::id::UserId;
use crate::setup::{Change, Override};
use jiff::Timestamp;

/// The overrides that touch a range, walked forward through it. Those outside only bound the answer.
pub(super) struct Overrides<'a> {
    /// By their start; those before `next` have begun.
    waiting: Vec<Ranked<'a>>,
    next: usize,
    active: Vec<Ranked<'a>>,
    /// The latest end of an override that is over, the earliest start of one behind the range.
    over: Timestamp,
    behind: Timestamp,
}

/// An override and its place in the list: of two made at the same time the later one wins.
#[derive(Clone, Copy)]
struct Ranked<'a>(usize, &'a Override);

impl<'a> Overrides<'a> {
    /// Of the overrides of the files and then the live ones, those that touch [from, to).
    pub(super) fn within(from: Timestamp, to: Timestamp, files: &'a [Override], live: &'a [Override]) -> Self {
        let mut found = Self { waiting: Vec::new(), next: 0, active: Vec::new(), over: Timestamp::MIN, behind: Timestamp::MAX };
        for (i, o) in files.iter().chain(live).enumerate().filter(|(_, o)| o.from < o.to) {
            if o.to <= from {
                found.over = found.over.max(o.to);
            } else if o.from >= to {
                found.behind = found.behind.min(o.from);
            } else {
                found.waiting.push(Ranked(i, o));
            }
        }
        found.waiting.sort_unstable_by_key(|Ranked(i, o)| (o.from, *i));
        found
    }

    /// Goes on to `at`, which is in the range and not before the last one asked for.
    pub(super) fn advance(&mut self, at: Timestamp) -> Piece<()> {
        let mut over = self.over;
        while let Some(ranked) = self.waiting.get(self.next).filter(|Ranked(_, o)| o.from <= at) {
            self.active.push(*ranked);
            self.next += 1;
        }
        self.active.retain(|Ranked(_, o)| {
            let on = at < o.to;
            over = if on { over } else { over.max(o.to) };
            on
        });
        self.over = over;
        let next = self.waiting.get(self.next).map_or(self.behind, |Ranked(_, o)| o.from);
        Piece {
            since: self.active.iter().map(|Ranked(_, o)| o.from).fold(over, Timestamp::max),
            until: self.active.iter().map(|Ranked(_, o)| o.to).fold(next, Timestamp::min),
            says: (),
        }
    }

    /// Who replaces everybody: the override made last.
    pub(super) fn replacement(&self) -> Option<&'a UserId> {
        let replacing = self.active.iter().filter_map(|Ranked(i, o)| match &o.change {
            Change::Replace(user) => Some((o.created_at, *i, user)),
            Change::Add(_) | Change::Remove(_) => None,
        });
        replacing.max_by_key(|(created_at, i, _)| (*created_at, *i)).map(|(_, _, user)| user)
    }

    /// Adds and then removes: a removed person is off, however they came on.
    pub(super) fn amend(&self, on: &mut Vec<&'a UserId>) {
        for Ranked(_, o) in &self.active {
            if let Change::Add(user) = &o.change {
                on.push(user);
            }
        }
        for Ranked(_, o) in &self.active {
            if let Change::Remove(user) = &o.change {
                on.retain(|there| *there != user);
            }
        }
    }
}
