//! Holding a request of the town's systems, so that whoever asked can be killed at exactly that point.

use crate::desk::Ask;
use crate::weather::System;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Where in its life a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Read, and nothing was done.
    Before,
    /// Done as asked, and the answer has not left.
    After,
}

/// What becomes of a held request. Its connection is dropped in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// One that was held before it was done never is.
    Drop,
    /// It is done now, as one that was long on its way.
    DoLate,
}

/// Requests remembered; the oldest go first.
const MAX_ASKED: usize = 1_024;

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Counted over all systems, from 1.
    pub number: u64,
    pub system: System,
    /// `GET`, `POST` …; `CONNECT`: a connection to a core, whose path is its institution.
    pub method: String,
    /// Without its query.
    pub path: String,
}

/// The request that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub asked: Asked,
    pub when: When,
}

/// Counts the requests to all systems (of a core: its connections), and holds one of them when told to.
pub struct Holds {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    count: u64,
    asked: VecDeque<Asked>,
    next: Option<Next>,
    held: Option<Held>,
    released: Option<Release>,
}

/// What is to be held.
struct Next {
    /// So many that fit come before it.
    left: u64,
    when: When,
    /// Others are not counted. `None`: all are.
    method: Option<String>,
}

/// A request that is to be held.
#[derive(Clone)]
pub(crate) struct Hold(Held);

impl Holds {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Requests so far, the held one included.
    pub fn count(&self) -> u64 {
        self.with(|state| state.count)
    }

    /// The newest requests, oldest first, the held one included.
    pub fn asked(&self) -> Vec<Asked> {
        self.with(|state| state.asked.iter().cloned().collect())
    }

    /// Holds the `nth` request from now, 1 for the next one, in place of any that was to be held; with `method` the `nth` of
    /// those. What is held already stays so.
    pub fn hold(&self, nth: u64, when: When, method: Option<&str>) {
        let method = method.map(str::to_uppercase);
        self.with(|state| state.next = Some(Next { left: nth.max(1) - 1, when, method }));
    }

    /// Whether a request is still to come that will be held.
    pub fn is_set(&self) -> bool {
        self.with(|state| state.next.is_some())
    }

    /// The request that is held, once one is.
    pub async fn held(&self) -> Held {
        self.until(|state| state.held.clone()).await
    }

    /// Lets the held request go, or forgets the one that was to be held. Whether one was held.
    pub fn release(&self, how: Release) -> bool {
        self.with(|state| {
            state.next = None;
            let was_held = state.held.is_some();
            state.released = was_held.then_some(how);
            was_held
        })
    }

    /// A request has come in: whether it is to be held.
    pub(crate) fn meet(&self, system: System, ask: &Ask) -> Option<Hold> {
        self.come(system, ask.method.as_str(), format!("/{}", ask.path.join("/")))
    }

    /// As [`Self::meet`], of whatever speaks no HTTP.
    pub(crate) fn come(&self, system: System, method: &str, path: String) -> Option<Hold> {
        self.with(|state| {
            state.count += 1;
            let asked = Asked { number: state.count, system, method: method.to_owned(), path };
            if state.asked.len() >= MAX_ASKED {
                state.asked.pop_front();
            }
            state.asked.push_back(asked.clone());
            let next = state.next.as_mut().filter(|next| next.method.as_ref().is_none_or(|only| *only == asked.method))?;
            if next.left > 0 {
                next.left -= 1;
                return None;
            }
            // One at a time.
            if state.held.is_some() {
                return None;
            }
            let when = state.next.take()?.when;
            Some(Hold(Held { asked, when }))
        })
    }

    /// Holds it until it is released.
    pub(crate) async fn keep(&self, hold: &Hold) -> Release {
        self.with(|state| state.held = Some(hold.0.clone()));
        let how = self.until(|state| state.released).await;
        self.with(|state| (state.held, state.released) = (None, None));
        how
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        done
    }

    async fn until<T>(&self, found: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            let seen = found(&self.state.lock().unwrap_or_else(PoisonError::into_inner));
            match seen {
                Some(seen) => return seen,
                // The sender is in `self`.
                None => drop(changes.changed().await),
            }
        }
    }
}

impl Hold {
    pub(crate) fn when(&self) -> When {
        self.0.when
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jenkins::{JENKINS_TOKEN, JENKINS_USER};
    use crate::weather::Weather;
    use crate::{Town, client};
    use jiff::Timestamp;
    use std::time::Duration;

    const BUILD: &str = "job/ops/job/restart-on-marathon/buildWithParameters?SERVICE=symxchange-rpc-server&ENV=production";

    async fn town() -> Town {
        let weather = Weather::new(2, Timestamp::from_second(1_772_467_200).unwrap());
        weather.set_speed(0);
        Town::start(weather).await.unwrap()
    }

    async fn status(request: reqwest::RequestBuilder) -> Option<u16> {
        let sent = request.basic_auth(JENKINS_USER, Some(JENKINS_TOKEN)).send().await;
        sent.ok().map(|answer| answer.status().as_u16())
    }

    async fn soon<T>(wanted: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), wanted).await.expect("soon")
    }

    #[tokio::test]
    async fn the_nth_request_is_held_and_its_answer_never_comes() {
        for (when, how, builds) in [
            (When::Before, Release::Drop, 0),
            (When::Before, Release::DoLate, 1),
            (When::After, Release::Drop, 1),
            (When::After, Release::DoLate, 1),
        ] {
            let town = town().await;
            let (holds, url) = (town.weather().holds(), town.jenkins_url());
            assert_eq!(status(client().get(format!("{url}/api/json"))).await, Some(200));
            holds.hold(2, when, None);
            assert_eq!(status(client().get(format!("{url}/api/json"))).await, Some(200));
            let asking = tokio::spawn(status(client().post(format!("{url}/{BUILD}"))));
            let held = soon(holds.held()).await;
            let Asked { number, system, method, path } = &held.asked;
            assert_eq!((*number, held.when, *system, method.as_str()), (3, when, System::Jenkins, "POST"));
            assert!(path.ends_with("/buildWithParameters"), "{path}");
            assert_eq!(holds.asked().last(), Some(&held.asked));
            assert_eq!(town.weather().builds().len(), usize::from(when == When::After));
            assert!(!asking.is_finished() && !holds.is_set());
            // Others are not held up.
            assert_eq!(status(client().get(format!("{url}/api/json"))).await, Some(200));
            assert!(holds.release(how));
            assert_eq!(soon(asking).await.unwrap(), None, "its connection is dropped");
            assert_eq!(town.weather().builds().len(), builds, "{when:?} {how:?}");
            assert_eq!(holds.count(), 4);
            assert!(!holds.release(how), "nothing is held any more");
        }
    }

    #[tokio::test]
    async fn who_asked_may_die_and_the_request_stays_held() {
        let town = town().await;
        let (holds, url) = (town.weather().holds(), town.jenkins_url());
        holds.hold(1, When::Before, Some("post"));
        assert_eq!(status(client().get(format!("{url}/api/json"))).await, Some(200), "only a POST is held");
        let asking = tokio::spawn(status(client().post(format!("{url}/{BUILD}"))));
        soon(holds.held()).await;
        asking.abort();
        let _ = asking.await;
        assert!(holds.release(Release::DoLate));
        crate::town::eventually(async || town.weather().builds().len() == 1).await;
    }

    #[tokio::test]
    async fn what_is_released_before_it_came_is_not_held() {
        let town = town().await;
        let (holds, url) = (town.weather().holds(), town.jenkins_url());
        holds.hold(1, When::After, None);
        assert!(!holds.release(Release::Drop));
        assert_eq!(status(client().get(format!("{url}/api/json"))).await, Some(200));
    }
}
