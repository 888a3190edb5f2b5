//! The verbs that run a server: `serve` and `demo`.

use super::failure::Failure;
use super::folder::Folder;
use super::out::say;
use crate::config::Config;
use crate::demo::DemoOptions;
use crate::serve::GivenSetup;
use clap::Args;
use firedog_domain::setup::load::NoOutside;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog serve --setup examples/pupper
  FIREDOG_DATABASE=postgres://firedog@db/firedog FIREDOG_SECRET_KEY_FILE=/etc/firedog/key firedog serve
  firedog serve --config /etc/firedog/firedog.toml

Settings come from defaults, then firedog.toml, then the environment, then these options:
  FIREDOG_LISTEN, FIREDOG_PUBLIC_LISTEN, FIREDOG_DATABASE, FIREDOG_PUBLIC_URL, FIREDOG_ADMIN_TOKEN,
  FIREDOG_SECRET_KEY_FILE, FIREDOG_SMTP_URL, FIREDOG_SMTP_FROM, FIREDOG_OIDC_ISSUER,
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
