//! The Alertmanager API's read side: alerts, groups, receivers, status.

use super::alertmanager::answer;
use super::{json, refusal};
use crate::app::App;
use crate::ops::alerts::{OfIntegration, of_integration};
use crate::ops::ingest::{self, Refused};
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use firedog_connectors::Refusal;
use firedog_connectors::alertmanager as am;
use firedog_connectors::alertmanager::{AlertGroup, AlertQuery, GettableAlert, Receiver, Status, StatusOfAlert};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) async fn alerts(State(app): State<App>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Response {
    let found = selected(&app, &key, query.as_deref()).await;
    answer(&app, found.map(|(alerts, _)| shown(&alerts)))
}

/// One group: there is no grouping for notifications here, since Firedog pages by policy.
pub(super) async fn groups(State(app): State<App>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Response {
    let found = selected(&app, &key, query.as_deref()).await;
    let groups = found.map(|(alerts, receiver)| {
        let group = AlertGroup { labels: BTreeMap::new(), route_labels: BTreeMap::new(), receiver, alerts };
        if group.alerts.is_empty() { Vec::new() } else { vec![group] }
    });
    answer(&app, groups.map(|groups| shown(&groups)))
}

pub(super) async fn receivers(State(app): State<App>, Path(key): Path<String>) -> Response {
    let found = ingest::holder(&app, &key).await;
    answer(&app, found.map(|holder| shown(&[Receiver { name: receiver_name(&holder) }])))
}

pub(super) async fn status(State(app): State<App>, Path(key): Path<String>) -> Response {
    let found = ingest::holder(&app, &key).await;
    let status = found.map(|holder| {
        let timeout = holder.integration.quiet_after.unwrap_or(am::RESOLVE_TIMEOUT);
        Status::new(&receiver_name(&holder), timeout, app.started_at, env!("CARGO_PKG_VERSION"))
    });
    answer(&app, status.map(|status| shown(&status)))
}

/// What amtool calls a receiver: the service behind the key.
fn receiver_name(holder: &ingest::Admitted) -> String {
    holder.id.as_str().rsplit_once('/').map_or("firedog", |(service, _)| service).to_owned()
}

fn shown<T: Serialize + ?Sized>(body: &T) -> Response {
    match serde_json::to_value(body) {
        Ok(body) => json(200, &body),
        Err(error) => refusal(&am::refuse(500, error.to_string())),
    }
}

async fn selected(app: &App, key: &str, query: Option<&str>) -> Result<(Vec<GettableAlert>, Receiver), Refused> {
    let holder = ingest::holder(app, key).await?;
    let query = AlertQuery::parse(query.unwrap_or(""))?;
    let found = of_integration(app, &holder.id).await.map_err(|_| Refused::Overload)?;
    let receiver = Receiver { name: receiver_name(&holder) };
    let alerts = found.into_iter().map(|one| gettable(one, receiver.clone())).collect();
    Ok((query.select(alerts, holder.now), receiver))
}

fn gettable(one: OfIntegration, receiver: Receiver) -> GettableAlert {
    let OfIntegration { alert, details, silenced_by, muted_by } = one;
    let annotations = details.get("annotations").cloned().and_then(|value| serde_json::from_value(value).ok());
    let generator_url = details.get("generatorURL").and_then(|url| url.as_str()).unwrap_or_default().to_owned();
    GettableAlert {
        annotations: annotations.unwrap_or_default(),
        // An alert without an end of its own lives until it is resolved.
        ends_at: alert.quiet_at.unwrap_or_else(|| firedog_domain::time::after(alert.updated_at, FAR)),
        fingerprint: fingerprint(&alert.dedup_key, &alert.labels),
        receivers: vec![receiver],
        starts_at: alert.started_at.unwrap_or(alert.created_at),
        status: StatusOfAlert::new(silenced_by, muted_by),
        updated_at: alert.updated_at,
        generator_url,
        labels: alert.labels,
    }
}

/// amtool prints an end; this one is plainly not meant.
const FAR: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 365);

/// Alerts of this dialect are keyed by their fingerprint already; those of others get theirs.
fn fingerprint(dedup_key: &str, labels: &BTreeMap<String, String>) -> String {
    let is_one = dedup_key.len() == 16 && dedup_key.bytes().all(|b| b.is_ascii_hexdigit());
    if is_one { dedup_key.to_owned() } else { am::fingerprint(labels) }
}

/// For the silences beside: what a failed use case means here.
pub(super) fn refuse_op(error: crate::ops::Error) -> Refused {
    use crate::ops::Error as E;
    match error {
        E::NotFound(what) => Refused::Malformed(am::refuse(404, what)),
        E::Invalid(why) | E::Conflict(why) | E::NotAllowed(why) | E::NotConnected(why) => {
            Refused::Malformed(am::refuse(400, why))
        }
        E::Mistakes(_) | E::Busy | E::TooMany(_) | E::Unavailable(_) => Refused::Overload,
        E::Broken(_) => Refused::Broken,
    }
}

pub(super) fn malformed(refusal: Refusal) -> Refused {
    Refused::Malformed(refusal)
}
