//! Starting, being ready, stopping.

use crate::app::App;
use crate::config::Config;
use crate::deliver::Delivery;
use crate::metrics::Metrics;
use crate::ops::{self, setup::Wish};
use crate::secret::Key;
use crate::{front, listen};
use anyhow::{Context, anyhow, bail};
use firedog_connectors::{Sender, Settings};
use firedog_domain::alert::Actor;
use firedog_domain::setup::load::{Outside, SourceFile};
use firedog_engine::{Clock, Engine, Options};
use firedog_store::Store;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A database that is still starting, beside us in the same compose file, is waited for so long.
const DATABASE_WITHIN: Duration = Duration::from_secs(30);
const DATABASE_PAUSE: Duration = Duration::from_millis(500);
/// Requests under way get so long to finish when we stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The engine's first look at what is due takes milliseconds; a start does not wait longer for it than this.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// Another node may apply its own copy of the setup at the same moment.
const APPLY_TRIES: usize = 5;

/// The files of `--setup`, and what they may refer to.
pub struct GivenSetup {
    pub files: Vec<SourceFile>,
    pub outside: Box<dyn Outside + Send + Sync>,
}

/// A server that is ready.
pub struct Running {
    pub app: App,
    pub address: SocketAddr,
    pub public_address: Option<SocketAddr>,
    http: CancellationToken,
    engine_stop: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
    engine: JoinHandle<firedog_engine::Result<()>>,
    /// What is done every now and then; it may be broken off anywhere.
    chores: JoinHandle<()>,
    runs: [JoinHandle<()>; 4],
}

/// Runs a server until SIGTERM or SIGINT (then drains and answers `Ok`), or until its database breaks.
pub async fn run(config: Config, setup: Option<GivenSetup>) -> anyhow::Result<()> {
    start_log(&config);
    let mut signals = Signals::listen()?;
    let mut running = start(config, setup, Clock::system()).await?;
    // Scripts wait for this line, whatever the log level is; in one write, so that nobody reads half of an address.
    let ready = format!("firedog ready on http://{}\n", running.address);
    eprint!("{ready}");
    if let Some(address) = running.public_address {
        eprintln!("firedog serves pages and ingest on http://{address}");
    }
    tokio::select! {
        () = signals.next() => {}
        broken = running.broken() => return Err(broken),
    }
    tracing::info!("stopping; a second signal ends at once");
    tokio::select! {
        stopped = running.stop() => stopped,
        () = signals.next() => bail!("ended by a second signal; what was on its way is tried again at the next start"),
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn start_log(config: &Config) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|error| {
        eprintln!("settings: log: {error}; logging at info");
        EnvFilter::new("info")
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first log.
    let _ = match config.log_format {
        crate::config::LogFormat::Json => builder.json().try_init(),
        crate::config::LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
}

/// What the connectors need to know of the settings.
pub(crate) fn sender_settings(config: &Config, public_url: &str) -> Settings {
    Settings {
        smtp_url: config.smtp_url.as_ref().map(|url| url.expose().to_owned()),
        smtp_from: config.smtp_from.clone(),
        public_url: public_url.to_owned(),
        allow_targets: config.allow_targets.clone(),
        push: None,
    }
}

/// Starts a server; answers when it is ready.
pub async fn start(config: Config, setup: Option<GivenSetup>, clock: Clock) -> anyhow::Result<Running> {
    // Bound first: a port in use is found out before anything is written. Nothing is accepted yet.
    let listener = bind(config.listen).await?;
    let public = match config.public_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let public_address = public.as_ref().map(TcpListener::local_addr).transpose()?;

    let store = open_store(&config).await?;
    let key = match config.key_file()? {
        Some(path) => Key::load_or_create(&path)?,
        None => Key::fresh()?,
    };
    let links_base = config.links_base(address);
    let app = assemble(config, store, clock, key, links_base)?;

    if let Some(given) = setup {
        apply(&app, &given).await?;
    }
    warn_of_unreadable_secrets(&app).await;
    if let Some(secret) = ops::tokens::bootstrap(&app).await? {
        eprintln!(
            "There is no administrator yet. This token may do everything; it is not shown again:\n\n    {}\n",
            secret.expose()
        );
    }

    if !app.config.demo
        && let Some(link) = ops::sign_in::first_run(&app).await?
    {
        eprintln!("Nobody can sign in to the app yet. This link makes its first administrator; it works once:\n\n    {link}\n");
    }

    // Its file is locked: whoever was at a message or a call before is gone. On a shared database another node may be at it, so
    // leases count.
    if app.engine.store().is_alone() {
        match app.engine.resume().await {
            Ok(0) => {}
            Ok(again) => tracing::info!(again, "messages that were on their way are sent again"),
            Err(error) => {
                tracing::warn!(%error, "messages that were on their way could not be looked at; they are sent again when their lease ends")
            }
        }
    }
    let engine_stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (engine, stop) = (app.engine.clone(), engine_stop.clone());
        async move { engine.run(stop.cancelled()).await }
    });
    tokio::spawn(crate::stream::run(app.clone()));
    let chores = tokio::spawn(ops::chores::run(app.clone()));
    if app.engine.store().is_alone() {
        match app.runs.resume().await {
            Ok(0) => {}
            Ok(resumed) => tracing::info!(resumed, "runs that were interrupted go on"),
            Err(error) => {
                tracing::warn!(%error, "runs that were interrupted could not be looked at; they go on when their lease ends")
            }
        }
    }
    let runs = [
        tokio::spawn(app.runs.clone().run()),
        tokio::spawn(ops::run::keep(app.clone())),
        tokio::spawn(ops::telling::keep(app.clone())),
        tokio::spawn(ops::case::keep(app.clone())),
    ];
    first_look(&app).await;
    let http = CancellationToken::new();
    let mut listeners = vec![tokio::spawn(listen::serve(listener, front::full(&app), http.clone()))];
    if let Some(public) = public {
        listeners.push(tokio::spawn(listen::serve(public, front::public(&app), http.clone())));
    }
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "ready");
    Ok(Running { app, address, public_address, http, engine_stop, listeners, engine, chores, runs })
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let begun = std::time::Instant::now();
    loop {
        match Store::open(config.database.expose()).await {
            Err(firedog_store::Error::Busy(why)) if begun.elapsed() < DATABASE_WITHIN => {
                tracing::warn!(why, "the database does not answer yet");
                tokio::time::sleep(DATABASE_PAUSE).await;
            }
            opened => return opened.map_err(|error| anyhow!("the database: {error}")),
        }
    }
}

/// Puts the parts together, without starting any of them.
pub fn assemble(config: Config, store: Store, clock: Clock, key: Key, links_base: String) -> anyhow::Result<App> {
    let settings =
        Settings { push: Some(key.push_identity(&subject(&config, &links_base))), ..sender_settings(&config, &links_base) };
    let sender = Sender::new(&settings).map_err(|error| anyhow!("settings: {error}"))?;
    let metrics = Arc::new(Metrics::default());
    let base = Arc::new(OnceLock::from(links_base.clone()));
    let delivery = Arc::new(Delivery::new(sender, key.clone(), clock.clone(), metrics.clone(), store.clone(), base));
    let options = Options { node: node(), retention: config.retention, ..Options::default() };
    let engine = Engine::new(store, clock, delivery.clone(), options);
    Ok(App::new(engine, delivery, config, key, metrics, links_base))
}

/// How the operator of a push service finds us if we misbehave: RFC 8292 wants an https or mailto address.
fn subject(config: &Config, links_base: &str) -> String {
    match &config.smtp_from {
        Some(from) => format!("mailto:{}", from.rsplit('<').next().unwrap_or(from).trim_end_matches('>').trim()),
        None if links_base.starts_with("https://") => links_base.to_owned(),
        None => "mailto:firedog@localhost".to_owned(),
    }
}

/// Names this process in leases and logs.
fn node() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}

/// `--setup`. If the files have mistakes the stored setup runs, and says so; if none is stored there is nothing to run.
async fn apply(app: &App, given: &GivenSetup) -> anyhow::Result<()> {
    let wish = Wish { yes: true, ..Wish::default() };
    let mut tries = 0;
    let failed = loop {
        tries += 1;
        match ops::setup::apply_from(app, &given.files, &*given.outside, wish, &Actor::System).await {
            Ok(applied) => {
                for warning in &applied.warnings {
                    tracing::warn!(file = warning.file, line = warning.line, "{}", warning.message);
                }
                tracing::info!(version = applied.version, changed = applied.changed, "the setup is in force");
                return Ok(());
            }
            Err(ops::Error::Conflict(_) | ops::Error::Busy) if tries < APPLY_TRIES => {}
            Err(error) => break error,
        }
    };
    let told = match &failed {
        ops::Error::Mistakes(diagnostics) => {
            let text =
                |file: &str| given.files.iter().find(|source| source.name == file).map_or("", |source| source.text.as_str());
            diagnostics.iter().map(|diagnostic| diagnostic.render(text(&diagnostic.file))).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    };
    eprintln!("{told}");
    if ops::setup::head(app).await?.is_none() {
        bail!("the setup has errors, and none is stored that could run instead");
    }
    app.metrics.setup_stale.store(1, Ordering::Relaxed);
    tracing::error!("the setup files have errors; the stored setup runs");
    Ok(())
}

/// A key that is not the one that sealed the stored secrets makes signed webhooks fail one by one, at night.
async fn warn_of_unreadable_secrets(app: &App) {
    let Ok(scene) = app.engine.scene().await else { return };
    for user in scene.world.setup.users.iter() {
        for contact in &user.contact {
            let Some(secret) = &contact.secret else { continue };
            if app.key.unseal(&crate::deliver::place(&user.id, &contact.id), secret).is_err() {
                tracing::error!(user = %user.id, contact = %contact.id, "this secret was sealed with another key; apply the setup again");
            }
        }
    }
}

async fn first_look(app: &App) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < FIRST_LOOK {
        match app.engine.health().await {
            Ok(health) if health.ok => return,
            _ => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
    tracing::warn!("the engine is at work, but not all is well; see /readyz");
}

impl Running {
    /// Answers when the engine ends by itself: only when the database is broken.
    pub async fn broken(&mut self) -> anyhow::Error {
        match (&mut self.engine).await {
            Ok(Ok(())) => anyhow!("the engine has ended"),
            Ok(Err(error)) => anyhow!("{error}"),
            Err(error) => anyhow!("the engine failed: {error}"),
        }
    }

    /// Takes nothing more in, lets what is under way finish, and ends.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.http.cancel();
        self.app.hub.close();
        let listeners = futures_util::future::join_all(self.listeners);
        if tokio::time::timeout(DRAIN, listeners).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.engine_stop.cancel();
        self.chores.abort();
        let _ = self.chores.await;
        self.runs.iter().for_each(JoinHandle::abort);
        self.app.runs.drain(DRAIN).await;
        match self.engine.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(anyhow!("{error}")),
            Err(error) => Err(anyhow!("the engine failed: {error}")),
        }
    }
}
