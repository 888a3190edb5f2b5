//! The town: every double under one weather.

use crate::cores::{self, Wardrobe};
use crate::desk;
use crate::door::Door;
use crate::jenkins::{CONTEXT, Jenkins};
use crate::kubernetes::Kubernetes;
use crate::marathon::Marathon;
use crate::mesos::Mesos;
use crate::metrics::Metrics;
use crate::portal::Portal;
use crate::search::Search;
use crate::slack::Slack;
use crate::vantage::{VANTAGES, Vantage};
use crate::weather::{System, Weather};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often to look whether a condition began or ended by itself. Short even when an hour of the town passes in a second.
const TICK: Duration = Duration::from_millis(50);

/// A running town. Dropping it ends it at once.
pub struct Town {
    weather: Weather,
    search: Door,
    metrics: Door,
    jenkins: Door,
    marathon: Door,
    mesos: Door,
    /// Found through the master.
    _agent: Door,
    kubernetes: Door,
    slack: Door,
    workspace: Slack,
    vantages: Vec<Door>,
    portal: Door,
    vendor: Portal,
    cores: Vec<Door>,
    wardrobe: Wardrobe,
    ticking: JoinHandle<()>,
}

impl Town {
    /// Opens all doubles on free ports of 127.0.0.1: one each, and one for each institution's core.
    pub async fn start(weather: Weather) -> io::Result<Self> {
        let wardrobe = Wardrobe::new()?;
        let mut open = Vec::new();
        for institution in 0..weather.institutions().len() {
            open.push(cores::open(&weather, institution, &wardrobe).await?);
        }
        let ports = open.iter().map(|door| door.addr().port()).collect();
        weather.change(|sky| sky.ports = ports);
        let agent_port = Arc::new(OnceLock::new());
        let mesos = |is_agent| Arc::new(Mesos { weather: weather.clone(), is_agent, agent_port: agent_port.clone() });
        let agent = desk::open(&weather, System::Mesos, mesos(true)).await?;
        // Nobody set it before.
        let _ = agent_port.set(agent.addr().port());
        let workspace = Slack::new(&weather);
        let mut vantages = Vec::new();
        for name in VANTAGES {
            let vantage = Arc::new(Vantage { weather: weather.clone(), name });
            vantages.push(desk::open(&weather, System::Vantage, vantage).await?);
        }
        let vendor = Portal::new(&weather);
        let ticking = tokio::spawn(tick(weather.clone()));
        Ok(Self {
            search: desk::open(&weather, System::Search, Arc::new(Search { weather: weather.clone() })).await?,
            metrics: desk::open(&weather, System::Metrics, Arc::new(Metrics { weather: weather.clone() })).await?,
            jenkins: desk::open(&weather, System::Jenkins, Arc::new(Jenkins { weather: weather.clone() })).await?,
            marathon: desk::open(&weather, System::Marathon, Arc::new(Marathon { weather: weather.clone() })).await?,
            mesos: desk::open(&weather, System::Mesos, mesos(false)).await?,
            _agent: agent,
            kubernetes: desk::open(&weather, System::Kubernetes, Arc::new(Kubernetes { weather: weather.clone() })).await?,
            slack: desk::open(&weather, System::Slack, Arc::new(workspace.clone())).await?,
            workspace,
            vantages,
            portal: desk::open(&weather, System::Portal, Arc::new(vendor.clone())).await?,
            vendor,
            cores: open,
            wardrobe,
            ticking,
            weather,
        })
    }

    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// Elasticsearch. Like all addresses here without a slash at the end.
    pub fn search_url(&self) -> String {
        self.search.url()
    }

    /// Prometheus.
    pub fn metrics_url(&self) -> String {
        self.metrics.url()
    }

    /// With Jenkins' context path.
    pub fn jenkins_url(&self) -> String {
        format!("{}/{CONTEXT}", self.jenkins.url())
    }

    pub fn marathon_url(&self) -> String {
        self.marathon.url()
    }

    /// The master; it says where the agent is.
    pub fn mesos_url(&self) -> String {
        self.mesos.url()
    }

    /// The API server.
    pub fn kubernetes_url(&self) -> String {
        self.kubernetes.url()
    }

    /// With `/api`, as the base of all methods.
    pub fn slack_url(&self) -> String {
        format!("{}/api", self.slack.url())
    }

    /// The workspace behind it.
    pub fn slack(&self) -> &Slack {
        &self.workspace
    }

    /// The blackbox exporter of one of [`VANTAGES`].
    pub fn vantage_url(&self, name: &str) -> Option<String> {
        let index = VANTAGES.iter().position(|own| *own == name)?;
        self.vantages.get(index).map(Door::url)
    }

    /// Where a vendor takes cases.
    pub fn portal_url(&self) -> String {
        format!("{}/api/cases", self.portal.url())
    }

    /// What was opened there.
    pub fn portal(&self) -> &Portal {
        &self.vendor
    }

    /// Where an institution's core listens; its services are under `/SymXchange`.
    pub fn core_addr(&self, institution: &str) -> Option<SocketAddr> {
        let index = self.weather.look().index_of(institution)?;
        self.cores.get(index).map(Door::addr)
    }

    /// The certificate, in DER, that a client must trust to find the cores well.
    pub fn core_certificate(&self) -> Vec<u8> {
        self.wardrobe.valid_der.clone()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

async fn tick(weather: Weather) {
    let mut seen = 0;
    loop {
        weather.tell_of_edges(&mut seen);
        tokio::time::sleep(TICK).await;
    }
}

/// Waits until something is so, which opening and closing a port takes a moment for.
#[cfg(test)]
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "still not so");
        tokio::task::yield_now().await;
    }
}
