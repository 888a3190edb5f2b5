//! The command line. Data goes to stdout, talk to stderr; exit codes are part of the outside contract.

use clap::{Parser, Subcommand};
use failure::{Exit, Failure};
use firedog_engine::Clock;
use std::process::ExitCode;

mod admin;
mod alert;
mod backup;
mod call;
mod case;
mod client;
mod connection;
mod cover;
mod failure;
mod folder;
mod foresee;
mod integration;
mod look;
mod oncall;
mod out;
mod people;
mod quiet;
mod reach;
mod run;
mod server;
mod setup;
mod table;
mod when;

const EPILOGUE: &str = "Examples:
  firedog demo                             an outage from beginning to end, on this machine only
  firedog check examples/pupper            is this setup right?
  firedog serve --setup examples/pupper    run the pager
  firedog oncall                           who is on call now?
  firedog page pupper 'Login is slow'      page a team

Times: 2026-01-05T09:00Z, 2026-01-05T09:00, now+2h, 'tomorrow 09:00', 'fri 22:00'.
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 server unreachable, 6 conflict,
10 condition not met (prove, doctor, audit verify). NO_COLOR switches colour off.";

/// Firedog pages the right person, and goes on until a human has it.
#[derive(Parser, Debug)]
#[command(name = "firedog", bin_name = "firedog", version, max_term_width = 110, after_help = EPILOGUE, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: call::Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Run the server
    Serve(server::Serve),
    /// Run an outage from beginning to end, on this machine only
    Demo(server::Demo),
    /// Run doubles of outside systems, for rehearsals of your runbooks
    Town(server::Town),
    /// Rehearse an outage on your own setup, with doubles of everything outside
    Drill(server::Drill),
    /// Find every mistake in setup files
    Check(setup::Check),
    /// Make setup files the server's setup
    Apply(setup::Apply),
    /// Write the server's setup as files
    Export(setup::Export),
    /// Print the JSON Schema of setup files, for editors
    #[command(after_help = "Example:\n  firedog schema > firedog.schema.json")]
    Schema,
    /// Show who is on call
    Oncall(oncall::Oncall),
    /// Show schedules over time
    #[command(subcommand, after_help = "Examples:\n  firedog schedule list\n  firedog schedule show pupper-primary --to +4w")]
    Schedule(oncall::Schedule),
    /// Change who is on call for a span
    #[command(
        subcommand,
        after_help = "Examples:\n  firedog override add pupper-primary --user grace --from 'tomorrow 09:00' --for 8h\n  firedog override list"
    )]
    Override(oncall::Override),
    /// Show who would be paged, when, how and why
    Simulate(foresee::Simulate),
    /// Prove that a human is reached, whatever single thing fails
    Prove(foresee::Prove),
    /// See alerts, and do something about them
    #[command(
        subcommand,
        after_help = "Examples:\n  firedog alert list\n  firedog alert ack ID\n  firedog alert send --service api 'It is down'"
    )]
    Alert(alert::Alert),
    /// Page a team or a person
    Page(alert::Page),
    /// Keep alerts from paging for a while
    #[command(
        subcommand,
        after_help = "Examples:\n  firedog silence add --service api --for 2h --why 'ticket 42'\n  firedog silence list"
    )]
    Silence(quiet::Silence),
    /// Plan maintenance windows
    #[command(
        subcommand,
        after_help = "Examples:\n  firedog maintenance add api --from 'sat 22:00' --for 4h\n  firedog maintenance list"
    )]
    Maintenance(quiet::Maintenance),
    /// See services and their owners
    #[command(subcommand, after_help = "Examples:\n  firedog service list\n  firedog service show symxchange-http-server")]
    Service(admin::Service),
    /// See where events come in, their keys, and what came in last
    #[command(subcommand, after_help = "Examples:\n  firedog integration list\n  firedog integration payloads lamp scripts")]
    Integration(integration::Integration),
    /// See the outside systems of runbooks, and whether they work
    #[command(subcommand, after_help = "Examples:\n  firedog connection list\n  firedog connection check logs")]
    Connection(connection::Connection),
    /// Look for what is wrong with a server
    #[command(
        after_help = "Examples:\n  firedog doctor\n  firedog doctor --strict --json\n\nExits 10 when a check fails, with --strict also on a warning."
    )]
    Doctor {
        /// Take warnings for failures
        #[arg(long)]
        strict: bool,
    },
    /// See what was changed and done, by whom
    #[command(subcommand, after_help = "Examples:\n  firedog audit list --limit 20\n  firedog audit verify")]
    Audit(admin::Audit),
    /// Make and revoke API tokens
    #[command(subcommand, after_help = "Examples:\n  firedog token add ci --role viewer\n  firedog token list")]
    Token(admin::Token),
    /// Let people sign in, and give them roles
    #[command(subcommand, after_help = "Examples:\n  firedog user invite ada\n  firedog user role ada --set manager")]
    User(people::User),
    /// See when you are on call
    Shifts(people::Shifts),
    /// Page the next step of your team's policy; you stay on
    HelpMe(people::HelpMe),
    /// Say who is away; schedules go without them
    #[command(subcommand, after_help = "Examples:\n  firedog leave add --for 2h --why dentist\n  firedog leave list")]
    Leave(people::Leave),
    /// See runbooks, and try them out
    #[command(subcommand, after_help = "Examples:\n  firedog runbook list\n  firedog runbook test setup")]
    Runbook(run::Runbook),
    /// Run runbooks, and do what they ask
    #[command(
        subcommand,
        after_help = "Examples:\n  firedog run start core-api-down-for-institution institution=inst-123\n  firedog run list"
    )]
    Run(run::RunVerb),
    /// Keep cases at vendors, with a clock on each
    #[command(subcommand, after_help = "Examples:\n  firedog case list\n  firedog case chase ID --note 'they look at it'")]
    Case(case::Case),
    /// See whom pages have interrupted, when, and what is noise
    Report(look::Report),
    /// Make the address of a calendar feed of shifts
    Calendar(look::Calendar),
    /// Ask others to take a shift of yours, or to swap one
    #[command(
        subcommand,
        after_help = "Examples:\n  firedog cover ask pupper-primary --from 'tomorrow 14:00' --for 4h --note dentist\n  firedog cover list"
    )]
    Cover(cover::Cover),
    /// Page yourself over one of your contact methods, as a test
    TestMe(reach::TestMe),
    /// See how people can be reached, and who has shown nothing that wakes them
    Readiness(reach::Readiness),
    /// See and remove the browsers that take your pages
    #[command(subcommand, after_help = "Examples:\n  firedog device list\n  firedog device remove ID")]
    Device(reach::Device),
    /// Take a schedule over from whoever is on now
    Takeover(people::Takeover),
    /// Copy the server's database to a file, while it runs
    Backup(backup::Backup),
    /// Put a backup back, while no server runs
    Restore(backup::Restore),
    /// Print the version
    #[command(after_help = "Example:\n  firedog version --json")]
    Version,
}

/// Reads the arguments, does what they say, and answers with a stable exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors, and go to stdout.
            let _ = e.print();
            return if e.use_stderr() { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            out::say(&format!("error: cannot start: {e}"));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.render();
            if !text.is_empty() {
                out::say(text.trim_end());
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

async fn run(Cli { common, verb }: Cli) -> Result<(), Failure> {
    let now = Clock::system().now();
    // What needs no server must not fail over a bad FIREDOG_SERVER.
    let json = common.json;
    let call = || call::Call::new(common, now);
    match verb {
        Verb::Serve(args) => server::serve(args).await,
        Verb::Demo(args) => server::demo(args).await,
        Verb::Town(args) => server::town(args, json, now).await,
        Verb::Drill(args) => server::drill(args, json, now).await,
        Verb::Check(args) => setup::check(&args, json, now),
        Verb::Schema => setup::schema(),
        Verb::Version => version(json),
        Verb::Restore(args) => backup::restore(args, json).await,
        Verb::Apply(args) => setup::apply(&call()?, args).await,
        Verb::Export(args) => setup::export(&call()?, args).await,
        Verb::Oncall(args) => oncall::oncall(&call()?, args).await,
        Verb::Schedule(verb) => oncall::schedule(&call()?, verb).await,
        Verb::Override(verb) => oncall::overrides(&call()?, verb).await,
        Verb::Simulate(args) => foresee::simulate(&call()?, args).await,
        Verb::Prove(args) => foresee::prove(&call()?, args).await,
        Verb::Alert(verb) => alert::run(&call()?, verb).await,
        Verb::Page(args) => alert::page(&call()?, args).await,
        Verb::Silence(verb) => quiet::silence(&call()?, verb).await,
        Verb::Maintenance(verb) => quiet::maintenance(&call()?, verb).await,
        Verb::Service(verb) => admin::service(&call()?, verb).await,
        Verb::Integration(verb) => integration::integration(&call()?, verb).await,
        Verb::Connection(verb) => connection::connection(&call()?, verb).await,
        Verb::Doctor { strict } => admin::doctor(&call()?, strict).await,
        Verb::Audit(verb) => admin::audit(&call()?, verb).await,
        Verb::Token(verb) => admin::token(&call()?, verb).await,
        Verb::User(verb) => people::user(&call()?, verb).await,
        Verb::Shifts(args) => people::shifts(&call()?, args).await,
        Verb::HelpMe(args) => people::help_me(&call()?, args).await,
        Verb::Leave(verb) => people::leave(&call()?, verb).await,
        // Fixtures are played here.
        Verb::Runbook(run::Runbook::Test { dir }) => run::test(&dir, json, now),
        Verb::Runbook(verb) => run::runbook(&call()?, verb).await,
        Verb::Run(verb) => run::run(&call()?, verb).await,
        Verb::Case(verb) => case::case(&call()?, verb).await,
        Verb::Report(args) => look::report(&call()?, args).await,
        Verb::Calendar(args) => look::calendar(&call()?, args).await,
        Verb::Cover(verb) => cover::cover(&call()?, verb).await,
        Verb::TestMe(args) => reach::test_me(&call()?, args).await,
        Verb::Readiness(args) => reach::readiness(&call()?, args).await,
        Verb::Device(verb) => reach::device(&call()?, verb).await,
        Verb::Takeover(args) => people::takeover(&call()?, args).await,
        Verb::Backup(args) => backup::backup(&call()?, args).await,
    }
}

fn version(json: bool) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if json { out::print_json(&serde_json::json!({ "version": version })) } else { out::print(&format!("firedog {version}\n")) }
}

#[cfg(test)]
mod tests;
