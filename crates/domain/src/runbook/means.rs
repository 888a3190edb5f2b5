//! What a setup has to carry out actions with.

use super::actions::{Action, Effect};
use super::run::Surroundings;
use crate::setup::Setup;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A setup as runs see it.
pub struct Means<'a>(pub &'a Setup);

impl Surroundings for Means<'_> {
    fn means(&self, action: &Action, _: &Map<String, Value>) -> Result<Effect, String> {
        match action.by_hand {
            None => Ok(action.effect),
            Some(_) => Err("nothing is connected that could do it".to_owned()),
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
