//! Interaction logs in Elasticsearch 7, 8, 9 or OpenSearch: lines, counts, and links into Kibana.
//!
//! Names of indices and fields are configuration. A count is zero only if an index and every field that was asked by are there;
//! whatever is missing is an error or a note, never a zero. Texts are masked before they leave this folder.
//!
//! Requests are plain JSON: the versioned media types of the official clients are refused by older servers and by OpenSearch.

use crate::call::{CallError, Found, Site};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

mod answer;
mod counts;
mod fields;
mod kibana;
mod lines;
mod rison;
mod scope;

pub use counts::{Cell, Counts, ErrorGroup, Errors, MAX_CELLS};
pub use fields::{Fields, Role};
pub use kibana::{Flavor, Kibana};
pub use lines::{Line, Lines, MAX_LINES, Tail};
pub use scope::{MAX_RANGE, Scope};

use answer::Searched;
use fields::Caps;

/// What the server is told to stop a search at; what it has by then comes back as partial.
const SERVER_TIMEOUT: &str = "15s";
/// Ours: long enough to hear of the server's.
const TIMEOUT: Duration = Duration::from_secs(25);
/// A page of lines with long messages has some megabytes.
const MAX_BODY: usize = 8 << 20;
/// How long it is believed which fields there are. A deploy that renames one is noticed within it.
const FRESH: Duration = Duration::from_secs(60);
/// How far back [`Logs::newest`] looks; beyond it a log is dead, not late.
const NEWEST_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// Above this the newest entry is worth a note in a check.
const LATE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// The logs of one connection.
pub struct Logs {
    site: Site,
    index: String,
    fields: Fields,
    caps: Mutex<Option<(Instant, Arc<Caps>)>>,
}

/// The newest entry that can be searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// `None`: nothing within the last day.
    pub at: Option<Timestamp>,
    /// Why it may not be the newest.
    pub partial: Vec<String>,
}

#[derive(Deserialize)]
struct Root {
    version: RootVersion,
}

#[derive(Deserialize)]
struct RootVersion {
    number: String,
    distribution: Option<String>,
}

#[derive(Deserialize)]
struct NewestFound {
    newest: answer::Metric,
}

impl Logs {
    /// `index`: a pattern such as `interaction-logs-*`, or several with commas.
    ///
    /// # Errors
    /// `Misconfigured`: the pattern or a field's name cannot be one.
    pub fn new(site: Site, index: &str, fields: Fields) -> Result<Self, CallError> {
        let index = index.trim();
        let plain = index.chars().all(|c| c.is_ascii_alphanumeric() || "-_.*,:".contains(c));
        if index.is_empty() || !plain || index.split(',').any(|one| one.is_empty() || one.starts_with('_')) {
            return Err(CallError::misconfigured("the index pattern is not one; write for example `interaction-logs-*`"));
        }
        fields.check()?;
        Ok(Self { site, index: index.to_owned(), fields, caps: Mutex::default() })
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Reachable, signed in, the right system; whether the pattern has an index, and every field is there; how late the newest
    /// entry is.
    pub async fn check(&self, now: Timestamp) -> Result<Found, CallError> {
        let root = match self.site.get(&[]).send().await {
            Ok(answer) => Some(answer.json::<Root>()?.version),
            // A key that may only read an index may not ask for the cluster's name.
            Err(CallError::Misconfigured { reason }) if reason.starts_with("HTTP 403") => None,
            Err(error) => return Err(error),
        };
        let opensearch = root.as_ref().is_some_and(|root| root.distribution.as_deref() == Some("opensearch"));
        let version = root.map(|root| crate::bounds::cut(&crate::bounds::one_line(&root.number), 40));
        let mut notes = self.caps(true).await?.notes(&self.fields);
        if version.is_none() {
            notes.push("its version may not be read with this key".to_owned());
        }
        let newest = self.newest(now).await?;
        notes.extend(newest.partial);
        match newest.at {
            None => notes.push("no entry within the last day".to_owned()),
            Some(at) if now.duration_since(at) > LATE => notes.push(format!("the newest entry is of {at}")),
            Some(_) => {}
        }
        let system = if opensearch { "OpenSearch" } else { "Elasticsearch" };
        Ok(Found { system: system.to_owned(), version, identity: None, notes })
    }

    /// The newest entry up to `now`, to tell how late the logs are. An entry from the future does not count.
    pub async fn newest(&self, now: Timestamp) -> Result<Newest, CallError> {
        let from = now.checked_sub(NEWEST_WITHIN).unwrap_or(Timestamp::MIN);
        let scope = Scope::new(from, now)?;
        let caps = self.ensure(&[Role::Time], &[]).await?;
        let newest = serde_json::json!({ "max": { "field": self.fields.time } });
        let query = serde_json::json!({ "size": 0, "track_total_hits": false, "query": scope.query(&self.fields)?,
            "aggs": { "newest": newest } });
        let found: Searched<NewestFound> = self.search_once(query).await?;
        let at = found.aggregations.as_ref().and_then(|found| found.newest.at());
        Ok(Newest { at, partial: self.partial(&found, &caps, &[Role::Time]) })
    }

    /// One search. No index behind the pattern is an error: nothing can be counted there.
    async fn search_once<A: DeserializeOwned>(&self, mut query: Value) -> Result<Searched<A>, CallError> {
        query["timeout"] = SERVER_TIMEOUT.into();
        let call = self.site.post_json(&[&self.index, "_search"], &query).reads().timeout(TIMEOUT).max_body(MAX_BODY);
        let call = call.query("ignore_unavailable", "true").query("allow_no_indices", "true");
        let found: Searched<A> = call.send().await?.json()?;
        if found.shards.total == 0 { Err(self.no_index()) } else { Ok(found) }
    }

    fn no_index(&self) -> CallError {
        CallError::missing(format!("no index matches `{}`", self.index))
    }

    /// What makes this answer less than the truth: of the search itself, and of fields that only some indices have.
    fn partial<A>(&self, found: &Searched<A>, caps: &Caps, asked: &[Role]) -> Vec<String> {
        let mut partial = found.partial();
        partial.extend(asked.iter().filter_map(|role| caps.gap(&self.fields, *role)));
        partial
    }

    /// Every field of `roles` is there, and can be grouped by if it is one of `grouped`.
    async fn ensure(&self, roles: &[Role], grouped: &[Role]) -> Result<Arc<Caps>, CallError> {
        let caps = self.caps(false).await?;
        roles.iter().chain(grouped).try_for_each(|role| caps.require(&self.fields, *role, grouped.contains(role)))?;
        Ok(caps)
    }

    async fn caps(&self, newest: bool) -> Result<Arc<Caps>, CallError> {
        let kept = self.caps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, caps)) = kept.filter(|(since, _)| !newest && since.elapsed() < FRESH) {
            return Ok(caps);
        }
        let names = self.fields.names().map(|(_, name)| name).collect::<Vec<_>>().join(",");
        let call = self.site.get(&[&self.index, "_field_caps"]).query("fields", &names).query("include_unmapped", "true");
        let call = call.query("ignore_unavailable", "true").query("allow_no_indices", "true");
        let caps: Caps = call.send().await?.json()?;
        if caps.indices.is_empty() {
            return Err(self.no_index());
        }
        let caps = Arc::new(caps);
        *self.caps.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), caps.clone()));
        Ok(caps)
    }
}

#[cfg(test)]
mod tests;
