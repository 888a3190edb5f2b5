//! `firedog drill`: a team rehearses its own setup. Its people, policies, catalogue and runbooks, played by a Firedog of their own
//! against doubles of everything outside; something goes wrong, and what comes of it is judged. Nobody real is paged.

mod cast;
mod report;
mod story;
mod wrong;

pub(crate) use report::Report;
pub(crate) use wrong::Wrong;

use crate::stage::firedog::Firedog;
use crate::stage::folder::{Folder, random_hex};
use crate::stage::interrupted;
use crate::stage::teller::Teller;
use anyhow::{Context, anyhow};
use cast::Subject;
use firedog_domain::setup::export::export;
use firedog_domain::setup::{ConnectionKind, Setup};
use firedog_domain::time::length_text;
use firedog_engine::Clock;
use firedog_town::weather::{Pace, Platform, Weather};
use firedog_town::{Inbox, Mailbox, Town};
use jiff::SignedDuration;
use std::pin::pin;
use std::time::Duration;
use story::Story;

/// The town's builds and rollouts: seconds where real ones take minutes, and long enough to be watched.
const PACE: Pace = Pace { notice: Duration::from_secs(1), each: Duration::from_secs(3) };

/// How `firedog drill` was asked to run.
#[derive(Clone, Debug)]
pub(crate) struct DrillOptions {
    /// `None`: a surprise, told at the end.
    pub(crate) wrong: Option<Wrong>,
    pub(crate) service: Option<String>,
    pub(crate) institution: Option<String>,
    pub(crate) runbook: Option<String>,
    /// Doubles also for what the setup has not connected.
    pub(crate) connected: bool,
    /// Nobody of support answers.
    pub(crate) support_silent: bool,
    /// The drill plays all people itself.
    pub(crate) alone: bool,
    /// It is over by then.
    pub(crate) within: SignedDuration,
    pub(crate) listen: Option<String>,
    /// Standard output is for the report.
    pub(crate) aside: bool,
}

/// Runs a drill to its end, or to Ctrl-C; its report.
///
/// # Errors
/// It could not be played: something is missing in the setup, or Firedog did not start.
pub(crate) async fn run(mut setup: Setup, options: DrillOptions) -> anyhow::Result<Report> {
    let subject = Subject::of(&setup, &options)?;
    if options.connected {
        cast::connect_all(&mut setup, &subject);
    }
    let invented = cast::fill_up(&mut setup);
    let wrong = match options.wrong {
        Some(wrong) => wrong,
        None => Wrong::any(usize::from_str_radix(&random_hex(2)?, 16)?, setup.connection(ConnectionKind::Blackbox).is_some()),
    };
    let teller = if options.aside { Teller::aside("drill") } else { Teller::start("drill") };
    teller.say("This is a drill on your setup: everything outside is a double on this machine, and nobody real is paged.");

    let weather = Weather::over(cast::cast(&setup, &subject), Clock::system().now());
    for platform in [Platform::Marathon, Platform::Kubernetes] {
        weather.set_pace(platform, PACE);
    }
    let town = Town::start(weather).await.context("cannot listen on 127.0.0.1")?;
    let mailbox = Mailbox::start(None).await.context("cannot listen on 127.0.0.1")?;
    let inbox = Inbox::start(None).await.context("cannot listen on 127.0.0.1")?;
    let folder = Folder::create().context("cannot make a temporary folder")?;
    let key = random_hex(16)?;
    let played = cast::played(setup, &town, &subject, &inbox.url(), &key);
    for file in export(&played) {
        folder.write(&file.name, &file.text).context("cannot write the drill's setup")?;
    }
    let mut firedog = Firedog::spawn(&folder, &mailbox.smtp_url(), options.listen.as_deref())?;
    let starting = firedog.starting();
    let mut report = Report::new(&subject, wrong);
    let result = {
        let mut interrupted = pin!(interrupted());
        let story = async {
            let api = starting.ready().await?;
            let mut story = Story::new(&api, &teller, &town, &mailbox, &inbox, &played, &subject, wrong, &options, &mut report);
            story.begin(&key, invented).await?;
            let within = Duration::try_from(options.within).unwrap_or(Duration::from_secs(1_800));
            match tokio::time::timeout(within, story.follow()).await {
                Ok(followed) => followed,
                Err(_) => {
                    story.give_up(&format!("it was not over within {}", length_text(options.within)));
                    Ok(())
                }
            }
        };
        tokio::select! {
            told = story => told,
            () = &mut interrupted => Ok(()),
            ended = firedog.ended() => Err(ended),
        }
    };
    let log = firedog.last_lines();
    firedog.end().await;
    inbox.stop().await;
    mailbox.stop().await;
    match result {
        Ok(()) => Ok(report.closed()),
        Err(error) => {
            teller.say(&format!("The last lines of Firedog's log:\n{log}"));
            Err(anyhow!(error))
        }
    }
}
