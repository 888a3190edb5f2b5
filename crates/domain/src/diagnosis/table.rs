//! Decision tables: rows in order, the first that holds decides whose side it is on, and what to do.
//!
//! Two things are not the table's to say. Evidence that is missing, late or too little makes the answer `unclear`, whatever row would
//! fire on the rest of it. And a restart is only ever proposed for what a restart can mend.

use crate::id::TableId;
use crate::runbook::actions::{OWNERS, REMEDIES};
use crate::runbook::condition;
use crate::runbook::reference::{Known, Names};
use crate::setup::Slug;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Rows of one table: more are not read at night.
pub const MAX_ROWS: usize = 50;
/// The one that is shipped.
pub const SHIPPED: &str = "ours-or-theirs";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(rename = "table")]
    pub id: TableId,
    pub rows: Vec<Row>,
}

impl Slug for Table {
    fn slug(&self) -> &str {
        self.id.as_str()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    /// CEL over the evidence. The last row has none: it is for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    pub owner: String,
    pub remedy: String,
    /// For whoever reads the decision.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What a decision is made of. Everything is always there; what is not known is said to be so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The root error of most failed calls, or `unclear`.
    pub root: String,
    pub share: f64,
    pub certificate_expired: bool,
    pub failing: bool,
    pub others_failing: i64,
    pub others_total: i64,
    pub shared_host_down: bool,
    pub probed: bool,
    pub probe_ok: bool,
    /// `dns`, `tcp`, `tls`, `http`, `all`.
    pub probe_stage: String,
    /// Some of those who tried connect to it and some do not.
    #[serde(default)]
    pub split: bool,
    /// What stands against deciding at all, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub owner: String,
    pub remedy: String,
    /// The row that fired; empty: none was asked.
    pub row: String,
    pub why: String,
}

/// What rows can name.
pub fn names() -> Names {
    let all = [
        "root",
        "share",
        "certificate_expired",
        "failing",
        "others_failing",
        "others_total",
        "shared_host_down",
        "probed",
        "probe_ok",
        "probe_stage",
        "split",
    ];
    all.iter().map(|name| ((*name).to_owned(), Known::Plain)).collect()
}

impl Evidence {
    fn context(&self) -> Map<String, Value> {
        let mut all = json!(self).as_object().cloned().unwrap_or_default();
        all.remove("doubts");
        all
    }
}

/// The shipped table. Only an exhausted or stuck pool of ours, with the way to the core open, proposes a restart.
pub fn shipped() -> Table {
    let row = |id: &str, when: Option<&str>, owner: &str, remedy: &str, why: &str| Row {
        id: id.to_owned(),
        when: when.map(str::to_owned),
        owner: owner.to_owned(),
        remedy: remedy.to_owned(),
        why: why.to_owned(),
    };
    let rows = vec![
        row("not-failing", Some("!failing"), "unclear", "watch", "its calls do not fail (any more)"),
        row(
            "business",
            Some("root == 'business'"),
            "unclear",
            "watch",
            "the core answers; these are refusals of single requests",
        ),
        row("maintenance", Some("root == 'maintenance'"), "institution", "watch", "the core says that it is closed"),
        row("our-names", Some("root == 'name_resolution'"), "ours", "ask_human", "our side cannot resolve the name"),
        row(
            "pool",
            Some("root == 'pool_exhausted' && probed && probe_ok"),
            "ours",
            "restart",
            "our connection pool is exhausted or stuck, and the way to the core is open",
        ),
        row(
            "pool-unprobed",
            Some("root == 'pool_exhausted'"),
            "ours",
            "ask_human",
            "our connection pool is exhausted, and the way to the core is not open or not known",
        ),
        // Only this way round: a vantage that never gets through may be one that the core's firewall has never let in.
        row(
            "split",
            Some(
                "split && probed && !probe_ok && probe_stage == 'tcp' && (root == 'connect_timeout' || root == 'connection_refused' || root == 'reset')",
            ),
            "network",
            "network_team",
            "the core can be reached from elsewhere, and not from here: it is the way between",
        ),
        row("shared-host", Some("shared_host_down"), "vendor", "vendor_case", "everybody on this host fails, nobody on others"),
        row("expired", Some("certificate_expired"), "unclear", "ask_human", "a certificate has expired: whose it is decides"),
        row(
            "credential",
            Some("root == 'authentication'"),
            "institution",
            "tell_institution",
            "the core refuses our credential: it was changed there, or ours is wrong",
        ),
        row(
            "many",
            Some("others_total > 0 && others_failing * 2 >= others_total && others_failing > 2"),
            "network",
            "network_team",
            "many institutions fail at once, and it is not our pool",
        ),
        row(
            "soap",
            Some("root == 'soap_fault'"),
            "ours",
            "ask_human",
            "the core answers what we do not understand: a release on either side",
        ),
        row(
            "way",
            Some(
                "(root == 'connect_timeout' || root == 'connection_refused' || root == 'reset' || root == 'tls') && probed && !probe_ok",
            ),
            "vendor",
            "vendor_case",
            "the core cannot be reached from here either",
        ),
        row(
            "way-open",
            Some(
                "(root == 'connect_timeout' || root == 'connection_refused' || root == 'reset' || root == 'tls') && probed && probe_ok",
            ),
            "unclear",
            "ask_human",
            "calls fail, but the core can be reached now",
        ),
        row(
            "slow",
            Some("root == 'read_timeout' || root == 'http_5xx'"),
            "vendor",
            "vendor_case",
            "the core takes the connection and does not answer as it should",
        ),
        row("else", None, "unclear", "ask_human", "nothing of this is known"),
    ];
    Table { id: TableId::from(SHIPPED), rows }
}

/// A mistake in a table: the place of its row, the key, what is wrong.
pub fn check(table: &Table) -> Vec<(usize, &'static str, String)> {
    let names = names();
    let mut wrong = Vec::new();
    let last = table.rows.len().saturating_sub(1);
    for (at, row) in table.rows.iter().enumerate() {
        match &row.when {
            Some(when) => wrong.extend(condition::check(when, &names).err().map(|problem| (at, "when", problem.message))),
            None if at < last => {
                wrong.push((at, "id", "a row without `when` is for everything: it has to be the last".to_owned()))
            }
            None => {}
        }
        if at == last && row.when.is_some() {
            wrong.push((at, "when", "the last row has no `when`: it says what is done about everything else".to_owned()));
        }
        for (key, value, words) in [("owner", &row.owner, OWNERS), ("remedy", &row.remedy, REMEDIES)] {
            if !words.contains(&value.as_str()) {
                wrong.push((at, key, format!("`{value}` is none of {}", words.join(", "))));
            }
        }
    }
    wrong
}

pub fn decide(table: &Table, evidence: &Evidence) -> Decision {
    let unclear = |row: &str, why: String| Decision {
        owner: "unclear".to_owned(),
        remedy: "ask_human".to_owned(),
        row: row.to_owned(),
        why,
    };
    if !evidence.doubts.is_empty() {
        return unclear("", evidence.doubts.join("; "));
    }
    let context = evidence.context();
    for row in &table.rows {
        match row.when.as_deref().map(|when| condition::hold(when, &context)) {
            Some(Ok(false)) => {}
            None | Some(Ok(true)) => {
                // Whatever the table says: a restart mends a pool, and nothing of somebody else's.
                let mends = evidence.root == "pool_exhausted"
                    && evidence.probed
                    && evidence.probe_ok
                    && !evidence.certificate_expired
                    && !evidence.shared_host_down;
                if row.remedy == "restart" && !mends {
                    let why = format!("the row `{}` proposes a restart, which does not mend this ({})", row.id, evidence.root);
                    return Decision { owner: row.owner.clone(), ..unclear(&row.id, why) };
                }
                return Decision {
                    owner: row.owner.clone(),
                    remedy: row.remedy.clone(),
                    row: row.id.clone(),
                    why: row.why.clone(),
                };
            }
            Some(Err(why)) => return unclear(&row.id, format!("the row `{}` cannot be told: {why}", row.id)),
        }
    }
    unclear("", "no row is for this".to_owned())
}

/// Evidence from what the steps of a run have brought, by their names; each that is missing is a doubt.
pub fn evidence(brought: &Map<String, Value>) -> Evidence {
    let part = |name: &str| brought.get(name).and_then(Value::as_object);
    let (causes, blast, probe) = (part("causes"), part("blast"), part("probe"));
    let text = |map: Option<&Map<String, Value>>, key: &str| {
        map.and_then(|map| map.get(key)?.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let flag = |map: Option<&Map<String, Value>>, key: &str| map.and_then(|map| map.get(key)?.as_bool());
    let number = |map: Option<&Map<String, Value>>, key: &str| map.and_then(|map| map.get(key)?.as_f64());
    let mut doubts = Vec::new();
    if causes.is_none() {
        doubts.push("nobody has looked for the root error".to_owned());
    }
    if flag(causes, "late") == Some(true) {
        doubts.push("the logs are late or too few to tell".to_owned());
    }
    if flag(causes, "mixed") == Some(true) {
        doubts.push("the causes are mixed: no root error has a clear majority".to_owned());
    }
    if flag(blast, "late") == Some(true) {
        doubts.push("the counts are late or too few to tell".to_owned());
    }
    let root = text(causes, "root");
    #[allow(clippy::cast_possible_truncation, reason = "counts of institutions")]
    let count = |key: &str| number(blast, key).unwrap_or(0.0) as i64;
    let certificate = text(probe, "certificate");
    Evidence {
        share: number(causes, "share").unwrap_or(1.0),
        certificate_expired: certificate == "expired" || flag(causes, "expired") == Some(true),
        failing: flag(blast, "failing").unwrap_or_else(|| number(causes, "failed").is_none_or(|failed| failed > 0.0)),
        others_failing: count("others_failing"),
        others_total: count("others_total"),
        shared_host_down: flag(blast, "shared_host_down").unwrap_or(false),
        probed: probe.is_some(),
        probe_ok: flag(probe, "ok").unwrap_or(false),
        probe_stage: text(probe, "stage"),
        split: flag(probe, "split") == Some(true),
        root: if root.is_empty() { "unclear".to_owned() } else { root },
        doubts,
    }
}

/// Names and their values, for the record of a decision.
pub fn told(evidence: &Evidence) -> BTreeMap<String, Value> {
    evidence.context().into_iter().collect()
}
