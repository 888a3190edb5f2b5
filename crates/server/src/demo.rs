//! `firedog demo`: one outage from its first failed probe to its resolution, on loopback, with nothing but this program.
//! A shop breaks, a prober notices, a Firedog of its own pages Ada, somebody acknowledges, the shop heals. All of it
//! really happens: the demo starts the server as everybody does, and talks to it over the ports that everybody has.

mod bank;
mod setup;
mod story;

use crate::stage::firedog::{Firedog, Starting};
use crate::stage::folder::{self, Folder};
use crate::stage::interrupted;
use crate::stage::teller::Teller;
use anyhow::{Context, anyhow, bail};
use bank::{Bank, Chapter};
use firedog_town::weather::Platform;
use firedog_town::{Inbox, Mailbox, Shop};
use std::pin::pin;
use std::time::Duration;
use story::{Progress, Story};

/// Told without a person, the story takes some ten seconds. Longer than this means that a step of it does not happen.
const ONCE_AT_MOST: Duration = Duration::from_secs(90);
/// The same of the second chapter, which has three outages with a restart of two servers in two of them.
const BANK_AT_MOST: Duration = Duration::from_secs(360);

/// A signal to the whole process group arrives everywhere within this.
const SAME_SIGNAL_WITHIN: Duration = Duration::from_millis(300);

/// How `firedog demo` was asked to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct DemoOptions {
    /// Acknowledges by itself after a few seconds, through the link that it prints, and fails unless the whole story
    /// happened in time.
    pub(crate) once: bool,
    /// Where its Firedog listens; by default any free port of 127.0.0.1.
    pub(crate) listen: Option<String>,
    /// Everything stays up after the story, until Ctrl-C.
    pub(crate) keep: bool,
}

/// The outside systems of the demo.
struct Town {
    shop: Shop,
    mailbox: Mailbox,
    inbox: Inbox,
}

/// Runs the demo to its end, or to Ctrl-C. Fails with the step that did not happen.
pub(crate) async fn run(options: DemoOptions) -> anyhow::Result<()> {
    let teller = Teller::start("demo");
    teller.say("This is a demo: everything in it is real, except the people and the shop. It stays on this machine.");
    let folder = Folder::create().context("cannot make a temporary folder")?;
    let town = open_town().await.context("cannot listen on 127.0.0.1")?;
    let routing_key = folder::random_hex(16)?;
    folder.write("town.yaml", &setup::files(&town.inbox.url(), &routing_key)).context("cannot write the demo's setup")?;
    let bank = Bank::open().await.context("cannot listen on 127.0.0.1")?;
    for (name, text) in bank.files(Platform::Marathon) {
        folder.write(name, &text).context("cannot write the demo's setup")?;
    }
    let mut firedog = Firedog::spawn(&folder, &town.mailbox.smtp_url(), options.listen.as_deref())?;
    let mut progress = Progress::default();

    let told = told(&options, &town, &bank, &folder, &mut firedog, &routing_key, &teller, &mut progress).await;
    let missing = progress.missing().join("; ");
    let result = match told {
        Ok(End::Interrupted) => {
            firedog.drain().await;
            if missing.is_empty() { Ok(()) } else { Err(anyhow!("the demo was interrupted before this: {missing}")) }
        }
        Ok(End::Told) => Ok(()),
        Err(error) => {
            teller.say(&format!("The last lines of Firedog's log:\n{}", firedog.last_lines()));
            if missing.is_empty() { Err(error) } else { Err(error.context(format!("the demo did not come to this: {missing}"))) }
        }
    };
    firedog.end().await;
    town.shop.stop().await;
    town.inbox.stop().await;
    town.mailbox.stop().await;
    teller.say("The demo is over; nothing of it is left running.");
    result
}

enum End {
    Told,
    Interrupted,
}

/// Everything, or until somebody has had enough.
#[allow(clippy::too_many_arguments, reason = "the parts of the demo, each of them once")]
async fn told(
    options: &DemoOptions,
    town: &Town,
    bank: &Bank,
    folder: &Folder,
    firedog: &mut Firedog,
    routing_key: &str,
    teller: &Teller,
    progress: &mut Progress,
) -> anyhow::Result<End> {
    let mut interrupted = pin!(interrupted());
    let mut story = tokio::select! {
        story = shop(options, town, firedog.starting(), routing_key, teller, progress) => story?,
        () = &mut interrupted => return Ok(End::Interrupted),
        // A Ctrl-C at the terminal reaches it as well, and it may be the first to end.
        ended = firedog.ended() => return match tokio::time::timeout(SAME_SIGNAL_WITHIN, interrupted).await {
            Ok(()) => Ok(End::Interrupted),
            Err(_) => Err(ended),
        },
    };
    let api = story.api.clone();
    let mut chapter = Chapter { bank, api: &api, teller, folder, firedog, once: options.once, seq: 0 };
    tokio::select! {
        told = tokio::time::timeout(BANK_AT_MOST, chapter.tell(|step| story.done(step))) => match told {
            Ok(told) => told?,
            Err(_) => bail!("the second chapter did not come to its end within {} s", BANK_AT_MOST.as_secs()),
        },
        () = &mut interrupted => return Ok(End::Interrupted),
    }
    story.end();
    if options.keep {
        tokio::select! {
            kept = story.keep_open() => kept?,
            () = &mut interrupted => return Ok(End::Interrupted),
            ended = firedog.ended() => return Err(ended),
        }
    }
    Ok(End::Told)
}

/// The first chapter.
async fn shop<'a>(
    options: &DemoOptions,
    town: &'a Town,
    starting: Starting,
    routing_key: &str,
    teller: &'a Teller,
    progress: &'a mut Progress,
) -> anyhow::Result<Story<'a>> {
    let story = async {
        let api = starting.ready().await?;
        let mut story = Story::new(town, api, teller, progress, options.once);
        story.tell(routing_key).await?;
        anyhow::Ok(story)
    };
    if !options.once {
        return story.await;
    }
    match tokio::time::timeout(ONCE_AT_MOST, story).await {
        Ok(told) => told,
        Err(_) => bail!("the demo did not come to its end within {} s", ONCE_AT_MOST.as_secs()),
    }
}

async fn open_town() -> std::io::Result<Town> {
    Ok(Town { shop: Shop::start(None).await?, mailbox: Mailbox::start(None).await?, inbox: Inbox::start(None).await? })
}
