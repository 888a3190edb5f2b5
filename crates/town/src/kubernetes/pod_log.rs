//! `GET …/pods/NAME/log`.

use super::objects::{fleet, instances, trouble};
use super::{failed, not_found};
use crate::desk::{Ask, answer};
use crate::weather::{Sky, Trouble};
use axum::response::Response;
use jiff::SignedDuration;
use serde_json::json;

/// A kubelet keeps so much of a container's output: it rotates.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn answer_log(sky: &Sky, ask: &Ask, name: &str) -> Response {
    let found = sky.services.iter().copied().find_map(|service| {
        let (_, instance) = instances(sky, service).into_iter().find(|(found, _)| found == name)?;
        Some((fleet(sky, service), instance))
    });
    let Some((fleet, instance)) = found else { return not_found("pods", name) };
    let bad = |message: String| failed(400, "BadRequest", message, json!({}));
    if let Some(container) = ask.query("container").filter(|container| *container != "server") {
        return bad(format!("container {container} is not valid for pod {name}"));
    }
    if trouble(fleet, &instance) == Trouble::Unhealthy {
        return bad(format!("container \"server\" in pod \"{name}\" is waiting to start: trying and failing to pull image"));
    }
    if ask.query("previous") == Some("true") {
        return bad(format!("previous terminated container \"server\" in pod \"{name}\" not found"));
    }
    let number = |parameter: &str| ask.query(parameter).map(str::parse::<usize>).transpose();
    let (Ok(since), Ok(tail), Ok(limit)) = (number("sinceSeconds"), number("tailLines"), number("limitBytes")) else {
        return bad("sinceSeconds, tailLines and limitBytes must be whole numbers".to_owned());
    };
    let ago = since.map_or(KEPT, |seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)).min(KEPT));
    let from = sky.now.checked_sub(ago).unwrap_or(sky.begin);
    // A container's output is one stream.
    let mut lines: Vec<_> =
        [false, true].into_iter().flat_map(|errors| sky.output(fleet, &instance, errors, from, sky.now)).collect();
    lines.sort_by_key(|(at, _)| *at);
    lines.drain(..lines.len().saturating_sub(tail.unwrap_or(usize::MAX)));
    let stamped = ask.query("timestamps") == Some("true");
    let text: String =
        lines.iter().map(|(at, line)| if stamped { format!("{at} {line}\n") } else { format!("{line}\n") }).collect();
    // It may be cut within a line.
    let bytes = text.into_bytes();
    let end = limit.unwrap_or(usize::MAX).min(bytes.len());
    answer(200, "text/plain", bytes[..end].to_vec())
}
