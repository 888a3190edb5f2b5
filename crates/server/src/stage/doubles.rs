//! The town's systems, as connections and institutions of a setup.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use firedog_domain::id::ConnectionId;
use firedog_domain::setup::{Connection, ConnectionKind};
use firedog_town::Town;
use firedog_town::jenkins::{JENKINS_TOKEN, JENKINS_USER};
use firedog_town::kubernetes::KUBERNETES_TOKEN;
use firedog_town::marathon::{MARATHON_PASSWORD, MARATHON_USER};
use firedog_town::metrics::REQUESTS;
use firedog_town::portal::PORTAL_TOKEN;
use firedog_town::search::{SEARCH_ALIAS, SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::slack::{SIGNING_SECRET, SLACK_TOKEN, SUPPORT_CHANNEL, SUPPORT_GROUP};
use firedog_town::vantage::VANTAGES;
use std::collections::BTreeMap;

/// How the town's logs call what Firedog asks for.
const FIELDS: [(&str, &str); 8] = [
    ("time", "@timestamp"),
    ("institution", "institution.id"),
    ("service", "service.name"),
    ("kind", "interaction.kind"),
    ("outcome", "interaction.outcome"),
    ("error_type", "error.type"),
    ("error_message", "error.message"),
    ("stack", "error.stack_trace"),
];

/// What the town's portal takes.
const PORTAL_BODY: &str = r#"{"short_description": "{title}", "description": "{evidence}", "reference": "{reference}"}"#;

/// The town's double of a kind, as a connection.
pub(crate) fn connection(town: &Town, id: ConnectionId, kind: ConnectionKind) -> Connection {
    let (url, account) = match kind {
        ConnectionKind::Elasticsearch => (town.search_url(), (Some(SEARCH_USER), Some(SEARCH_PASSWORD))),
        ConnectionKind::Slack => (town.slack_url(), (None, Some(SLACK_TOKEN))),
        ConnectionKind::Prometheus => (town.metrics_url(), (None, None)),
        ConnectionKind::Jenkins => (town.jenkins_url(), (Some(JENKINS_USER), Some(JENKINS_TOKEN))),
        ConnectionKind::Marathon => (town.marathon_url(), (Some(MARATHON_USER), Some(MARATHON_PASSWORD))),
        ConnectionKind::Mesos => (town.mesos_url(), (None, None)),
        ConnectionKind::Kubernetes => (town.kubernetes_url(), (None, Some(KUBERNETES_TOKEN))),
        ConnectionKind::Http => (town.portal_url(), (None, Some(PORTAL_TOKEN))),
        ConnectionKind::Blackbox => {
            // Whatever it is called, it sees what one of the town's sees.
            let own = town.vantage_url(id.as_str()).or_else(|| town.vantage_url(VANTAGES[0]));
            (own.unwrap_or_default(), (None, None))
        }
    };
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let is = |wanted| kind == wanted;
    Connection {
        id,
        kind,
        url,
        user: owned(account.0),
        secret: owned(account.1),
        index: is(ConnectionKind::Elasticsearch).then(|| SEARCH_ALIAS.to_owned()),
        fields: if is(ConnectionKind::Elasticsearch) { pairs(&FIELDS) } else { BTreeMap::new() },
        room: is(ConnectionKind::Slack).then(|| SUPPORT_CHANNEL.to_owned()),
        group: is(ConnectionKind::Slack).then(|| SUPPORT_GROUP.to_owned()),
        signing_secret: is(ConnectionKind::Slack).then(|| SIGNING_SECRET.to_owned()),
        authority: None,
        queries: if is(ConnectionKind::Prometheus) {
            pairs(&[("total", &counted("")), ("failed", &counted(",outcome=\"error\""))])
        } else {
            BTreeMap::new()
        },
        module: None,
        owner: None,
        mounted_secret: None,
        body: is(ConnectionKind::Http).then(|| PORTAL_BODY.to_owned()),
        number_at: is(ConnectionKind::Http).then(|| "/result/number".to_owned()),
        url_at: is(ConnectionKind::Http).then(|| "/result/links/0/href".to_owned()),
        key_header: None,
    }
}

fn counted(outcome: &str) -> String {
    format!("sum(increase({REQUESTS}{{service=~\"{{service}}\",institution=~\"{{institution}}\"{outcome}}}[{{last}}]))")
}

/// Where an institution's core is, if it is one of the town's.
pub(crate) fn core_endpoint(town: &Town, institution: &str) -> Option<String> {
    town.core_addr(institution).map(|core| format!("https://localhost:{}/SymXchange", core.port()))
}

/// What its cores are believed by (PEM).
pub(crate) fn authority(town: &Town) -> String {
    let text = BASE64_STANDARD.encode(town.core_certificate());
    let lines: Vec<String> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
