//! What every request handler holds.

use crate::config::Config;
use crate::deliver::Delivery;
use crate::limit::Buckets;
use crate::metrics::Metrics;
use crate::ops::chat;
use crate::ops::connected::Connected;
use crate::ops::failures::Recent;
use crate::ops::ingest::RecentScene;
use crate::ops::payloads::Payloads;
use crate::ops::perform::{Parts as PerformerParts, Performer};
use crate::ops::{connection, deploys};
use crate::secret::Key;
use crate::stream::Hub;
use firedog_connectors::oidc::{Provider, Settings};
use firedog_engine::{Engine, Runs};
use jiff::Timestamp;
use std::ops::Deref;
use std::sync::Arc;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub engine: Engine,
    pub runs: Runs,
    pub connected: Arc<Connected>,
    pub failures: Recent,
    pub deploys: deploys::Recent,
    pub checked: connection::Checked,
    pub delivery: Arc<Delivery>,
    pub config: Config,
    pub key: Key,
    pub metrics: Arc<Metrics>,
    pub buckets: Buckets,
    pub recent_scene: RecentScene,
    pub hub: Hub,
    pub payloads: Payloads,
    pub chat: chat::Room,
    /// The identity provider, if one is set.
    pub oidc: Option<Provider>,
    /// Links in pages begin with this; no slash at the end.
    pub links_base: String,
    pub started_at: Timestamp,
}

impl App {
    pub fn new(
        engine: Engine,
        delivery: Arc<Delivery>,
        config: Config,
        key: Key,
        metrics: Arc<Metrics>,
        links_base: String,
    ) -> Self {
        let started_at = engine.clock().now();
        let buckets = Buckets::new(&config);
        let oidc = provider(&config);
        let connected = Arc::new(Connected::new(key.clone(), config.secrets_dir.clone()));
        let parts = PerformerParts {
            engine: engine.clone(),
            connected: connected.clone(),
            delivery: delivery.clone(),
            links_base: links_base.clone(),
        };
        let runs = Runs::new(engine.core().clone(), Arc::new(Performer(Arc::new(parts))));
        Self(Arc::new(Parts {
            engine,
            runs,
            connected,
            failures: Recent::default(),
            deploys: deploys::Recent::default(),
            checked: connection::Checked::default(),
            delivery,
            config,
            key,
            metrics,
            buckets,
            recent_scene: RecentScene::default(),
            hub: Hub::default(),
            payloads: Payloads::default(),
            chat: chat::Room::default(),
            oidc,
            links_base,
            started_at,
        }))
    }

    pub fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }
}

fn provider(config: &Config) -> Option<Provider> {
    let (issuer, client_id) = (config.oidc_issuer.clone()?, config.oidc_client_id.clone()?);
    let settings = Settings {
        issuer,
        client_id,
        client_secret: config.oidc_client_secret.as_ref().map(|secret| secret.expose().to_owned()),
        groups_claim: config.oidc_groups_claim.clone(),
        scopes: Vec::new(),
    };
    match Provider::new(settings) {
        Ok(provider) => Some(provider),
        Err(why) => {
            tracing::error!(why, "the identity provider cannot be used; people sign in with passwords and passkeys only");
            None
        }
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
