//! The demo's second chapter: institutions whose cores fail, once on their side and twice on ours.

use super::setup::PRIMARY;
use super::story::Step;
use crate::stage::doubles;
use crate::stage::firedog::{Api, Firedog};
use crate::stage::folder::{Folder, random_hex};
use crate::stage::teller::Teller;
use anyhow::{bail, ensure};
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use firedog_domain::setup::ConnectionKind;
use firedog_engine::Clock;
use firedog_town::jenkins::{JENKINS_TOKEN, JENKINS_USER, JenkinsTimes};
use firedog_town::slack::{SAM, SUPPORT_CHANNEL};
use firedog_town::weather::{Condition, CoreFault, Pace, Platform, Service, SpellId, Weather};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// "Everybody else" means something, and a port each is not too many.
const INSTITUTIONS: usize = 62;
/// Who notices the outages of ours: a run for each, also while the one before still tells support.
const OURS: [&str; 2] = ["inst-9", "inst-11"];
/// The first outage is at an institution of this many calls a minute: some two hundred in what is looked at.
const THEIR_RATE: u32 = 14;
/// Calls of those who are looked at afterwards, per minute: enough to see within seconds whether they succeed again.
const BUSY: u32 = 240;
/// An outage has gone on for so long when it is noticed.
const UNNOTICED: SignedDuration = SignedDuration::from_mins(16);
const LOOK_EVERY: Duration = Duration::from_millis(300);
const STEP_WITHIN: Duration = Duration::from_secs(90);
/// How long a person has before the demo goes on by itself.
const THINK: Duration = Duration::from_secs(12);
const THINK_ONCE: Duration = Duration::from_secs(1);
const SERVICES: [&str; 2] = ["symxchange-http-server", "symxchange-rpc-server"];
/// The example's own file, for the demo's team.
const BOOK: &str = include_str!("../../../../examples/pupper/core-api-down.yaml");

/// The doubles, and what they are wrong about.
pub(super) struct Bank {
    streets: firedog_town::Town,
    theirs: String,
    key: String,
}

impl Bank {
    pub(super) async fn open() -> anyhow::Result<Self> {
        let weather = Weather::new(INSTITUTIONS, Clock::system().now());
        let second = Duration::from_secs(1);
        let times = JenkinsTimes { quiet: second, prepare: second * 2, post: Duration::ZERO, ..JenkinsTimes::default() };
        weather.set_jenkins_times(times);
        weather.set_run_key(Some("RUN_KEY"));
        for platform in [Platform::Marathon, Platform::Kubernetes] {
            weather.set_pace(platform, Pace { notice: second, each: second });
        }
        let of_rate = |one: &firedog_town::weather::Institution| one.per_minute == THEIR_RATE && !OURS.contains(&one.id.as_str());
        let theirs = weather.institutions().into_iter().find(of_rate).map_or_else(|| "inst-7".to_owned(), |one| one.id);
        for institution in OURS {
            weather.set(Condition::Traffic { institution: institution.to_owned(), per_minute: BUSY });
        }
        Ok(Self { streets: firedog_town::Town::start(weather).await?, theirs, key: random_hex(16)? })
    }

    /// The setup files: all but the drivers stays the same when the services move.
    pub(super) fn files(&self, platform: Platform) -> Vec<(&'static str, String)> {
        let streets = &self.streets;
        let authority = doubles::authority(streets);
        let institutions: Vec<Value> = streets
            .weather()
            .institutions()
            .into_iter()
            .map(|one| {
                json!({ "id": one.id, "name": one.name, "code": code(&one.id), "host": one.host, "authority": authority,
                    "core_endpoint": doubles::core_endpoint(streets, &one.id), "room": SUPPORT_CHANNEL, "vendor": "corehost" })
            })
            .collect();
        let services: Vec<Value> = SERVICES
            .iter()
            .map(|id| {
                let parameters = json!({ "SERVICE": id, "ENV": "production" });
                let (job, instances) = match platform {
                    Platform::Marathon => {
                        ("ops/restart-on-marathon", json!({ "with": "marathon", "app": format!("/core/{id}") }))
                    }
                    Platform::Kubernetes => {
                        ("ops/restart-on-kubernetes", json!({ "with": "k8s", "namespace": "core", "deployment": id }))
                    }
                };
                let deploys = json!({ "with": "ci", "job": job, "parameters": parameters });
                let mut service = json!({ "id": id, "team": "town", "instances": instances, "deploys": deploys,
                    "restart": { "with": "ci", "job": job, "parameters": parameters, "key": "RUN_KEY" } });
                if *id == SERVICES[0] {
                    service["integrations"] = json!([{ "id": "prometheus", "kind": "alertmanager", "key": self.key }]);
                }
                service
            })
            .collect();
        let connections = [
            ("logs", ConnectionKind::Elasticsearch),
            ("chat", ConnectionKind::Slack),
            ("ci", ConnectionKind::Jenkins),
            ("marathon", ConnectionKind::Marathon),
            ("k8s", ConnectionKind::Kubernetes),
        ]
        .map(|(id, kind)| doubles::connection(streets, id.into(), kind));
        let book = BOOK.replace("team: pupper", "team: town").replace("page support", "page town");
        // JSON is YAML.
        let vendors =
            json!([{ "id": "corehost", "name": "The host of the cores", "responds_within": "4h", "chase_every": "1h" }]);
        let catalogue =
            json!({ "vendors": vendors, "institutions": institutions, "services": services, "connections": connections });
        vec![("bank.yaml", catalogue.to_string()), ("core-api-down.yaml", book)]
    }

    /// As long as nobody has noticed yet.
    fn goes_wrong(&self, condition: Condition) -> SpellId {
        let from = self.streets.weather().now().checked_sub(UNNOTICED).unwrap_or(Timestamp::MIN);
        self.streets.weather().set_between(condition, from, None)
    }
}

/// As support knows an institution.
fn code(id: &str) -> String {
    id.replace("inst-", "C")
}

/// A page with one button.
pub(super) struct Button {
    pub(super) url: String,
    pressed: Arc<Notify>,
}

impl Button {
    pub(super) async fn open() -> anyhow::Result<Self> {
        // Other pages of the same browser cannot guess where it is.
        let path = format!("/{}", random_hex(8)?);
        let pressed = Arc::new(Notify::new());
        let page = || async {
            Html(concat!(
                "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>The demo's button</title>",
                "<body style='font:18px system-ui;margin:3rem'><h1>Kill Firedog</h1>",
                "<p>This is <code>kill -9</code>, at whatever it is doing. The demo starts it again on the same database.</p>",
                "<form method=post><button style='font:inherit;padding:.8rem 1.6rem'>kill -9</button></form>"
            ))
        };
        let press = |State(pressed): State<Arc<Notify>>| async move {
            pressed.notify_one();
            Html(
                "<!doctype html><meta charset=utf-8><p style='font:18px system-ui;margin:3rem'>Killed. Look at the run: it goes on.",
            )
        };
        let router = axum::Router::new().route(&path, get(page).post(press)).with_state(pressed.clone());
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}{path}", listener.local_addr()?);
        // Ends with the program.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, pressed })
    }
}

/// What the chapter needs of the rest of the demo.
pub(super) struct Chapter<'a> {
    pub(super) bank: &'a Bank,
    pub(super) api: &'a Api,
    pub(super) teller: &'a Teller,
    pub(super) folder: &'a Folder,
    pub(super) firedog: &'a mut Firedog,
    pub(super) once: bool,
    /// Lines of the run that have been told.
    pub(super) seq: i64,
}

impl Chapter<'_> {
    pub(super) async fn tell(&mut self, mut done: impl FnMut(Step)) -> anyhow::Result<()> {
        let teller = self.teller;
        teller.say("");
        teller.stress(&format!(
            "Second chapter: {INSTITUTIONS} institutions, whose calls go through two servers of ours to a core of each. Time is compressed: builds and rollouts take seconds here, not minutes."
        ));
        self.theirs().await?;
        done(Step::Theirs);
        self.ours(OURS[0], Platform::Marathon, true).await?;
        done(Step::Ours);
        teller.say("");
        teller.stress("The services move to Kubernetes. In the catalogue that is another job and other instances; the runbook stays as it is.");
        self.bank.streets.weather().clone().on(Platform::Kubernetes);
        self.switch().await?;
        self.ours(OURS[1], Platform::Kubernetes, false).await?;
        done(Step::Moved);
        Ok(())
    }

    async fn theirs(&mut self) -> anyhow::Result<()> {
        let theirs = self.bank.theirs.clone();
        let wrong =
            self.bank.goes_wrong(Condition::Core { institution: theirs.clone(), fault: CoreFault::Refuses, percent: 100 });
        let run = self.alert(&theirs).await?;
        let decided = self.until(&run, "decide", &["done"]).await?;
        let found = self.get(&format!("/api/v1/runs/{run}")).await?;
        let blast = step(&found, "logs.blast_radius")["output"]["text"].as_str().unwrap_or_default().to_owned();
        let owner = decided["output"]["owner"].as_str().unwrap_or_default();
        ensure!(owner == "vendor", "it was decided otherwise: {decided}");
        self.teller.stress(&format!("Theirs: {blast}; {}.", decided["output"]["why"].as_str().unwrap_or_default()));
        let case = self.until(&run, "vendor.case", &["asking"]).await?;
        let pack = self.get(&format!("/api/v1/runs/{run}/evidence")).await?;
        self.teller.say("A case for their vendor, ready to copy:");
        for line in pack["text"].as_str().unwrap_or_default().lines() {
            self.teller.note(&format!("  | {line}"));
        }
        self.teller.stress(&format!("Write its number on {}/runs/{run}, or leave it to the demo.", self.api.url));
        let place = case["place"].as_str().unwrap_or_default().to_owned();
        if !self.somebody(&run, &place, "asking").await? {
            self.post(&format!("/api/v1/runs/{run}/steps/{place}/answer"), &json!({ "values": { "number": "CASE-4711" } }))
                .await?;
        }
        self.bank.streets.weather().clear(wrong);
        self.bank.streets.weather().set(Condition::Traffic { institution: theirs.clone(), per_minute: BUSY });
        self.teller.say("Their host mends it. Firedog looks at the calls, and at nothing else, to say that it is over.");
        self.support_answers(&theirs).await;
        self.recovered(&run).await?;
        self.resolve(&theirs).await
    }

    /// The same outage, on whichever platform the services run.
    async fn ours(&mut self, institution: &str, platform: Platform, kill: bool) -> anyhow::Result<()> {
        let weather = self.bank.streets.weather();
        let before = [Service::HTTP, Service::RPC].map(|service| weather.restarts(platform, service));
        let pool = |service| Condition::PoolExhausted { service, percent: 97, restart_heals: true };
        let wrong = [self.bank.goes_wrong(pool(Service::HTTP)), self.bank.goes_wrong(pool(Service::RPC))];
        let run = self.alert(institution).await?;
        let decided = self.until(&run, "decide", &["done"]).await?;
        self.teller.stress(&format!("Ours: {}.", decided["output"]["why"].as_str().unwrap_or_default()));
        ensure!(decided["output"]["remedy"] == "restart", "it was decided otherwise: {decided}");
        let button = if kill { Some(Button::open().await?) } else { None };
        for (n, service) in SERVICES.iter().enumerate() {
            let place = self.waits(&run, "confirming").await?;
            let found = self.get(&format!("/api/v1/runs/{run}")).await?;
            let plan = at(&found, &place)["plan"].clone();
            self.teller.say(&format!("The plan for {service}:"));
            for line in plan["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                self.teller.note(&format!("  | {line}"));
            }
            self.teller.stress(&format!("Confirm it on {}/runs/{run}, or leave it to the demo.", self.api.url));
            if !self.somebody(&run, &place, "confirming").await? {
                self.post(&format!("/api/v1/runs/{run}/steps/{place}/confirm"), &json!({ "hash": plan["hash"] })).await?;
            }
            if let Some(button) = button.as_ref().filter(|_| n == 0) {
                self.building(&run, &place).await?;
                self.kill(button).await?;
            }
            self.until_place(&run, &place, "done").await?;
        }
        self.support_answers(institution).await;
        self.recovered(&run).await?;
        let after = [Service::HTTP, Service::RPC].map(|service| weather.restarts(platform, service));
        let job = if platform == Platform::Marathon { "restart-on-marathon" } else { "restart-on-kubernetes" };
        let builds = self.builds(job).await?;
        self.teller.stress(&format!("Jenkins shows {} builds of {job}: {}.", builds.len(), builds.join(", then ")));
        ensure!(builds == SERVICES, "one build per server was expected, http before rpc: {builds:?}");
        ensure!(
            (after[0] - before[0], after[1] - before[1]) == (1, 1),
            "one restart per server was expected: {before:?}, {after:?}"
        );
        wrong.into_iter().for_each(|spell| weather.clear(spell));
        self.resolve(institution).await
    }

    /// Prometheus fires; answers the run that the alert begins.
    async fn alert(&mut self, institution: &str) -> anyhow::Result<String> {
        let labels = json!({ "alertname": "CoreApiDown", "institution": institution, "severity": "critical" });
        let summary = format!("all core-API requests of {institution} fail");
        let alert = json!([{ "labels": labels, "annotations": { "summary": summary } }]);
        self.teller.say(&format!("An alert fires: {summary}."));
        let url = format!("{}/in/{}/api/v2/alerts", self.api.url, self.bank.key);
        let answer = self.api.client.post(url).json(&alert).send().await?;
        ensure!(answer.status().is_success(), "Firedog did not take the alert: {}", answer.status());
        self.teller.ring();
        let started = Instant::now();
        let run = loop {
            let runs = self.get("/api/v1/runs?open=true").await?;
            let of = |run: &&Value| run["inputs"]["institution"]["id"] == institution;
            if let Some(run) = runs["items"].as_array().into_iter().flatten().find(of) {
                break run["id"].as_str().unwrap_or_default().to_owned();
            }
            ensure!(started.elapsed() < STEP_WITHIN, "the alert began no run");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        self.seq = 0;
        self.teller.stress(&format!("{} is paged, and the runbook has begun: {}/runs/{run}", PRIMARY.name, self.api.url));
        // Whoever watches is at it.
        if let Some(alert) = self.open_alert(institution).await? {
            self.post(&format!("/api/v1/alerts/{alert}/acknowledge"), &json!({})).await?;
        }
        Ok(run)
    }

    async fn open_alert(&self, institution: &str) -> anyhow::Result<Option<String>> {
        let alerts = self.get("/api/v1/alerts?state=triggered,acknowledged").await?;
        let of = |alert: &&Value| alert["labels"]["institution"] == institution;
        let found = alerts["items"].as_array().into_iter().flatten().find(of);
        Ok(found.and_then(|alert| alert["id"].as_str().map(str::to_owned)))
    }

    async fn resolve(&self, institution: &str) -> anyhow::Result<()> {
        if let Some(alert) = self.open_alert(institution).await? {
            self.post(&format!("/api/v1/alerts/{alert}/resolve"), &json!({})).await?;
        }
        Ok(())
    }

    /// Sam of support writes into the thread, once there is one.
    async fn support_answers(&self, institution: &str) {
        let slack = self.bank.streets.slack();
        let code = format!("`{}`", code(institution));
        let thread = || slack.said().into_iter().rfind(|said| said.thread_ts.is_none() && said.text.contains(&code));
        let started = Instant::now();
        // A run that an alert has begun waits a moment, whether others fail as well.
        while thread().is_none() && started.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if let Some(said) = thread() {
            self.teller.note(&format!("  Slack: {}", said.text));
            slack.say(SAM, SUPPORT_CHANNEL, Some(&said.ts), "Thank you, we tell the branches.");
        }
    }

    /// Waits a moment for a person; whether one has done it.
    async fn somebody(&mut self, run: &str, place: &str, state: &str) -> anyhow::Result<bool> {
        let until = Instant::now() + if self.once { THINK_ONCE } else { THINK };
        while Instant::now() < until {
            let found = self.look(run).await?;
            if at(&found, place)["state"] != state {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.teller.say("Nobody did; the demo does it.");
        Ok(false)
    }

    async fn building(&mut self, run: &str, place: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let found = self.look(run).await?;
            if at(&found, place)["text"].as_str().is_some_and(|text| text.contains("build ")) {
                return Ok(());
            }
            ensure!(started.elapsed() < STEP_WITHIN, "no build has begun");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn kill(&mut self, button: &Button) -> anyhow::Result<()> {
        self.teller.stress(&format!("The build is running. Kill Firedog in the midst of it: {}", button.url));
        let patience = if self.once { Duration::ZERO } else { Duration::from_secs(4) };
        if tokio::time::timeout(patience, button.pressed.notified()).await.is_err() {
            self.teller.say("Nobody did; the demo does it.");
        }
        self.firedog.at(&self.api.url);
        self.firedog.end().await;
        self.teller.stress("kill -9: Firedog is dead.");
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.firedog.again(self.folder).await?;
        self.teller.stress("It is up again, on the same database, and goes on where it was.");
        Ok(())
    }

    async fn switch(&self) -> anyhow::Result<()> {
        let mut files = Vec::new();
        for (name, text) in self.bank.files(Platform::Kubernetes) {
            self.folder.write(name, &text)?;
        }
        for entry in std::fs::read_dir(self.folder.setup())? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            files.push(json!({ "name": name, "text": std::fs::read_to_string(&path)? }));
        }
        self.post("/api/v1/setup", &json!({ "files": files, "yes": true })).await?;
        for service in SERVICES {
            self.teller
                .note(&format!("  | {service}: restart ops/restart-on-kubernetes, instances core/{service} on Kubernetes"));
        }
        Ok(())
    }

    async fn recovered(&mut self, run: &str) -> anyhow::Result<()> {
        let step = self.until(run, "service.recovered", &["done"]).await?;
        ensure!(step["output"]["state"] == "recovered", "it has not recovered: {step}");
        self.teller.stress(&format!("Recovered: {}", step["output"]["text"].as_str().unwrap_or_default()));
        Ok(())
    }

    /// What the builds of a job have restarted, oldest first.
    async fn builds(&self, job: &str) -> anyhow::Result<Vec<String>> {
        let url = format!("{}/job/ops/job/{job}/api/json", self.bank.streets.jenkins_url());
        let tree = [("tree", "builds[number,actions[parameters[name,value]]]{0,50}")];
        let answer = self.api.client.get(url).query(&tree).basic_auth(JENKINS_USER, Some(JENKINS_TOKEN)).send().await?;
        let found: Value = serde_json::from_str(&answer.text().await?)?;
        let service = |build: &Value| {
            let parameters =
                build["actions"].as_array()?.iter().flat_map(|action| action["parameters"].as_array().into_iter().flatten());
            parameters.into_iter().find(|one| one["name"] == "SERVICE")?["value"].as_str().map(str::to_owned)
        };
        let mut builds: Vec<&Value> = found["builds"].as_array().into_iter().flatten().collect();
        builds.sort_by_key(|build| build["number"].as_u64());
        Ok(builds.into_iter().filter_map(service).collect())
    }

    /// The step that uses this, once it is in one of these states.
    async fn until(&mut self, run: &str, uses: &str, states: &[&str]) -> anyhow::Result<Value> {
        let started = Instant::now();
        loop {
            let found = self.look(run).await?;
            let one = step(&found, uses);
            if states.iter().any(|state| one["state"] == *state) {
                return Ok(one.clone());
            }
            if started.elapsed() > STEP_WITHIN {
                bail!("the run did not come to `{uses}`: {}", found["steps"]);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn until_place(&mut self, run: &str, place: &str, state: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let found = self.look(run).await?;
            if at(&found, place)["state"] == state {
                return Ok(());
            }
            ensure!(started.elapsed() < STEP_WITHIN, "step {place} did not come to its end: {}", at(&found, place));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The place of the first step that is in a state.
    async fn waits(&mut self, run: &str, state: &str) -> anyhow::Result<String> {
        let started = Instant::now();
        loop {
            let found = self.look(run).await?;
            let one = found["steps"].as_array().into_iter().flatten().find(|step| step["state"] == state);
            if let Some(place) = one.and_then(|step| step["place"].as_str()) {
                return Ok(place.to_owned());
            }
            ensure!(started.elapsed() < STEP_WITHIN, "no step came to `{state}`: {}", found["steps"]);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The run; what is new in its log is told.
    async fn look(&mut self, run: &str) -> anyhow::Result<Value> {
        let lines = self.get(&format!("/api/v1/runs/{run}/log?after={}", self.seq)).await?;
        for line in lines.as_array().into_iter().flatten() {
            self.seq = line["seq"].as_i64().unwrap_or(self.seq);
            let (kind, text) = (line["kind"].as_str().unwrap_or_default(), line["text"].as_str().unwrap_or_default());
            if !text.is_empty() && kind != "joined" {
                self.teller.note(&format!("  run: {} {kind}: {text}", line["place"].as_str().unwrap_or_default()));
            }
        }
        self.get(&format!("/api/v1/runs/{run}")).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.api.get(path).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        self.api.post(path, body).await.map(drop)
    }
}

fn step<'a>(run: &'a Value, uses: &str) -> &'a Value {
    run["steps"].as_array().and_then(|steps| steps.iter().find(|step| step["uses"] == uses)).unwrap_or(&Value::Null)
}

fn at<'a>(run: &'a Value, place: &str) -> &'a Value {
    run["steps"].as_array().and_then(|steps| steps.iter().find(|step| step["place"] == place)).unwrap_or(&Value::Null)
}
