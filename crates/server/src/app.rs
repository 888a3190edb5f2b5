//! What every request handler holds.

use crate::config::Config;
use crate::deliver::Delivery;
use crate::limit::Buckets;
use crate::metrics::Metrics;
use crate::ops::ingest::RecentScene;
use crate::ops::payloads::Payloads;
use crate::secret::Key;
use crate::stream::Hub;
use firedog_engine::Engine;
use jiff::Timestamp;
use std::ops::Deref;
use std::sync::Arc;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub engine: Engine,
    pub delivery: Arc<Delivery>,
    pub config: Config,
    pub key: Key,
    pub metrics: Arc<Metrics>,
    pub buckets: Buckets,
    pub recent_scene: RecentScene,
    pub hub: Hub,
    pub payloads: Payloads,
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
        Self(Arc::new(Parts {
            engine,
            delivery,
            config,
            key,
            metrics,
            buckets,
            recent_scene: RecentScene::default(),
            hub: Hub::default(),
            payloads: Payloads::default(),
            links_base,
            started_at,
        }))
    }

    pub fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
