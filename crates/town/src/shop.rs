//! A small shop on the web that breaks and heals on request.

use crate::http::{bind, serve_until};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long to wait before trying again for a port that somebody else took while the shop was closed.
const REBIND_AFTER: Duration = Duration::from_millis(100);

/// How the shop is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Well,
    /// `GET /` and `GET /health` answer 500; `/metrics` goes on telling the truth.
    Errors,
    /// Nothing listens: connections are refused, for `/heal` too, so only [`Shop::heal`] mends it.
    Refuses,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open(Condition),
    Stopped,
}

/// A running shop. Dropping it closes it at once.
pub struct Shop {
    addr: SocketAddr,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

struct Counters {
    phase: watch::Sender<Phase>,
    served: AtomicU64,
    failed: AtomicU64,
}

impl Shop {
    /// Opens on `addr` or on any free port of 127.0.0.1. Routes: `GET /`, `GET /health`, `POST /break[?how=errors|refuses]`,
    /// `POST /heal`, `GET /metrics`.
    pub async fn start(addr: Option<SocketAddr>) -> io::Result<Self> {
        let listener = bind(addr).await?;
        let addr = listener.local_addr()?;
        let (phase, _) = watch::channel(Phase::Open(Condition::Well));
        let counters = Arc::new(Counters { phase, served: AtomicU64::new(0), failed: AtomicU64::new(0) });
        let task = tokio::spawn(run(listener, addr, counters.clone()));
        Ok(Self { addr, counters, task })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn condition(&self) -> Condition {
        self.counters.condition()
    }

    pub fn set(&self, condition: Condition) {
        self.counters.phase.send_replace(Phase::Open(condition));
    }

    /// From now on requests fail with 500.
    pub fn break_down(&self) {
        self.set(Condition::Errors);
    }

    pub fn heal(&self) {
        self.set(Condition::Well);
    }

    pub async fn stop(mut self) {
        self.counters.phase.send_replace(Phase::Stopped);
        // Ends by itself; an abort or a panic in it leaves nothing to stop either.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Counters {
    fn condition(&self) -> Condition {
        match *self.phase.borrow() {
            Phase::Open(condition) => condition,
            Phase::Stopped => Condition::Refuses,
        }
    }
}

async fn run(first: TcpListener, addr: SocketAddr, counters: Arc<Counters>) {
    let router = Router::new()
        .route("/", get(front_page))
        .route("/health", get(front_page))
        .route("/break", post(break_down))
        .route("/heal", post(heal))
        .route("/metrics", get(metrics))
        .with_state(counters.clone());
    let mut listener = Some(first);
    loop {
        let mut phase = counters.phase.subscribe();
        if let Some(listener) = listener.take() {
            let mut phase = phase.clone();
            let closing = async move {
                // The sender outlives this task: it is held by `counters`.
                let _ = phase.wait_for(|phase| matches!(phase, Phase::Stopped | Phase::Open(Condition::Refuses))).await;
            };
            serve_until(listener, router.clone(), closing).await;
        }
        match phase.wait_for(|phase| *phase != Phase::Open(Condition::Refuses)).await.as_deref() {
            Ok(Phase::Open(_)) => {}
            _ => return,
        }
        match bind(Some(addr)).await {
            Ok(bound) => listener = Some(bound),
            Err(_) => tokio::time::sleep(REBIND_AFTER).await,
        }
    }
}

async fn front_page(State(counters): State<Arc<Counters>>) -> (StatusCode, &'static str) {
    match counters.condition() {
        Condition::Well => {
            counters.served.fetch_add(1, Ordering::Relaxed);
            (StatusCode::OK, "the shop is open\n")
        }
        Condition::Errors | Condition::Refuses => {
            counters.failed.fetch_add(1, Ordering::Relaxed);
            (StatusCode::INTERNAL_SERVER_ERROR, "the shop is broken\n")
        }
    }
}

#[derive(Deserialize)]
struct Break {
    #[serde(default)]
    how: How,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    #[default]
    Errors,
    Refuses,
}

async fn break_down(State(counters): State<Arc<Counters>>, Query(asked): Query<Break>) -> &'static str {
    let condition = match asked.how {
        How::Errors => Condition::Errors,
        How::Refuses => Condition::Refuses,
    };
    counters.phase.send_replace(Phase::Open(condition));
    "broken\n"
}

async fn heal(State(counters): State<Arc<Counters>>) -> &'static str {
    counters.phase.send_replace(Phase::Open(Condition::Well));
    "healed\n"
}

/// Prometheus text format 0.0.4.
async fn metrics(State(counters): State<Arc<Counters>>) -> impl IntoResponse {
    let up = u8::from(counters.condition() == Condition::Well);
    let served = counters.served.load(Ordering::Relaxed);
    let failed = counters.failed.load(Ordering::Relaxed);
    let text = format!(
        "# HELP shop_up 1 while the shop serves its customers.\n# TYPE shop_up gauge\nshop_up {up}\n\
         # HELP shop_requests_total Requests of customers by status.\n# TYPE shop_requests_total counter\n\
         shop_requests_total{{code=\"200\"}} {served}\nshop_requests_total{{code=\"500\"}} {failed}\n"
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;

    async fn status(shop: &Shop, path: &str) -> Option<u16> {
        client().get(format!("{}{path}", shop.url())).send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// Opening and closing a port takes a moment.
    async fn becomes(shop: &Shop, expected: Option<u16>) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let found = status(shop, "/").await;
            if found == expected {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "still {found:?}, not {expected:?}");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn breaks_and_heals_over_http() {
        let shop = Shop::start(None).await.unwrap();
        assert_eq!(status(&shop, "/").await, Some(200));
        assert_eq!(status(&shop, "/health").await, Some(200));
        assert_eq!(client().post(format!("{}/break", shop.url())).send().await.unwrap().status(), 200);
        assert_eq!(status(&shop, "/").await, Some(500));
        assert_eq!(status(&shop, "/health").await, Some(500));
        assert_eq!(client().post(format!("{}/heal", shop.url())).send().await.unwrap().status(), 200);
        assert_eq!(status(&shop, "/").await, Some(200));
        shop.stop().await;
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let shop = Shop::start(None).await.unwrap();
        status(&shop, "/").await;
        shop.break_down();
        status(&shop, "/").await;
        status(&shop, "/health").await;
        let answer = client().get(format!("{}/metrics", shop.url())).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.text().await.unwrap();
        for line in ["shop_up 0", "shop_requests_total{code=\"200\"} 1", "shop_requests_total{code=\"500\"} 2"] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in:\n{text}");
        }
        assert!(text.lines().all(|line| line.starts_with("# ") || line.split(' ').count() == 2));
    }

    #[tokio::test]
    async fn refuses_connections_and_comes_back_on_the_same_port() {
        let shop = Shop::start(None).await.unwrap();
        client().post(format!("{}/break?how=refuses", shop.url())).send().await.unwrap();
        becomes(&shop, None).await;
        shop.heal();
        becomes(&shop, Some(200)).await;
        assert_eq!(shop.condition(), Condition::Well);
    }

    #[tokio::test]
    async fn stops() {
        let shop = Shop::start(None).await.unwrap();
        let url = shop.url();
        shop.stop().await;
        assert!(client().get(url).send().await.unwrap_err().is_connect());
    }
}
