//! The verbs that run something: `serve`, `demo` and `town`.

use super::failure::{Exit, Failure};
use super::folder::Folder;
use super::out::{clean, print, print_json, say};
use crate::config::Config;
use crate::demo::DemoOptions;
use crate::drill::{DrillOptions, Wrong};
use crate::serve::GivenSetup;
use crate::town::{Through, TownOptions};
use clap::Args;
use firedog_domain::setup::load::NoOutside;
use firedog_domain::time::parse_length;
use firedog_town::weather::{MAX_INSTITUTIONS, MAX_SPEED};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog serve --setup examples/pupper
  FIREDOG_DATABASE=postgres://firedog@db/firedog FIREDOG_SECRET_KEY_FILE=/etc/firedog/key firedog serve
  firedog serve --config /etc/firedog/firedog.toml

Settings come from defaults, then firedog.toml, then the environment, then these options:
  FIREDOG_LISTEN, FIREDOG_PUBLIC_LISTEN, FIREDOG_DATABASE, FIREDOG_PUBLIC_URL, FIREDOG_ADMIN_TOKEN,
  FIREDOG_SECRET_KEY_FILE, FIREDOG_SECRETS_DIR, FIREDOG_SMTP_URL, FIREDOG_SMTP_FROM, FIREDOG_OIDC_ISSUER,
  FIREDOG_OIDC_CLIENT_ID, FIREDOG_OIDC_CLIENT_SECRET, FIREDOG_OIDC_GROUPS_CLAIM, FIREDOG_OIDC_ROLES, FIREDOG_RETENTION, FIREDOG_ALLOW_TARGETS,
  FIREDOG_INGEST_RATE, FIREDOG_INGEST_BURST, FIREDOG_DEMO, FIREDOG_LOG, FIREDOG_LOG_FORMAT
In firedog.toml they are lower case and without FIREDOG_.

Prints `firedog ready on http://ADDRESS` to stderr once it is. SIGTERM drains and exits 0.")]
pub(crate) struct Serve {
    /// Apply these setup files before being ready
    #[arg(long, value_name = "DIR")]
    setup: Option<PathBuf>,
    /// Settings file [default: firedog.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "FIREDOG_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// A second address, for acknowledge pages, callbacks and ingest only
    #[arg(long, value_name = "ADDRESS")]
    public_listen: Option<String>,
    /// sqlite:PATH or postgres://...
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// What links in pages begin with
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// What is logged: error, warn, info, debug, or a filter such as info,firedog=debug
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog demo
  firedog demo --once
  firedog demo --keep --listen 127.0.0.1:8700

A small shop breaks, a prober notices, Firedog pages Ada, you acknowledge, the shop heals. Nobody real is paged.")]
pub(crate) struct Demo {
    /// Acknowledge without you, and fail unless the whole story happened
    #[arg(long)]
    once: bool,
    /// Where its Firedog listens [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Leave everything running after the story, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog town --setup rehearsal
  firedog town --setup rehearsal --through rollout --institutions 40
  curl -d '{\"set\": \"pool_exhausted\", \"minutes_ago\": 20}' -H 'Content-Type: application/json' CONTROL/weather

Runs the town: doubles of Elasticsearch, Prometheus, Jenkins, Marathon, Mesos, Kubernetes and Slack on 127.0.0.1, for
rehearsals of your runbooks. Prints where they are; ends with Ctrl-C, and leaves nothing behind.

The address `control` takes JSON:
  POST /weather   {\"set\": \"pool_exhausted\" | \"core_refused\" | \"way_closed\" | \"no_traffic\" | \"builds_stay_queued\" | \"none\"}, with \"percent\",
                  \"institution\" and \"minutes_ago\"
  GET /restarts   what was restarted when, and what Jenkins was asked for
  GET /slack      what was said
  GET /requests   the newest thousand requests to all systems
  POST /hold      {\"nth\": 3, \"when\": \"before\" | \"after\"}: holds the third request from now, before or after it is done;
                  with \"method\": \"POST\" the third of those
  GET /held       the held request, once there is one; waits for it 10 s, or ?within_s=
  POST /release   {\"then\": \"drop\" | \"do_late\"}: drops its connection")]
pub(crate) struct Town {
    /// Write `town.yaml` with the town's institutions, connections and services into this directory, while it runs
    #[arg(long, value_name = "DIR")]
    setup: Option<PathBuf>,
    /// The team that the services in it belong to; your other files define it
    #[arg(long, value_name = "TEAM", default_value = "pupper")]
    team: String,
    /// Through what they are restarted
    #[arg(long, value_enum, default_value = "marathon")]
    through: Through,
    /// Jenkins' jobs take no key of a run: nobody can tell whether an interrupted request has arrived
    #[arg(long)]
    no_key: bool,
    /// The town's clock runs so many times as fast. Its logs then run ahead of yours
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SPEED)))]
    speed: u32,
    /// How many institutions there are
    #[arg(long, value_name = "COUNT", default_value = "12", value_parser = clap::value_parser!(u16).range(1..=MAX_INSTITUTIONS as i64))]
    institutions: u16,
    /// Two vantage points (blackbox exporters) look at the cores as well
    #[arg(long)]
    vantages: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog drill examples/pupper
  firedog drill examples/pupper --connected --wrong pool
  firedog drill setup --institution inst-123 --support-silent
  firedog drill setup --alone --json

Rehearses your own setup: its people, policies, catalogue and runbooks, in a Firedog of their own on this machine, against
doubles of everything outside. Something goes wrong, an alert fires, and you do what you would do at night: acknowledge, read,
confirm, answer. At the end it says what was wrong and how it went; the exit code is 0 if it went well, and 10 if not. Nobody real is paged,
and nothing outside is called. Silences and maintenance windows of the setup are left out.

A setup from a running Firedog: firedog export DIR")]
pub(crate) struct Drill {
    /// Directory with the setup files (*.yaml, *.yml, *.json, at any depth)
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What goes wrong [default: a surprise, told at the end]
    #[arg(long, value_enum, value_name = "WHAT")]
    wrong: Option<Wrong>,
    /// Which service it is [default: one that the runbook is about]
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// At which institution [default: the first that the service serves]
    #[arg(long, value_name = "INSTITUTION")]
    institution: Option<String>,
    /// Which runbook is rehearsed [default: one that alerts begin]
    #[arg(long, value_name = "RUNBOOK")]
    runbook: Option<String>,
    /// As if everything were connected: doubles also for what your setup does not connect
    #[arg(long)]
    connected: bool,
    /// Nobody of support answers
    #[arg(long)]
    support_silent: bool,
    /// Without you: the drill acknowledges, confirms and answers itself
    #[arg(long)]
    alone: bool,
    /// It is over by then
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_length)]
    within: SignedDuration,
    /// Where its Firedog listens [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Serve {
    /// The settings that were given as options.
    fn flags(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("listen", &self.listen),
            ("public_listen", &self.public_listen),
            ("database", &self.database),
            ("public_url", &self.public_url),
            ("log", &self.log),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

pub(crate) async fn demo(args: Demo) -> Result<(), Failure> {
    let options = DemoOptions { once: args.once, listen: args.listen, keep: args.keep };
    crate::demo::run(options).await.map_err(|e| Failure::failed(format!("{e:#}")))
}

pub(crate) async fn drill(args: Drill, json: bool, now: Timestamp) -> Result<(), Failure> {
    let Drill { dir, wrong, service, institution, runbook, connected, support_silent, alone, within, listen } = args;
    let setup = super::setup::for_a_drill(&dir, now)?;
    let options =
        DrillOptions { wrong, service, institution, runbook, connected, support_silent, alone, within, listen, aside: json };
    let report = crate::drill::run(setup, options).await.map_err(|e| Failure::failed(format!("{e:#}")))?;
    if json {
        print_json(&serde_json::json!(report))?
    } else {
        print(&format!("\n{}", report.text()))?
    }
    if report.ok { Ok(()) } else { Err(Failure::silent(Exit::ConditionNotMet)) }
}

pub(crate) async fn town(args: Town, json: bool, now: Timestamp) -> Result<(), Failure> {
    let Town { setup, team, through, no_key, speed, institutions, vantages } = args;
    let options = TownOptions { setup, team, through, no_key, speed, institutions: usize::from(institutions), vantages };
    let told = |addresses: &serde_json::Value| {
        if json {
            return print_json(addresses).map_err(|failure| anyhow::anyhow!("{}", failure.render()));
        }
        let lines = addresses.as_object().into_iter().flatten();
        let text: String =
            lines.map(|(name, value)| format!("{name:<14} {}\n", clean(value.as_str().unwrap_or_default()))).collect();
        print(&text).map_err(|failure| anyhow::anyhow!("{}", failure.render()))
    };
    crate::town::run(options, now, told).await.map_err(|e| Failure::failed(format!("{e:#}")))
}

pub(crate) async fn serve(args: Serve) -> Result<(), Failure> {
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::load(args.config.as_deref(), environment, &args.flags()).map_err(|e| Failure::usage(e.to_string()))?;
    let setup = args.setup.as_deref().map(given);
    crate::serve::run(config, setup).await.map_err(|e| Failure::failed(format!("{e:#}")))
}

/// The files of `--setup`. A directory that cannot be read is a setup with errors, not the end: a pager that
/// restarts while somebody is at its files goes on with the setup that it has.
fn given(dir: &Path) -> GivenSetup {
    match Folder::read(dir) {
        Ok(folder) => GivenSetup { files: folder.files().to_vec(), outside: Box::new(folder) },
        Err(why) => {
            say(&format!("--setup: {why}"));
            GivenSetup { files: Vec::new(), outside: Box::new(NoOutside) }
        }
    }
}
