//! What a decision sees: the setup and the live data of one head version, with what is compiled from them.

use firedog_domain::id::{IntegrationId, PolicyId};
use firedog_domain::route::Routes;
use firedog_domain::setup::{IntegrationKind, Policy, Setup};
use firedog_domain::suppression::World;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// How many older setups are kept at hand for alerts that pinned them; more are read again when needed.
const PINNED_SETUPS: usize = 8;

/// One consistent view. Immutable; a changed head makes a new one.
pub struct Scene {
    pub world: World,
    pub routes: Routes,
    /// Head of the live data (overrides, silences, maintenance) that `world.live` is.
    pub live_version: i64,
    by_key: HashMap<String, IntegrationId>,
}

impl Scene {
    pub(crate) fn new(world: World, live_version: i64) -> Result<Self, String> {
        let routes = Routes::compile(&world.setup.routes).map_err(|errors| {
            errors.into_iter().map(|(at, why)| format!("route {}: {why}", at + 1)).collect::<Vec<_>>().join("; ")
        })?;
        let mut by_key = HashMap::new();
        for service in world.setup.services.iter() {
            for integration in &service.integrations {
                by_key.insert(integration.key_sha256.clone(), IntegrationId::new(&service.id, &integration.id));
            }
        }
        Ok(Self { world, routes, live_version, by_key })
    }

    /// The integration with this key, given as its lower-case hex SHA-256.
    pub fn integration_by_key_sha256(&self, sha256: &str) -> Option<&IntegrationId> {
        self.by_key.get(sha256)
    }

    /// What kind of sender an integration is for.
    pub fn kind(&self, id: &IntegrationId) -> Option<IntegrationKind> {
        self.world.setup.integration(id).map(|(_, integration)| integration.kind)
    }

    pub(crate) fn head(&self) -> (i64, i64) {
        (self.world.version, self.live_version)
    }
}

/// Older setups, for the policies that open alerts have pinned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Mutex<BTreeMap<i64, Arc<Setup>>>>);

impl Pins {
    pub(crate) fn get(&self, version: i64) -> Option<Arc<Setup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }

    pub(crate) fn keep(&self, version: i64, setup: Arc<Setup>) {
        let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pins.insert(version, setup);
        while pins.len() > PINNED_SETUPS {
            pins.pop_first();
        }
    }
}

/// The policies that a batch of alerts pinned, looked up before deciding.
#[derive(Debug, Default)]
pub(crate) struct Pinned(BTreeMap<i64, Option<Arc<Setup>>>);

impl Pinned {
    pub(crate) fn missing(&self, version: i64) -> bool {
        !self.0.contains_key(&version)
    }
    pub(crate) fn add(&mut self, version: i64, setup: Option<Arc<Setup>>) {
        self.0.insert(version, setup);
    }
    pub(crate) fn policy<'a>(&'a self, scene: &'a Scene, version: i64, id: &PolicyId) -> Option<&'a Policy> {
        if version == scene.world.version {
            return scene.world.setup.policy(id);
        }
        self.0.get(&version)?.as_deref()?.policy(id)
    }
}
