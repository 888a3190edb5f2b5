//! How many events a second become durable: `cargo run --release -p firedog-store --example ingest_rate -- URL [SECONDS]`.
//! Each event is what ingest writes for a new alert: alert, event, timeline entry, notification.
//! Prints one line per shape: callers at once, events per operation, events per second, latencies.

use firedog_domain::alert::{Alert, Cursor, Entry, EntryKind, Next, NextKind, Pin, State};
use firedog_domain::delivery::{Delivery, Kind, Notification};
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::*;
use firedog_domain::setup::{Channel, Urgency};
use firedog_store::event::Received;
use firedog_store::{Op, Result, Store, Tx, alert, event, notification, setup, timeline};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

struct Ingest {
    alerts: Vec<Alert>,
    events: Vec<Received>,
    entries: Vec<(AlertId, String, Entry)>,
    notifications: Vec<Notification>,
}

impl Op for Ingest {
    type Out = ();
    const NAME: &'static str = "ingest";

    async fn run(&self, tx: &mut dyn Tx) -> Result<()> {
        setup::heads(tx).await?;
        let services: Vec<&ServiceId> = self.alerts.iter().filter_map(|a| a.service.as_ref()).collect();
        let keys: Vec<_> = services.into_iter().zip(self.alerts.iter().map(|a| a.dedup_key.as_str())).collect();
        alert::load_open_by_keys(tx, &keys).await?;
        alert::insert_many(tx, &self.alerts).await?;
        event::insert_many(tx, &self.events).await?;
        timeline::append_many(tx, &self.entries).await?;
        notification::insert_many(tx, &self.notifications).await.map(|_| ())
    }
}

/// Ids grow with time, as UUIDv7 do.
fn ingest(first: u64, size: u64) -> Ingest {
    let at = Timestamp::UNIX_EPOCH;
    let mut all = Ingest { alerts: Vec::new(), events: Vec::new(), entries: Vec::new(), notifications: Vec::new() };
    for n in first..first + size {
        let id = AlertId(format!("01980000-0000-7000-8000-{n:012x}"));
        let labels = [("alertname", "Down"), ("instance", "core-7.example.org:9100"), ("severity", "critical")];
        let labels: std::collections::BTreeMap<_, _> = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let event = Event {
            integration: "web/prometheus".into(),
            action: Action::Trigger,
            dedup_key: format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            summary: "core-7.example.org: the node exporter does not answer".to_owned(),
            severity: Severity::Critical,
            source: Some("core-7.example.org".to_owned()),
            labels: labels.clone(),
            details: serde_json::json!({ "description": "for 5 minutes", "runbook_url": "https://runbooks.example.org/down" }),
            links: Vec::new(),
            started_at: Some(at),
            valid_until: None,
        };
        all.notifications.push(Notification {
            id: NotificationId(format!("{id}.1.0")),
            alert: id.clone(),
            page: 1,
            user: "ada".into(),
            contact: "mail".into(),
            channel: Channel::Email,
            kind: Kind::Page,
            urgency: Urgency::High,
            state: Delivery::Pending,
            ready_at: Some(at),
            attempt: 0,
            fence: 0,
            created_at: at,
            reason: "first step of pupper: primary on call".to_owned(),
        });
        let (user, reason) = (Some("ada".into()), Some("primary on call".to_owned()));
        let entry = Entry { at, kind: EntryKind::Paged, user, contact: None, channel: None, outcome: None, reason };
        all.entries.push((id.clone(), "1".to_owned(), entry));
        all.alerts.push(Alert {
            id: id.clone(),
            version: 1,
            service: Some("web".into()),
            integration: Some(event.integration.clone()),
            dedup_key: event.dedup_key.clone(),
            state: State::Triggered,
            urgency: Urgency::High,
            severity: Severity::Critical,
            summary: event.summary.clone(),
            source: event.source.clone(),
            labels,
            count: 1,
            created_at: at,
            updated_at: at,
            acknowledged_by: None,
            resolved_at: None,
            resolved_because: None,
            policy: Pin::Policy("pupper".into()),
            setup_version: 1,
            cursor: Cursor::default(),
            next: Some(Next { at, kind: NextKind::Page }),
            quiet_at: None,
            started_at: Some(at),
            pages: 1,
            follows: None,
        });
        all.events.push(Received { id: format!("01980000-0000-7000-9000-{n:012x}"), alert: id, at, event });
    }
    all
}

async fn measure(store: &Store, next: &Arc<AtomicU64>, callers: usize, size: u64, span: Duration) -> Result<()> {
    let begun = Instant::now();
    let before = store.stats();
    let caller = || {
        let (store, next) = (store.clone(), Arc::clone(next));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while begun.elapsed() < span {
                let op = ingest(next.fetch_add(size, Ordering::Relaxed), size);
                let asked = Instant::now();
                store.write(op).await?;
                times.push(asked.elapsed());
            }
            Ok::<_, firedog_store::Error>(times)
        })
    };
    let tasks: Vec<_> = (0..callers).map(|_| caller()).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.map_err(|e| firedog_store::Error::Broken(e.to_string()))??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let after = store.stats();
    println!(
        "callers {callers:>3}  events per operation {size:>3}  events/s {:>9.0}  p50 {:>7.2} ms  p99 {:>7.2} ms  commits {:>6}",
        times.len() as f64 * size as f64 / seconds,
        at(0.5),
        at(0.99),
        after.commits - before.commits,
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "sqlite:ingest-rate.db".to_owned());
    let span = Duration::from_secs(args.next().and_then(|s| s.parse().ok()).unwrap_or(5));
    let store = Store::open(&url).await?;
    let fsync = store.probe_fsync().await?;
    println!(
        "{url}: a durable write takes {:.2} ms (worst {:.2})",
        fsync.median.as_secs_f64() * 1e3,
        fsync.worst.as_secs_f64() * 1e3
    );
    // Fresh ids in a file that is used again.
    let next = Arc::new(AtomicU64::new(std::process::id() as u64 * 1_000_000_000));
    for (callers, size) in [(1, 1), (64, 1), (64, 64)] {
        measure(&store, &next, callers, size, span).await?;
    }
    Ok(())
}
