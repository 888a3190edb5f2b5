//! What every story needs: a server without a socket, time that stands still, and what would have been sent.

use crate::document::Document;
use crate::postgres;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use firedog_connectors::{Sender, Settings};
use firedog_domain::delivery::{Kind, Outcome};
use firedog_domain::setup::load::SourceFile;
use firedog_engine::{Clock, Deliver, Dispatch, Engine, Options};
use firedog_server::app::App;
use firedog_server::auth::{Caller, Role};
use firedog_server::config::Config;
use firedog_server::deliver::Delivery;
use firedog_server::metrics::Metrics;
use firedog_server::ops::setup::{Wish, apply};
use firedog_server::secret::Key;
use firedog_server::{front, secret};
use firedog_store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use tower::ServiceExt;

pub(crate) const ADMIN: &str = "the-admin-token-of-the-tests";
pub(crate) const BASE: &str = "https://firedog.example.org";
/// Monday, a week in which Ada is primary and Grace secondary.
pub(crate) const START: &str = "2026-03-02T16:00:00Z";

pub(crate) const PD: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const AM: &str = "a-key-for-prometheus-alerts";
pub(crate) const GENERIC: &str = "a-key-for-anything-at-all";
pub(crate) const BEAT: &str = "a-key-for-the-nightly-job";

pub(crate) const SETUP: &str = r#"
teams:
  - { id: pupper, name: Pupper, members: [ada, grace, linus], policy: pupper }
  - { id: support, name: Support, members: [grace] }
users:
  - id: ada
    name: Ada Lovelace
    email: ada@example.org
    timezone: America/Chicago
    contact:
      - { id: hook, webhook: "https://hooks.example.org/ada", secret: "the secret of the hook" }
      - { id: mail, email: ada@example.org, content: minimal }
    rules: { high: [ { via: hook }, { via: mail, after: 1m } ], low: [ { via: mail } ] }
  - { id: grace, name: Grace Hopper, email: grace@example.org, contact: [ { id: hook, webhook: "https://hooks.example.org/grace" } ] }
  - { id: linus, name: Linus Torvalds, email: linus@example.org }
schedules:
  - id: primary
    team: pupper
    timezone: America/Chicago
    layers: [ { id: weekly, users: [ada, grace, linus], start: "2026-03-02T09:00", every: 1w } ]
    overrides: [ { user: linus, from: "2026-03-20T09:00", to: "2026-03-21T09:00" } ]
  - id: secondary
    team: pupper
    timezone: America/Chicago
    layers: [ { id: weekly, users: [grace, linus, ada], start: "2026-03-02T09:00", every: 1w } ]
policies:
  - id: pupper
    team: pupper
    repeat: 1
    steps:
      - { page: [ { schedule: primary } ], wait: 5m }
      - { page: [ { schedule: secondary } ], wait: 10m }
      - { page: [ { user: linus } ] }
catch_all: { page: [ { user: linus } ], every: 30m }
services:
  - id: shop
    name: The shop
    team: pupper
    integrations:
      - { id: pd, kind: pagerduty, key: "0123456789abcdef0123456789abcdef" }
      - { id: am, kind: alertmanager, key: "a-key-for-prometheus-alerts" }
      - { id: any, kind: generic, key: "a-key-for-anything-at-all" }
      - { id: graf, kind: grafana, key: "a-key-for-grafana-alerts" }
  - id: job
    name: The nightly job
    team: pupper
    integrations: [ { id: beat, kind: heartbeat, key: "a-key-for-the-nightly-job", heartbeat: { every: 1h, grace: 5m } } ]
silences:
  - { id: known-noise, service: shop, match: { alertname: Noisy }, until: "2027-01-01T00:00", why: "ticket 42" }
maintenance:
  - { id: nightly, services: [job], every: day, from: "02:00", to: "03:00", timezone: America/Chicago }
"#;

/// Accepts everything and writes it down.
#[derive(Default)]
pub(crate) struct Post {
    sent: Mutex<Vec<Dispatch>>,
}

impl Deliver for Post {
    fn deliver(&self, dispatch: Dispatch) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        self.sent.lock().unwrap().push(dispatch);
        Box::pin(async { Outcome::Sent })
    }
}

pub(crate) struct Town {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) clock: Clock,
    pub(crate) post: Arc<Post>,
    _database: Option<postgres::Database>,
}

/// An answer, as far as stories look at it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{} is no JSON: {e}: {}", self.status, self.text))
    }
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The databases that stories run on. `FIREDOG_TEST_DATABASES=sqlite` leaves PostgreSQL out.
pub(crate) fn databases() -> Vec<&'static str> {
    match std::env::var("FIREDOG_TEST_DATABASES").as_deref() {
        Ok("sqlite") => vec!["sqlite"],
        _ => vec!["sqlite", "postgres"],
    }
}

/// Runs a story on each database.
pub(crate) async fn everywhere(story: impl AsyncFn(Town)) {
    for database in databases() {
        eprintln!("on {database}");
        story(Town::on(database, &[], Options::default()).await).await;
    }
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::on("sqlite", &[], Options::default()).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on("sqlite", settings, Options::default()).await
    }

    pub(crate) async fn on(database: &str, settings: &[(&str, &str)], options: Options) -> Self {
        let town = Self::bare(database, settings, options).await;
        let admin = Caller::token("admin", Role::Admin);
        apply(&town.app, &[source(SETUP)], Wish::default(), &admin).await.expect("the setup of the tests is right");
        town
    }

    /// Without a setup.
    pub(crate) async fn bare(database: &str, settings: &[(&str, &str)], options: Options) -> Self {
        let (store, database) = match database {
            "postgres" => {
                let database = postgres::Database::new();
                (Store::open(&database.url).await.unwrap(), Some(database))
            }
            _ => (Store::memory().unwrap(), None),
        };
        let fixed = [("FIREDOG_ADMIN_TOKEN", ADMIN), ("FIREDOG_DATABASE", "sqlite::memory:"), ("FIREDOG_PUBLIC_URL", BASE)];
        let kept = fixed.iter().filter(|(name, _)| settings.iter().all(|(other, _)| other != name));
        let environment = kept.chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::load(None, environment, &[]).unwrap();
        let clock = Clock::manual(START.parse().unwrap());
        let post = Arc::new(Post::default());
        let engine = Engine::new(store, clock.clone(), post.clone(), options);
        let key = Key::from_bytes([7; 32]);
        let metrics = Arc::new(Metrics::default());
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sending = Settings {
            public_url: BASE.to_owned(),
            allow_targets: config.allow_targets.clone(),
            push: Some(key.push_identity(BASE)),
            smtp_url: config.smtp_url.as_ref().map(|url| url.expose().to_owned()),
            ..Settings::default()
        };
        // The engine hands its messages to the post; this sends tests.
        let base = Arc::new(OnceLock::from(BASE.to_owned()));
        let delivery = Delivery::new(
            Sender::new(&sending).unwrap(),
            key.clone(),
            clock.clone(),
            metrics.clone(),
            engine.store().clone(),
            base,
        );
        let app = App::new(engine, Arc::new(delivery), config, key, metrics, BASE.to_owned());
        Self { router: front::full(&app), app, clock, post, _database: database }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let answer =
            Answer { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() };
        let json = answer.header("content-type").contains("json");
        if path.starts_with("/api/v1") && !path.contains("openapi.json") && json && answer.status != 404 {
            Document::get().check(method, path.split('?').next().unwrap(), answer.status, &answer.json());
        }
        answer
    }

    /// A call of the API with a token.
    pub(crate) async fn api(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = format!("Bearer {token}");
        let mut headers = vec![("authorization", token.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.call(method, &format!("/api/v1{path}"), &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.api(ADMIN, "GET", path, None).await.is(200).json()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.api(ADMIN, "POST", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.api(ADMIN, "DELETE", path, None).await
    }

    /// A POST of JSON without a token, as senders do it.
    pub(crate) async fn send(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// A PagerDuty trigger; answers the alert's id.
    pub(crate) async fn trigger(&self, key: &str, summary: &str) -> String {
        let payload = serde_json::json!({ "summary": summary, "source": "host-1", "severity": "critical" });
        let event = serde_json::json!({ "routing_key": PD, "event_action": "trigger", "dedup_key": key, "payload": payload });
        self.send("/v2/enqueue", event).await.is(202);
        let list = self.get("/alerts?limit=500").await;
        let items = list["items"].as_array().unwrap();
        let alert = items.iter().find(|alert| alert["dedup_key"] == key).expect("a trigger opens an alert");
        alert["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn state(&self, id: &str) -> String {
        self.get(&format!("/alerts/{id}")).await["state"].as_str().unwrap().to_owned()
    }

    /// Lets time pass, and does what has become due meanwhile.
    pub(crate) async fn pass(&self, length: SignedDuration) {
        self.settle().await;
        self.clock.advance(length);
        self.settle().await;
    }

    pub(crate) async fn settle(&self) {
        self.app.engine.settle().await.unwrap();
    }

    /// What was sent so far, and forgets it: kind, person, contact method.
    pub(crate) async fn sent(&self) -> Vec<String> {
        self.settle().await;
        let mut told: Vec<String> = std::mem::take(&mut *self.post.sent.lock().unwrap())
            .into_iter()
            .map(|d| format!("{} {}/{}", d.notification.kind.as_str(), d.user.id, d.contact.id))
            .collect();
        told.sort();
        told
    }

    /// Links in the pages that went out last, by person and contact method.
    pub(crate) async fn link(&self, who: &str) -> String {
        self.settle().await;
        let sent = self.post.sent.lock().unwrap();
        let dispatch =
            sent.iter().rev().find(|d| d.notification.kind == Kind::Page && format!("{}/{}", d.user.id, d.contact.id) == who);
        let dispatch = dispatch.unwrap_or_else(|| panic!("{who} was not paged"));
        let link = secret::Link {
            alert: dispatch.alert.id.clone(),
            user: dispatch.user.id.clone(),
            expires: dispatch.notification.created_at + secret::LINK_LIFE,
            minimal: dispatch.contact.content == firedog_domain::setup::Content::Minimal,
        };
        format!("/a/{}", self.app.key.link(&link))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub(crate) fn source(text: &str) -> SourceFile {
    SourceFile { name: "setup.yaml".to_owned(), text: text.to_owned() }
}

pub(crate) fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}
