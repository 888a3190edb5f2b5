//! What a setup has to carry out actions with.

use super::actions::{Action, Effect};
use super::run::Surroundings;
use crate::setup::{ConnectionKind, Setup};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A setup as runs see it.
pub struct Means<'a>(pub &'a Setup);

/// The connection that an action is carried out with. `None`: none that there is.
fn needs(action: &str) -> Option<ConnectionKind> {
    match action {
        "logs.root_error" | "logs.blast_radius" => Some(ConnectionKind::Elasticsearch),
        "support.tell" => Some(ConnectionKind::Slack),
        _ => None,
    }
}

/// Actions that Firedog does out of itself.
const OWN: [&str; 4] = ["net.probe", "decide", "page", "wait"];

impl Surroundings for Means<'_> {
    fn means(&self, action: &Action, _: &Map<String, Value>) -> Result<Effect, String> {
        match needs(action.name) {
            _ if OWN.contains(&action.name) => Ok(action.effect),
            Some(kind) if self.0.connection(kind).is_some() => Ok(action.effect),
            Some(kind) => Err(format!("there is no connection of kind {}", kind.as_str())),
            None => Err("nothing is connected that could do it".to_owned()),
        }
    }

    fn consequences(&self, _: &Action, _: &Map<String, Value>) -> Vec<String> {
        Vec::new()
    }

    fn hash(&self, text: &str) -> String {
        Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
