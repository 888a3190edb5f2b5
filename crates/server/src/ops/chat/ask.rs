//! What a run asks somebody, told to them in Slack with a button for each thing that a word can say; and what happens when one is
//! pressed. A button is never believed: it does what the step offers at that moment, to whoever may do it, and nothing else.

use super::{first_time, person, stranger};
use crate::app::App;
use crate::auth::{Caller, Via};
use crate::deliver::Words;
use crate::ops::run::Deed;
use crate::ops::{Error, Result, record, run, sign_in};
use firedog_connectors::call::CallError;
use firedog_connectors::slack::press::Pressed;
use firedog_connectors::slack::{Button, MAX_BUTTONS, Message, Mrkdwn, Press, Slack, Style};
use firedog_domain::runbook::run::{AskedKind, Run, RunStep, StepState, Why};
use firedog_domain::setup::{Connection, ConnectionKind, Setup, User};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Between attempts to post.
const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Whoever presses while a step is being looked at waits so long for that, and so often.
const LOOKED_AT: (u32, Duration) = (8, Duration::from_millis(200));

/// What a button says, which comes back as it was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    run: String,
    step: String,
    /// Of what the step asked then: what was offered before it began again is offered no more.
    asked_at: Option<Timestamp>,
    say: Say,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Say {
    Confirm(String),
    Decline(String),
    Choose(String),
    Answer(Map<String, Value>),
    Retry,
}

struct Offer {
    label: String,
    style: Style,
    sure: Option<String>,
    say: Say,
}

impl Offer {
    fn plain(label: &str, say: Say) -> Self {
        Self { label: label.to_owned(), style: Style::Plain, sure: None, say }
    }
}

/// What can be said to a step in one word. `whole`: the plan has been shown to its end, so that it can be confirmed.
fn offers(step: &RunStep, whole: bool) -> Vec<Offer> {
    match &step.state {
        StepState::Confirming { plan, .. } => {
            let confirm = Offer {
                label: "Agree".to_owned(),
                style: Style::Primary,
                sure: Some(plan.in_short()),
                say: Say::Confirm(plan.hash.clone()),
            };
            let decline = Offer { style: Style::Danger, ..Offer::plain("Decline", Say::Decline(plan.hash.clone())) };
            if whole { vec![confirm, decline] } else { vec![decline] }
        }
        StepState::Waiting { choices, .. } => {
            choices.iter().map(|choice| Offer::plain(&choice.text, Say::Choose(choice.id.clone()))).collect()
        }
        StepState::Asking { why: Why::Instruction, .. } => answers(step),
        StepState::Asking { why: Why::Failed | Why::NotConfirmed, .. } => vec![Offer::plain("Begin again", Say::Retry)],
        _ => Vec::new(),
    }
}

/// To a step that asks for nothing, or for one thing of a few.
fn answers(step: &RunStep) -> Vec<Offer> {
    let questions = step.questions();
    let of = |name: &str, label: &str, value: Value| Offer::plain(label, Say::Answer(Map::from_iter([(name.to_owned(), value)])));
    match &questions[..] {
        [] => vec![Offer::plain("Done", Say::Answer(Map::new()))],
        [one] => match &one.kind {
            AskedKind::Bool => vec![of(&one.name, "Yes", json!(true)), of(&one.name, "No", json!(false))],
            AskedKind::Words(words) => words.iter().map(|word| of(&one.name, word, json!(word))).collect(),
            AskedKind::Text | AskedKind::Number => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn said(run: &Run, step: &RunStep, say: Say) -> Said {
    Said { run: run.id.to_string(), step: step.place.clone(), asked_at: step.asked_at(), say }
}

/// What the message says, and whether everything that a person would agree to is in it. Texts that would leave are read in the app:
/// they are for somebody else than a chat.
fn text(words: &Words, step: &RunStep) -> (Mrkdwn, bool) {
    let text = Mrkdwn::new().bold(&words.title).line();
    let what = step.called();
    let mut whole = true;
    let text = match &step.state {
        StepState::Confirming { plan, until } => {
            let (short, long): (Vec<_>, Vec<_>) = plan.lines.iter().partition(|line| !line.contains('\n'));
            whole = long.is_empty();
            let text = short.into_iter().fold(text.plain(&what).line(), |text, line| text.plain("• ").plain(line).line());
            let text = if whole { text } else { text.plain("Open it to read what would be sent.").line() };
            text.plain("Until ").time(*until)
        }
        StepState::Waiting { text: how, .. } => text.plain(&what).line().plain(how),
        StepState::Asking { text: how, .. } if *how != step.spec.what => text.plain(&what).line().plain(how),
        _ => text.plain(&words.text),
    };
    whole &= !text.is_cut();
    (text, whole)
}

/// A direct message. It stands on their screen and in their mail as well: without Slack nothing is missing.
pub async fn ask(app: &App, setup: &Setup, user: &User, run: &Run, step: &RunStep, words: &Words) {
    let (Some(member), Some(connection)) = (&user.slack, setup.connection(ConnectionKind::Slack)) else { return };
    let (text, whole) = text(words, step);
    let can_press = app.connected.signing_secret(connection).is_some();
    let mut offers = if can_press { offers(step, whole) } else { Vec::new() };
    // One is for the page that has everything; what does not fit is all said there.
    if offers.len() >= MAX_BUTTONS {
        offers.clear();
    }
    let mut buttons: Vec<Button> = offers
        .into_iter()
        .enumerate()
        .map(|(n, offer)| Button {
            action: format!("say-{n}"),
            label: offer.label,
            style: offer.style,
            press: Press::Tell(json!(said(run, step, offer.say)).to_string()),
            sure: offer.sure,
        })
        .collect();
    buttons.push(Button {
        action: "open".to_owned(),
        label: "Open".to_owned(),
        style: Style::Plain,
        press: Press::Open(words.url.clone()),
        sure: None,
    });
    let message = Message { header: None, text, buttons };
    let Ok(slack) = app.connected.slack_of(connection) else { return };
    for pause in PAUSES {
        let error = match slack.post(member, None, &message, &words.key).await {
            Ok(_) => return,
            Err(error) => error,
        };
        tracing::debug!(user = %user.id, error = error.reason(), "what a run asks was not told in Slack");
        // Only so much is taken from us at once, and whoever is asked by many runs has to know of each.
        let CallError::Retry { after, .. } = error else { return };
        let after = after.and_then(|after| Duration::try_from(after).ok()).unwrap_or(pause);
        tokio::time::sleep(after.clamp(pause, LONGEST_PAUSE)).await;
    }
}

/// Does what a button says, and replaces its message by what came of it.
pub async fn press(app: App, connection: Connection, pressed: Pressed) {
    let Ok(slack) = app.connected.slack_of(&connection) else { return };
    let Some(url) = &pressed.response_url else { return };
    let done = match app.chat.commands.clone().try_acquire_owned() {
        Ok(_room) => pressed_by(&app, &connection, &slack, &pressed).await,
        Err(_) => Err(Error::Busy),
    };
    let told = match done {
        Ok(Told::Instead(text)) => slack.replace(url, &text).await,
        Ok(Told::Aside(text)) => slack.respond(url, &text).await,
        Err(error) => slack.respond(url, &super::told(&error)).await,
    };
    if let Err(error) = told {
        tracing::debug!(error = error.reason(), "whoever has pressed a button was not told what came of it");
    }
}

enum Told {
    /// Of the message with its buttons.
    Instead(Mrkdwn),
    /// The message stays.
    Aside(Mrkdwn),
}

async fn pressed_by(app: &App, connection: &Connection, slack: &Slack, pressed: &Pressed) -> Result<Told> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let stranger = || Ok(Told::Aside(stranger(&pressed.user)));
    let Some(user) = person(setup, slack, &pressed.user).await? else { return stranger() };
    let Some(caller) = sign_in::caller_of(app, &user, Via::Chat).await? else { return stranger() };
    if !first_time(app, &connection.id, &pressed.trigger).await? {
        return Ok(Told::Aside(Mrkdwn::new().plain("This was taken already, and is not done twice.")));
    }
    let said: Said = serde_json::from_str(&pressed.value).map_err(|_| Error::Invalid("this button says nothing".to_owned()))?;
    let mut found = run::get(app, &said.run).await?;
    for _ in 0..LOOKED_AT.0 {
        if !found.at(&said.step).is_some_and(|at| matches!(found.steps[at].state, StepState::Doing { .. })) {
            break;
        }
        tokio::time::sleep(LOOKED_AT.1).await;
        found = run::get(app, &said.run).await?;
    }
    let link = format!("{}/runs/{}", app.links_base, found.id);
    let begin = |text: &str| Mrkdwn::new().link(&link, &found.called()).plain(text);
    let over = || Ok(Told::Instead(begin(": this does not wait any more. Open it to see how it stands.")));
    let Some(step) = found.at(&said.step).map(|at| &found.steps[at]).filter(|_| found.is_open()) else { return over() };
    let Some(offer) = offers(step, true).into_iter().find(|offer| self::said(&found, step, offer.say.clone()) == said) else {
        // What is looked at all the time may offer the same again.
        return match step.state {
            StepState::Doing { .. } | StepState::Waiting { .. } if step.asked_at() == said.asked_at => {
                Ok(Told::Aside(begin(": it is being looked at just now. Press again in a moment, or open it.")))
            }
            _ => over(),
        };
    };
    let deed = match offer.say {
        Say::Confirm(hash) => Deed::Confirm { hash },
        Say::Decline(_) => Deed::Decline { reason: "declined in Slack".to_owned() },
        Say::Choose(choice) => Deed::Choose { choice },
        Say::Answer(values) => Deed::Answer(values),
        Say::Retry => Deed::Retry,
    };
    carry_out(app, &found, step, deed, &caller).await?;
    let who = setup.user(&user).map_or_else(|| user.to_string(), |user| user.display_name().to_owned());
    Ok(Told::Instead(begin(&format!(": {}: ", step.called())).bold(&offer.label).plain(&format!(", by {who}."))))
}

async fn carry_out(app: &App, found: &Run, step: &RunStep, deed: Deed, caller: &Caller) -> Result<()> {
    run::act(app, found.id.as_str(), &step.place, deed, caller).await?;
    let row = record::of(app, caller, "chat.press", format!("run:{}", found.id));
    if let Err(error) = app.engine.store().write(record::Write(row)).await {
        tracing::warn!(%error, "that it was done in Slack was not written down");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_connectors::Aside;
    use firedog_domain::runbook::run::Plan;
    use firedog_domain::setup::load::{NoOutside, SourceFile, load};

    #[test]
    fn only_a_plan_that_was_shown_whole_can_be_confirmed() {
        let text = "runbook: r\nsteps:\n  - { do: Page them, uses: page, with: { team: t, message: m } }\nteams: [ { id: t } ]";
        let files = text.split("\nteams").enumerate().map(|(n, part)| SourceFile {
            name: format!("{n}.yaml"),
            text: if n == 0 { part.to_owned() } else { format!("teams{part}") },
        });
        let setup = load(&files.collect::<Vec<_>>(), &NoOutside).setup.unwrap();
        let run = setup.runbook("r").unwrap().start("run".into(), Map::new(), "ada".to_owned(), Timestamp::UNIX_EPOCH);
        let words = Words {
            aside: Aside::Ask,
            key: "k".to_owned(),
            title: "It waits for you".to_owned(),
            text: String::new(),
            url: "https://firedog.example.org/runs/run".to_owned(),
        };
        let leaves = "they get exactly this:\nRoot error: x".to_owned();
        for (line, whole) in [("a".repeat(2_000), true), ("a".repeat(4_000), false), (leaves, false)] {
            let lines = vec!["page: message m, team t".to_owned(), line];
            let plan = Plan { action: "page".to_owned(), args: Map::new(), lines, hash: "h".to_owned(), two_person: false };
            let step = RunStep { state: StepState::Confirming { plan, until: Timestamp::UNIX_EPOCH }, ..run.steps[0].clone() };
            let (text, shown) = super::text(&words, &step);
            assert!(!text.as_str().contains("Root error"), "what leaves is not for a chat: {}", text.as_str());
            let labels: Vec<String> = offers(&step, shown).into_iter().map(|offer| offer.label).collect();
            assert_eq!((shown, labels.contains(&"Agree".to_owned()), labels.len()), (whole, whole, 1 + usize::from(whole)));
        }
    }
}
