//! A bounded queue between callers and a thread. Its lock is held only to push or to take.

use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

pub(super) enum Taken<T> {
    /// At least one, in the order of arrival.
    Items(Vec<T>),
    /// Nothing came in time.
    Idle,
    /// Closed, and everything has been taken.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::new(State { items: VecDeque::new(), closed: false }), filled: Condvar::new(), capacity }
    }

    /// [`Error::Busy`] when full.
    pub(super) fn push(&self, item: T) -> Result<()> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Busy("the store is closing".to_owned()));
        }
        if state.items.len() >= self.capacity {
            return Err(Error::Busy(format!("{} operations are waiting already", self.capacity)));
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits up to `patience` for something, then takes what is there, at most `max`.
    pub(super) fn take(&self, max: usize, patience: Duration) -> Taken<T> {
        let waiting = self.filled.wait_timeout_while(self.lock(), patience, |state| state.items.is_empty() && !state.closed);
        let (mut state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        if state.items.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Idle };
        }
        let n = state.items.len().min(max);
        Taken::Items(state.items.drain(..n).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// No more is taken in; what waits is still worked off.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
