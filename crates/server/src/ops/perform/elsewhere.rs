//! The same target, seen from the vantage points of the setup.

use super::Call;
use firedog_connectors::blackbox::{Blackbox, Seen};
use firedog_connectors::call::CallError;
use firedog_connectors::probe::Target;
use firedog_domain::id::ConnectionId;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What each has seen, or why it could not be asked.
pub(super) struct Elsewhere(Vec<(ConnectionId, Result<Seen, CallError>)>);

impl Call<'_> {
    /// All of them at the same time, each for as long as its calls take at the most.
    pub(super) async fn elsewhere(&self, target: &Target) -> Elsewhere {
        // Of a name alone there is nothing to connect to.
        let Some(place) = target.place() else { return Elsewhere(Vec::new()) };
        let address = target.address();
        let look = async |(id, client): (ConnectionId, Result<Arc<Blackbox>, CallError>)| {
            let seen = match client {
                Ok(client) => client.look(&place, address.as_deref()).await,
                Err(error) => Err(error),
            };
            (id, seen)
        };
        Elsewhere(join_all(self.connected.vantages(self.setup).into_iter().map(look)).await)
    }
}

impl Elsewhere {
    /// Beside what this server has found. Who could not be asked counts for nothing.
    pub(super) fn beside(&self, mut output: Value, connects: bool) -> Value {
        let seen: Vec<bool> = self.0.iter().filter_map(|(_, seen)| seen.as_ref().ok()).map(|seen| seen.reached).collect();
        let told: Vec<(&ConnectionId, String)> = self.0.iter().map(|(id, seen)| (id, words(seen))).collect();
        let each: Map<String, Value> = told.iter().map(|(id, words)| (id.to_string(), Value::from(words.as_str()))).collect();
        output["split"] = json!(seen.iter().any(|reached| *reached != connects));
        if !told.is_empty() {
            let text = output["text"].as_str().unwrap_or_default();
            let told: Vec<String> = told.iter().map(|(id, words)| format!("{id} {words}")).collect();
            output["text"] = json!(format!("{text}; elsewhere: {}", told.join(", ")));
            output["elsewhere"] = Value::Object(each);
        }
        output
    }
}

fn words(seen: &Result<Seen, CallError>) -> String {
    match seen {
        Ok(seen) => seen.to_string(),
        Err(error) => format!("could not be asked ({})", error.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(reached: bool) -> Result<Seen, CallError> {
        Ok(Seen { reached, ok: reached, resolved: true, status: None, seconds: 0.01 })
    }

    fn beside(all: Vec<Result<Seen, CallError>>, connects: bool) -> (bool, String) {
        let named = |(n, one)| (ConnectionId::from(format!("v{n}").as_str()), one);
        let found = Elsewhere(all.into_iter().enumerate().map(named).collect()).beside(json!({ "text": "x" }), connects);
        (found["split"] == true, found["text"].as_str().unwrap().to_owned())
    }

    #[test]
    fn ways_differ_only_between_those_who_looked() {
        let down = || Err(CallError::Unknown { reason: "nobody answers".to_owned() });
        for (all, connects, split) in [
            (vec![], false, false),
            (vec![seen(true)], true, false),
            (vec![seen(false), seen(false)], false, false),
            (vec![seen(true)], false, true),
            (vec![seen(true), seen(false)], true, true),
            (vec![down()], false, false),
            (vec![down()], true, false),
            (vec![down(), seen(true)], false, true),
        ] {
            assert_eq!(beside(all.clone(), connects).0, split, "{all:?} {connects}");
        }
        let told = beside(vec![seen(true), seen(false), down()], false).1;
        assert_eq!(told, "x; elsewhere: v0 connects in 10 ms, v1 does not connect, v2 could not be asked (nobody answers)");
    }
}
