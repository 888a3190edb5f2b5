//! The main scenarios on PostgreSQL, and what only a shared database can get wrong.

use crate::scenarios::*;
use crate::stage::{Stage, event, node};
use crate::stories;
use crate::wait;
use firedog_domain::event::Action;
use firedog_domain::id::NotificationId;
use firedog_domain::time::mins;
use firedog_engine::{Core, Dispatch};
use firedog_store::Store;
use std::collections::BTreeSet;

#[path = "../../../../tests/support/postgres.rs"]
mod support;

fn stage() -> (support::Database, Stage) {
    let database = support::Database::new();
    let store = wait(Store::open(&database.url)).expect("an empty database");
    (database, Stage::new(store))
}

#[test]
fn scenarios() {
    let all = [
        a_page_is_answered,
        nobody_answers,
        a_setup_changes_under_an_open_alert,
        a_group_is_acknowledged_at_once,
        a_heartbeat_stays_out,
    ];
    for scenario in all {
        let (_database, mut stage) = stage();
        scenario(&mut stage, &|look| look());
    }
}

#[test]
fn one_event_that_cannot_be_stored_is_kept_apart() {
    let (_database, mut stage) = stage();
    stories::poison(&mut stage, "ALTER TABLE event ADD CHECK (body NOT LIKE '%poison%')");
}

/// Everything that a node can claim now.
async fn claim_all(core: Core) -> Vec<Dispatch> {
    let mut claimed = Vec::new();
    loop {
        let step = core.step(core.now(), 3).await.expect("the database is up");
        if step.dispatches.is_empty() && !step.more {
            return claimed;
        }
        claimed.extend(step.dispatches);
    }
}

#[test]
fn two_nodes_claim_each_message_once() {
    let (_database, stage) = stage();
    let clocks = &stage.clock;
    let (a, b) = (node(&stage.store, clocks, "a"), node(&stage.store, clocks, "b"));
    let events = (0..60).map(|n| event(Action::Trigger, "api/in", &format!("k{n}"))).collect();
    wait(stage.core.ingest(events, 0)).expect("the database is up");
    for round in 0..3 {
        let (of_a, of_b) = wait(async { tokio::join!(tokio::spawn(claim_all(a.clone())), tokio::spawn(claim_all(b.clone()))) });
        let (of_a, of_b) = (of_a.expect("no panic"), of_b.expect("no panic"));
        let claimed: Vec<NotificationId> = of_a.iter().chain(&of_b).flat_map(Dispatch::notifications).map(|n| n.id).collect();
        let distinct: BTreeSet<&NotificationId> = claimed.iter().collect();
        assert_eq!(distinct.len(), claimed.len(), "round {round}: handed out twice");
        // The mail at once, the webhook a minute later; then the leases of both run out together.
        assert!(claimed.len() >= 60, "round {round}: only {} of 60", claimed.len());
        clocks.advance(mins(1));
    }
}
