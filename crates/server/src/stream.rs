//! What changes, for browsers and scripts that follow it: one task per node reads what the engine has announced, once for all
//! who listen, and keeps the last of it, so that a connection that broke goes on where it was.

use crate::app::App;
use firedog_domain::alert::Alert;
use firedog_store::{Dialect, Op, Tx};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// Listeners of one node; each costs a connection and some kilobytes.
pub(crate) const MAX_LISTENERS: usize = 512;
/// Events that a broken connection may have missed and still go on from.
const KEPT: usize = 4_096;
/// Changes are gathered for so long: a storm of alerts is read in few statements.
const GATHER: Duration = Duration::from_millis(50);
/// How often we look without having been told, for what another node or a slow commit has left.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the whole of the open alerts is compared, for changes by other nodes.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// What is told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Alert(Box<Alert>),
    /// Another setup is in force.
    Setup(i64),
    /// Overrides, silences or maintenance are other ones.
    Live,
    /// More has happened than can be told: read everything again.
    Reset,
}

/// An event with its place in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) number: u64,
    pub(crate) event: Event,
}

#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    /// Names this run of the process: numbers of another one mean nothing here.
    boot: String,
    told: Mutex<Kept>,
    sender: broadcast::Sender<Arc<Told>>,
    listeners: AtomicUsize,
    closed: CancellationToken,
}

#[derive(Default)]
struct Kept {
    next: u64,
    events: VecDeque<Arc<Told>>,
}

/// Somebody who listens; counted until it is dropped.
pub(crate) struct Listener {
    hub: Hub,
    pub(crate) missed: VecDeque<Arc<Told>>,
    pub(crate) receiver: broadcast::Receiver<Arc<Told>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self(Arc::new(Inner {
            boot: uuid::Uuid::now_v7().simple().to_string(),
            told: Mutex::default(),
            sender: broadcast::channel(1_024).0,
            listeners: AtomicUsize::new(0),
            closed: CancellationToken::new(),
        }))
    }
}

impl Hub {
    /// Ends every stream: a drain must not wait for them.
    pub fn close(&self) {
        self.0.closed.cancel();
    }

    pub(crate) async fn closed(&self) {
        self.0.closed.cancelled().await;
    }

    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.0.boot)
    }

    /// Begins to listen, after the event with the id `last`. `None`: there is no more room.
    pub(crate) fn listen(&self, last: Option<&str>) -> Option<Listener> {
        if self.0.listeners.fetch_add(1, Ordering::Relaxed) >= MAX_LISTENERS {
            self.0.listeners.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // Under the lock, so that nothing is told between what was missed and what comes.
        let kept = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.0.sender.subscribe();
        let missed = last.map(|last| self.missed(&kept, last)).unwrap_or_default();
        Some(Listener { hub: self.clone(), missed, receiver })
    }

    fn missed(&self, kept: &Kept, last: &str) -> VecDeque<Arc<Told>> {
        let number = last.split_once('-').filter(|(boot, _)| *boot == self.0.boot).and_then(|(_, n)| n.parse::<u64>().ok());
        let first = kept.events.front().map_or(kept.next, |told| told.number);
        match number {
            Some(number) if number + 1 >= first && number < kept.next => {
                kept.events.iter().filter(|told| told.number > number).cloned().collect()
            }
            _ => VecDeque::from([Arc::new(Told { number: kept.next.saturating_sub(1), event: Event::Reset })]),
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        let mut kept = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = Arc::new(Told { number: kept.next, event });
        kept.next += 1;
        kept.events.push_back(told.clone());
        if kept.events.len() > KEPT {
            kept.events.pop_front();
        }
        // Nobody listening is no failure.
        let _ = self.0.sender.send(told);
    }

    fn is_heard(&self) -> bool {
        self.0.listeners.load(Ordering::Relaxed) > 0
    }
}

/// What the stream knows of the database.
#[derive(Default)]
struct Seen {
    heads: Option<(i64, i64)>,
    open: Option<Digest>,
    /// Something of our own was told since the last comparison.
    own: bool,
}

/// Follows the engine until the hub is closed.
pub(crate) async fn run(app: App) {
    let mut seen = Seen::default();
    let mut compared = tokio::time::Instant::now();
    loop {
        let mut heard = app.hub.is_heard();
        if !heard {
            app.engine.watch(false);
            // Somebody may have come in between.
            heard = app.hub.is_heard();
            app.engine.watch(heard);
        }
        tokio::select! {
            () = app.hub.closed() => return,
            () = app.engine.changed(), if heard => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if !app.hub.is_heard() {
            seen = Seen::default();
            continue;
        }
        look(&app, &mut seen).await;
        if compared.elapsed() >= COMPARE_EVERY {
            compared = tokio::time::Instant::now();
            compare(&app, &mut seen).await;
        }
    }
}

async fn look(app: &App, seen: &mut Seen) {
    match app.engine.news().await {
        Ok(Some(alerts)) => {
            seen.own |= !alerts.is_empty();
            for alert in alerts {
                app.hub.tell(Event::Alert(Box::new(alert)));
            }
        }
        Ok(None) => app.hub.tell(Event::Reset),
        Err(error) => tracing::debug!(%error, "what has changed could not be read; it is looked for again"),
    }
    let Ok(scene) = app.engine.scene().await else { return };
    let heads = (scene.world.version, scene.live_version);
    match seen.heads.replace(heads) {
        Some((setup, _)) if setup != heads.0 => app.hub.tell(Event::Setup(heads.0)),
        Some((_, live)) if live != heads.1 => app.hub.tell(Event::Live),
        _ => {}
    }
}

/// On PostgreSQL another node may have changed alerts that nobody here was told of.
async fn compare(app: &App, seen: &mut Seen) {
    if app.engine.store().dialect() != Dialect::Postgres {
        return;
    }
    let Ok(open) = app.engine.store().read(OpenDigest).await else { return };
    let changed = seen.open.replace(open).is_some_and(|before| before != open);
    if changed && !std::mem::take(&mut seen.own) {
        app.hub.tell(Event::Reset);
    }
    seen.own = false;
}

type Digest = (i64, i64, Option<Timestamp>);

struct OpenDigest;

impl Op for OpenDigest {
    type Out = Digest;
    const NAME: &'static str = "alert_digest";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Digest> {
        firedog_store::alert::open_digest(tx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(listener: &Listener) -> Vec<u64> {
        listener.missed.iter().map(|told| told.number).collect()
    }

    #[test]
    fn a_broken_connection_goes_on_or_is_told_to_read_everything() {
        let hub = Hub::default();
        (0..3).for_each(|_| hub.tell(Event::Live));
        assert_eq!(numbers(&hub.listen(None).unwrap()), Vec::<u64>::new());
        assert_eq!(numbers(&hub.listen(Some(&hub.id(0))).unwrap()), [1, 2]);
        assert_eq!(numbers(&hub.listen(Some(&hub.id(2))).unwrap()), Vec::<u64>::new());
        for unknown in ["", "x-1", &hub.id(99), "-", &Hub::default().id(1)] {
            let listener = hub.listen(Some(unknown)).unwrap();
            assert!(matches!(listener.missed[0].event, Event::Reset), "{unknown}");
        }
        (0..KEPT).for_each(|_| hub.tell(Event::Live));
        assert!(matches!(hub.listen(Some(&hub.id(0))).unwrap().missed[0].event, Event::Reset));
        assert_eq!(hub.listen(Some(&hub.id(3))).unwrap().missed.len(), KEPT - 1);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let hub = Hub::default();
        let mut all: Vec<Listener> = (0..MAX_LISTENERS).map(|_| hub.listen(None).unwrap()).collect();
        assert!(hub.listen(None).is_none());
        all.pop();
        assert!(hub.listen(None).is_some() && hub.is_heard());
        drop(all);
        assert!(!hub.is_heard());
    }
}
