//! Links into Kibana's Discover: the same entries, in the tool that people know.

use super::rison::encoded;
use super::{Fields, Role, Scope};
use crate::call::CallError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// Longest address that browsers and proxies take.
const MAX_LINK: usize = 8_000;

/// Which Kibana it is: the address has changed over the years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// 8.15 and newer.
    #[default]
    New,
    /// 7.11 to 8.14.
    Old,
    /// 7.0 to 7.10.
    Oldest,
    /// OpenSearch Dashboards 2 and newer.
    Opensearch,
}

/// Where people read logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kibana {
    pub base: Url,
    /// `None`: the default space. OpenSearch Dashboards have none.
    pub space: Option<String>,
    /// The id of the data view (index pattern), which is often not its name.
    pub data_view: String,
    pub flavor: Flavor,
}

impl Kibana {
    /// The entries of `scope`, newest first, with the columns that are configured; the times are absolute, so that the link still
    /// shows the same tomorrow.
    ///
    /// # Errors
    /// `Rejected`: longer than an address may be. `Misconfigured`: the scope asks by a field that is not configured.
    pub fn discover(&self, fields: &Fields, scope: &Scope) -> Result<String, CallError> {
        let columns = [Role::Institution, Role::Service, Role::Outcome, Role::ErrorType, Role::ErrorMessage];
        let columns: Vec<&str> = columns.into_iter().filter_map(|role| fields.get(role)).collect();
        let time = json!({ "from": millis(scope.from()), "to": millis(scope.to()) });
        let global = json!({ "filters": [], "refreshInterval": { "pause": true, "value": 60000 }, "time": time });
        let query = json!({ "language": "kuery", "query": scope.kql(fields)? });
        let sort = json!([[fields.time, "desc"]]);
        let id = &self.data_view;
        let app = |source: (&str, Value)| {
            let mut app = json!({ "columns": columns, "filters": [], "interval": "auto", "query": query, "sort": sort });
            app[source.0] = source.1;
            encoded(&app)
        };
        let (path, state) = match self.flavor {
            Flavor::New => (
                "app/discover",
                format!("/?_g={}&_a={}", encoded(&global), app(("dataSource", json!({ "dataViewId": id, "type": "dataView" })))),
            ),
            Flavor::Old => ("app/discover", format!("/?_g={}&_a={}", encoded(&global), app(("index", json!(id))))),
            Flavor::Oldest => ("app/kibana", format!("/discover?_g={}&_a={}", encoded(&global), app(("index", json!(id))))),
            Flavor::Opensearch => {
                let discover = json!({ "columns": columns, "isDirty": false, "sort": sort });
                let app = json!({ "discover": discover, "metadata": { "indexPattern": id, "view": "discover" } });
                let found = json!({ "filters": [], "query": query });
                ("app/data-explorer/discover", format!("?_a={}&_g={}&_q={}", encoded(&app), encoded(&global), encoded(&found)))
            }
        };
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            if let Some(space) = self.space.as_deref().filter(|_| self.flavor != Flavor::Opensearch) {
                segments.extend(["s", space]);
            }
            segments.extend(path.split('/'));
        }
        let link = format!("{url}#{state}");
        if link.len() > MAX_LINK { Err(CallError::rejected("the link would be too long for a browser")) } else { Ok(link) }
    }
}

fn millis(at: jiff::Timestamp) -> String {
    crate::when::millis(at)
}
